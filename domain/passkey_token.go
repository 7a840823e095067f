package domain

import "errors"

// MaxPasskeyTokenBytes is the size above which a passkey token is refused
// unread. Authsignal's are 600 to 900 bytes long.
const MaxPasskeyTokenBytes = 8 << 10

// PasskeyToken is what an app holds after a passkey ceremony and hands to the
// bridge: a bearer credential whose meaning only its IdentityVerifier knows.
// Make one with ParsePasskeyToken.
type PasskeyToken struct{ Secret }

// ParsePasskeyToken checks what holds for every verifier's tokens: not empty, at
// most MaxPasskeyTokenBytes long, and made of RFC 6750 section 2.1 characters
// only (letters, digits and "-._~+/="). The error says what is wrong without
// quoting the token.
func ParsePasskeyToken(text string) (PasskeyToken, error) {
	if text == "" {
		return PasskeyToken{}, errors.New("the token is empty")
	}
	if len(text) > MaxPasskeyTokenBytes {
		return PasskeyToken{}, errors.New("the token is longer than 8 KiB")
	}
	for i := range len(text) {
		if !isTokenByte(text[i]) {
			return PasskeyToken{}, errors.New("the token has a character that no bearer token has")
		}
	}
	return PasskeyToken{NewSecret(text)}, nil
}

func isTokenByte(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		return true
	}
	switch b {
	case '-', '.', '_', '~', '+', '/', '=':
		return true
	}
	return false
}
