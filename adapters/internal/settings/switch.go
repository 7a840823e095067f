package settings

import "errors"

// Switch is a setting that is "on" or "off". The zero value is off.
type Switch bool

// UnmarshalText accepts the two.
func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case "on", "off":
		*s = string(text) == "on"
		return nil
	}
	return errors.New("it is on or off")
}
