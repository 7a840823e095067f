package jwt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Config is what the bridge must know of the passkey provider and its tokens.
type Config struct {
	Issuer       Issuer           `env:"JWT_ISSUER,required,notEmpty" help:"the iss of the passkey provider's tokens, exactly as it stands there, a slash at its end included"`
	JWKSURL      settings.BaseURL `env:"JWT_JWKS_URL" help:"the address of the provider's JSON Web Key Set (default: the jwks_uri of JWT_ISSUER's OpenID discovery document, which must be of the same host)"`
	Audience     List             `env:"JWT_AUDIENCE,required,notEmpty" help:"the audiences, separated by commas, one of which must be in a token's aud: the app's client id at the provider, as a rule"`
	Algorithms   Algorithms       `env:"JWT_ALGORITHMS" envDefault:"RS256,ES256" help:"the signature algorithms that are accepted, separated by commas, from RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA"`
	SubjectClaim string           `env:"JWT_SUBJECT_CLAIM" envDefault:"sub" help:"the claim that holds the user id, which the provider must never give to anybody else and users must not be able to change"`
	TimeClaim    string           `env:"JWT_TIME_CLAIM" envDefault:"auth_time" help:"the claim that says when the passkey was used; iat only if the provider never issues such a token again without the passkey, as on a refresh"`
	ProofClaim   string           `env:"JWT_PROOF_CLAIM" help:"the claim that names the ceremony, if another than jti; every token must have it then (default: jti, or else a hash of what is signed)"`
	ActionClaim  string           `env:"JWT_ACTION_CLAIM" help:"the claim that tells a sign-in from whatever else the provider signs for the same audience; it goes with JWT_ACTION"`
	Action       string           `env:"JWT_ACTION" help:"the value of JWT_ACTION_CLAIM in a sign-in, compared exactly"`
	PasskeyAMR   List             `env:"JWT_PASSKEY_AMR" help:"the values of amr, separated by commas, each of which proves a passkey, such as webauthn or hwk: what they stand for is the provider's to say (RFC 8176)"`
	PasskeyACR   List             `env:"JWT_PASSKEY_ACR" help:"the values of acr, separated by commas, each of which proves a passkey, such as phr,phrh (OpenID Connect EAP ACR Values 1.0)"`
	PasskeyOnly  bool             `env:"JWT_PASSKEY_ONLY" help:"true if nobody can get such a token from the provider without a passkey, not even to recover an account"`
	MaxAge       time.Duration    `env:"JWT_MAX_AGE" envDefault:"10m" help:"how long after the ceremony its token is accepted, from 10s to 1h"`
}

// Authority names the provider in identities.
func (c Config) Authority() string { return "jwt " + string(c.Issuer) }

// TokenIssuer returns the "iss" of this provider's tokens.
func (c Config) TokenIssuer() string { return string(c.Issuer) }

// VerifyTime returns how long a verification may take at most.
func (c Config) VerifyTime() time.Duration { return VerifyTimeout }

// Policy returns the rules of a sign-in with the provider, but for the subject
// rule, which is the issuer's. Without JWT_ACTION every token for the audience is
// for a sign-in. Skew is how far the provider's clock may differ.
func (c Config) Policy(skew time.Duration) domain.SignInPolicy {
	return domain.SignInPolicy{
		Authority: c.Authority(),
		Action:    c.Action,
		MaxAge:    c.MaxAge,
		Skew:      skew,
		From: domain.RuleSettings{
			Action:  "JWT_ACTION and JWT_ACTION_CLAIM",
			Method:  "JWT_PASSKEY_AMR and JWT_PASSKEY_ACR",
			Time:    "the clock of the bridge's machine, CLOCK_SKEW, JWT_MAX_AGE and JWT_TIME_CLAIM",
			Subject: "JWT_SUBJECT_CLAIM",
		},
	}
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	faults := c.checkPasskey()
	var base settings.BaseURL
	if err := base.UnmarshalText([]byte(c.Issuer)); err != nil && c.Issuer != "" && c.JWKSURL == "" {
		faults = append(faults, settings.Fault{
			Name: "JWT_JWKS_URL", Problem: "is not set, and JWT_ISSUER cannot be asked for it: " + err.Error(),
			Fix: "set it to the address of the provider's JSON Web Key Set",
		})
	}
	if (c.ActionClaim == "") != (c.Action == "") {
		set, unset := "JWT_ACTION_CLAIM", "JWT_ACTION"
		if c.ActionClaim == "" {
			set, unset = unset, set
		}
		faults = append(faults, settings.Fault{
			Name: unset, Problem: "is not set, but " + set + " is", Fix: "set both of them or neither",
		})
	}
	if c.MaxAge < 10*time.Second || c.MaxAge > time.Hour {
		faults = append(faults, settings.Fault{
			Name: "JWT_MAX_AGE", Problem: fmt.Sprintf("is %s", c.MaxAge), Fix: "set it to something from 10s to 1h, such as 10m",
		})
	}
	return faults
}

// checkPasskey makes sure that the operator has said what proves a passkey.
func (c *Config) checkPasskey() []settings.Fault {
	values := len(c.PasskeyAMR)+len(c.PasskeyACR) > 0
	switch {
	case !values && !c.PasskeyOnly:
		return []settings.Fault{{
			Name: "JWT_PASSKEY_AMR", Problem: "is not set, and neither are JWT_PASSKEY_ACR and JWT_PASSKEY_ONLY",
			Fix: "set one of them, so that a password's token is told from a passkey's",
		}}
	case values && c.PasskeyOnly:
		return []settings.Fault{{
			Name: "JWT_PASSKEY_ONLY", Problem: "is true, so that JWT_PASSKEY_AMR or JWT_PASSKEY_ACR, which is set, has no effect",
			Fix: "unset one or the other",
		}}
	}
	return nil
}

// Issuer is the "iss" of a provider's tokens: any text without spaces, because
// some providers put a project id there instead of a URL.
type Issuer string

// UnmarshalText takes the text as it is.
func (i *Issuer) UnmarshalText(text []byte) error {
	if strings.ContainsFunc(string(text), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("an issuer has no spaces, and only ASCII characters")
	}
	*i = Issuer(text)
	return nil
}

// Algorithms are names of asymmetric signature algorithms (RFC 7518, section 3.1,
// and RFC 8037, section 3.1).
type Algorithms []jose.SignatureAlgorithm

// UnmarshalText splits at commas. It accepts neither "none" nor the HMAC
// algorithms, with which a public key could be used as a shared secret.
func (a *Algorithms) UnmarshalText(text []byte) error {
	known := Algorithms{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
	var algorithms Algorithms
	for i, name := range split(text) {
		if !slices.Contains(known, jose.SignatureAlgorithm(name)) {
			return fmt.Errorf("its item %d is no asymmetric signature algorithm", i+1)
		}
		algorithms = append(algorithms, jose.SignatureAlgorithm(name))
	}
	if len(algorithms) == 0 {
		return errors.New("it has no algorithm in it")
	}
	*a = algorithms
	return nil
}

// List is a list of values that are compared exactly.
type List []string

// UnmarshalText splits at commas. At least one value must be left.
func (l *List) UnmarshalText(text []byte) error {
	if *l = split(text); len(*l) == 0 {
		return errors.New("it has no value in it")
	}
	return nil
}

// split splits at commas, trims spaces and leaves out empty items.
func split(text []byte) []string {
	var items []string
	for item := range strings.SplitSeq(string(text), ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
