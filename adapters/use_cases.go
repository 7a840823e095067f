package adapters

import (
	"fmt"
	"io"
	"slices"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/limits"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Deadline is how long an exchange, a renewal or a revocation may take.
type Deadline time.Duration

// NewDeadline returns REQUEST_TIMEOUT.
func NewDeadline(c Config) Deadline { return Deadline(c.HTTP.RequestTimeout) }

// Owners makes the owners of claims; no two are alike.
type Owners func() domain.Owner

// NewOwners returns a source of random owners.
func NewOwners(run Runtime) Owners {
	return func() (owner domain.Owner) {
		if _, err := io.ReadFull(run.Random, owner[:]); err != nil {
			panic(fmt.Errorf("no randomness for the owner of a claim: %w", err))
		}
		return owner
	}
}

// NewExchange returns the use case that opens sessions.
func NewExchange(verifier ports.IdentityVerifier, admission ports.Admission, guard ports.ReplayGuard, issuer OpenedIssuer, audit OpenedAuditLog,
	signIn domain.SignInPolicies, access domain.AccessPolicy, deadline Deadline, now Clock, owners Owners) *app.ExchangePasskeyForSession {
	return &app.ExchangePasskeyForSession{
		Verifier: verifier, Admission: admission, Guard: guard, Issuer: issuer, Revoker: issuer, Audit: audit,
		SignIn: signIn, Access: access, Deadline: time.Duration(deadline), Now: now, NewOwner: owners,
	}
}

// NewRenewal returns the use case that renews sessions.
func NewRenewal(issuer OpenedIssuer, once app.RenewOnce, audit OpenedAuditLog, access domain.AccessPolicy, deadline Deadline, now Clock) *app.RenewSession {
	return &app.RenewSession{
		Renewer: DecorateRenewer(issuer, audit), Once: once, Revoker: issuer, Audit: audit,
		Access: access, Deadline: time.Duration(deadline), Now: now,
	}
}

// NewRenewOnce returns what has the issuer asked once for each refresh token.
func NewRenewOnce(c Config, memory ports.RenewalMemory, now Clock, owners Owners) app.RenewOnce {
	leeway, setting := c.issuerConfig().Leeway()
	return app.RenewOnce{
		Memory: memory, Grace: c.Renewals.Grace, Leeway: leeway, Patience: c.issuerConfig().IssueTime(), Mark: c.Renewals.Bind.Mark,
		Remedy: "if the issuer takes a refresh token once more for some time, tell the bridge for how long in " + setting,
		Now:    now, NewOwner: owners,
	}
}

// NewRevocation returns the use case that ends sessions.
func NewRevocation(issuer OpenedIssuer, once app.RenewOnce, audit OpenedAuditLog, deadline Deadline, now Clock) *app.RevokeSession {
	return &app.RevokeSession{Revoker: issuer, Once: once, Audit: audit, Deadline: time.Duration(deadline), Now: now}
}

// NewUseCases returns what the routes drive.
func NewUseCases(c Config, exchange *app.ExchangePasskeyForSession, renew *app.RenewSession, revoke *app.RevokeSession,
	passkeys *httpapi.Passkeys, watched *app.WatchedSessions, end *app.EndSessions,
	verifiers OpenedVerifiers, issuer OpenedIssuer, perAddress *limits.Limits, now Clock, in Instruments) httpapi.UseCases {
	watchSessions(exchange, renew, watched)
	use := httpapi.UseCases{
		Exchange: exchange, Renew: renew, Revoke: revoke, Passkeys: passkeys, Keys: issuer, AssertionKeys: issuer.AssertionKeys,
		Documents: c.RelyingParty.Documents(),
		Sessions:  sessionsOf(c.issuerConfig()), Limits: perAddress,
	}
	return DecorateUseCases(c, addHook(use, verifiers, end), issuer.Budget, now, in)
}

// sessionsOf is what clients may know of the sessions that an issuer opens.
func sessionsOf(issuer IssuerConfig) httpapi.Sessions {
	scopes := []string{domain.ScopeOpenID}
	for _, scope := range slices.Concat(issuer.Offer().Default.Scope, issuer.Offer().Scopes) {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return httpapi.Sessions{Issuer: issuer.IssuerURL(), Algorithms: issuer.IDTokenAlgorithms(), Scopes: scopes}
}
