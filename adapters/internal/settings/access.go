package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"nativebridge/domain"
)

// Scope is a list of scope tokens (RFC 6749, section 3.3) with "openid" in it.
type Scope []string

// UnmarshalText splits at spaces and wants "openid" among the tokens, because the
// subject of a session is known by its ID token only.
func (s *Scope) UnmarshalText(text []byte) error {
	scope := strings.Fields(string(text))
	for i, token := range scope {
		if strings.ContainsFunc(token, func(r rune) bool { return r < '!' || r > '~' || r == '"' || r == '\\' }) {
			return fmt.Errorf("its word %d has a character that no scope has, such as a quotation mark", i+1)
		}
	}
	if !slices.Contains(scope, domain.ScopeOpenID) {
		return errors.New("openid is not in it, and without an ID token the bridge cannot tell whose session it is")
	}
	*s = scope
	return nil
}

// Audiences is a list of API identifiers.
type Audiences []string

// UnmarshalText splits at commas.
func (a *Audiences) UnmarshalText(text []byte) error {
	var list Audiences
	for _, item := range strings.Split(string(text), ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	*a = list
	return nil
}
