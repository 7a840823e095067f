package domain

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a credential: a token, a client secret, an API key. It prints, logs
// and marshals as "[redacted]" under every verb and encoder; Reveal is the only
// way to its text. The zero value is the empty secret. Secrets are immutable and
// safe for concurrent use. Compare them with Equal: == compares identity.
//
// The text is held behind a pointer because package fmt calls no methods on
// unexported fields: there it must find nothing worth printing.
type Secret struct {
	shown string
	text  *string
}

// NewSecret returns the secret with the given text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{shown: redacted, text: &text}
}

// Reveal returns the text. Call it only where the text leaves for the party it
// belongs to.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal reports whether both secrets have the same text, in time that depends
// only on their lengths.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Hash returns the hexadecimal SHA-256 of the text, which stands for the secret
// in audit records. It hides only secrets nobody can guess, as tokens are. The
// empty secret hashes to "".
func (s Secret) Hash() string {
	if s.IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:])
}

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// Format writes "[redacted]" whatever the verb and flags.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]"; encoding/json and its like use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]"; log/slog uses it.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// UnmarshalText takes the text as it is, so that configuration can be read into
// a Secret. It never fails.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
