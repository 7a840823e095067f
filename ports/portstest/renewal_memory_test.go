package portstest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// renewals remembers renewals in a map, by a clock that only the suite moves. Flaw is how it
// breaks the contract, "" if it does not.
type renewals struct {
	trouble
	flaw string

	mu        sync.Mutex
	born, now time.Time
	known     map[domain.RenewalName]renewed
	full      bool
}

type renewed struct {
	owner             domain.Owner
	first, over, held time.Time
	again, refusal    bool
	answer            []byte
}

func (r *renewals) has(flaw string) bool { return r.flaw == flaw }

// Begin is what a good memory does, but for the flaw.
func (r *renewals) Begin(ctx context.Context, turn domain.Turn) (domain.Standing, error) {
	if err := r.failure(ctx); err != nil {
		return domain.Standing{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	one, found := r.known[r.nameOf(turn)]
	if found && !r.now.Before(one.over) && !r.has("never forgets") {
		found = false
	}
	lapsed := !r.now.Before(one.held) || r.has("gives everybody the turn")
	left := one.first.Add(turn.Leeway).Sub(r.now)
	switch {
	case !found && r.full && !r.has("makes room"):
		return domain.Standing{}, fmt.Errorf("%w: it is full", domain.ErrUnavailable)
	case !found:
		one = renewed{owner: turn.Owner, over: r.now.Add(turn.Keep)}
		if !r.born.After(r.now.Add(-turn.Reach())) || r.has("vouches for what it has forgotten") {
			one.first = r.now
		}
		return r.hold(turn, one, domain.TurnYours, 0)
	case one.answer != nil:
		return domain.Standing{Is: domain.TurnAnswered, Answer: one.answer}, nil
	case one.owner == turn.Owner && !r.has("knows no owner"):
		if one.again {
			return r.hold(turn, one, domain.TurnAgain, left)
		}
		return r.hold(turn, one, domain.TurnYours, 0)
	case !lapsed:
		return domain.Standing{Is: domain.TurnTaken}, nil
	case r.has("forgets doubt"):
		return r.hold(turn, one, domain.TurnYours, 0)
	case left >= turn.Patience && !r.has("is never sure"):
		one.owner, one.again = turn.Owner, true
		if r.has("counts the leeway anew") {
			one.first = r.now
		}
		return r.hold(turn, one, domain.TurnAgain, left)
	}
	return domain.Standing{Is: domain.TurnInDoubt, Left: one.over.Sub(r.now)}, nil
}

func (r *renewals) hold(turn domain.Turn, one renewed, is domain.TurnIs, left time.Duration) (domain.Standing, error) {
	if !r.has("does not prolong a turn") || one.held.IsZero() {
		one.held = r.now.Add(turn.Lease)
	}
	one.owner = turn.Owner
	r.known[r.nameOf(turn)] = one
	return domain.Standing{Is: is, Left: left}, nil
}

// Keep is what a good memory does, but for the flaw.
func (r *renewals) Keep(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) ([]byte, error) {
	if err := r.failure(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.known[r.nameOf(turn)]
	if one.answer != nil && !one.refusal && r.now.Before(one.over) && !r.has("keeps the last answer") {
		return one.answer, nil
	}
	if one.owner != turn.Owner && r.has("keeps an answer in turn only") {
		return answer, nil
	}
	if r.has("cuts answers") {
		answer = []byte(strings.ToValidUTF8(string(answer), ""))
	}
	r.known[r.nameOf(turn)] = renewed{answer: answer, over: r.now.Add(during)}
	return answer, nil
}

// Refuse is what a good memory does, but for the flaw.
func (r *renewals) Refuse(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) error {
	if err := r.failure(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.known[r.nameOf(turn)]; (one.owner == turn.Owner || r.has("lets anybody refuse")) && one.answer == nil {
		r.known[r.nameOf(turn)] = renewed{answer: answer, over: r.now.Add(during), refusal: true}
	}
	return nil
}

// Forget is what a good memory does, but for the flaw.
func (r *renewals) Forget(ctx context.Context, name domain.RenewalName) error {
	if err := r.failure(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.has("forgets nothing") {
		delete(r.known, name)
	}
	return nil
}

func (r *renewals) nameOf(turn domain.Turn) domain.RenewalName {
	if r.has("looks at a part of the name") {
		turn.Name[31] = 0
	}
	return turn.Name
}

func (r *renewals) failure(ctx context.Context) error {
	switch {
	case r.met() == stopped && r.has("takes an absence for a fault"):
		return errors.New("no connection")
	case r.met() == silent && r.has("waits for its store whatever happens"):
		ctx = context.WithoutCancel(ctx)
	}
	return r.err(ctx)
}

func startRenewals() (portstest.RenewalMemoryHarness, map[string]flaw[portstest.RenewalMemoryHarness]) {
	now := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	r := &renewals{born: now, now: now, known: map[domain.RenewalName]renewed{}}
	flaws := map[string]flaw[portstest.RenewalMemoryHarness]{}
	for name, caughtBy := range map[string]string{
		"knows no owner":                       "a turn is one owner's, who may repeat the call",
		"gives everybody the turn":             "of many who come at once exactly one gets the turn",
		"does not prolong a turn":              "a turn that is taken again does not lapse",
		"never forgets":                        "an answer is everybody's until its time is over",
		"cuts answers":                         "an answer is everybody's until its time is over",
		"keeps the last answer":                "the first answer stays",
		"keeps an answer in turn only":         "an answer is kept whoever has the turn",
		"forgets doubt":                        "a turn that lapsed leaves doubt until its time is over",
		"is never sure":                        "within the leeway one may ask again",
		"counts the leeway anew":               "the leeway counts from the first turn",
		"vouches for what it has forgotten":    "a memory that does not reach back lets nobody ask again",
		"lets anybody refuse":                  "a refusal is its owner's, and leaves no doubt",
		"forgets nothing":                      "what is forgotten is not given",
		"looks at a part of the name":          "names that differ in one byte are two",
		"makes room":                           "a full memory begins no turn and forgets no answer",
		"takes an absence for a fault":         "a memory whose store is away knows nothing",
		"waits for its store whatever happens": "a memory whose store is silent is given up in time",
	} {
		flaws[name] = flaw[portstest.RenewalMemoryHarness]{caughtBy, func(*portstest.RenewalMemoryHarness) { r.flaw = name }}
	}
	flaws["doubts tokens that never change"] = flaw[portstest.RenewalMemoryHarness]{
		"without rotation one may always ask again", func(*portstest.RenewalMemoryHarness) { r.flaw = "is never sure" },
	}
	return portstest.RenewalMemoryHarness{
		Memory: r,
		Advance: func(d time.Duration) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.now = r.now.Add(d)
		},
		Fill: func(*testing.T) { r.full = true },
		Hang: r.meet(silent), Stop: r.meet(stopped),
	}, flaws
}
