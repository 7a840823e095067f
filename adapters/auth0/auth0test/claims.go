package auth0test

import (
	"bytes"
	"encoding/json"
	"slices"
)

// claims are a token's payload in the order they are written. Auth0 does not
// sort them and puts iss anywhere, so neither do we.
type claims []claim

type claim struct {
	name  string
	value any
}

// set replaces a claim where it stands, or adds it at the end.
func (c *claims) set(name string, value any) {
	at := slices.IndexFunc(*c, func(have claim) bool { return have.name == name })
	if at < 0 {
		*c = append(*c, claim{name, value})
		return
	}
	(*c)[at].value = value
}

// MarshalJSON writes one object, in order.
func (c claims) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, claim := range c {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(claim.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(claim.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
