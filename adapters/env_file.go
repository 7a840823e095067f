package adapters

import (
	"fmt"
	"strings"
)

// ParseEnv reads the text of an environment file: NAME=value lines, as 'docker run
// --env-file' takes them. There are no quotes, and lines that begin with # are comments.
// The error names the line, and never holds it.
func ParseEnv(text string) (map[string]string, error) {
	values := map[string]string{}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if !found {
			return nil, fmt.Errorf("line %d is no NAME=value", number+1)
		}
		values[name] = value
	}
	return values, nil
}
