// Package idtoken verifies ID tokens.
package idtoken

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nativebridge/adapters/internal/compact"
	"nativebridge/adapters/internal/jwks"
	"nativebridge/domain"
)

// Verifier checks ID tokens that came straight from the issuer's token endpoint
// (OpenID Connect Core 1.0, section 3.1.3.7). All fields but Algorithms must be set.
type Verifier struct {
	Keys     *jwks.Keys
	Issuer   string // compared exactly
	ClientID string
	Skew     time.Duration // by how much the issuer's clock may differ
	Now      func() time.Time
	// Algorithms are the signature algorithms that are accepted: of RS256, PS256 and
	// ES256, whose hash is at_hash's too. Nil means RS256 alone.
	Algorithms []jose.SignatureAlgorithm
}

// Claims is what the bridge wants of a verified ID token.
type Claims struct {
	Subject         string
	OrganizationID  string    // Auth0's org_id, if the session is an organization's
	AuthenticatedAt time.Time // auth_time; zero if the issuer does not tell, or tells a time to come
}

// Verify returns the claims of idToken if it is signed with one of Algorithms by one
// of the issuer's keys, names the issuer and this client (aud, and azp if present), is
// within its times, answers no nonce, since none was sent, and, if it says so,
// belongs to accessToken (at_hash). The error wraps domain.ErrUnavailable if the
// keys could not be had; any other error means that the token does not verify. It
// never quotes a token.
func (v *Verifier) Verify(ctx context.Context, idToken, accessToken domain.Secret) (Claims, error) {
	token, err := compact.Parse(idToken.Reveal())
	if err != nil || !slices.Contains(v.algorithms(), jose.SignatureAlgorithm(token.Algorithm)) {
		return Claims{}, fmt.Errorf("the ID token is not a JWT signed with %s: "+
			"set the application's JSON Web Token signature algorithm to %[1]s", v.algorithmNames())
	}
	var claims claims
	if err := v.checkSignature(ctx, token); err != nil {
		return Claims{}, err
	}
	if json.Unmarshal(token.Payload, &claims) != nil {
		return Claims{}, errWrong
	}
	expected := jwt.Expected{Issuer: v.Issuer, AnyAudience: jwt.Audience{v.ClientID}, Time: v.Now()}
	if err := claims.registered().ValidateWithLeeway(expected, v.Skew); err != nil {
		return Claims{}, fmt.Errorf("the ID token's claims do not hold for issuer %s and client %s: %w", v.Issuer, v.ClientID, err)
	}
	switch {
	case claims.Expiry == nil || claims.IssuedAt == nil:
		return Claims{}, errors.New("the ID token has no exp or no iat")
	case claims.Subject == "":
		return Claims{}, errors.New("the ID token has no sub")
	case claims.AuthorizedParty != "" && claims.AuthorizedParty != v.ClientID,
		claims.AuthorizedParty == "" && len(claims.Audience) > 1:
		return Claims{}, errors.New("the ID token's azp is not this client")
	case claims.Nonce != nil:
		return Claims{}, errors.New("the ID token has a nonce, but none was sent: it answers another request")
	case claims.AccessTokenHash != "" && !hashes(claims.AccessTokenHash, accessToken):
		return Claims{}, errors.New("the ID token's at_hash belongs to another access token")
	}
	return Claims{claims.Subject, claims.OrganizationID, v.signIn(claims.AuthTime)}, nil
}

// signIn reads auth_time. One that is to come, such as one in milliseconds, tells nothing:
// a session of such a time would outlive everything.
func (v *Verifier) signIn(seconds *float64) time.Time {
	if seconds == nil || *seconds <= 0 || *seconds > float64(v.Now().Add(v.Skew).Unix()) {
		return time.Time{}
	}
	return time.Unix(int64(*seconds), 0)
}

// claims are those that the bridge looks at (OpenID Connect Core 1.0, section 2).
type claims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        audience `json:"aud"`
	Expiry          *float64 `json:"exp"` // seconds since 1970 (NumericDate of RFC 7519), as the next two
	IssuedAt        *float64 `json:"iat"`
	NotBefore       *float64 `json:"nbf"`
	AuthorizedParty string   `json:"azp"`
	Nonce           *string  `json:"nonce"`
	AccessTokenHash string   `json:"at_hash"`
	OrganizationID  string   `json:"org_id"`
	AuthTime        *float64 `json:"auth_time"`
}

// registered returns what go-jose validates.
func (c *claims) registered() jwt.Claims {
	const latest = 1 << 53 // what is later is as far away
	date := func(seconds *float64) *jwt.NumericDate {
		if seconds == nil {
			return nil
		}
		return new(jwt.NumericDate(min(max(*seconds, 0), latest)))
	}
	return jwt.Claims{
		Issuer: c.Issuer, Subject: c.Subject, Audience: jwt.Audience(c.Audience),
		Expiry: date(c.Expiry), IssuedAt: date(c.IssuedAt), NotBefore: date(c.NotBefore),
	}
}

// audience is one text, or a list of them (RFC 7519, section 4.1.3).
type audience []string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (a *audience) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	if decoder.PeekKind() == jsontext.KindBeginArray {
		return json.UnmarshalDecode(decoder, (*[]string)(a))
	}
	*a = audience{""}
	return json.UnmarshalDecode(decoder, &(*a)[0])
}

func (v *Verifier) algorithms() []jose.SignatureAlgorithm {
	if len(v.Algorithms) == 0 {
		return []jose.SignatureAlgorithm{jose.RS256}
	}
	return v.Algorithms
}

// algorithmNames lists the algorithms for people: "RS256 or ES256".
func (v *Verifier) algorithmNames() string {
	var names []string
	for _, algorithm := range v.algorithms() {
		names = append(names, string(algorithm))
	}
	return strings.Join(names, " or ")
}

// checkSignature returns nil if one of the issuer's keys verifies the token.
func (v *Verifier) checkSignature(ctx context.Context, token compact.Token) error {
	keys, err := v.Keys.Find(ctx, token.KeyID)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return fmt.Errorf("the ID token is signed with a key (%.64q) that the issuer does not publish", token.KeyID)
	}
	for _, key := range keys {
		if token.Verify(key.Key) == nil {
			return nil
		}
	}
	return errWrong
}

var errWrong = errors.New("the ID token's signature or its claims' form is wrong")

// hashes reports whether hash is accessToken's at_hash: the left half of its
// SHA-256 (OpenID Connect Core 1.0, section 3.1.3.6, for algorithms with SHA-256).
func hashes(hash string, accessToken domain.Secret) bool {
	sum := sha256.Sum256([]byte(accessToken.Reveal()))
	want := base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	return subtle.ConstantTimeCompare([]byte(hash), []byte(want)) == 1
}
