package upstream

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"nativebridge/domain"
)

// maxWords bounds what is passed on of a vendor's text, in characters, and
// maxLooked what is looked at of it, in bytes.
const (
	maxWords  = 200
	maxLooked = 2 << 10
)

// Words makes a vendor's text fit for the operator's log: printable and bounded. If the
// vendor has echoed a secret, or eight characters of one in a row, or anything that
// looks like a JWT, that is taken out. See redact for the forms that are found.
func Words(text string, secrets ...domain.Secret) string {
	text = redact(text[:min(len(text), maxLooked)], secrets)
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxWords {
		return string(runes[:maxWords]) + "…"
	}
	return text
}

// Words returns what a reply says, as Words has it: what was found in it, or else,
// if it is no JSON, its first words, such as those of a proxy's page.
func (r Reply) Words(found string, secrets ...domain.Secret) string {
	if found == "" && !json.Valid(r.Body) {
		found = strings.Join(strings.Fields(string(r.Body[:min(len(r.Body), maxLooked)])), " ")
	}
	return Words(found, secrets...)
}

// RetryAfter returns the wait that a reply asks for: its Retry-After (RFC 9110
// section 10.2.3), or else the time until X-RateLimit-Reset, in Unix seconds as
// Auth0 gives it ("Rate Limit Headers", auth0.com/docs). Zero means it asks for
// none, and no wait is longer than an hour.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	wait := time.Duration(0)
	if value := h.Get("Retry-After"); value != "" {
		if seconds, err := strconv.Atoi(value); err == nil {
			wait = time.Duration(min(seconds, 3600)) * time.Second
		} else if at, err := http.ParseTime(value); err == nil {
			wait = at.Sub(now)
		}
	} else if reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil {
		wait = time.Unix(reset, 0).Sub(now)
	}
	return max(0, min(wait, time.Hour))
}
