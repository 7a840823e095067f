package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/domain"
)

// minRSABits is the least that RFC 7518 section 3.3 allows for RS256.
const minRSABits = 2048

// howToMakeAKey is the fix for a key that has another purpose already.
const howToMakeAKey = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem"

// PrivateKey is a setting that holds a private key. The Secret is its text, as PEM.
// The zero value is no key.
type PrivateKey struct {
	domain.Secret
	key *signingKey // nil if there is none
}

// UnmarshalText reads an EC key on P-256 or an RSA key of 2048 bits or more, in
// PKCS #8, SEC 1 or PKCS #1 form. The error says what is wrong with the text and
// quotes nothing of it. A text that is refused is still held, so that it counts as set.
func (k *PrivateKey) UnmarshalText(text []byte) error {
	key, err := parsePrivateKey(text)
	*k = PrivateKey{Secret: domain.NewSecret(string(text)), key: key}
	return err
}

// signingKey signs JWTs. It is handled by pointer only: package fmt prints the
// fields of what it holds.
type signingKey struct {
	id        string // its RFC 7638 thumbprint
	algorithm jose.SignatureAlgorithm
	key       crypto.Signer
}

func parsePrivateKey(text []byte) (*signingKey, error) {
	block := firstKeyBlock(text)
	if block == nil {
		return nil, errors.New("it has no PEM block, such as -----BEGIN PRIVATE KEY-----")
	}
	key, err := parseBlock(block)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("it is an EC key on curve %s, and must be on P-256", key.Curve.Params().Name)
		}
		return newSigningKey(jose.ES256, key)
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); bits < minRSABits {
			return nil, fmt.Errorf("it is an RSA key of %d bits, and must have %d or more", bits, minRSABits)
		}
		return newSigningKey(jose.RS256, key)
	}
	return nil, errors.New("it is neither an EC nor an RSA key")
}

// firstKeyBlock returns the first PEM block that is a key. openssl may write blocks of
// other kinds before it.
func firstKeyBlock(text []byte) *pem.Block {
	for {
		block, rest := pem.Decode(text)
		if block == nil || block.Type != "EC PARAMETERS" {
			return block
		}
		text = rest
	}
}

func parseBlock(block *pem.Block) (key any, err error) {
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
		return nil, errors.New("it is a public key, and the private one is needed")
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("it is encrypted, and the bridge has no passphrase for it")
	default:
		return nil, errors.New("its PEM block is of another kind than PRIVATE KEY")
	}
	if err != nil {
		return nil, errors.New("its PEM block does not hold what it says, or is encrypted")
	}
	return key, nil
}

func newSigningKey(algorithm jose.SignatureAlgorithm, key crypto.Signer) (*signingKey, error) {
	thumbprint, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, errors.New("it is damaged")
	}
	return &signingKey{id: base64.RawURLEncoding.EncodeToString(thumbprint), algorithm: algorithm, key: key}, nil
}

// is reports whether both are there and the same key.
func (k *signingKey) is(other *signingKey) bool { return k != nil && other != nil && k.id == other.id }

// public returns the key as it is published.
func (k *signingKey) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.key.Public(), KeyID: k.id, Algorithm: string(k.algorithm), Use: "sig"}
}

// publicSet returns the public halves of the keys that are there, as a JSON Web
// Key Set (RFC 7517).
func publicSet(keys ...*signingKey) []byte {
	var set jose.JSONWebKeySet
	for _, key := range keys {
		if key != nil {
			set.Keys = append(set.Keys, key.public())
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		panic(fmt.Errorf("public keys that were just read cannot be written: %w", err))
	}
	return text
}
