package auth0

import (
	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// subPrefix stands before the user_id of a custom database in every sub ("Identify users", auth0.com/docs).
const subPrefix = "auth0|"

// Subjects says how Authsignal's user ids relate to Auth0's.
type Subjects string

// The two ways to choose user ids. Nothing else is accepted.
const (
	SubjectsAuth0 Subjects = "auth0" // whole Auth0 ids
	SubjectsPlain Subjects = "plain" // bare ids; Auth0 puts "auth0|" before them
)

// UnmarshalText accepts the two.
func (s *Subjects) UnmarshalText(text []byte) error {
	return settings.OneOf(s, text, SubjectsAuth0, SubjectsPlain)
}

// Rule returns the rule that subjects must meet. Without a choice it is the strict one, that of "auth0".
func (s Subjects) Rule() domain.SubjectRule {
	if s == SubjectsPlain {
		return domain.SubjectRule{}
	}
	return domain.SubjectRule{Prefix: subPrefix}
}
