package auth0test

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// newIDToken puts the profile first and iss in the middle, as Auth0 does.
func (s *Server) newIDToken(c *call, a access, accessToken string) (string, error) {
	body := a.user.claims(a.scope)
	body = append(body, claims{
		{"iss", s.Issuer()},
		{"aud", a.client.ID},
		{"iat", c.now.Unix()},
		{"exp", c.now.Add(a.client.IDTokenLifetime).Unix()},
		{"sub", a.user.ID},
	}...)
	if a.organization != nil {
		body.set("org_id", a.organization.ID)
	}
	if c.faults.Variants.SessionID {
		body.set("sid", uuid.NewString())
	}
	c.spoilIDToken(&body, accessToken, s.Issuer())
	return s.signIDToken(c, a.client, body)
}

// spoilIDToken applies the faults that are about claims.
func (c *call) spoilIDToken(body *claims, accessToken, issuer string) {
	client := c.seen.ClientID
	for _, f := range c.faults.Inject {
		switch f.Kind {
		case IDWrongIssuer:
			body.set("iss", "https://elsewhere.example/")
		case IDNoSlashIssuer:
			body.set("iss", strings.TrimSuffix(issuer, "/"))
		case IDWrongAudience:
			body.set("aud", "another-client")
		case IDManyAudiences:
			body.set("aud", []string{client, "another-client"})
		case IDWrongAZP:
			body.set("aud", []string{client, "another-client"})
			body.set("azp", "another-client")
		case IDExpired:
			body.set("iat", c.now.Add(-2*time.Hour).Unix())
			body.set("exp", c.now.Add(-time.Hour).Unix())
		case IDIssuedInFuture:
			body.set("iat", c.now.Add(time.Hour).Unix())
		case IDWrongOrganization:
			body.set("org_id", "org_another")
		case IDNonce:
			body.set("nonce", rand.Text())
		case IDAtHash:
			body.set("at_hash", atHash(accessToken))
		case IDWrongAtHash:
			body.set("at_hash", atHash(accessToken+"x"))
		}
	}
}

// atHash is OpenID Connect Core section 3.1.3.6 for RS256.
func atHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// signIDToken applies the faults that are about the signature.
func (s *Server) signIDToken(c *call, client *Client, body claims) (string, error) {
	key, err := s.keys.current()
	if err != nil {
		return "", err
	}
	switch {
	case c.fault(IDUnsigned):
		return signBadly("none", nil, body)
	case c.fault(IDHS256), client.symmetric:
		return signBadly("HS256", []byte(client.Secret), body)
	case c.fault(IDHS256WithKey):
		secret, err := publicPEM(key)
		if err != nil {
			return "", err
		}
		return signBadly("HS256", secret, body)
	case c.fault(IDUnknownKey):
		key.KeyID = rand.Text()
		return sign(key, body)
	case c.fault(IDForeignKey):
		foreign, err := s.keys.foreign()
		if err != nil {
			return "", err
		}
		foreign.KeyID = key.KeyID
		return sign(foreign, body)
	}
	token, err := sign(key, body)
	if err == nil && c.fault(IDBadSignature) {
		token = flipSignature(token)
	}
	return token, err
}

// publicPEM is what a verifier would use as the HMAC secret if it let the
// token choose the algorithm.
func publicPEM(key jose.JSONWebKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Public().Key)
	if err != nil {
		return nil, fmt.Errorf("encode a public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// flipSignature changes the first character of the signature: the last one
// carries bits that do not count.
func flipSignature(token string) string {
	at := strings.LastIndexByte(token, '.') + 1
	other := "A"
	if token[at:at+1] == other {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}
