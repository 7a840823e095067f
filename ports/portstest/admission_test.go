package portstest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// turnstile is a good Admission: it lets so many sign-ins of one person on in a minute,
// and asks a party whether it may.
type turnstile struct {
	mu       sync.Mutex
	now      time.Duration
	admitted map[string]int
	since    time.Duration
	party    string // how the party is: "", hangs or stopped
}

const most = 3

func (a *turnstile) Admit(_ context.Context, identity domain.Identity) error {
	return a.admit(identity.Authority + " " + identity.Subject)
}

func (a *turnstile) admit(person string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.party != "" {
		return nil // it cannot tell
	}
	if a.now-a.since >= time.Minute {
		a.admitted, a.since = map[string]int{}, a.now
	}
	if a.admitted[person] >= most {
		return domain.WithRetryAfter(fmt.Errorf("%w: a limit", domain.ErrBusy), a.since+time.Minute-a.now)
	}
	a.admitted[person]++
	return nil
}

func (a *turnstile) meet(party string) func(*testing.T) {
	return func(*testing.T) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.party = party
	}
}

func (a *turnstile) met() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.party
}

// admissionFunc is an Admission made of its one method.
type admissionFunc func(context.Context, domain.Identity) error

func (f admissionFunc) Admit(ctx context.Context, identity domain.Identity) error {
	return f(ctx, identity)
}

func startAdmission() (portstest.AdmissionHarness, map[string]flaw[portstest.AdmissionHarness]) {
	a := &turnstile{admitted: map[string]int{}}
	return portstest.AdmissionHarness{
		Admission: a, Most: most, PerPerson: true,
		Advance: func(d time.Duration) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.now += d
		},
		Hang: a.meet("hangs"), Stop: a.meet("stopped"),
	}, admissionFlaws(a)
}

func admissionFlaws(a *turnstile) map[string]flaw[portstest.AdmissionHarness] {
	by := func(caughtBy string, broken admissionFunc) flaw[portstest.AdmissionHarness] {
		return flaw[portstest.AdmissionHarness]{caughtBy, func(h *portstest.AdmissionHarness) { h.Admission = broken }}
	}
	// says has the Admission answer otherwise when it would refuse.
	says := func(instead func(identity domain.Identity) error) admissionFunc {
		return func(ctx context.Context, identity domain.Identity) error {
			if err := a.Admit(ctx, identity); err != nil {
				return instead(identity)
			}
			return nil
		}
	}
	// meets has it do otherwise when its party is so.
	meets := func(party string, instead func(ctx context.Context) error) admissionFunc {
		return func(ctx context.Context, identity domain.Identity) error {
			if a.met() == party {
				return instead(ctx)
			}
			return a.Admit(ctx, identity)
		}
	}
	busyFor := func(wait time.Duration) func(domain.Identity) error {
		return func(domain.Identity) error { return domain.WithRetryAfter(domain.ErrBusy, wait) }
	}
	waits := func(ctx context.Context) error {
		<-ctx.Done()
		return domain.WithRetryAfter(fmt.Errorf("%w: no answer", domain.ErrUnavailable), time.Second)
	}
	const told = "one beyond the limit is told to come back"
	return map[string]flaw[portstest.AdmissionHarness]{
		"refuses everybody":         by("sign-ins within the limit go on", func(context.Context, domain.Identity) error { return busyFor(time.Second)(domain.Identity{}) }),
		"admits everybody":          by(told, func(context.Context, domain.Identity) error { return nil }),
		"blames the token":          by(told, says(func(domain.Identity) error { return domain.WithRetryAfter(domain.ErrTokenRejected, time.Second) })),
		"takes a limit for a fault": by(told, says(func(domain.Identity) error { return errors.New("a limit") })),
		"tells no time":             by(told, says(func(domain.Identity) error { return domain.ErrBusy })),
		"tells too short a time":    by("whoever comes back when told goes on", says(busyFor(time.Second))),
		"tells the name": by("a refusal tells nobody's name", says(func(id domain.Identity) error {
			return domain.WithRetryAfter(fmt.Errorf("%w: %s", domain.ErrBusy, id.Subject), time.Minute)
		})),
		"counts all together":           by("one person's sign-ins do not keep another out", func(context.Context, domain.Identity) error { return a.admit("") }),
		"takes ids of all for the same": by("one person's sign-ins do not keep another out", func(_ context.Context, id domain.Identity) error { return a.admit(id.Subject) }),
		"counts every other":            by("of many at once no more go on than the limit", everyOther(a)),
		"tells a caller who left that he is denied": by("a caller who left is not told a reason of another's", func(ctx context.Context, id domain.Identity) error {
			if ctx.Err() != nil {
				return domain.ErrAccessDenied
			}
			return a.Admit(ctx, id)
		}),
		"refuses when it cannot ask":      by("whoever cannot tell admits", meets("stopped", func(context.Context) error { return domain.WithRetryAfter(domain.ErrUnavailable, time.Second) })),
		"refuses when it is told nothing": by("whoever gets no answer admits, in the time that he has", meets("hangs", waits)),
		"waits for a turn as it pleases": by("of those who wait for a turn none waits beyond his time", func(ctx context.Context, id domain.Identity) error {
			if err := a.Admit(ctx, id); err != nil {
				select {} // for a turn that never comes
			}
			return nil
		}),
		"has no clock in its harness": {"the harness tries everything", func(h *portstest.AdmissionHarness) { h.Advance = nil }},
	}
}

// everyOther counts only every other sign-in.
func everyOther(a *turnstile) admissionFunc {
	var calls atomic.Int64
	return func(ctx context.Context, identity domain.Identity) error {
		if calls.Add(1)%2 == 0 {
			return nil
		}
		return a.Admit(ctx, identity)
	}
}
