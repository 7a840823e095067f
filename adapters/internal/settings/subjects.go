package settings

import (
	"errors"

	"nativebridge/domain"
)

// Subjects says how an authority's user ids relate to Auth0's.
type Subjects string

// The two ways to choose user ids. Nothing else is accepted.
const (
	SubjectsAuth0 Subjects = "auth0" // whole Auth0 ids
	SubjectsPlain Subjects = "plain" // bare ids; Auth0 puts "auth0|" before them
)

// UnmarshalText accepts the two.
func (s *Subjects) UnmarshalText(text []byte) error {
	switch Subjects(text) {
	case SubjectsAuth0, SubjectsPlain:
		*s = Subjects(text)
		return nil
	}
	return errors.New("it is auth0 or plain")
}

// Rule returns the rule that subjects must meet.
func (s Subjects) Rule() domain.SubjectRule {
	if s == SubjectsPlain {
		return domain.SubjectRule{}
	}
	return domain.SubjectRule{Prefix: "auth0|"}
}
