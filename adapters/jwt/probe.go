package jwt

import (
	"cmp"
	"context"

	"nativebridge/adapters/internal/checks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// NewProbe returns the checks of the way to the passkey provider, and of its keys.
func (v *Verifier) NewProbe() checks.Probe {
	way := upstream.Way{Party: "the passkey provider", Setting: "JWT_JWKS_URL or JWT_ISSUER",
		Address: cmp.Or(string(v.config.JWKSURL), string(v.config.Issuer)), Codes: "NB14", Skew: v.skew}
	return func() []checks.Step {
		return append(v.client.Steps(way), checks.Step{Check: domain.Check{
			Code: "NB821", Asks: "the passkey provider publishes its keys where JWT_ISSUER or JWT_JWKS_URL says",
			Why:    "no token can be verified, and every sign-in is answered 503",
			Remedy: "correct JWT_ISSUER, or set JWT_JWKS_URL to the address of the provider's JSON Web Key Set",
		}, After: []string{way.Last()}, Make: v.examineKeys})
	}
}

func (v *Verifier) examineKeys(ctx context.Context) (f domain.Finding) {
	if err := v.keys.Fetch(ctx); err != nil {
		return f.Fail(upstream.Words(err.Error()), "")
	}
	return f.Pass()
}
