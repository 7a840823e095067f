// Package compact reads and verifies JSON Web Signatures in the compact form (RFC 7515,
// section 7.1), with the strict JSON reader that reads the rest of each answer. It is for
// the hot path: it does what go-jose does for such a token, and its tests hold the two
// against each other.
package compact

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The algorithms that Verify knows (RFC 7518, section 3.1).
const (
	RS256 = "RS256"
	PS256 = "PS256"
	ES256 = "ES256"
)

// Errors say what is wrong, and quote nothing of a token.
var (
	ErrMalformed = errors.New("that is no JSON Web Signature in the compact form")
	ErrSignature = errors.New("the signature does not verify")
)

// Token is one that was read. Nothing of it is to be trusted before Verify.
type Token struct {
	Algorithm string // the header's alg
	KeyID     string // the header's kid; "" if it has none
	Payload   []byte

	signed    string // the header and the payload as they were signed
	signature []byte
}

// Parse reads a token. It refuses one whose header is not one JSON object without doubled
// members, or names extensions that must be understood (crit, RFC 7515 section 4.1.11): it
// understands none. The only error is ErrMalformed.
func Parse(compact string) (Token, error) {
	last := strings.LastIndexByte(compact, '.')
	if last < 0 || strings.Contains(compact, "\n") || strings.Contains(compact, "\r") { // which the decoder would skip
		return Token{}, ErrMalformed
	}
	signed, signature := compact[:last], compact[last+1:]
	header, payload, found := strings.Cut(signed, ".")
	if !found || strings.Contains(payload, ".") || signature == "" {
		return Token{}, ErrMalformed
	}
	token := Token{signed: signed}
	head, err := decode(header)
	if err != nil || token.readHeader(head) != nil {
		return Token{}, ErrMalformed
	}
	if token.Payload, err = decode(payload); err != nil {
		return Token{}, ErrMalformed
	}
	if token.signature, err = decode(signature); err != nil {
		return Token{}, ErrMalformed
	}
	return token, nil
}

func decode(text string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(text) }

func (t *Token) readHeader(text []byte) error {
	var header struct {
		Algorithm string         `json:"alg"`
		KeyID     string         `json:"kid"`
		Critical  jsontext.Value `json:"crit"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return err
	}
	if header.Critical != nil {
		return ErrMalformed
	}
	t.Algorithm, t.KeyID = header.Algorithm, header.KeyID
	return nil
}

// Verify returns nil if key verifies the signature by the algorithm that the header names.
// The caller must have compared Algorithm with those that it accepts: Verify only makes
// sure that the key is of its kind. The error is ErrSignature.
func (t Token) Verify(key crypto.PublicKey) error {
	digest := sha256.Sum256([]byte(t.signed)) // of all three algorithms
	verified := false
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch t.Algorithm {
		case RS256:
			verified = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], t.signature) == nil
		case PS256:
			verified = rsa.VerifyPSS(key, crypto.SHA256, digest[:], t.signature, nil) == nil
		}
	case *ecdsa.PublicKey:
		verified = t.Algorithm == ES256 && verifyES256(key, digest[:], t.signature)
	}
	if !verified {
		return ErrSignature
	}
	return nil
}

// verifyES256 takes the signature as the two numbers of 32 bytes that RFC 7518, section
// 3.4, makes of it.
func verifyES256(key *ecdsa.PublicKey, digest, signature []byte) bool {
	const size = 32
	if len(signature) != 2*size || key.Params().BitSize != 8*size {
		return false
	}
	return ecdsa.Verify(key, digest, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
}
