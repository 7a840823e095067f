package portstest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// GuardHarness is a ReplayGuard under test. Each call of the harness function
// must give one that holds no claims.
type GuardHarness struct {
	Guard ports.ReplayGuard
	// Born is when the guard's memory begins: earlier proofs must be refused. From
	// Blurred after it proofs must be taken; in between a guard may do either,
	// because it may not know its store's clock better.
	Born    time.Time
	Blurred time.Duration
	// Advance lets d pass for the guard.
	Advance func(d time.Duration)
	// Fill takes the guard's last room, with live claims of other proofs or by making
	// its store full. It is nil if there is always room.
	Fill func(t *testing.T)
	// Hang makes the guard's store silent, and Stop makes it unreachable. They are nil
	// if the guard remembers by itself.
	Hang, Stop func(t *testing.T)
}

// ReplayGuard tests the contract of ports.ReplayGuard.
func ReplayGuard(t *testing.T, start func(t *testing.T) GuardHarness) {
	tests := map[string]func(*testing.T, GuardHarness){
		"a fresh proof is won":                                       guardWinsFresh,
		"a claimed proof is refused to every other owner":            guardRefusesOthers,
		"the winner may repeat its claim":                            guardRepeats,
		"different proofs do not touch each other":                   guardKeepsApart,
		"a released proof can be claimed again":                      guardReleases,
		"a release by another owner does nothing":                    guardReleaseIsOwned,
		"a release of an unknown proof does nothing":                 guardReleaseUnknown,
		"a release that arrives twice frees nobody else's claim":     guardReleaseTwice,
		"a release that overtakes its claim leaves the proof held":   guardReordered,
		"a claim is remembered until its time is over":               guardRemembers,
		"a claim is forgotten after its time":                        guardForgets,
		"repeating a claim does not shorten it":                      guardRepeatKeeps,
		"a proof from before the guard's memory is refused":          guardRefusesOld,
		"a proof from the first moment of the guard's memory is won": guardWinsBorn,
		"commands in any order, and repeated, never make two owners": guardAnyOrder,
		"commands that are delayed past a claim's end do no harm":    guardDelayed,
		"of 1,000 concurrent owners exactly one wins":                guardOneWinner,
		"of owners who repeat themselves one wins, each time":        guardOneWinnerRepeats,
		"a cancelled caller is not told that the proof is used":      guardCancelled,
		"proofs that differ in one byte are two":                     guardTellsProofsApart,
		"owners that differ in one byte are two":                     guardTellsOwnersApart,
		"each claim is remembered for its own time":                  guardKeepsEach,
		"claims, releases and ends in any order are as in a model":   guardAsInAModel,
		"a full guard forgets no live claim to make room":            guardFull,
		"a guard whose store is away vouches for nothing":            guardUnavailable,
		"a store that is silent is given up in time":                 guardSilent,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

const keep = 11 * time.Minute

func (h GuardHarness) claim(proof, owner uint64) domain.Claim {
	c := domain.Claim{ProvenAt: h.Born.Add(h.Blurred + time.Second), Keep: keep}
	binary.BigEndian.PutUint64(c.Key[:], proof)
	binary.BigEndian.PutUint64(c.Owner[:], owner)
	return c
}

func (h GuardHarness) mustClaim(t *testing.T, c domain.Claim) {
	t.Helper()
	if err := h.Guard.Claim(t.Context(), c); err != nil {
		t.Fatalf("claim of %x by %x: %v, want it won", c.Key[:8], c.Owner[:8], err)
	}
}

func (h GuardHarness) mustRelease(t *testing.T, c domain.Claim) {
	t.Helper()
	if err := h.Guard.Release(t.Context(), c); err != nil {
		t.Fatalf("release of %x by %x: %v", c.Key[:8], c.Owner[:8], err)
	}
}

func (h GuardHarness) wantReplayed(t *testing.T, c domain.Claim) {
	t.Helper()
	wantReason(t, h.Guard.Claim(t.Context(), c), domain.ErrTokenReplayed)
}

// verdict claims until the guard can tell: in a crowd it may run out of time.
func (h GuardHarness) verdict(t *testing.T, c domain.Claim) error {
	var err error
	for range 100 {
		if err = h.Guard.Claim(t.Context(), c); !errors.Is(err, domain.ErrUnavailable) {
			break
		}
	}
	return err
}

func guardWinsFresh(t *testing.T, h GuardHarness) { h.mustClaim(t, h.claim(1, 1)) }

func guardRefusesOthers(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	h.wantReplayed(t, h.claim(1, 2))
	h.wantReplayed(t, h.claim(1, 3))
}

func guardRepeats(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	h.mustClaim(t, h.claim(1, 1))
	h.wantReplayed(t, h.claim(1, 2))
}

func guardKeepsApart(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	h.mustClaim(t, h.claim(2, 2))
	h.mustRelease(t, h.claim(1, 1))
	h.wantReplayed(t, h.claim(2, 3))
}

func guardReleases(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	h.mustRelease(t, h.claim(1, 1))
	h.mustClaim(t, h.claim(1, 2))
	h.wantReplayed(t, h.claim(1, 1))
}

func guardReleaseIsOwned(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	h.mustRelease(t, h.claim(1, 2))
	h.wantReplayed(t, h.claim(1, 2))
	h.mustClaim(t, h.claim(1, 1))
}

func guardReleaseUnknown(t *testing.T, h GuardHarness) {
	h.mustRelease(t, h.claim(1, 1))
	h.mustClaim(t, h.claim(1, 2))
}

func guardReleaseTwice(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	h.mustRelease(t, h.claim(1, 1))
	h.mustClaim(t, h.claim(1, 2))
	h.mustRelease(t, h.claim(1, 1)) // the first owner's command, delivered again
	h.wantReplayed(t, h.claim(1, 3))
}

func guardReordered(t *testing.T, h GuardHarness) {
	h.mustRelease(t, h.claim(1, 1))
	h.mustClaim(t, h.claim(1, 1))
	h.wantReplayed(t, h.claim(1, 2))
}

func guardRemembers(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	h.Advance(keep - time.Second)
	h.wantReplayed(t, h.claim(1, 2))
}

func guardForgets(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	h.Advance(keep + time.Second)
	h.mustClaim(t, h.claim(1, 2))
}

func guardRepeatKeeps(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	shorter := h.claim(1, 1)
	shorter.Keep = time.Second
	h.mustClaim(t, shorter)
	h.Advance(keep - time.Second)
	h.wantReplayed(t, h.claim(1, 2))
}

func guardRefusesOld(t *testing.T, h GuardHarness) {
	old := h.claim(1, 1)
	old.ProvenAt = h.Born.Add(-time.Millisecond)
	h.wantReplayed(t, old)
}

func guardWinsBorn(t *testing.T, h GuardHarness) {
	first := h.claim(1, 1)
	first.ProvenAt = h.Born.Add(h.Blurred)
	h.mustClaim(t, first)
}

// guardAnyOrder gives the guard every sequence of five commands of two attempts:
// what a network can make of a claim and a release each, by repeating, delaying
// and reordering them. At no time may both attempts hold the proof.
func guardAnyOrder(t *testing.T, h GuardHarness) {
	const commands, length = 4, 5
	sequences := 1
	for range length {
		sequences *= commands
	}
	for sequence := range sequences {
		var holder uint64 // 0 for nobody
		var sent []string
		for rest, i := sequence, 0; i < length; rest, i = rest/commands, i+1 {
			owner := uint64(rest%2 + 1)
			command := h.claim(uint64(sequence+1), owner)
			if rest%commands >= 2 {
				sent = append(sent, fmt.Sprintf("%d releases", owner))
				h.mustRelease(t, command)
				if holder == owner {
					holder = 0
				}
				continue
			}
			sent = append(sent, fmt.Sprintf("%d claims", owner))
			if holder == 0 {
				holder = owner
			}
			switch err := h.Guard.Claim(t.Context(), command); {
			case holder == owner && err != nil:
				t.Fatalf("%v: %v, want the proof won", sent, err)
			case holder != owner && !errors.Is(err, domain.ErrTokenReplayed):
				t.Fatalf("%v: %v, want the proof refused", sent, err)
			}
		}
	}
}

func guardDelayed(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	h.Advance(keep + time.Second)
	h.mustClaim(t, h.claim(1, 2))
	h.mustRelease(t, h.claim(1, 1))
	h.wantReplayed(t, h.claim(1, 1))
	h.wantReplayed(t, h.claim(1, 3))
	h.mustClaim(t, h.claim(1, 2))
}

func guardOneWinner(t *testing.T, h GuardHarness) {
	const owners = 1000
	var (
		won, replayed atomic.Int64
		begin         = make(chan struct{})
		all           sync.WaitGroup
	)
	for owner := range uint64(owners) {
		all.Go(func() {
			<-begin
			switch err := h.verdict(t, h.claim(1, owner+1)); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, domain.ErrTokenReplayed):
				replayed.Add(1)
			default:
				t.Errorf("claim: %v", err)
			}
		})
	}
	close(begin)
	all.Wait()
	if won.Load() != 1 || replayed.Load() != owners-1 {
		t.Errorf("%d won and %d were refused, want 1 and %d", won.Load(), replayed.Load(), owners-1)
	}
}

func guardOneWinnerRepeats(t *testing.T, h GuardHarness) {
	const owners, times = 50, 4
	var won [owners]atomic.Int64
	var all sync.WaitGroup
	for i := range owners * times {
		owner := i % owners
		all.Go(func() {
			err := h.verdict(t, h.claim(1, uint64(owner+1)))
			if err == nil {
				won[owner].Add(1)
			} else if !errors.Is(err, domain.ErrTokenReplayed) {
				t.Errorf("claim: %v", err)
			}
		})
	}
	all.Wait()
	winners := 0
	for owner := range won {
		if n := won[owner].Load(); n != 0 {
			winners++
			if n != times {
				t.Errorf("the winner won %d times, want %d", n, times)
			}
		}
	}
	if winners != 1 {
		t.Errorf("%d owners won, want 1", winners)
	}
}

func guardCancelled(t *testing.T, h GuardHarness) {
	if err := h.Guard.Claim(cancelled(t), h.claim(1, 1)); err != nil {
		wantDeparture(t, err)
	}
	if err := h.Guard.Release(context.WithoutCancel(t.Context()), h.claim(1, 1)); err != nil {
		t.Errorf("release: %v", err)
	}
	h.mustClaim(t, h.claim(1, 2))
}

// guardTellsProofsApart changes each byte of a key in turn: a guard that looks at
// a part of it would refuse people whose proofs are fresh.
func guardTellsProofsApart(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	for i := range len(domain.ProofKey{}) {
		other := h.claim(1, 2)
		other.Key[i] ^= 0x80
		h.mustClaim(t, other)
	}
}

// guardTellsOwnersApart changes each byte of an owner in turn: a guard that looks
// at a part of it would let two attempts win.
func guardTellsOwnersApart(t *testing.T, h GuardHarness) {
	h.mustClaim(t, h.claim(1, 1))
	for i := range len(domain.Owner{}) {
		other := h.claim(1, 1)
		other.Owner[i] ^= 0x80
		h.wantReplayed(t, other)
		h.mustRelease(t, other)
	}
	h.wantReplayed(t, h.claim(1, 2))
}

func guardKeepsEach(t *testing.T, h GuardHarness) {
	short, long := h.claim(1, 1), h.claim(2, 1)
	short.Keep, long.Keep = keep/2, 2*keep
	h.mustClaim(t, long)
	h.mustClaim(t, short)
	h.Advance(keep)
	h.mustClaim(t, h.claim(1, 2))
	h.wantReplayed(t, h.claim(2, 2))
}

// guardAsInAModel makes claims and releases of a few proofs, and lets time pass, at
// random, and compares each answer with a map's. Short runs come first, so that what
// is found is found in a short one. The first seed is fixed: what it finds in a
// guard, it finds each time.
func guardAsInAModel(t *testing.T, h GuardHarness) {
	for _, seed := range []uint64{1, uint64(time.Now().UnixNano())} {
		guardAsInAModelFrom(t, h, seed)
	}
}

func guardAsInAModelFrom(t *testing.T, h GuardHarness, seed uint64) {
	const runs, proofs, owners, minutes = 80, 12, 3, 6
	for run := range uint64(runs) {
		random := rand.New(rand.NewPCG(seed, run)) // #nosec G404 -- no secret
		model := guardModel{}
		for range run {
			claim := h.claim(run*proofs+random.Uint64N(proofs), random.Uint64N(owners)+1)
			claim.Keep = time.Duration(random.Uint64N(minutes)+1) * time.Minute
			switch random.IntN(8) {
			case 0:
				pass := time.Duration(random.Uint64N(minutes)) * time.Minute / 2
				model.pass(pass)
				h.Advance(pass)
			case 1, 2:
				model.release(claim)
				h.mustRelease(t, claim)
			default:
				won, err := model.claim(claim), h.Guard.Claim(t.Context(), claim)
				if won != (err == nil) || err != nil && !errors.Is(err, domain.ErrTokenReplayed) {
					t.Fatalf("run %d of seed %d: after %v: %v, want it won: %t", run, seed, model.history, err, won)
				}
			}
		}
		h.Advance(2 * minutes * time.Minute) // all have ended
	}
}

// guardModel is a guard as simple as can be.
type guardModel struct {
	now     time.Duration
	held    map[domain.ProofKey]domain.Claim // Keep is when it ends
	history []string
}

func (m *guardModel) pass(d time.Duration) {
	m.now += d
	m.history = append(m.history, d.String()+" pass")
}

func (m *guardModel) claim(c domain.Claim) (won bool) {
	m.history = append(m.history, fmt.Sprintf("%d claims %d for %s", c.Owner[7], c.Key[7], c.Keep))
	if winner, found := m.held[c.Key]; found && winner.Keep > m.now {
		return winner.Owner == c.Owner
	}
	if m.held == nil {
		m.held = map[domain.ProofKey]domain.Claim{}
	}
	c.Keep += m.now
	m.held[c.Key] = c
	return true
}

func (m *guardModel) release(c domain.Claim) {
	m.history = append(m.history, fmt.Sprintf("%d releases %d", c.Owner[7], c.Key[7]))
	if m.held[c.Key].Owner == c.Owner {
		delete(m.held, c.Key)
	}
}

func guardFull(t *testing.T, h GuardHarness) {
	if h.Fill == nil {
		return
	}
	h.mustClaim(t, h.claim(1, 1))
	h.Fill(t)
	for n := range uint64(10) {
		wantReason(t, h.Guard.Claim(t.Context(), h.claim(1<<32+n, 1)), domain.ErrUnavailable)
	}
	switch err := h.Guard.Claim(t.Context(), h.claim(1, 2)); {
	case errors.Is(err, domain.ErrTokenReplayed), errors.Is(err, domain.ErrUnavailable):
	default:
		t.Errorf("another owner's claim of a held proof: %v, want it refused", err)
	}
}

func guardUnavailable(t *testing.T, h GuardHarness) {
	if h.Stop == nil {
		return
	}
	h.mustClaim(t, h.claim(1, 1))
	h.Stop(t)
	wantReason(t, h.Guard.Claim(t.Context(), h.claim(1, 2)), domain.ErrUnavailable)
	wantReason(t, h.Guard.Claim(t.Context(), h.claim(2, 2)), domain.ErrUnavailable)
	wantReason(t, h.Guard.Release(t.Context(), h.claim(1, 1)), domain.ErrUnavailable)
}

func guardSilent(t *testing.T, h GuardHarness) {
	if h.Hang == nil {
		return
	}
	h.Hang(t)
	claim := func(ctx context.Context) error { return h.Guard.Claim(ctx, h.claim(1, 1)) }
	release := func(ctx context.Context) error { return h.Guard.Release(ctx, h.claim(1, 1)) }
	wantInTime(t, claim)
	wantInTime(t, release)
}
