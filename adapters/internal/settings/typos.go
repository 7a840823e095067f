package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Unknown returns a warning for each variable that is no setting but looks like
// one: it begins with one of prefixes, or it is one letter off a setting's name. A
// misspelt optional setting would otherwise go unnoticed.
func Unknown(environ map[string]string, known []Setting, prefixes ...string) []string {
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if slices.Contains(variables(known), name) {
			continue
		}
		prefixed := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
		switch meant := nearest(name, known, prefixed); {
		case meant != "":
			warnings = append(warnings, fmt.Sprintf("%s is set, but it is no setting of native-bridge: is it meant to be %s?", name, meant))
		case prefixed:
			warnings = append(warnings, fmt.Sprintf("%s is set, but it is no setting of native-bridge", name))
		}
	}
	return warnings
}

// variables lists the names of the settings, and those of the files that hold the
// secret ones.
func variables(known []Setting) []string {
	var names []string
	for _, setting := range known {
		names = append(names, setting.Name)
		if setting.Secret {
			names = append(names, setting.Name+"_FILE")
		}
	}
	return names
}

// nearest returns the variable that name is most likely meant to be, or "". One
// letter may be wrong, and two if name has a prefix that only settings have.
func nearest(name string, known []Setting, prefixed bool) string {
	meant, least := "", 2
	if prefixed {
		least = 3
	}
	for _, variable := range variables(known) {
		if wrong := distance(name, variable); wrong < least {
			meant, least = variable, wrong
		}
	}
	return meant
}

// lookalike returns a set variable that is no setting and looks like setting or
// its file, and which of the two.
func lookalike(setting Setting, environ map[string]string, known []Setting) (candidate, meant string) {
	for _, candidate := range slices.Sorted(maps.Keys(environ)) {
		if slices.Contains(variables(known), candidate) {
			continue
		}
		if meant := nearest(candidate, []Setting{setting}, true); meant != "" {
			return candidate, meant
		}
	}
	return "", ""
}

// distance returns how many letters must be put in, left out, changed or swapped
// with their neighbour to make b of a (optimal string alignment). Underscores and
// case do not count.
func distance(a, b string) int {
	a, b = letters(a), letters(b)
	above, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], above[j-1]+1)
			}
		}
		above, row, next = row, next, above
	}
	return row[len(b)]
}

func letters(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "_", "")) }
