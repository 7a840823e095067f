package main

import (
	"fmt"
	"strings"
)

// mutant is one small change of the product that a test should notice.
type mutant struct {
	// number switches it on, within its package. 0 is no mutant.
	number int
	file   string // in the module, such as domain/secret.go
	line   int
	// in is the function or declaration that it is in.
	in       string
	old, new string

	// edits make it a part of the instrumented file. A mutant without edits is
	// built by itself, from text.
	edits []edit
	text  string
}

// edit replaces text[from:to] by itself between before and after or, if
// replaced, by before alone.
type edit struct {
	from, to      int
	before, after string
	replaced      bool
}

// key names a mutant in a way that survives a change of lines elsewhere.
func (m mutant) key() string {
	return fmt.Sprintf("%s %s: %s => %s", m.file, m.in, squeeze(m.old), squeeze(m.new))
}

// squeeze puts a text on one line and cuts it.
func squeeze(text string) string {
	const longest = 100
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}

// distinguish numbers the mutants, and numbers the keys of those that read alike.
func distinguish(all []mutant) []mutant {
	seen := map[string]int{}
	for i := range all {
		m := &all[i]
		m.number = i + 1
		key := m.key()
		if seen[key]++; seen[key] > 1 {
			m.in = fmt.Sprintf("%s (%d)", m.in, seen[key])
		}
	}
	return all
}

// isProse reports whether a string is a text for people: three words or more. No
// test is wanted for each word of it.
func isProse(text string) bool { return len(strings.Fields(text)) >= 3 }
