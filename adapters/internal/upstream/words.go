package upstream

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"nativebridge/domain"
)

// maxWords bounds what is passed on of a vendor's text.
const maxWords = 200

// Words makes a vendor's text fit for the operator's log: bounded, printable,
// and without the given secrets should the vendor have echoed one.
func Words(text string, secrets ...domain.Secret) string {
	for _, secret := range secrets {
		if !secret.IsZero() {
			text = strings.ReplaceAll(text, secret.Reveal(), secret.String())
		}
	}
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
