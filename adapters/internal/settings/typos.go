package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Unknown returns a warning for each variable that looks like a setting, by its
// prefix, and is none: a misspelt optional setting would otherwise go unnoticed.
func Unknown(environ map[string]string, known []Setting, prefixes ...string) []string {
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if isKnown(name, known) || !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		warning := fmt.Sprintf("%s is set, but it is no setting of native-bridge", name)
		if meant := nearest(name, known); meant != "" {
			warning += ": is it meant to be " + meant + "?"
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

func isKnown(name string, known []Setting) bool {
	return slices.ContainsFunc(known, func(s Setting) bool {
		return name == s.Name || s.Secret && name == s.Name+"_FILE"
	})
}

func nearest(name string, known []Setting) string {
	for _, setting := range known {
		if near(name, setting.Name) {
			return setting.Name
		}
	}
	return ""
}

// lookalike returns a set variable that is no setting and looks like name.
func lookalike(name string, environ map[string]string, known []Setting) string {
	for _, candidate := range slices.Sorted(maps.Keys(environ)) {
		if !isKnown(candidate, known) && near(candidate, name) {
			return candidate
		}
	}
	return ""
}

// near reports whether at most two letters must be put in, left out or changed
// (Levenshtein distance) to make b of a.
func near(a, b string) bool {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)] <= 2
}
