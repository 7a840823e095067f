package httpapi

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"nativebridge/app"
	"nativebridge/domain"
)

// repeatAfter is how long a cause that was raised to an error is not raised again.
const repeatAfter = time.Minute

// firstSignIn watches sign-ins until the first one succeeds. Till then nothing
// proves that anybody can sign in, and a refusal that a wrong setting can cause is
// an error for the operator: the first of each cause, and one more each minute.
type firstSignIn struct {
	next Exchanger
	now  func() time.Time

	mu     sync.Mutex
	done   bool
	raised map[string]time.Time // by cause, of which there are as many as settings
}

// WatchFirstSignIn returns next with that watch around it. What it finds is in the
// errors, for a Server to log.
func WatchFirstSignIn(next Exchanger, now func() time.Time) Exchanger {
	return &firstSignIn{next: next, now: now}
}

// Execute implements Exchanger. The error wraps an unproven if it is to be raised.
func (f *firstSignIn) Execute(ctx context.Context, asked app.Exchange) (domain.Session, error) {
	session, err := f.next.Execute(ctx, asked)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		f.done = true
	case !f.done && f.raises(err):
		err = &unproven{err}
	}
	return session, err
}

func (f *firstSignIn) raises(err error) bool {
	settings, p := domain.SettingsOf(err), problemOf(err)
	if settings == "" && p.Status != http.StatusForbidden {
		return false
	}
	cause, now := p.Code+" "+settings, f.now()
	if last, found := f.raised[cause]; found && now.Sub(last) < repeatAfter {
		return false
	}
	if f.raised == nil {
		f.raised = map[string]time.Time{}
	}
	f.raised[cause] = now
	return true
}

// unproven is a refusal before anybody has signed in.
type unproven struct{ error }

func (u *unproven) Unwrap() error { return u.error }

func isUnproven(err error) bool {
	_, ok := errors.AsType[*unproven](err)
	return ok
}
