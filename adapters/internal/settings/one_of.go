package settings

import (
	"errors"
	"slices"
	"strings"
)

// OneOf sets to to text if it is one of the values that a setting may have. The error
// lists them, and leaves to as it was.
func OneOf[T ~string](to *T, text []byte, values ...T) error {
	if value := T(text); slices.Contains(values, value) {
		*to = value
		return nil
	}
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = string(value)
	}
	last := len(names) - 1
	return errors.New("it is " + strings.Join(names[:last], ", ") + " or " + names[last])
}
