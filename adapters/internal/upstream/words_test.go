package upstream_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

func TestWords(t *testing.T) {
	secrets := []domain.Secret{domain.NewSecret("t0k3n"), {}, domain.NewSecret("k3y")}
	tests := map[string]struct{ text, want string }{
		"plain text stays":                 {"Wrong email or password.", "Wrong email or password."},
		"letters of any language stay":     {"Zugriff für 名 verweigert", "Zugriff für 名 verweigert"},
		"nothing stays nothing":            {"", ""},
		"a secret is taken out":            {"bad token t0k3n", "bad token [redacted]"},
		"every secret, every time":         {"t0k3n k3y t0k3n", "[redacted] [redacted] [redacted]"},
		"line breaks become spaces":        {"a\r\nb\tc", "a  b c"},
		"escape codes lose their escape":   {"\x1b[31mred", " [31mred"},
		"text direction cannot be turned":  {"a\u202eb\u2028c", "a b c"},
		"as long as words may be":          {strings.Repeat("é", 200), strings.Repeat("é", 200)},
		"one letter longer is cut":         {strings.Repeat("é", 201), strings.Repeat("é", 200) + "…"},
		"a secret across the cut":          {strings.Repeat("x", 198) + "t0k3n", strings.Repeat("x", 198) + "[r…"},
		"bytes that are no text are shown": {"a\xffb", "a\ufffdb"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := upstream.Words(tt.text, secrets...); got != tt.want {
				t.Errorf("Words = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC) // Unix time 1769853600
	tests := map[string]struct {
		after, reset string
		want         time.Duration
	}{
		"seconds":                        {"30", "", 30 * time.Second},
		"an hour":                        {"3600", "", time.Hour},
		"more than an hour":              {"3601", "", time.Hour},
		"a century":                      {"3153600000", "", time.Hour},
		"more seconds than a wait holds": {"9223372036854775807", "", time.Hour},
		"more than any number":           {"99999999999999999999999", "", 0},
		"no seconds":                     {"0", "", 0},
		"negative seconds":               {"-30", "", 0},
		"a date":                         {"Sat, 31 Jan 2026 10:00:45 GMT", "", 45 * time.Second},
		"a date far away":                {"Sun, 31 Jan 2027 10:00:00 GMT", "", time.Hour},
		"a date that is past":            {"Sat, 31 Jan 2026 09:59:00 GMT", "", 0},
		"a word":                         {"soon", "", 0},
		"a fraction":                     {"1.5", "", 0},
		"a reset":                        {"", "1769853620", 20 * time.Second},
		"a reset far away":               {"", "1869853620", time.Hour},
		"a reset that is past":           {"", "1769853599", 0},
		"a negative reset":               {"", "-1", 0},
		"a reset beyond any clock":       {"", "9223372036854775807", 0},
		"a reset in hexadecimal":         {"", "0x697dd2b4", 0},
		"a reset that is a word":         {"", "soon", 0},
		"both: Retry-After goes first":   {"5", "1769853620", 5 * time.Second},
		"neither":                        {"", "", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			if tt.after != "" {
				header.Set("Retry-After", tt.after)
			}
			if tt.reset != "" {
				header.Set("X-RateLimit-Reset", tt.reset)
			}
			if got := upstream.RetryAfter(header, now); got != tt.want {
				t.Errorf("RetryAfter = %s, want %s", got, tt.want)
			}
		})
	}
}
