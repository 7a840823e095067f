package jwt

import (
	"context"

	"nativebridge/adapters/internal/jws"
	"nativebridge/domain"
)

// parse rejects a token that is not a JWS signed with one of algorithms, that has a header
// that changes its meaning, or that is of a declared type other than JWT, such as at+jwt or
// logout+jwt (RFC 8725, section 3.11).
func parse(token domain.PasskeyToken, algorithms Algorithms) (jws.Token, error) {
	signed, err := jws.Parse(token.Reveal(), algorithms)
	if err != nil {
		return jws.Token{}, rejected("%w", err)
	}
	if name, declared := signed.Type(); declared && name != "jwt" {
		return jws.Token{}, rejected("the token's typ is not JWT")
	}
	return signed, nil
}

// checkSignature returns the payload if one of the provider's keys verifies it.
func (v *Verifier) checkSignature(ctx context.Context, signed jws.Token) ([]byte, error) {
	keys, err := v.keys.FindSparingly(ctx, signed.KeyID())
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, rejected("the token is signed with a key (%.64q) that the provider does not publish", signed.KeyID())
	}
	payload, ok := signed.Payload(keys)
	if !ok {
		return nil, rejected("the token's signature is wrong, or its key is too short or not for %s", signed.Algorithm())
	}
	return payload, nil
}
