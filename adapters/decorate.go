package adapters

import (
	"log/slog"

	"nativebridge/adapters/httpapi"
	"nativebridge/ports"
)

// This file is the one list of what wraps what. Each function takes what was opened and
// returns it with its ports wrapped, the innermost wrapper first. Its other abilities are
// fields beside the port, so that no wrapper can lose them.

// DecorateVerifier wraps a verifier. Name is for the log.
func DecorateVerifier(name string, opened OpenedVerifier, log *slog.Logger) OpenedVerifier {
	recovery := recovery{"verifier " + name, log}
	opened.IdentityVerifier = recoveringVerifier{opened.IdentityVerifier, recovery}
	opened.Warm = recovery.around(opened.Warm)
	opened.Probe = DecorateProbe(opened.Probe, log)
	return opened
}

// DecorateIssuer wraps an issuer. Name is for the log.
func DecorateIssuer(name string, opened OpenedIssuer, log *slog.Logger) OpenedIssuer {
	recovery := recovery{"issuer " + name, log}
	opened.Issuer = recoveringIssuer{opened.Issuer, recovery}
	opened.Warm = recovery.around(opened.Warm)
	opened.Probe = DecorateProbe(opened.Probe, log)
	opened.Trial.Probe = DecorateProbe(opened.Trial.Probe, log)
	return opened
}

// DecorateGuard wraps the guard.
func DecorateGuard(guard ports.ReplayGuard, log *slog.Logger) ports.ReplayGuard {
	return recoveringGuard{guard, recovery{"replay guard", log}}
}

// DecorateAuditLog wraps the audit log.
func DecorateAuditLog(opened OpenedAuditLog, log *slog.Logger) OpenedAuditLog {
	opened.AuditLog = recoveringAuditLog{opened.AuditLog, recovery{"audit log", log}}
	return opened
}

// DecorateProbe wraps a probe. It returns nil if there is none.
func DecorateProbe(probe ports.Probe, log *slog.Logger) ports.Probe {
	if probe == nil {
		return nil
	}
	return recoveringProbe{probe, recovery{"probe", log}}
}

// DecorateUseCases wraps what the routes drive. Keys are not bounded: apps need them to
// tell whose answers these are.
func DecorateUseCases(c Config, use httpapi.UseCases, now Clock) httpapi.UseCases {
	bound := newInFlight(c.HTTP.MaxInFlight, c.HTTP.RequestTimeout)
	use.Exchange = boundedExchange{use.Exchange, bound}
	use.Exchange = httpapi.WatchFirstSignIn(use.Exchange, now)
	use.Renew = boundedRenew{use.Renew, bound}
	use.Revoke = boundedRevoke{use.Revoke, bound}
	return use
}
