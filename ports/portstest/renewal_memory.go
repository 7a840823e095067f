package portstest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// RenewalMemoryHarness is a RenewalMemory under test. Each call of the harness function must
// give one that begins now and knows nothing.
type RenewalMemoryHarness struct {
	Memory ports.RenewalMemory
	// Advance lets d pass for the memory.
	Advance func(d time.Duration)
	// Fill takes the memory's last room. It is nil if there is always room.
	Fill func(t *testing.T)
	// Hang makes the memory's store silent, and Stop makes it unreachable. They are nil if
	// it remembers by itself.
	Hang, Stop func(t *testing.T)
}

// RenewalMemory tests the contract of ports.RenewalMemory.
func RenewalMemory(t *testing.T, start func(t *testing.T) RenewalMemoryHarness) {
	tests := map[string]func(*testing.T, RenewalMemoryHarness){
		"a turn is one owner's, who may repeat the call":          renewalOneOwner,
		"of many who come at once exactly one gets the turn":      renewalAtOnce,
		"a turn that is taken again does not lapse":               renewalHolds,
		"an answer is everybody's until its time is over":         renewalAnswers,
		"the first answer stays":                                  renewalFirstStays,
		"an answer is kept whoever has the turn":                  renewalKeepsAnyway,
		"a turn that lapsed leaves doubt until its time is over":  renewalDoubts,
		"within the leeway one may ask again":                     renewalAgain,
		"the leeway counts from the first turn":                   renewalCounts,
		"a memory that does not reach back lets nobody ask again": renewalYoung,
		"without rotation one may always ask again":               renewalNoRotation,
		"a refusal is its owner's, and leaves no doubt":           renewalRefuses,
		"what is forgotten is not given":                          renewalForgets,
		"names that differ in one byte are two":                   renewalTellsApart,
		"a full memory begins no turn and forgets no answer":      renewalFull,
		"a memory whose store is away knows nothing":              renewalAway,
		"a memory whose store is silent is given up in time":      renewalSilent,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

const (
	lease, leeway, asks = 2 * time.Second, time.Minute, 6 * time.Second
	grace               = 10 * time.Minute
)

func turnOf(token, owner byte) domain.Turn {
	return domain.Turn{
		Name: domain.RenewalName{token}, Owner: domain.Owner{owner},
		Lease: lease, Leeway: leeway, Patience: asks, Keep: grace,
	}
}

func (h RenewalMemoryHarness) want(t *testing.T, turn domain.Turn, want domain.TurnIs) domain.Standing {
	t.Helper()
	got, err := h.Memory.Begin(t.Context(), turn)
	if err != nil || got.Is != want {
		t.Fatalf("owner %d is told %q, %v; want %q", turn.Owner[0], got.Is, err, want)
	}
	return got
}

func (h RenewalMemoryHarness) keep(t *testing.T, turn domain.Turn, answer, want string) {
	t.Helper()
	if kept, err := h.Memory.Keep(t.Context(), turn, []byte(answer), grace); err != nil || string(kept) != want {
		t.Fatalf("kept is %q, %v; want %q", kept, err, want)
	}
}

func (h RenewalMemoryHarness) wantAnswer(t *testing.T, turn domain.Turn, want string) {
	t.Helper()
	if got := h.want(t, turn, domain.TurnAnswered); string(got.Answer) != want {
		t.Errorf("the answer is %q, want %q", got.Answer, want)
	}
}

// old is the memory when it reaches back for long.
func (h RenewalMemoryHarness) old() RenewalMemoryHarness {
	h.Advance(time.Hour)
	return h
}

func renewalOneOwner(t *testing.T, h RenewalMemoryHarness) {
	h.want(t, turnOf(1, 1), domain.TurnYours)
	h.want(t, turnOf(1, 2), domain.TurnTaken)
	h.want(t, turnOf(1, 1), domain.TurnYours)
	h.want(t, turnOf(2, 2), domain.TurnYours)
}

func renewalAtOnce(t *testing.T, h RenewalMemoryHarness) {
	const owners = 100
	var mu sync.Mutex
	var all sync.WaitGroup
	told := map[domain.TurnIs]int{}
	for owner := range owners {
		all.Go(func() {
			turn := turnOf(1, byte(owner))
			turn.Lease = grace // the machine may be busy
			standing, err := h.Memory.Begin(t.Context(), turn)
			for errors.Is(err, domain.ErrUnavailable) { // in a crowd it may run out of time
				standing, err = h.Memory.Begin(t.Context(), turn)
			}
			mu.Lock()
			defer mu.Unlock()
			told[standing.Is]++
		})
	}
	all.Wait()
	if told[domain.TurnYours] != 1 || told[domain.TurnTaken] != owners-1 {
		t.Errorf("they are told %v, want one turn", told)
	}
}

func renewalHolds(t *testing.T, h RenewalMemoryHarness) {
	for range 3 {
		h.want(t, turnOf(1, 1), domain.TurnYours)
		h.Advance(lease * 3 / 4)
	}
	h.want(t, turnOf(1, 2), domain.TurnTaken)
}

func renewalAnswers(t *testing.T, h RenewalMemoryHarness) {
	answer := "any bytes: \x00\r\n\xff kept " + string(bytes.Repeat([]byte{0, 255}, 3000))
	h.want(t, turnOf(1, 1), domain.TurnYours)
	h.keep(t, turnOf(1, 1), answer, answer)
	h.Advance(grace - time.Second)
	h.wantAnswer(t, turnOf(1, 2), answer)
	h.wantAnswer(t, turnOf(1, 1), answer)
	h.Advance(2 * time.Second)
	h.want(t, turnOf(1, 2), domain.TurnYours)
}

func renewalFirstStays(t *testing.T, h RenewalMemoryHarness) {
	h.want(t, turnOf(1, 1), domain.TurnYours)
	h.keep(t, turnOf(1, 1), "first", "first")
	h.keep(t, turnOf(1, 2), "second", "first")
	h.wantAnswer(t, turnOf(1, 3), "first")
}

func renewalKeepsAnyway(t *testing.T, h RenewalMemoryHarness) {
	h.keep(t, turnOf(1, 1), "of a turn that is not known any more", "of a turn that is not known any more")
	h.old().want(t, turnOf(2, 1), domain.TurnYours)
	h.Advance(2 * lease)
	h.want(t, turnOf(2, 2), domain.TurnAgain)
	h.keep(t, turnOf(2, 1), "late", "late")
	h.wantAnswer(t, turnOf(2, 2), "late")
}

func renewalDoubts(t *testing.T, h RenewalMemoryHarness) {
	h.old()
	turn := func(owner byte) domain.Turn {
		turn := turnOf(1, owner)
		turn.Leeway = 0
		return turn
	}
	h.want(t, turn(1), domain.TurnYours)
	h.Advance(2 * lease)
	if left := h.want(t, turn(2), domain.TurnInDoubt).Left; left <= grace-3*lease || left > grace-lease {
		t.Errorf("the doubt lasts for %s more, want some %s", left, grace-2*lease)
	}
	h.Advance(grace - 4*lease)
	h.want(t, turn(3), domain.TurnInDoubt)
	h.Advance(3 * lease)
	h.want(t, turn(3), domain.TurnYours)
}

func renewalAgain(t *testing.T, h RenewalMemoryHarness) {
	h.old().want(t, turnOf(1, 1), domain.TurnYours)
	h.Advance(2 * lease)
	if left := h.want(t, turnOf(1, 2), domain.TurnAgain).Left; left <= leeway-3*lease || left > leeway-lease {
		t.Errorf("it may ask for %s, want some %s", left, leeway-2*lease)
	}
	h.want(t, turnOf(1, 3), domain.TurnTaken)
	h.want(t, turnOf(1, 2), domain.TurnAgain)
}

func renewalCounts(t *testing.T, h RenewalMemoryHarness) {
	h.old().want(t, turnOf(1, 1), domain.TurnYours)
	h.Advance(leeway - asks - 2*lease)
	h.want(t, turnOf(1, 2), domain.TurnAgain)
	h.Advance(3 * lease) // less than the issuer may take is left
	h.want(t, turnOf(1, 3), domain.TurnInDoubt)
}

func renewalYoung(t *testing.T, h RenewalMemoryHarness) {
	h.Advance(leeway / 2)
	h.want(t, turnOf(1, 1), domain.TurnYours)
	h.Advance(2 * lease)
	h.want(t, turnOf(1, 2), domain.TurnInDoubt)
}

func renewalNoRotation(t *testing.T, h RenewalMemoryHarness) {
	turn := func(owner byte) domain.Turn {
		turn := turnOf(1, owner)
		turn.Leeway = domain.NoRotation
		return turn
	}
	h.want(t, turn(1), domain.TurnYours)
	for owner := range byte(4) {
		h.Advance(leeway)
		h.want(t, turn(owner+2), domain.TurnAgain)
	}
}

func renewalRefuses(t *testing.T, h RenewalMemoryHarness) {
	refuse := func(owner byte) {
		t.Helper()
		if err := h.Memory.Refuse(t.Context(), turnOf(1, owner), []byte("no"), lease); err != nil {
			t.Fatal(err)
		}
	}
	refuse(1) // of no turn
	h.want(t, turnOf(1, 1), domain.TurnYours)
	refuse(2)
	h.want(t, turnOf(1, 2), domain.TurnTaken)
	refuse(1)
	h.wantAnswer(t, turnOf(1, 2), "no")
	h.Advance(2 * lease)
	h.want(t, turnOf(1, 3), domain.TurnYours)
	refuse(3)
	h.keep(t, turnOf(1, 1), "yes", "yes")
	refuse(3)
	h.wantAnswer(t, turnOf(1, 2), "yes")
}

func renewalForgets(t *testing.T, h RenewalMemoryHarness) {
	forget := func(token byte) {
		t.Helper()
		if err := h.Memory.Forget(t.Context(), domain.RenewalName{token}); err != nil {
			t.Fatal(err)
		}
	}
	forget(1)
	h.want(t, turnOf(1, 1), domain.TurnYours)
	h.keep(t, turnOf(1, 1), "one", "one")
	h.keep(t, turnOf(2, 1), "two", "two")
	forget(1)
	h.want(t, turnOf(1, 2), domain.TurnYours)
	h.wantAnswer(t, turnOf(2, 2), "two")
}

func renewalTellsApart(t *testing.T, h RenewalMemoryHarness) {
	h.want(t, turnOf(1, 1), domain.TurnYours)
	for i := range len(domain.RenewalName{}) {
		other := turnOf(1, 2)
		other.Name[i] ^= 0x80
		h.want(t, other, domain.TurnYours)
	}
}

func renewalFull(t *testing.T, h RenewalMemoryHarness) {
	if h.Fill == nil {
		return
	}
	h.keep(t, turnOf(1, 1), "kept", "kept")
	h.Fill(t)
	_, err := h.Memory.Begin(t.Context(), turnOf(2, 1))
	wantReason(t, err, domain.ErrUnavailable)
	if standing, err := h.Memory.Begin(t.Context(), turnOf(1, 2)); err == nil && standing.Is != domain.TurnAnswered {
		t.Errorf("the answer became %q", standing.Is)
	}
}

func renewalAway(t *testing.T, h RenewalMemoryHarness) {
	if h.Stop == nil {
		return
	}
	h.want(t, turnOf(1, 1), domain.TurnYours)
	h.Stop(t)
	for _, call := range h.calls(turnOf(1, 1)) {
		wantReason(t, call(t.Context()), domain.ErrUnavailable)
	}
}

func renewalSilent(t *testing.T, h RenewalMemoryHarness) {
	if h.Hang == nil {
		return
	}
	h.Hang(t)
	for _, call := range h.calls(turnOf(1, 1)) {
		wantInTime(t, call)
	}
}

func (h RenewalMemoryHarness) calls(turn domain.Turn) []func(context.Context) error {
	return []func(context.Context) error{
		func(ctx context.Context) error { _, err := h.Memory.Begin(ctx, turn); return err },
		func(ctx context.Context) error { _, err := h.Memory.Keep(ctx, turn, []byte("x"), grace); return err },
		func(ctx context.Context) error { return h.Memory.Refuse(ctx, turn, []byte("x"), grace) },
		func(ctx context.Context) error { return h.Memory.Forget(ctx, turn.Name) },
	}
}
