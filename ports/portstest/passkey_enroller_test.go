package portstest_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
	"nativebridge/ports/portstest"
)

// registry knows everybody's passkeys, and for whom each enrolment is.
type registry struct {
	trouble
	mu       sync.Mutex
	passkeys map[string][]domain.Passkey
	owners   map[string]string // by token
	denies   bool
	signsIn  bool // whether its enrolments would do for a sign-in
}

func (r *registry) Enrol(ctx context.Context, subject string, _ domain.Client) (domain.Secret, error) {
	if err := r.err(ctx); err != nil {
		return domain.Secret{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.denies {
		return domain.Secret{}, domain.ErrEnrolmentDenied
	}
	token := domain.NewSecret(rand.Text())
	r.owners[token.Reveal()] = subject
	return token, nil
}

func (r *registry) Passkeys(ctx context.Context, subject string) ([]domain.Passkey, error) {
	if err := r.err(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.passkeys[subject]), nil
}

func (r *registry) RemovePasskey(ctx context.Context, subject, id string) error {
	if err := r.err(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := slices.DeleteFunc(slices.Clone(r.passkeys[subject]), func(p domain.Passkey) bool { return p.ID == id })
	if len(kept) == len(r.passkeys[subject]) {
		return domain.ErrPasskeyUnknown
	}
	r.passkeys[subject] = kept
	return nil
}

func (r *registry) has(subject string) (ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, passkey := range r.passkeys[subject] {
		ids = append(ids, passkey.ID)
	}
	return ids
}

func startEnroller() (portstest.EnrollerHarness, map[string]flaw[portstest.EnrollerHarness]) {
	r := &registry{passkeys: map[string][]domain.Passkey{}, owners: map[string]string{}}
	return portstest.EnrollerHarness{
		Enroller: r,
		Add: func(_ *testing.T, enrolment domain.Secret) string {
			r.mu.Lock()
			defer r.mu.Unlock()
			subject, id := r.owners[enrolment.Reveal()], rand.Text()
			r.passkeys[subject] = append(r.passkeys[subject], domain.Passkey{ID: id, CreatedAt: time.Now()})
			return id
		},
		SignsIn: func(*testing.T, domain.Secret) bool { return r.signsIn },
		Has:     r.has,
		Deny: func(*testing.T) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.denies = true
		},
		Secrets: []string{secret},
		Lock:    r.meet(locked), Limit: r.meet(limited), Garble: r.meet(garbled), Hang: r.meet(silent), Stop: r.meet(stopped),
	}, enrollerFlaws(r)
}

// otherwise is an enroller some of whose methods do something else.
type otherwise struct {
	ports.PasskeyEnroller
	enrol  func(context.Context, string, domain.Client) (domain.Secret, error)
	list   func(context.Context, string) ([]domain.Passkey, error)
	remove func(context.Context, string, string) error
}

func (o otherwise) Enrol(ctx context.Context, subject string, from domain.Client) (domain.Secret, error) {
	if o.enrol != nil {
		return o.enrol(ctx, subject, from)
	}
	return o.PasskeyEnroller.Enrol(ctx, subject, from)
}

func (o otherwise) Passkeys(ctx context.Context, subject string) ([]domain.Passkey, error) {
	if o.list != nil {
		return o.list(ctx, subject)
	}
	return o.PasskeyEnroller.Passkeys(ctx, subject)
}

func (o otherwise) RemovePasskey(ctx context.Context, subject, id string) error {
	if o.remove != nil {
		return o.remove(ctx, subject, id)
	}
	return o.PasskeyEnroller.RemovePasskey(ctx, subject, id)
}

func enrollerFlaws(r *registry) map[string]flaw[portstest.EnrollerHarness] {
	by := func(caughtBy string, broken otherwise) flaw[portstest.EnrollerHarness] {
		broken.PasskeyEnroller = r
		return flaw[portstest.EnrollerHarness]{caughtBy, func(h *portstest.EnrollerHarness) { h.Enroller = broken }}
	}
	// says has one method answer otherwise when the authority is in some trouble.
	says := func(when string, instead error) otherwise {
		return otherwise{remove: func(ctx context.Context, subject, id string) error {
			err := r.RemovePasskey(ctx, subject, id)
			if r.met() == when {
				return instead
			}
			return err
		}}
	}
	everybodys := func(ctx context.Context, _ string) (all []domain.Passkey, err error) {
		for _, subject := range []string{"auth0|jane", "auth0|../john?x=1#y/z%2F"} {
			passkeys, err := r.Passkeys(ctx, subject)
			if err != nil {
				return nil, err
			}
			all = append(all, passkeys...)
		}
		return all, nil
	}
	only := domain.NewSecret("the-only-one")
	return map[string]flaw[portstest.EnrollerHarness]{
		"enrols somebody else": by("an enrolment adds a passkey to its person alone", otherwise{enrol: func(ctx context.Context, _ string, from domain.Client) (domain.Secret, error) {
			return r.Enrol(ctx, "auth0|somebody", from)
		}}),
		"refuses a second passkey": by("somebody with a passkey can add another", otherwise{enrol: func(ctx context.Context, subject string, from domain.Client) (domain.Secret, error) {
			if len(r.has(subject)) > 0 {
				return domain.Secret{}, domain.ErrEnrolmentDenied
			}
			return r.Enrol(ctx, subject, from)
		}}),
		"enrols with the action of sign-ins": {"an enrolment is no sign-in", func(*portstest.EnrollerHarness) { r.signsIn = true }},
		"has one token for all": by("two enrolments have two tokens", otherwise{enrol: func(ctx context.Context, subject string, from domain.Client) (domain.Secret, error) {
			_, err := r.Enrol(ctx, subject, from)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.owners[only.Reveal()] = subject
			return only, err
		}}),
		"lists everybody's": by("everybody is listed their own", otherwise{list: everybodys}),
		"removes them all": by("a passkey that is removed is gone, and no other", otherwise{remove: func(ctx context.Context, subject, id string) error {
			err := r.RemovePasskey(ctx, subject, id)
			r.mu.Lock()
			defer r.mu.Unlock()
			if err == nil {
				r.passkeys[subject] = nil
			}
			return err
		}}),
		"removes whosever it is": by("nobody removes somebody else's", otherwise{remove: func(ctx context.Context, subject, id string) error {
			if err := r.RemovePasskey(ctx, "auth0|../john?x=1#y/z%2F", id); err == nil {
				return nil
			}
			return r.RemovePasskey(ctx, subject, id)
		}}),
		"takes an unknown id for done": by("an id that is no passkey's is unknown", otherwise{remove: func(ctx context.Context, subject, id string) error {
			if err := r.RemovePasskey(ctx, subject, id); !errors.Is(err, domain.ErrPasskeyUnknown) {
				return err
			}
			return nil
		}}),
		"enrols who is denied": by("a person whom the authority refuses is told so", otherwise{enrol: func(ctx context.Context, subject string, from domain.Client) (domain.Secret, error) {
			token, err := r.Enrol(ctx, subject, from)
			if errors.Is(err, domain.ErrEnrolmentDenied) {
				return only, nil
			}
			return token, err
		}}),
		"blames the person for its key":       by("an authority that refuses the bridge is a fault", says(locked, domain.ErrPasskeyUnknown)),
		"takes a limit for a fault of ours":   by("an authority whose limit is reached is busy", says(limited, errors.New("429"))),
		"takes an absence for an unknown id":  by("an authority that is away is unavailable", says(stopped, domain.ErrPasskeyUnknown)),
		"takes a strange answer for an empty": by("an answer that nobody understands is unavailable", says(garbled, domain.ErrPasskeyUnknown)),
		"takes silence for an empty answer":   by("an authority that is silent is given up in time", says(silent, domain.ErrPasskeyUnknown)),
		"tells its key":                       by("an authority that is away is unavailable", says(stopped, fmt.Errorf("%w: %s", domain.ErrUnavailable, secret))),
		"is tried without a lock":             {"the harness tries everything", func(h *portstest.EnrollerHarness) { h.Lock = nil }},
		"tells who left that there is nothing": by("a caller who leaves is told no reason of another kind", otherwise{remove: func(ctx context.Context, subject, id string) error {
			if ctx.Err() != nil {
				return domain.ErrPasskeyUnknown
			}
			return r.RemovePasskey(ctx, subject, id)
		}}),
	}
}
