package app

import (
	"context"
	"fmt"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

const (
	// turnLease is how long a turn is held by an attempt that may have died. Attempts that
	// live take it again four times in that time.
	turnLease = 2 * time.Second
	// shareTime is how long an answer is kept that is no secret's last: a refusal, or tokens
	// for which no refresh token was used up. It is for those who wait already.
	shareTime = 2 * time.Second
	// Those who wait look again after firstPause, and then after twice as long each time.
	firstPause, longestPause = 5 * time.Millisecond, 200 * time.Millisecond
)

// RenewOnce has the issuer asked once for each refresh token that it rotates, however often
// and at how many replicas an app sends that token within Grace. Without it, an app whose
// answer was lost would send a token that is used up, and the issuer would end the session.
// All fields must be set, except that a Grace of zero turns it off.
type RenewOnce struct {
	Memory ports.RenewalMemory
	// Grace is how long after a renewal the old refresh token gets the same answer again.
	Grace time.Duration
	// Leeway is how long after its first use the issuer takes a refresh token once more,
	// domain.NoRotation, or zero if that is not known.
	Leeway time.Duration
	// Patience is how long the issuer may take to act on what it is asked.
	Patience time.Duration
	// Mark returns what must be alike in those who get one answer.
	Mark func(domain.Client) string
	// Remedy tells the operator what makes it known that the issuer can be asked again.
	Remedy   string
	Now      func() time.Time
	NewOwner func() domain.Owner
}

// obtain returns the answer that is kept of an earlier renewal with this very token, or the
// issuer's. What becomes known on the way is noted on attempt.
func (o *RenewOnce) obtain(ctx context.Context, issuer ports.SessionRenewer, asked Renewal, attempt *domain.Attempt) (domain.Session, error) {
	if o.Grace == 0 {
		return issuer.Renew(ctx, asked.Refresh, asked.Access, asked.Client)
	}
	turn := domain.Turn{
		Name: nameOf(asked.Refresh), Owner: o.NewOwner(),
		Lease: turnLease, Leeway: o.Leeway, Patience: o.Patience, Keep: o.Grace,
	}
	standing, err := o.await(ctx, turn, attempt)
	switch {
	case err != nil:
		return domain.Session{}, err
	case standing.Is == domain.TurnAnswered:
		return o.repeat(ctx, issuer, asked, standing.Answer, attempt)
	case standing.Is == domain.TurnInDoubt:
		return domain.Session{}, o.doubt(standing.Left)
	}
	return o.ask(ctx, issuer, asked, turn, standing, attempt)
}

// forget drops the answer that is kept for a refresh token. The error is the memory's.
func (o *RenewOnce) forget(ctx context.Context, refresh domain.Secret) error {
	if o.Grace == 0 {
		return nil
	}
	return o.Memory.Forget(ctx, nameOf(refresh))
}

// await returns how the renewal stands once it is nobody else's turn. A turn is taken for
// the caller also while they leave: one that nobody is there for would leave doubt.
func (o *RenewOnce) await(ctx context.Context, turn domain.Turn, attempt *domain.Attempt) (domain.Standing, error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		standing, err := o.begin(ctx, turn)
		if err != nil {
			return standing, fmt.Errorf("look for an earlier renewal with this token: %w", err)
		}
		if standing.Is != domain.TurnTaken {
			return standing, nil
		}
		attempt.Waited = true
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return standing, fmt.Errorf("%w: another renewal with this token is not answered yet: %w", domain.ErrUnavailable, ctx.Err())
		}
	}
}

func (o *RenewOnce) begin(ctx context.Context, turn domain.Turn) (domain.Standing, error) {
	if err := ctx.Err(); err != nil {
		return domain.Standing{}, err
	}
	until, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	return o.Memory.Begin(ctx, turn)
}

// doubt is the answer to whoever sends a token that may be used up. They keep it.
func (o *RenewOnce) doubt(left time.Duration) error {
	return domain.WithRetryAfter(domain.WithProofInDoubt(fmt.Errorf("%w: the issuer may have renewed with this token before, and its answer was lost. "+
		"To ask again could end the session: %s", domain.ErrUnavailable, o.Remedy)), left)
}

// repeat gives an answer again. Whoever calls from elsewhere than it is kept for does to the
// issuer what they would do without the bridge: it may take them for a thief. An app that
// asks for something else than before, or so late that the access token is nearly over, gets
// what it needs with the refresh token of the answer.
func (o *RenewOnce) repeat(ctx context.Context, issuer ports.SessionRenewer, asked Renewal, sealed []byte, attempt *domain.Attempt) (domain.Session, error) {
	answer, ok := unseal(asked.Refresh, o.Mark(asked.Client), sealed)
	if ok && answer.answers(asked.Access) && answer.lasts(o.Now()) {
		attempt.Repeated = true
		return answer.session(o.Now()), answer.err()
	}
	next := domain.NewSecret(answer.Refresh)
	if !ok || next.IsZero() || next.Equal(asked.Refresh) { // for somebody else, or of a token that is not used up
		return issuer.Renew(ctx, asked.Refresh, asked.Access, asked.Client)
	}
	session, err := o.obtain(ctx, issuer, Renewal{Refresh: next, Access: asked.Access, Client: asked.Client}, attempt)
	if err == nil && session.RefreshToken.IsZero() {
		session.RefreshToken = next // the app has an older one
	}
	if reason, _ := domain.ReasonOf(err); answer.answers(asked.Access) && (reason == domain.ErrUnavailable || reason == domain.ErrBusy) {
		attempt.Repeated = true
		return answer.session(o.Now()), nil // what is left of it is better than nothing
	}
	return session, err
}

// ask asks the issuer, and keeps its answer. It goes on if the caller leaves: the answer
// may be on its way, and it is what they need when they come back.
func (o *RenewOnce) ask(ctx context.Context, issuer ports.SessionRenewer, asked Renewal, turn domain.Turn, standing domain.Standing, attempt *domain.Attempt) (domain.Session, error) {
	session, err := o.askInTurn(ctx, issuer, asked, turn, standing)
	ctx, cancel := cleanUp(ctx)
	defer cancel()
	mark := o.Mark(asked.Client)
	if err != nil {
		if leavesNoDoubt(err, standing.Is) {
			_ = o.Memory.Refuse(ctx, turn, seal(asked.Refresh, mark, refusalOf(err)), shareTime) // or the turn ends in doubt
		}
		return domain.Session{}, err
	}
	during := o.Grace
	if session.RefreshToken.IsZero() || session.RefreshToken.Equal(asked.Refresh) {
		during = min(during, shareTime) // an app that renews once more wants fresh tokens
	}
	sealed := seal(asked.Refresh, mark, answerOf(session, asked.Access, o.Now()))
	kept, err := o.Memory.Keep(ctx, turn, sealed, during)
	if err != nil { // the app is here, and its answer is not to be lost
		return session, nil
	}
	if first, ok := unseal(asked.Refresh, mark, kept); ok && string(kept) != string(sealed) && first.answers(asked.Access) {
		attempt.Repeated = true
		return first.session(o.Now()), nil
	}
	return session, nil
}

// askInTurn asks the issuer, and holds the turn until it answers.
func (o *RenewOnce) askInTurn(ctx context.Context, issuer ports.SessionRenewer, asked Renewal, turn domain.Turn, standing domain.Standing) (domain.Session, error) {
	until, _ := ctx.Deadline()
	if again := time.Now().Add(standing.Left); standing.Is == domain.TurnAgain && again.Before(until) {
		until = again
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	holding, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		o.hold(holding, turn)
	}()
	defer func() { stop(); <-stopped }()
	return issuer.Renew(ctx, asked.Refresh, asked.Access, asked.Client)
}

// hold takes the turn again and again until ctx ends.
func (o *RenewOnce) hold(ctx context.Context, turn domain.Turn) {
	ticker := time.NewTicker(turn.Lease / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_, _ = o.Memory.Begin(ctx, turn) // if it fails, others find doubt
		}
	}
}

// leavesNoDoubt reports whether an error of the issuer's tells that the refresh token is not
// used up, or that it is good for nothing. In a turn that began in doubt only the issuer's
// own verdict does.
func leavesNoDoubt(err error, standing domain.TurnIs) bool {
	if domain.ProofInDoubt(err) {
		return false
	}
	reason, known := domain.ReasonOf(err)
	return standing != domain.TurnAgain || known && reason != domain.ErrBusy && reason != domain.ErrUnavailable
}
