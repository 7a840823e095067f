// Package jws reads signed tokens that strangers hand over, so that a token has one spelling
// and one reading.
package jws

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// minRSABits is the shortest RSA key that may sign (RFC 7518, sections 3.3 and 3.5).
const minRSABits = 2048

// Token is a token in the form of a JWS Compact Serialization (RFC 7515, section 7.1). It
// must not be trusted before Payload.
type Token struct {
	jws   *jose.JSONWebSignature
	input string // what is signed: header and payload as they are spelt
}

// Parse returns the token that text is. It refuses one that is not signed with one of
// algorithms, is not spelt in strict base64url, or has a header that changes its meaning:
// extensions that must be understood (RFC 7515, section 4.1.11) and nested tokens (RFC 7519,
// section 5.2). Keys and their addresses in the header (jwk, jku, x5c, x5u) are never looked
// at. The error is in words of ours, and quotes nothing.
func Parse(text string, algorithms []jose.SignatureAlgorithm) (Token, error) {
	// The library decodes leniently and checks the signature over its own spelling
	// of the header and payload. Without this check a token would have several spellings.
	for part := range strings.SplitSeq(text, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return Token{}, errors.New("the token is not a JWT: a part of it is not base64url")
		}
	}
	parsed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return Token{}, fmt.Errorf("the token is not a JWT signed with one of %s", algorithms)
	}
	t := Token{jws: parsed, input: text[:strings.LastIndexByte(text, '.')]}
	for _, name := range []jose.HeaderKey{"crit", "b64", "cty"} {
		if _, found := t.header().ExtraHeaders[name]; found {
			return Token{}, fmt.Errorf("the token's header has %s, which no such token needs", name)
		}
	}
	return t, nil
}

func (t Token) header() jose.Header { return t.jws.Signatures[0].Protected }

// Input is what is signed. It has one spelling, and the signature may have several.
func (t Token) Input() string { return t.input }

// KeyID returns the kid of the header.
func (t Token) KeyID() string { return t.header().KeyID }

// Algorithm returns the alg of the header.
func (t Token) Algorithm() string { return t.header().Algorithm }

// Type returns the declared type of the token, in small letters and without the prefix that
// may be left out (RFC 7515, section 4.1.9); declared is false if there is none. One that is
// no text is "".
func (t Token) Type() (name string, declared bool) {
	value, declared := t.header().ExtraHeaders[jose.HeaderType]
	name, _ = value.(string)
	return strings.TrimPrefix(strings.ToLower(name), "application/"), declared
}

// Payload returns what is in the token if one of keys verifies it, and else false. A key that
// names its algorithm is for no other (RFC 7517, section 4.4). The library checks its type and
// curve when it verifies the signature.
func (t Token) Payload(keys []jose.JSONWebKey) ([]byte, bool) {
	for _, key := range keys {
		if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits {
			continue
		}
		if key.Algorithm != "" && key.Algorithm != t.Algorithm() {
			continue
		}
		if payload, err := t.jws.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}
