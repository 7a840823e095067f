// Package memory keeps claims in the process. It serves one replica; several
// need a store they share.
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
// that a claim is kept, close to 400 sign-ins a second, in some 50 MiB.
const Capacity = 1 << 18

// ReplayGuard is a ports.ReplayGuard of bounded size. Full of live claims it
// answers unavailable: it evicts none. Its memory ends with the process.
type ReplayGuard struct {
	now      func() time.Time
	born     time.Time
	capacity int

	mu     sync.Mutex
	claims map[domain.ProofKey]*held
	expiry expiryHeap // the same claims, soonest to end first
}

var _ ports.ReplayGuard = (*ReplayGuard)(nil)

// NewReplayGuard returns an empty guard for at most capacity live claims. Its memory
// begins at born: earlier proofs may have been claimed, so it refuses them.
func NewReplayGuard(now func() time.Time, born time.Time, capacity int) *ReplayGuard {
	return &ReplayGuard{now: now, born: born, capacity: capacity, claims: map[domain.ProofKey]*held{}}
}

// Claim implements ports.ReplayGuard.
func (g *ReplayGuard) Claim(_ context.Context, claim domain.Claim) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if claim.ProvenAt.Before(g.born) {
		return fmt.Errorf("%w: the proof is from before this process started, which remembers no earlier claims", domain.ErrTokenReplayed)
	}
	now := g.now()
	g.forgetEnded(now)
	if winner, ok := g.claims[claim.Key]; ok {
		if winner.owner == claim.Owner {
			return nil
		}
		return fmt.Errorf("%w: another attempt has claimed the proof", domain.ErrTokenReplayed)
	}
	if len(g.claims) >= g.capacity {
		return domain.WithRetryAfter(fmt.Errorf("%w: the replay guard is full of live claims (%d): "+
			"more sign-ins arrive than one process can remember", domain.ErrUnavailable, g.capacity), g.expiry[0].ends.Sub(now))
	}
	won := &held{key: claim.Key, owner: claim.Owner, ends: now.Add(claim.Keep)}
	g.claims[claim.Key] = won
	heap.Push(&g.expiry, won)
	return nil
}

// Release implements ports.ReplayGuard. It never fails.
func (g *ReplayGuard) Release(_ context.Context, claim domain.Claim) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if winner, ok := g.claims[claim.Key]; ok && winner.owner == claim.Owner {
		delete(g.claims, claim.Key)
		heap.Remove(&g.expiry, winner.index)
	}
	return nil
}

func (g *ReplayGuard) forgetEnded(now time.Time) {
	for len(g.expiry) > 0 && !now.Before(g.expiry[0].ends) {
		ended := heap.Pop(&g.expiry).(*held)
		delete(g.claims, ended.key)
	}
}

// held is a claim that somebody won.
type held struct {
	key   domain.ProofKey
	owner domain.Owner
	ends  time.Time
	index int // in the heap
}

// expiryHeap is a container/heap.Interface.
type expiryHeap []*held

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].ends.Before(h[j].ends) }

func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *expiryHeap) Push(x any) {
	x.(*held).index = len(*h)
	*h = append(*h, x.(*held))
}

func (h *expiryHeap) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	return last
}
