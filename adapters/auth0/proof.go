package auth0

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Proof is the kind of password that the Login script judges.
type Proof string

// The two kinds of proof. The Login script takes the one or the other, never both.
const (
	// ProofToken is the passkey token itself. The script has Authsignal validate it a
	// second time and asks for the person's e-mail address, with Authsignal's server key.
	ProofToken Proof = "token"
	// ProofSigned is the bridge's own word, signed with a key that it shares with the
	// script. It says the e-mail address too. The script asks nobody, and the token and
	// Authsignal's server key stay at the bridge.
	ProofSigned Proof = "signed"
)

// UnmarshalText accepts the two.
func (p *Proof) UnmarshalText(text []byte) error {
	return settings.OneOf(p, text, ProofToken, ProofSigned)
}

const (
	// signedLifetime is how long a signed proof is good for: IssueTimeout, a retry
	// included, and clocks that differ. It must not exceed what login.js accepts.
	signedLifetime = time.Minute

	// signedType tells a signed proof from any other JWT made with the same key (RFC
	// 8725, section 3.11), and from one of another form: a new form has a new
	// LoginScriptVersion. It must be SIGNED_TYPE in login.js.
	signedType = "native-bridge-proof-" + LoginScriptVersion + "+jwt"
)

// signedProof is the payload of a signed proof, a JWT (RFC 7519). It says who signed
// in, how, when and by which ceremony, at which connection and client the proof counts,
// and what the profile at Auth0 is made of. A person without an e-mail address has
// neither of its two members.
type signedProof struct {
	Connection string `json:"aud"`
	ClientID   string `json:"client_id"`
	Authority  string `json:"authority"`
	Subject    string `json:"sub"`
	Action     string `json:"action"`
	Method     string `json:"method"`
	ProofID    string `json:"proof_id"`
	AuthTime   int64  `json:"auth_time"` // Unix seconds, as the two below
	IssuedAt   int64  `json:"iat"`
	Expires    int64  `json:"exp"`

	Email         string `json:"email,omitempty"` // as the next, of OpenID Connect Core, section 5.1
	EmailVerified bool   `json:"email_verified,omitempty"`
}

// proofOf returns what goes to Auth0 as the password.
func (i *Issuer) proofOf(grant domain.Grant) (domain.Secret, error) {
	if i.config.Proof != ProofSigned {
		return grant.Token.Secret, nil
	}
	now := i.now()
	return sign(signedProof{
		Connection: i.config.Connection,
		ClientID:   i.config.Client,
		Authority:  grant.Identity.Authority,
		Subject:    grant.Identity.Subject,
		Action:     grant.Identity.Action,
		Method:     grant.Identity.Method,
		ProofID:    grant.Identity.ProofID,
		AuthTime:   grant.Identity.AuthenticatedAt.Unix(),
		IssuedAt:   now.Unix(),
		Expires:    now.Add(signedLifetime).Unix(),

		Email:         grant.Identity.Email.Reveal(),
		EmailVerified: grant.Identity.EmailVerified,
	}, i.config.ProofKey.Get())
}

// sign makes a JWT with HS256 (RFC 7518, section 3.2). Its header is always the same,
// byte for byte, so that the script compares it as a text and chooses nothing by it.
func sign(proof signedProof, key settings.HMACKey) (domain.Secret, error) {
	if key.IsZero() {
		return domain.Secret{}, errors.New("AUTH0_PROOF_KEY is not set")
	}
	options := (&jose.SignerOptions{}).WithType(signedType)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key.Bytes()}, options)
	if err != nil {
		return domain.Secret{}, fmt.Errorf("sign the proof: %w", err)
	}
	payload, err := json.Marshal(proof)
	if err != nil {
		return domain.Secret{}, fmt.Errorf("sign the proof: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return domain.Secret{}, fmt.Errorf("sign the proof: %w", err)
	}
	text, err := signed.CompactSerialize()
	return domain.NewSecret(text), err
}

// LoginSettings returns what the Login script needs in its settings besides
// AUTHSIGNAL_API_URL, AUTHSIGNAL_ACTION and AUTHSIGNAL_SUBJECTS. For ProofSigned that is
// the key, in the clear, and the client and connection that a proof must be for; then
// AUTHSIGNAL_SECRET must not be there. For ProofToken it is nothing but that secret,
// which this configuration does not have.
func (c Config) LoginSettings() map[string]string {
	if c.Proof != ProofSigned {
		return nil
	}
	return map[string]string{
		"NATIVE_BRIDGE_KEY":        c.ProofKey.Reveal(),
		"NATIVE_BRIDGE_CLIENT_ID":  c.Client,
		"NATIVE_BRIDGE_CONNECTION": c.Connection,
	}
}
