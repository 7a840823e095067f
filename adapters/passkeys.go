package adapters

import (
	"time"

	"nativebridge/adapters/accesstoken"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/limits"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// NewPasskeys returns the use cases of people who manage their passkeys, nil without an
// ENROL_AUDIENCE. The limits of a person are apart from those of the same person's sign-ins,
// so that nobody is kept from signing in by what was done with an access token. End is nil if
// sessions do not end with a passkey.
func NewPasskeys(c Config, verifiers OpenedVerifiers, issuer OpenedIssuer, guard ports.ReplayGuard, audit OpenedAuditLog, end *app.EndSessions,
	perPerson *limits.Limits, deadline Deadline, now Clock, owners Owners, in Instruments) *httpapi.Passkeys {
	if !c.Enrolment.On() {
		return nil
	}
	tokens, enroller, policy := NewAccessTokenVerifier(c, issuer, now, in), enrollerOf(verifiers), NewEnrolPolicy(c)
	calls := DecorateAdmission(perPerson, in) // what changes nothing, or takes a passkey away, is never refused for want of a record
	return &httpapi.Passkeys{
		Enrol: &app.EnrolPasskey{
			Tokens: tokens, Admission: DecorateAdmission(admissions{recordable{audit}, perPerson}, in), Guard: guard, Enroller: enroller,
			Audit: audit, Policy: policy, Deadline: time.Duration(deadline), Now: now, NewOwner: owners,
		},
		List: &app.ListPasskeys{
			Tokens: tokens, Admission: calls, Enroller: enroller, Audit: audit, Policy: policy, Deadline: time.Duration(deadline), Now: now, NewOwner: owners,
		},
		Remove: &app.RemovePasskey{
			Tokens: tokens, Admission: calls, Enroller: enroller, Audit: audit, Policy: policy, Deadline: time.Duration(deadline), Now: now, NewOwner: owners,
			End: end,
		},
		Scope: policy.Scope, MaxAge: policy.MaxAge,
	}
}

// NewAccessTokenVerifier returns what verifies the issuer's access tokens for ENROL_AUDIENCE.
func NewAccessTokenVerifier(c Config, issuer OpenedIssuer, now Clock, in Instruments) ports.AccessTokenVerifier {
	of := accesstoken.Issuer{
		URL: c.issuerConfig().IssuerURL(), Algorithms: c.issuerConfig().IDTokenAlgorithms(), ClientID: c.issuerConfig().ClientID(),
		FindKeys: issuer.Tokens.FindKeys, SubjectOf: issuer.Tokens.SubjectOf,
	}
	return DecorateAccessTokens(accesstoken.NewVerifier(of, c.Enrolment, c.ClockSkew, now), in)
}

// NewEnrolPolicy returns the rules for those who manage their passkeys. The subject rule is
// that of sign-ins.
func NewEnrolPolicy(c Config) domain.EnrolPolicy {
	policy := c.Enrolment.Policy(c.ClockSkew)
	policy.Subjects, policy.From.Subject = c.issuerConfig().SubjectRule()
	return policy
}

// enrollerOf returns the one of the verifiers that are chosen that can add a passkey.
func enrollerOf(verifiers OpenedVerifiers) ports.PasskeyEnroller {
	for _, verifier := range verifiers {
		if verifier.Enroller != nil {
			return verifier.Enroller
		}
	}
	return nil
}
