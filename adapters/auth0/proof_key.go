package auth0

import (
	"encoding/hex"
	"errors"
	"fmt"

	"nativebridge/domain"
)

const (
	// minProofKeyBytes is the length of an HMAC key below which RFC 7518, section
	// 3.2, forbids HS256.
	minProofKeyBytes = 32

	// minProofKeyDifferent is how many different bytes a key must have. 32 random
	// ones have 30 as a rule, and fewer than 16 never in practice (P < 1e-16).
	minProofKeyDifferent = 16
)

// ProofKey is a setting that holds the key of signed proofs. The Secret is its text, in
// hexadecimal. The zero value is no key; any other value, made by UnmarshalText, is a
// good one.
type ProofKey struct{ domain.Secret }

// UnmarshalText reads 32 or more pairs of hexadecimal digits. It refuses a key with so
// few different bytes that nobody drew it at random: all zeros, or a pattern. The error
// quotes nothing of the text, and leaves k as it was.
func (k *ProofKey) UnmarshalText(text []byte) error {
	key, err := hex.DecodeString(string(text))
	if err != nil || len(key) < minProofKeyBytes {
		return fmt.Errorf("it is not %d or more pairs of hexadecimal digits", minProofKeyBytes)
	}
	different := map[byte]bool{}
	for _, b := range key {
		different[b] = true
	}
	if len(different) < minProofKeyDifferent {
		return errors.New("it can be guessed: it repeats a few bytes")
	}
	k.Secret = domain.NewSecret(string(text))
	return nil
}

// bytes returns the key itself; nothing if there is none.
func (k ProofKey) bytes() []byte {
	key, _ := hex.DecodeString(k.Reveal()) // UnmarshalText has decoded it
	return key
}
