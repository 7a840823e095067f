package adapters

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"nativebridge/adapters/internal/panics"
	"nativebridge/domain"
	"nativebridge/ports"
)

// recovery turns the panic of an adapter into a fault of ours, so that the use case goes
// on as with any other: it keeps the claim and records the attempt.
type recovery struct {
	who string // the adapter, for the log
	log *slog.Logger
}

// into must be deferred. If the adapter panics, it logs the stack and sets err to an error
// without a reason. The value of the panic is shown only if the Go runtime made it.
func (r recovery) into(ctx context.Context, err *error) {
	thrown := recover()
	if thrown == nil {
		return
	}
	what := panics.Describe(thrown)
	r.log.ErrorContext(ctx, "panic: this is a fault of native-bridge, please report it", "in", r.who, "panic", what, "stack", string(debug.Stack()))
	*err = fmt.Errorf("the %s panicked with %s: this is a fault of native-bridge, please report it with the stack in the log", r.who, what)
}

// around returns warm with its panics recovered, or nil if warm is nil.
func (r recovery) around(warm func(context.Context) error) func(context.Context) error {
	if warm == nil {
		return nil
	}
	return func(ctx context.Context) (err error) {
		defer r.into(ctx, &err)
		return warm(ctx)
	}
}

type recoveringVerifier struct {
	next ports.IdentityVerifier
	recovery
}

func (v recoveringVerifier) Verify(ctx context.Context, token domain.PasskeyToken) (identity domain.Identity, err error) {
	defer v.into(ctx, &err)
	return v.next.Verify(ctx, token)
}

type recoveringIssuer struct {
	next Issuer
	recovery
}

func (i recoveringIssuer) Issue(ctx context.Context, grant domain.Grant) (session domain.Session, err error) {
	defer i.into(ctx, &err)
	return i.next.Issue(ctx, grant)
}

func (i recoveringIssuer) Renew(ctx context.Context, refresh domain.Secret, asked domain.Access, from domain.Client) (session domain.Session, err error) {
	panicked := true
	defer func() {
		if panicked { // perhaps after the refresh token was used up
			err = domain.WithProofInDoubt(err)
		}
	}()
	defer i.into(ctx, &err)
	session, err = i.next.Renew(ctx, refresh, asked, from)
	panicked = false
	return session, err
}

func (i recoveringIssuer) Revoke(ctx context.Context, refresh domain.Secret) (err error) {
	defer i.into(ctx, &err)
	return i.next.Revoke(ctx, refresh)
}

func (i recoveringIssuer) JWKS(ctx context.Context) (keys []byte, err error) {
	defer i.into(ctx, &err)
	return i.next.JWKS(ctx)
}

type recoveringAccessTokens struct {
	next ports.AccessTokenVerifier
	recovery
}

func (v recoveringAccessTokens) VerifyAccess(ctx context.Context, token domain.Secret) (access domain.AccessToken, err error) {
	defer v.into(ctx, &err)
	return v.next.VerifyAccess(ctx, token)
}

type recoveringEnroller struct {
	next ports.PasskeyEnroller
	recovery
}

func (e recoveringEnroller) Enrol(ctx context.Context, subject string, from domain.Client) (token domain.Secret, err error) {
	defer e.into(ctx, &err)
	return e.next.Enrol(ctx, subject, from)
}

func (e recoveringEnroller) Passkeys(ctx context.Context, subject string) (passkeys []domain.Passkey, err error) {
	defer e.into(ctx, &err)
	return e.next.Passkeys(ctx, subject)
}

func (e recoveringEnroller) RemovePasskey(ctx context.Context, subject, id string) (err error) {
	defer e.into(ctx, &err)
	return e.next.RemovePasskey(ctx, subject, id)
}

type recoveringGuard struct {
	next ports.ReplayGuard
	recovery
}

func (g recoveringGuard) Claim(ctx context.Context, claim domain.Claim) (err error) {
	defer g.into(ctx, &err)
	return g.next.Claim(ctx, claim)
}

func (g recoveringGuard) Release(ctx context.Context, claim domain.Claim) (err error) {
	defer g.into(ctx, &err)
	return g.next.Release(ctx, claim)
}

type recoveringRenewalMemory struct {
	next ports.RenewalMemory
	recovery
}

func (m recoveringRenewalMemory) Begin(ctx context.Context, turn domain.Turn) (standing domain.Standing, err error) {
	defer m.into(ctx, &err)
	return m.next.Begin(ctx, turn)
}

func (m recoveringRenewalMemory) Keep(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) (kept []byte, err error) {
	defer m.into(ctx, &err)
	return m.next.Keep(ctx, turn, answer, during)
}

func (m recoveringRenewalMemory) Refuse(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) (err error) {
	defer m.into(ctx, &err)
	return m.next.Refuse(ctx, turn, answer, during)
}

func (m recoveringRenewalMemory) Forget(ctx context.Context, name domain.RenewalName) (err error) {
	defer m.into(ctx, &err)
	return m.next.Forget(ctx, name)
}

type recoveringEnded struct {
	next ports.EndedSessions
	recovery
}

func (e recoveringEnded) Mark(ctx context.Context, subject string, before time.Time) (err error) {
	defer e.into(ctx, &err)
	return e.next.Mark(ctx, subject, before)
}

func (e recoveringEnded) Ended(ctx context.Context, session domain.Lineage) (ended bool, err error) {
	defer e.into(ctx, &err)
	return e.next.Ended(ctx, session)
}

type recoveringPasskeys struct {
	next ports.Passkeys
	recovery
}

func (p recoveringPasskeys) Has(ctx context.Context, subject string, by time.Time) (has bool, err error) {
	defer p.into(ctx, &err)
	return p.next.Has(ctx, subject, by)
}

type recoveringEnder struct {
	next ports.SessionEnder
	recovery
}

func (e recoveringEnder) End(ctx context.Context, subject string, before time.Time) (err error) {
	defer e.into(ctx, &err)
	return e.next.End(ctx, subject, before)
}

type recoveringAdmission struct {
	next ports.Admission
	recovery
}

func (a recoveringAdmission) Admit(ctx context.Context, identity domain.Identity) (err error) {
	defer a.into(ctx, &err)
	return a.next.Admit(ctx, identity)
}

type recoveringAuditLog struct {
	next     ports.AuditLog
	required bool
	recovery
}

// Record returns no error unless attempts must be on record: only the log tells then that
// the attempt is lost.
func (l recoveringAuditLog) Record(ctx context.Context, attempt domain.Attempt) (err error) {
	defer func() {
		if !l.required {
			err = nil
		}
	}()
	defer l.into(ctx, &err)
	return l.next.Record(ctx, attempt)
}

type recoveringProbe struct {
	next ports.Probe
	recovery
}

func (p recoveringProbe) Checks() []domain.Check { return p.next.Checks() }

// Run reports what a panic keeps from being made as not made.
func (p recoveringProbe) Run(ctx context.Context, report func(domain.Finding)) {
	made := 0
	var err error
	defer func() {
		if err == nil {
			return
		}
		for _, check := range p.next.Checks()[made:] {
			report(check.CannotTell("the check panicked: this is a fault of native-bridge", "report it with the stack in the log"))
		}
	}()
	defer p.into(ctx, &err)
	p.next.Run(ctx, func(finding domain.Finding) {
		made++
		report(finding)
	})
}
