package auth0test

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // #nosec G505 -- x5t is a SHA-1 thumbprint by definition, RFC 7517 section 4.8
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
)

// Keys is a supply of signing keys, in the order of their use. Tenants that are
// given the same one have the same keys, which spares a test suite a second or so
// for each tenant. The zero value is a supply of new keys; it is safe for concurrent
// use.
type Keys struct {
	mu   sync.Mutex
	made []lazyKey
}

// lazyKey makes its key when it is first asked for it, because that takes a while.
type lazyKey func() (jose.JSONWebKey, error)

func (k *Keys) at(i int) (jose.JSONWebKey, error) {
	k.mu.Lock()
	for len(k.made) <= i {
		k.made = append(k.made, sync.OnceValues(newSigningKey))
	}
	lazy := k.made[i]
	k.mu.Unlock()
	return lazy()
}

// keyring is the tenant's signing keys: one published ahead of its use, the one in
// use, and those of the past (Auth0 docs: Signing Keys).
type keyring struct {
	supply *Keys
	used   atomic.Int32 // which one is in use
}

func (k *keyring) rotate() { k.used.Add(1) }

func (k *keyring) current() (jose.JSONWebKey, error) { return k.supply.at(int(k.used.Load())) }

// foreign is a key that is not published.
func (k *keyring) foreign() (jose.JSONWebKey, error) { return k.supply.at(int(k.used.Load()) + 2) }

// public is the JWKS, newest first. The key in use never comes first, so that a
// client which takes the first key instead of the one its token names is found out.
func (k *keyring) public() (set jose.JSONWebKeySet, err error) {
	for i := int(k.used.Load()) + 1; i >= 0; i-- {
		key, err := k.supply.at(i)
		if err != nil {
			return set, err
		}
		set.Keys = append(set.Keys, key.Public())
	}
	return set, nil
}

func newSigningKey() (jose.JSONWebKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	template := certificateTemplate(1, "auth0test signing key")
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("sign a signing key's certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("read a signing key's certificate: %w", err)
	}
	var thumbprint [sha1.Size]byte
	fips140.WithoutEnforcement(func() { thumbprint = sha1.Sum(der) }) // #nosec G401 -- see the import
	return jose.JSONWebKey{
		Key:                       key,
		KeyID:                     rand.Text(),
		Algorithm:                 string(jose.RS256),
		Use:                       "sig",
		Certificates:              []*x509.Certificate{certificate},
		CertificateThumbprintSHA1: thumbprint[:],
	}, nil
}

// sign makes a compact JWS of the claims in the order they have, with the typ JWT.
func sign(key jose.JSONWebKey, c claims) (string, error) { return signAs("JWT", key, c) }

// signAs does that with another typ.
func signAs(typ jose.ContentType, key jose.JSONWebKey, c claims) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode the claims: %w", err)
	}
	options := new(jose.SignerOptions).WithType(typ)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, options)
	if err != nil {
		return "", fmt.Errorf("make a signer: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed.CompactSerialize()
}

// signBadly makes a JWS that nobody should accept and the library refuses to
// make: without a signature (alg none, RFC 7515 appendix A.5), or with HS256
// and a secret that may be too short or public.
func signBadly(algorithm string, secret []byte, c claims) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode the claims: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"`+algorithm+`","typ":"JWT"}`)) + "." + encode(payload)
	if secret == nil {
		return signed + ".", nil
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil)), nil
}
