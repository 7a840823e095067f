package adapters

import (
	"context"
	"slices"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// Observer is told of the steps that use cases go through: each is one call of a port's
// method. It must be safe for concurrent use, and must not wait.
type Observer interface {
	// Begin is called before a step, which is "verify", "admit", "claim", "release",
	// "issue", "turn", "renew", "keep", "forget", "revoke", "record", "verify_access", "enrol",
	// "list", "remove", "mark", "ended", "passkeys" or "end". Adapter names who takes it, such as
	// "authsignal"; it is a name of ours and bounds a label. The step is given the context
	// that Begin returns, and end is called with the step's error, also after a panic.
	Begin(ctx context.Context, step, adapter string) (inside context.Context, end func(error))
}

// observed tells all observers of the steps that one adapter takes.
type observed struct {
	by      []Observer
	adapter string
}

// begin tells them of a step. The last observer is the innermost: its context is that of
// the step, and it is the first that is told of the end.
func (o observed) begin(ctx context.Context, step string) (context.Context, func(error)) {
	if len(o.by) == 1 {
		return o.by[0].Begin(ctx, step, o.adapter)
	}
	ends := make([]func(error), len(o.by))
	for i, observer := range o.by {
		ctx, ends[i] = observer.Begin(ctx, step, o.adapter)
	}
	return ctx, func(err error) {
		for _, end := range slices.Backward(ends) {
			end(err)
		}
	}
}

type observedVerifier struct {
	next ports.IdentityVerifier
	observed
}

func (v observedVerifier) Verify(ctx context.Context, token domain.PasskeyToken) (identity domain.Identity, err error) {
	ctx, end := v.begin(ctx, "verify")
	defer func() { end(err) }()
	return v.next.Verify(ctx, token)
}

// observedIssuer does not watch JWKS, which is no step of a use case.
type observedIssuer struct {
	Issuer
	observed
}

func (i observedIssuer) Issue(ctx context.Context, grant domain.Grant) (session domain.Session, err error) {
	ctx, end := i.begin(ctx, "issue")
	defer func() { end(err) }()
	return i.Issuer.Issue(ctx, grant)
}

func (i observedIssuer) Renew(ctx context.Context, refresh domain.Secret, asked domain.Access, from domain.Client) (session domain.Session, err error) {
	ctx, end := i.begin(ctx, "renew")
	defer func() { end(err) }()
	return i.Issuer.Renew(ctx, refresh, asked, from)
}

func (i observedIssuer) Revoke(ctx context.Context, refresh domain.Secret) (err error) {
	ctx, end := i.begin(ctx, "revoke")
	defer func() { end(err) }()
	return i.Issuer.Revoke(ctx, refresh)
}

type observedAccessTokens struct {
	next ports.AccessTokenVerifier
	observed
}

func (v observedAccessTokens) VerifyAccess(ctx context.Context, token domain.Secret) (access domain.AccessToken, err error) {
	ctx, end := v.begin(ctx, "verify_access")
	defer func() { end(err) }()
	return v.next.VerifyAccess(ctx, token)
}

type observedEnroller struct {
	next ports.PasskeyEnroller
	observed
}

func (e observedEnroller) Enrol(ctx context.Context, subject string, from domain.Client) (token domain.Secret, err error) {
	ctx, end := e.begin(ctx, "enrol")
	defer func() { end(err) }()
	return e.next.Enrol(ctx, subject, from)
}

func (e observedEnroller) Passkeys(ctx context.Context, subject string) (passkeys []domain.Passkey, err error) {
	ctx, end := e.begin(ctx, "list")
	defer func() { end(err) }()
	return e.next.Passkeys(ctx, subject)
}

func (e observedEnroller) RemovePasskey(ctx context.Context, subject, id string) (err error) {
	ctx, end := e.begin(ctx, "remove")
	defer func() { end(err) }()
	return e.next.RemovePasskey(ctx, subject, id)
}

type observedAdmission struct {
	next ports.Admission
	observed
}

func (a observedAdmission) Admit(ctx context.Context, identity domain.Identity) (err error) {
	ctx, end := a.begin(ctx, "admit")
	defer func() { end(err) }()
	return a.next.Admit(ctx, identity)
}

type observedGuard struct {
	next ports.ReplayGuard
	observed
}

func (g observedGuard) Claim(ctx context.Context, claim domain.Claim) (err error) {
	ctx, end := g.begin(ctx, "claim")
	defer func() { end(err) }()
	return g.next.Claim(ctx, claim)
}

func (g observedGuard) Release(ctx context.Context, claim domain.Claim) (err error) {
	ctx, end := g.begin(ctx, "release")
	defer func() { end(err) }()
	return g.next.Release(ctx, claim)
}

type observedRenewalMemory struct {
	next ports.RenewalMemory
	observed
}

func (m observedRenewalMemory) Begin(ctx context.Context, turn domain.Turn) (standing domain.Standing, err error) {
	ctx, end := m.begin(ctx, "turn")
	defer func() { end(err) }()
	return m.next.Begin(ctx, turn)
}

func (m observedRenewalMemory) Keep(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) (kept []byte, err error) {
	ctx, end := m.begin(ctx, "keep")
	defer func() { end(err) }()
	return m.next.Keep(ctx, turn, answer, during)
}

func (m observedRenewalMemory) Refuse(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) (err error) {
	ctx, end := m.begin(ctx, "keep")
	defer func() { end(err) }()
	return m.next.Refuse(ctx, turn, answer, during)
}

func (m observedRenewalMemory) Forget(ctx context.Context, name domain.RenewalName) (err error) {
	ctx, end := m.begin(ctx, "forget")
	defer func() { end(err) }()
	return m.next.Forget(ctx, name)
}

type observedAuditLog struct {
	next ports.AuditLog
	observed
}

func (l observedAuditLog) Record(ctx context.Context, attempt domain.Attempt) (err error) {
	ctx, end := l.begin(ctx, "record")
	defer func() { end(err) }()
	return l.next.Record(ctx, attempt)
}

type observedEnded struct {
	next ports.EndedSessions
	observed
}

func (e observedEnded) Mark(ctx context.Context, subject string, before time.Time) (err error) {
	ctx, end := e.begin(ctx, "mark")
	defer func() { end(err) }()
	return e.next.Mark(ctx, subject, before)
}

func (e observedEnded) Ended(ctx context.Context, session domain.Lineage) (ended bool, err error) {
	ctx, end := e.begin(ctx, "ended")
	defer func() { end(err) }()
	return e.next.Ended(ctx, session)
}

type observedPasskeys struct {
	next ports.Passkeys
	observed
}

func (p observedPasskeys) Has(ctx context.Context, subject string, by time.Time) (has bool, err error) {
	ctx, end := p.begin(ctx, "passkeys")
	defer func() { end(err) }()
	return p.next.Has(ctx, subject, by)
}

type observedEnder struct {
	next ports.SessionEnder
	observed
}

func (e observedEnder) End(ctx context.Context, subject string, before time.Time) (err error) {
	ctx, end := e.begin(ctx, "end")
	defer func() { end(err) }()
	return e.next.End(ctx, subject, before)
}
