package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// WatchedSessions keeps sessions from outliving what they were opened with: the person's
// passkey. All fields but Passkeys must be set.
type WatchedSessions struct {
	Ended ports.EndedSessions
	// Passkeys is asked at each renewal; nil if only Ended is.
	Passkeys ports.Passkeys
	// Slack is how much later than the ceremony the issuer may say that a sign-in was: the
	// time for which its token is good, and what the clocks differ.
	Slack time.Duration
}

// WatchedIssuer is a ports.TokenIssuer whose sessions are watched from the beginning. All
// fields must be set; it is safe for concurrent use.
type WatchedIssuer struct {
	ports.TokenIssuer
	Revoker ports.SessionRevoker
	WatchedSessions
}

// Issue implements ports.TokenIssuer. A session whose ceremony was before the person's
// sessions were ended is revoked. If that could not be found out, the session is good for
// as long as its access token: a renewal takes its beginning for unknown.
func (i *WatchedIssuer) Issue(ctx context.Context, grant domain.Grant) (domain.Session, error) {
	session, err := i.TokenIssuer.Issue(ctx, grant)
	if err != nil {
		return session, err
	}
	lineage := domain.Lineage{Subject: grant.Identity.Subject, Began: grant.Identity.AuthenticatedAt, To: session.RefreshToken}
	asking, cancel := cleanUp(ctx) // a caller who leaves must not decide that it is not found out
	defer cancel()
	if ended, err := i.Ended.Ended(asking, lineage); err == nil && ended {
		return domain.Session{}, disown(ctx, i.Revoker, session.RefreshToken,
			fmt.Errorf("%w: the passkey ceremony was before the person's sessions were ended", domain.ErrAccessDenied))
	}
	return session, nil
}

// ask returns what to ask the issuer for: an ID token tells whose session it is, and must
// not be left out because the app has asked for less.
func (w *WatchedSessions) ask(asked domain.Access) domain.Access {
	if w == nil || len(asked.Scope) == 0 {
		return asked
	}
	if !slices.Contains(asked.Scope, domain.ScopeOpenID) {
		asked.Scope = slices.Concat([]string{domain.ScopeOpenID}, asked.Scope)
	}
	return asked
}

// check returns why a renewed session must not be delivered. Over says that it must not live
// either. If its person's sessions have ended, or they have no passkey any more, the error
// wraps domain.ErrGrantInvalid. If the store gives no answer, the session lives and is
// not delivered: that its end is kept is a promise. If the authority gives none, it is
// delivered, and the attempt says so. Shown is the refresh token that the app has sent, and
// alive the one that the session goes on with.
func (w *WatchedSessions) check(ctx context.Context, shown, alive domain.Secret, session domain.Session, attempt *domain.Attempt) (over bool, err error) {
	if w == nil {
		return false, nil
	}
	if session.Subject == "" {
		return true, errors.New("the issuer renewed a session without an ID token, so nobody can tell whether its person's sessions have ended: " +
			"have it return one for the scope openid, or set AUTHSIGNAL_WEBHOOKS and RECHECK_PASSKEY to off")
	}
	began := session.AuthenticatedAt
	if !began.IsZero() {
		began = began.Add(-w.Slack)
	}
	ended, err := w.Ended.Ended(ctx, domain.Lineage{Subject: session.Subject, Began: began, From: shown, To: alive})
	if err != nil {
		return false, fmt.Errorf("find out whether the session has ended: %w", err)
	}
	if ended {
		attempt.Note = domain.NoteEnded
		return true, fmt.Errorf("%w: the session began before its person's sessions were ended, or that is not known", domain.ErrGrantInvalid)
	}
	if w.hasNoPasskey(ctx, session.Subject, attempt) {
		return true, fmt.Errorf("%w: the person has no passkey any more", domain.ErrGrantInvalid)
	}
	return false, nil
}

// recheckTime bounds the question whether a person has a passkey. It is longer than an
// adapter takes, so that it is the authority that was too slow, and not the caller.
const recheckTime = 5 * time.Second

// hasNoPasskey asks the authority, if it is to be asked, and notes what the attempt should
// tell of its answer. It asks on if the caller leaves: whoever could end the question could
// have any session renewed. By the time of Slack from now every passkey counts, whatever
// the clocks differ.
func (w *WatchedSessions) hasNoPasskey(ctx context.Context, subject string, attempt *domain.Attempt) bool {
	if w.Passkeys == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recheckTime)
	defer cancel()
	has, err := w.Passkeys.Has(ctx, subject, attempt.At.Add(w.Slack))
	switch {
	case err != nil:
		attempt.Note = domain.NoteNotRechecked
	case !has:
		attempt.Note = domain.NoteNoPasskey
	}
	return err == nil && !has
}
