package main

import (
	"fmt"
	"os"
	"strings"
)

// readEquivalents reads the mutants that are accepted, with their reasons. A line
// that is not indented is a mutant's key, the indented ones below it are the
// reason; # begins a comment.
func readEquivalents(name string) (map[string]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	accepted := map[string]string{}
	last := ""
	for line := range strings.Lines(string(text)) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case line[0] != ' ' && line[0] != '\t':
			if _, twice := accepted[trimmed]; twice {
				return nil, fmt.Errorf("%s has twice: %s", name, trimmed)
			}
			last = trimmed
			accepted[last] = ""
		case last == "":
			return nil, fmt.Errorf("%s begins with a reason", name)
		default:
			accepted[last] = strings.TrimSpace(accepted[last] + " " + trimmed)
		}
	}
	for key, reason := range accepted {
		if reason == "" {
			return nil, fmt.Errorf("%s gives no reason for: %s", name, key)
		}
	}
	return accepted, nil
}
