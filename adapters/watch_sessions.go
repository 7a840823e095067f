package adapters

import (
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/memory"
	"nativebridge/adapters/redis"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// This file puts together what ends sessions with the passkey that they were opened with
// (docs/signing-out.md). Only Authsignal tells of deleted passkeys.

// NewWatchedSessions returns what watches sessions. It is nil, and watches none, unless
// AUTHSIGNAL_WEBHOOKS or RECHECK_PASSKEY ask for it.
func NewWatchedSessions(c Config, verifiers OpenedVerifiers, store OpenedStore, policies domain.SignInPolicies, run Runtime, in Instruments) *app.WatchedSessions {
	if !c.Authsignal.WatchesSessions() {
		return nil
	}
	watched := &app.WatchedSessions{Ended: newEndedSessions(c, store, run, in)}
	for _, policy := range policies {
		watched.Slack = max(watched.Slack, policy.MaxAge+policy.Skew)
	}
	if c.Authsignal.Recheck == authsignal.RecheckRenewal {
		watched.Passkeys = newPasskeyMemory(verifiers["authsignal"].Passkeys, run.Now)
	}
	return watched
}

func newEndedSessions(c Config, store OpenedStore, run Runtime, in Instruments) ports.EndedSessions {
	if store.Redis != nil {
		return DecorateEnded(redis.NewEndedSessions(store.Redis, c.Authsignal.RevokeKeep), in)
	}
	sessions := memory.NewEndedSessions(run.Now, c.Authsignal.RevokeKeep, memory.EndedCapacity)
	meterEndedMemory(sessions, in.Metrics)
	return DecorateEnded(sessions, in)
}

// watchSessions has sessions watched from their beginning on, if they are to be.
func watchSessions(exchange *app.ExchangePasskeyForSession, renew *app.RenewSession, watched *app.WatchedSessions) {
	if watched == nil {
		return
	}
	exchange.Issuer = &app.WatchedIssuer{TokenIssuer: exchange.Issuer, Revoker: exchange.Revoker, WatchedSessions: *watched}
	renew.Watched = watched
}

// OpenEndings returns the use case that ends sessions, and a function that stops what it
// does behind its answers. It is nil with AUTHSIGNAL_WEBHOOKS=off.
func OpenEndings(c Config, verifiers OpenedVerifiers, issuer OpenedIssuer, watched *app.WatchedSessions, audit OpenedAuditLog, deadline Deadline, run Runtime, in Instruments) (*app.EndSessions, func()) {
	if !c.Authsignal.Webhooks {
		return nil, func() {}
	}
	use := &app.EndSessions{
		Passkeys: verifiers["authsignal"].Passkeys, Ended: watched.Ended, Audit: audit,
		AnyPasskey: c.Authsignal.RevokeOn == authsignal.RevokeOnAny, Skew: c.ClockSkew,
		Deadline: time.Duration(deadline), Now: run.Now,
	}
	if issuer.Ender == nil {
		return use, func() {}
	}
	endings := newEndings(issuer.Ender, run.Log)
	meterEndings(endings, in.Metrics)
	use.Ender = endings
	return use, endings.close
}

// addHook adds to the use cases what the hook drives, if there is one.
func addHook(use httpapi.UseCases, verifiers OpenedVerifiers, end *app.EndSessions) httpapi.UseCases {
	if end != nil {
		use.Departures, use.End = verifiers["authsignal"].Departures, end
	}
	return use
}
