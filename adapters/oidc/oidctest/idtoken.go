package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// idToken makes an ID token (OpenID Connect Core 1.0, section 2), spoilt by the
// fault if there is one.
func (s *Server) idToken(subject, accessToken string) (string, error) {
	now := time.Now()
	body := map[string]any{
		"iss": s.url, "sub": subject, "aud": s.options.ClientID, "azp": s.options.ClientID,
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "at_hash": atHash(accessToken),
	}
	maps.Copy(body, map[Fault]map[string]any{
		IDWrongIssuer:    {"iss": "https://elsewhere.example"},
		IDSlashIssuer:    {"iss": s.url + "/"},
		IDWrongAudience:  {"aud": "another-client"},
		IDWrongAZP:       {"azp": "another-client"},
		IDExpired:        {"iat": now.Add(-2 * time.Hour).Unix(), "exp": now.Add(-time.Hour).Unix()},
		IDIssuedInFuture: {"iat": now.Add(time.Hour).Unix()},
		IDNonce:          {"nonce": rand.Text()},
		IDWrongAtHash:    {"at_hash": atHash(accessToken + "x")},
	}[s.fault])
	return s.signIDToken(body)
}

// signIDToken applies the faults that are about the signature.
func (s *Server) signIDToken(body map[string]any) (string, error) {
	key := s.key
	switch s.fault {
	case IDUnsigned: // libraries refuse to make one
		payload, err := json.Marshal(body)
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + ".", err
	case IDHS256:
		secret := sha256.Sum256([]byte(s.clientSecret)) // long enough for the library
		return sign(jose.JSONWebKey{Key: secret[:], KeyID: key.KeyID, Algorithm: string(jose.HS256)}, body)
	case IDUnknownKey:
		key.KeyID = rand.Text()
	case IDForeignKey:
		foreign, err := newKey(s.options.Algorithm)
		if err != nil {
			return "", err
		}
		key.Key = foreign.Key
	}
	return sign(key, body)
}

func sign(key jose.JSONWebKey, body map[string]any) (string, error) {
	options := new(jose.SignerOptions).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, options)
	if err != nil {
		return "", fmt.Errorf("sign an ID token: %w", err)
	}
	return jwt.Signed(signer).Claims(body).Serialize()
}

// newKey makes a key to sign ID tokens with.
func newKey(algorithm jose.SignatureAlgorithm) (jose.JSONWebKey, error) {
	key := jose.JSONWebKey{KeyID: rand.Text(), Algorithm: string(algorithm), Use: "sig"}
	var err error
	if algorithm == jose.ES256 {
		key.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key.Key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return key, fmt.Errorf("make a signing key: %w", err)
	}
	return key, nil
}

// atHash is OpenID Connect Core 1.0, section 3.1.3.6, for algorithms with SHA-256.
func atHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
