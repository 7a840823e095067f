package settings

import (
	"encoding/hex"
	"errors"
	"fmt"

	"nativebridge/domain"
)

const (
	// minHMACKeyBytes is as long as the output of SHA-256. RFC 7518, section 3.2, forbids
	// a shorter key for HS256, and RFC 2104, section 3, advises against one.
	minHMACKeyBytes = 32

	// minHMACKeyDifferent is how many different bytes a key must have. 32 random
	// ones have 30 as a rule, and fewer than 16 never in practice (P < 1e-16).
	minHMACKeyDifferent = 16
)

// HMACKey is a setting that holds a key for HMAC-SHA-256. The Secret is its text, in
// hexadecimal. The zero value is no key; any other value, made by UnmarshalText, is a
// good one.
type HMACKey struct{ domain.Secret }

// UnmarshalText reads 32 or more pairs of hexadecimal digits. It refuses a key with so
// few different bytes that nobody drew it at random: all zeros, or a pattern. The error
// quotes nothing of the text, and leaves k as it was.
func (k *HMACKey) UnmarshalText(text []byte) error {
	key, err := hex.DecodeString(string(text))
	if err != nil || len(key) < minHMACKeyBytes {
		return fmt.Errorf("it is not %d or more pairs of hexadecimal digits", minHMACKeyBytes)
	}
	different := map[byte]bool{}
	for _, b := range key {
		different[b] = true
	}
	if len(different) < minHMACKeyDifferent {
		return errors.New("it can be guessed: it repeats a few bytes")
	}
	k.Secret = domain.NewSecret(string(text))
	return nil
}

// Bytes returns the key itself; nothing if there is none.
func (k HMACKey) Bytes() []byte {
	key, _ := hex.DecodeString(k.Reveal()) // UnmarshalText has decoded it
	return key
}
