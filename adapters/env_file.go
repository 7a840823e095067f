package adapters

import (
	"fmt"
	"regexp"
	"strings"
)

// ParseEnv reads the text of an environment file: NAME=value lines, as QuoteEnv writes
// the values. Lines that begin with # are comments. A value may stand in single quotes,
// or in double quotes, where a backslash makes the next character itself, as in a shell
// (POSIX, section 2.2). The error names the line, and never holds it.
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
		values[name] = unquoteEnv(value)
	}
	return values, nil
}

// harmless is a value that a shell takes as it is.
var harmless = regexp.MustCompile(`^[A-Za-z0-9_./:@,+=~%-]*$`)

// escaped are the characters that a backslash must stand before within double quotes.
var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`")

// QuoteEnv returns a value as it stands in an environment file, so that a shell and
// systemd's EnvironmentFile read it as ParseEnv does. It must have no line break.
func QuoteEnv(value string) string {
	switch {
	case harmless.MatchString(value):
		return value
	case !strings.Contains(value, "'"):
		return "'" + value + "'"
	}
	return `"` + escaped.Replace(value) + `"`
}

func unquoteEnv(value string) string {
	last := len(value) - 1
	switch {
	case last < 1 || value[0] != value[last]:
		return value
	case value[0] == '\'':
		return value[1:last]
	case value[0] != '"':
		return value
	}
	var plain strings.Builder
	inside := value[1:last]
	for i := 0; i < len(inside); i++ {
		if inside[i] == '\\' && i+1 < len(inside) {
			i++
		}
		plain.WriteByte(inside[i])
	}
	return plain.String()
}
