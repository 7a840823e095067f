package domain

import "errors"

// WithSettings returns err with the names of the settings to check if everybody
// meets it; its text ends with them. Names is a text for people, such as
// "CLOCK_SKEW and the clocks"; if it is empty, err stays as it is.
func WithSettings(err error, names string) error {
	if err == nil || names == "" {
		return err
	}
	return &fromSettings{err, names}
}

// SettingsOf returns the names that err carries, or "".
func SettingsOf(err error) string {
	if from, ok := errors.AsType[*fromSettings](err); ok {
		return from.names
	}
	return ""
}

type fromSettings struct {
	error
	names string
}

func (f *fromSettings) Error() string {
	return f.error.Error() + ": if everybody is refused, check " + f.names
}

func (f *fromSettings) Unwrap() error { return f.error }
