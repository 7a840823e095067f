package settings

// Switch is a setting that is "on" or "off". The zero value is off.
type Switch bool

// UnmarshalText accepts the two.
func (s *Switch) UnmarshalText(text []byte) error {
	var is string
	if err := OneOf(&is, text, "on", "off"); err != nil {
		return err
	}
	*s = is == "on"
	return nil
}
