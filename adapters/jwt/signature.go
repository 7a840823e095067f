package jwt

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/domain"
)

// minRSABits is the shortest RSA key that may sign (RFC 7518, sections 3.3 and 3.5).
const minRSABits = 2048

// signed is a token in the form of a JWS Compact Serialization (RFC 7515, section
// 7.1). It must not be trusted before checkSignature.
type signed struct {
	jws   *jose.JSONWebSignature
	input string // what is signed: header and payload as they are spelt
}

func (s signed) header() jose.Header { return s.jws.Signatures[0].Protected }

// parse rejects a token that is not a JWS signed with one of algorithms, or that has a
// header that changes its meaning.
func parse(token domain.PasskeyToken, algorithms Algorithms) (signed, error) {
	text := token.Reveal()
	// The library decodes leniently and checks the signature over its own spelling
	// of the header and payload. Without this check a token would have several spellings.
	for part := range strings.SplitSeq(text, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return signed{}, rejected("the token is not a JWT: a part of it is not base64url")
		}
	}
	jws, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return signed{}, rejected("the token is not a JWT signed with one of %s", algorithms)
	}
	s := signed{jws: jws, input: text[:strings.LastIndexByte(text, '.')]}
	return s, checkHeader(s.header().ExtraHeaders)
}

// checkHeader rejects extensions that must be understood (RFC 7515, section
// 4.1.11), nested tokens (RFC 7519, section 5.2) and tokens of a declared type
// other than JWT, such as at+jwt or logout+jwt (RFC 8725, section 3.11). Keys and
// their addresses (jwk, jku, x5c, x5u) are not looked at.
func checkHeader(extra map[jose.HeaderKey]any) error {
	for _, name := range []jose.HeaderKey{"crit", "b64", "cty"} {
		if _, found := extra[name]; found {
			return rejected("the token's header has %s, which no sign-in needs", name)
		}
	}
	if declared, found := extra[jose.HeaderType]; found {
		if name, _ := declared.(string); !strings.EqualFold(name, "JWT") {
			return rejected("the token's typ is not JWT")
		}
	}
	return nil
}

// checkSignature returns the payload if one of the provider's keys verifies it.
func (v *Verifier) checkSignature(ctx context.Context, s signed) ([]byte, error) {
	header := s.header()
	keys, err := v.keys.FindSparingly(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, rejected("the token is signed with a key (%.64q) that the provider does not publish", header.KeyID)
	}
	for _, key := range keys {
		if !fits(key, header.Algorithm) {
			continue
		}
		if payload, err := s.jws.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, rejected("the token's signature is wrong, or its key is too short or not for %s", header.Algorithm)
}

// fits reports whether key may verify an algorithm's signatures: a key that names
// its algorithm is for no other (RFC 7517, section 4.4). The library checks its type
// and curve when it verifies the signature.
func fits(key jose.JSONWebKey, algorithm string) bool {
	if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits {
		return false
	}
	return key.Algorithm == "" || key.Algorithm == algorithm
}
