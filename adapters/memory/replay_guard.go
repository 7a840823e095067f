// Package memory keeps claims in the process. It serves one replica; several replicas
// need a shared store.
package memory

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// Capacity is how many live claims the bridge's guard holds: at the default 11 minutes
// that a claim is kept, close to 400 sign-ins a second. They live in some 37 MiB of heap
// (go test -bench AFullGuard), and the process takes some 90 MiB then, because Go's
// garbage collector lets the heap grow to twice what lives (GOGC).
const Capacity = 1 << 18

// batch is how many ended claims each new claim removes: more than one, so that all are
// removed in the end, and few, so that no caller waits for them.
const batch = 64

// ReplayGuard is a ports.ReplayGuard of bounded size. When it is
// full of live claims it answers unavailable, and evicts none. Its memory ends with the process.
type ReplayGuard struct {
	now        func() time.Time
	born, made time.Time // when the memory begins; when the guard was made

	mu     sync.Mutex
	slots  map[domain.ProofKey]uint32 // of the claim for a proof, in claims
	claims claims
}

var _ ports.ReplayGuard = (*ReplayGuard)(nil)

// NewReplayGuard returns an empty guard for at most capacity live claims. Its memory
// begins at born: earlier proofs may have been claimed, so it refuses them.
func NewReplayGuard(now func() time.Time, born time.Time, capacity int) *ReplayGuard {
	return &ReplayGuard{now: now, born: born, made: now(), slots: map[domain.ProofKey]uint32{}, claims: claims{capacity: capacity}}
}

// Claim implements ports.ReplayGuard.
func (g *ReplayGuard) Claim(_ context.Context, claim domain.Claim) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if claim.ProvenAt.Before(g.born) {
		return fmt.Errorf("%w: the proof is from before this process started, and earlier claims are not remembered", domain.ErrTokenReplayed)
	}
	now := g.now().Sub(g.made)
	g.forgetEnded(now)
	if slot, found := g.slots[claim.Key]; found {
		winner := &g.claims.held[slot]
		switch {
		case winner.ends <= now: // it has ended, but is not forgotten yet
			g.forget(winner)
		case winner.owner == claim.Owner:
			return nil
		default:
			return fmt.Errorf("%w: another attempt has claimed the proof", domain.ErrTokenReplayed)
		}
	}
	if g.claims.full() {
		return domain.WithRetryAfter(fmt.Errorf("%w: the replay guard is full of live claims (%d): "+
			"more sign-ins arrive than one process can remember", domain.ErrUnavailable, g.claims.Len()), g.claims.soonest().ends-now)
	}
	g.slots[claim.Key] = g.claims.add(held{key: claim.Key, owner: claim.Owner, ends: now + claim.Keep})
	return nil
}

// Release implements ports.ReplayGuard. It never fails.
func (g *ReplayGuard) Release(_ context.Context, claim domain.Claim) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if slot, found := g.slots[claim.Key]; found && g.claims.held[slot].owner == claim.Owner {
		g.forget(&g.claims.held[slot])
	}
	return nil
}

// Claims returns how many claims take up room. Some of them may have ended.
func (g *ReplayGuard) Claims() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.claims.Len()
}

func (g *ReplayGuard) forgetEnded(now time.Duration) {
	for range batch {
		if g.claims.Len() == 0 || g.claims.soonest().ends > now {
			return
		}
		g.forget(g.claims.soonest())
	}
}

func (g *ReplayGuard) forget(claim *held) {
	delete(g.slots, claim.key)
	heap.Remove(&g.claims, int(claim.index))
}
