// Package oauth reads what OAuth and OpenID servers answer: token responses and
// discovery documents. Its decoder goes by the exact names of members and takes
// none that is there twice.
package oauth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nativebridge/domain"
)

// TokenReader reads the 200 of one server's token endpoint. Its texts end the
// messages to the operator.
type TokenReader struct {
	// Party is who answers, such as "auth0".
	Party string
	// Bearer says how to have bearer tokens, if the server gives others.
	Bearer string
	// Expiry says how to have expires_in, if the server leaves it out.
	Expiry string
}

// Read returns the session in a token response (RFC 6749, section 5.1). Its subject
// is still to be found, in the ID token, which is not verified yet. Asked is the
// scope of the request, which was granted if the answer does not tell another one.
//
// The error wraps domain.ErrUnavailable if nobody can tell from the answer that a
// session was opened. It wraps no reason if one was opened and cannot be used:
// trying again would open the next.
func (r TokenReader) Read(body []byte, asked []string) (domain.Session, error) {
	var answer struct {
		AccessToken  domain.Secret `json:"access_token"`
		IDToken      domain.Secret `json:"id_token"`
		RefreshToken domain.Secret `json:"refresh_token"`
		TokenType    string        `json:"token_type"`
		ExpiresIn    lifetime      `json:"expires_in"`
		Scope        *string       `json:"scope"`
	}
	err := json.Unmarshal(body, &answer)
	if err != nil || answer.AccessToken.IsZero() {
		if why := r.notTokens(body); why != nil {
			return domain.Session{}, why
		}
	}
	switch {
	case err != nil:
		return domain.Session{}, fmt.Errorf("%s's token response has a member of the wrong type", r.Party)
	case answer.AccessToken.IsZero():
		return domain.Session{}, fmt.Errorf("%s's token response has no access token", r.Party)
	case !strings.EqualFold(answer.TokenType, "Bearer"):
		return domain.Session{}, fmt.Errorf("%s's access token is no bearer token, its token_type is %.32q: %s", r.Party, answer.TokenType, r.Bearer)
	case answer.ExpiresIn <= 0:
		return domain.Session{}, fmt.Errorf("%s does not say when the access token expires, expires_in is missing or zero: %s", r.Party, r.Expiry)
	}
	scope := asked
	if answer.Scope != nil {
		scope = strings.Fields(*answer.Scope)
	}
	return domain.Session{
		AccessToken:  answer.AccessToken,
		IDToken:      answer.IDToken,
		RefreshToken: answer.RefreshToken,
		Scope:        withScopeOf(answer.AccessToken, scope),
		ExpiresIn:    time.Duration(answer.ExpiresIn) * time.Second,
	}, nil
}

// notTokens returns the error of an answer from which nobody can tell that a session was
// opened, or nil.
func (r TokenReader) notTokens(body []byte) error {
	var members map[string]jsontext.Value
	if json.Unmarshal(body, &members) != nil {
		return fmt.Errorf("%w: %s's answer is not a token response", domain.ErrUnavailable, r.Party)
	}
	if !slices.ContainsFunc([]string{"access_token", "id_token", "refresh_token"}, func(name string) bool { return members[name] != nil }) {
		return fmt.Errorf("%w: %s's answer is not a token response: it has no access token", domain.ErrUnavailable, r.Party)
	}
	return nil
}

// withScopeOf adds to scope what a JWT access token says beyond it (RFC 9068,
// section 2.2.3), because that is what the API goes by. Any other token is left
// alone. No signature is checked: more scope only makes a session less acceptable.
func withScopeOf(accessToken domain.Secret, scope []string) []string {
	parts := strings.Split(accessToken.Reveal(), ".")
	if len(parts) != 3 {
		return scope
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return scope
	}
	var claims struct {
		Scope string `json:"scope"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return scope
	}
	scope = slices.Clone(scope)
	for claimed := range strings.FieldsSeq(claims.Scope) {
		if !slices.Contains(scope, claimed) {
			scope = append(scope, claimed)
		}
	}
	return scope
}

// lifetime is a number of seconds, which some servers write as a string.
type lifetime int64

// maxLifetime is ten years: whoever says more means "for ever".
const maxLifetime = 10 * 366 * 24 * 60 * 60

// UnmarshalJSON takes a number, or a string of one, and drops what is not a whole
// second.
func (l *lifetime) UnmarshalJSON(text []byte) error {
	seconds, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if string(text) == "null" {
		return nil
	}
	if err != nil || math.IsNaN(seconds) {
		return errors.New("that is no number of seconds")
	}
	*l = lifetime(min(max(seconds, 0), maxLifetime))
	return nil
}
