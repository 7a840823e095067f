package adapters

import (
	"log/slog"
	"net/http"

	"nativebridge/adapters/budget"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/metrics"
	"nativebridge/adapters/tracing"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// This file is the one list of what wraps what. Each function takes what was opened and
// returns it with its ports wrapped, the innermost wrapper first. Its other abilities are
// fields beside the port, so that no wrapper can lose them.

// Instruments are what the wrappers write to.
type Instruments struct {
	Log     *slog.Logger
	Metrics *metrics.Metrics // nil if nobody is to read them, and then takes what it is given and does nothing
	Traces  *tracing.Tracing // nil if there are none, and then wraps nothing

	Observers []Observer // of each step of a use case, the outermost first
}

// NewInstruments returns the instruments of a process that serves.
func NewInstruments(c Config, run Runtime, traces *tracing.Tracing) Instruments {
	in := Instruments{Log: run.Log, Traces: traces}
	if traces != nil {
		in.Observers = append(in.Observers, traces)
	}
	if c.Metrics.Addr != "" {
		in.Metrics = newMetrics(c, run)
		in.Observers = append(in.Observers, in.Metrics)
	}
	return in
}

// DecorateAPI wraps all routes that apps call.
func DecorateAPI(api *httpapi.Server, in Instruments) *httpapi.Server {
	return api.Wrapped(in.Traces.Handler, in.Metrics.Routes)
}

// DecorateTransport wraps the transport that requests to a party go through. Name is the
// party's.
func DecorateTransport(name string, next http.RoundTripper, in Instruments) http.RoundTripper {
	return in.Traces.Transport(name, next)
}

// DecorateDispatcher wraps what hands a token to one of several verifiers. Those are
// wrapped themselves, so it is no step of its own.
func DecorateDispatcher(verifier ports.IdentityVerifier, in Instruments) ports.IdentityVerifier {
	return recoveringVerifier{verifier, recovery{"dispatcher of tokens", in.Log}}
}

// DecorateVerifier wraps a verifier. Name is for the log and the observers.
func DecorateVerifier(name string, opened OpenedVerifier, in Instruments) OpenedVerifier {
	recovery := recovery{"verifier " + name, in.Log}
	opened.IdentityVerifier = recoveringVerifier{opened.IdentityVerifier, recovery}
	opened.IdentityVerifier = breakingVerifier{opened.IdentityVerifier, opened.Breaker}
	opened.IdentityVerifier = observedVerifier{opened.IdentityVerifier, observed{in.Observers, name}}
	opened.Warm = recovery.around(opened.Warm)
	opened.Probe = DecorateProbe(opened.Probe, in.Log)
	opened.Enroller = DecorateEnroller(name, opened.Enroller, in)
	if opened.Passkeys != nil {
		opened.Passkeys = recoveringPasskeys{opened.Passkeys, recovery}
		opened.Passkeys = observedPasskeys{opened.Passkeys, observed{in.Observers, name}}
	}
	meterBreaker(opened.Breaker, in.Metrics)
	return opened
}

// DecorateEnroller wraps what manages passkeys. It returns nil if there is none.
func DecorateEnroller(name string, enroller ports.PasskeyEnroller, in Instruments) ports.PasskeyEnroller {
	if enroller == nil {
		return nil
	}
	enroller = recoveringEnroller{enroller, recovery{"enroller " + name, in.Log}}
	return observedEnroller{enroller, observed{in.Observers, name}}
}

// DecorateAccessTokens wraps what verifies access tokens.
func DecorateAccessTokens(verifier ports.AccessTokenVerifier, in Instruments) ports.AccessTokenVerifier {
	verifier = recoveringAccessTokens{verifier, recovery{"verifier of access tokens", in.Log}}
	return observedAccessTokens{verifier, observed{in.Observers, "access tokens"}}
}

// DecorateIssuer wraps an issuer. Name is for the log and the observers.
func DecorateIssuer(name string, opened OpenedIssuer, in Instruments) OpenedIssuer {
	recovery := recovery{"issuer " + name, in.Log}
	opened.Issuer = recoveringIssuer{opened.Issuer, recovery}
	opened.Issuer = breakingIssuer{opened.Issuer, opened.Breakers}
	opened.Issuer = budgetedIssuer{opened.Issuer, opened.Budget}
	opened.Issuer = observedIssuer{opened.Issuer, observed{in.Observers, name}}
	opened.Warm = recovery.around(opened.Warm)
	opened.Probe = DecorateProbe(opened.Probe, in.Log)
	opened.Trial.Probe = DecorateProbe(opened.Trial.Probe, in.Log)
	if opened.Ender != nil {
		opened.Ender = recoveringEnder{opened.Ender, recovery}
		opened.Ender = observedEnder{opened.Ender, observed{in.Observers, name}}
	}
	meterBreaker(opened.Breakers.Issue, in.Metrics)
	meterBreaker(opened.Breakers.Renew, in.Metrics)
	meterBudget(opened.Budget, in.Metrics)
	return opened
}

// DecorateGuard wraps the guard.
func DecorateGuard(guard ports.ReplayGuard, in Instruments) ports.ReplayGuard {
	guard = recoveringGuard{guard, recovery{"replay guard", in.Log}}
	return observedGuard{guard, observed{in.Observers, "replay guard"}}
}

// DecorateRenewalMemory wraps the memory of renewals.
func DecorateRenewalMemory(memory ports.RenewalMemory, in Instruments) ports.RenewalMemory {
	memory = recoveringRenewalMemory{memory, recovery{"memory of renewals", in.Log}}
	return observedRenewalMemory{memory, observed{in.Observers, "memory of renewals"}}
}

// DecorateEnded wraps what remembers whose sessions have ended.
func DecorateEnded(sessions ports.EndedSessions, in Instruments) ports.EndedSessions {
	sessions = recoveringEnded{sessions, recovery{"memory of ended sessions", in.Log}}
	return observedEnded{sessions, observed{in.Observers, "ended sessions"}}
}

// DecorateAdmission wraps what admits sign-ins.
func DecorateAdmission(admission ports.Admission, in Instruments) ports.Admission {
	admission = recoveringAdmission{admission, recovery{"admission", in.Log}}
	return observedAdmission{admission, observed{in.Observers, "admission"}}
}

// DecorateAuditLog wraps the audit log.
func DecorateAuditLog(opened OpenedAuditLog, in Instruments) OpenedAuditLog {
	opened.AuditLog = recoveringAuditLog{opened.AuditLog, opened.Required, recovery{"audit log", in.Log}}
	opened.AuditLog = countedAuditLog{opened.AuditLog, in.Metrics}
	opened.AuditLog = observedAuditLog{opened.AuditLog, observed{in.Observers, "audit log"}}
	return opened
}

// DecorateProbe wraps a probe. It returns nil if there is none.
func DecorateProbe(probe ports.Probe, log *slog.Logger) ports.Probe {
	if probe == nil {
		return nil
	}
	return recoveringProbe{probe, recovery{"probe", log}}
}

// DecorateRenewer wraps what renews sessions, within the issuer's other wrappers.
func DecorateRenewer(renewer ports.SessionRenewer, audit OpenedAuditLog) ports.SessionRenewer {
	return recordableRenewals{renewer, recordable{audit}}
}

// DecorateUseCases wraps what the routes drive. Budget is the issuer's. Keys are not
// bounded: apps need them to tell whose answers these are.
func DecorateUseCases(c Config, use httpapi.UseCases, budget *budget.Budget, now Clock, in Instruments) httpapi.UseCases {
	bound := newInFlight(c.HTTP)
	meterInFlight(bound, in.Metrics)
	use.Exchange = budgetedExchange{use.Exchange, budget}
	use.Exchange = bounded[app.Exchange, domain.Session]{use.Exchange, bound}
	use.Exchange = httpapi.WatchFirstSignIn(use.Exchange, now)
	use.Renew = bounded[app.Renewal, domain.Session]{use.Renew, bound}
	use.Revoke = boundedAct[app.Revocation]{use.Revoke, bound}
	if use.Passkeys != nil {
		passkeys := *use.Passkeys
		passkeys.Enrol = bounded[app.Enrolment, domain.Secret]{passkeys.Enrol, bound}
		passkeys.List = bounded[app.Listing, []domain.Passkey]{passkeys.List, bound}
		passkeys.Remove = boundedAct[app.Removal]{passkeys.Remove, bound}
		use.Passkeys = &passkeys
	}
	if use.End != nil {
		use.End = boundedEnder{use.End, make(chan struct{}, mostHooks)}
	}
	return use
}
