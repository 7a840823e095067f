package settings

import (
	"errors"
	"time"

	"nativebridge/domain"
)

// noRotation is how a setting says that refresh tokens are not rotated.
const noRotation = "no-rotation"

// Leeway is how long after its first use an issuer takes a refresh token once more. Zero
// means that it does not, or that nobody knows; domain.NoRotation, that it always does.
type Leeway time.Duration

// UnmarshalText accepts a duration and "no-rotation".
func (l *Leeway) UnmarshalText(text []byte) error {
	if string(text) == noRotation {
		*l = Leeway(domain.NoRotation)
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 || d > 24*time.Hour {
		return errors.New("it is a duration from 0s to 24h, such as 60s, or " + noRotation)
	}
	*l = Leeway(d)
	return nil
}
