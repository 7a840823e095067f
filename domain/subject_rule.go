package domain

import "strings"

// SubjectRule says which ids at the authority may become subjects. The policy,
// the Login script and the comparison with the ID token keep the same rule; any
// looser one lets two users at the authority become one at the issuer.
type SubjectRule struct {
	// Prefix must stand before every subject, with something behind it. If it is
	// empty, subjects are bare: not empty and without "|". What is behind it must
	// not be "." or "..", which lead elsewhere in a path (RFC 3986, section 3.3).
	Prefix string
}

// Accepts reports whether id may be a subject.
func (r SubjectRule) Accepts(id string) bool {
	bare, found := strings.CutPrefix(id, r.Prefix)
	switch bare {
	case "", ".", "..":
		return false
	}
	return found && (r.Prefix != "" || !strings.Contains(id, "|"))
}
