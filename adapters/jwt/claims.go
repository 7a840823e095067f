package jwt

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/domain"
)

// claims are those of a token whose signature is verified: the registered ones
// (RFC 7519, section 4.1), and all of them by name.
type claims struct {
	jwt.Claims
	all map[string]any
}

// decode reads a payload. The decoder is strict, because two readers must not find
// different people in one token: it rejects a token with a duplicate member, at any
// depth, or with a registered claim of another form, and names are case-sensitive.
func decode(payload []byte) (claims, error) {
	var c claims
	if json.Unmarshal(payload, &c.all) != nil || json.Unmarshal(payload, &c.Claims) != nil {
		return claims{}, rejected("the token's claims are not those of a JWT")
	}
	return c, nil
}

// checkClaims checks the token's issuer, audience and times, and that it is a sign-in.
func (v *Verifier) checkClaims(c claims) error {
	expected := jwt.Expected{Issuer: string(v.config.Issuer), AnyAudience: jwt.Audience(v.config.Audience), Time: v.now()}
	if err := c.ValidateWithLeeway(expected, v.skew); err != nil {
		err = rejected("the token's claims do not hold for issuer %s and audience %s: %w", v.config.Issuer, v.config.Audience, err)
		return domain.WithSettings(err, "JWT_ISSUER, JWT_AUDIENCE and the clock of the bridge's machine")
	}
	switch {
	case c.Expiry == nil || c.IssuedAt == nil:
		return rejected("the token has no exp or no iat")
	case c.has("events"):
		return rejected("the token is about events (RFC 8417), such as a logout, and no sign-in")
	case c.has("cnf"):
		return rejected("the token is bound to a key (RFC 7800) whose possession the bridge cannot check")
	}
	return nil
}

func (c claims) has(name string) bool {
	_, found := c.all[name]
	return found
}

// text returns a claim that is a string, or "" if there is none. It rejects U+FFFD, with
// which the decoder replaces invalid characters: two people could become one.
func (c claims) text(name string) (string, error) {
	value, found := c.all[name]
	if !found {
		return "", nil
	}
	text, ok := value.(string)
	if !ok || strings.ContainsRune(text, utf8.RuneError) {
		return "", rejected("the token's %s is no text", name)
	}
	return text, nil
}

// mustText returns a claim that is a string and not empty.
func (c claims) mustText(name string) (string, error) {
	text, err := c.text(name)
	if err == nil && text == "" {
		err = rejected("the token has no %s", name)
	}
	return text, err
}

// texts returns a claim that is a list of strings, or nil if there is none.
func (c claims) texts(name string) ([]string, error) {
	if !c.has(name) {
		return nil, nil
	}
	list, ok := c.all[name].([]any)
	if !ok {
		return nil, rejected("the token's %s is no list", name)
	}
	var texts []string
	for _, value := range list {
		text, ok := value.(string)
		if !ok {
			return nil, rejected("the token's %s is no list of texts", name)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// maxTime bounds the times that are read: the end of the year 9999.
const maxTime = 253402300799

// mustTime returns a claim that is a time in seconds since 1970 (RFC 7519, section
// 2, NumericDate).
func (c claims) mustTime(name string) (time.Time, error) {
	if !c.has(name) {
		return time.Time{}, rejected("the token has no %s, which would say when the ceremony ended", name)
	}
	seconds, ok := c.all[name].(float64)
	if !ok || seconds < 0 || seconds > maxTime {
		return time.Time{}, rejected("the token's %s is no time", name)
	}
	return time.Unix(int64(seconds), 0), nil
}
