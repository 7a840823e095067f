package memory

import (
	"container/heap"
	"time"

	"nativebridge/domain"
)

// held is a claim that somebody won. It has no pointer, so that the garbage collector
// has nothing to follow in a quarter of a million of them.
type held struct {
	key   domain.ProofKey
	owner domain.Owner
	ends  time.Duration // since the guard was made
	index int           // in order
}

// claims is a heap of claims, soonest to end first, and a container/heap.Interface. A
// claim stays in its slot of held for as long as it is there.
type claims struct {
	held  []held
	order []uint32 // every slot, once: first those of the live claims, as a heap, then the free ones
	live  int
}

func newClaims(capacity int) claims {
	c := claims{held: make([]held, capacity), order: make([]uint32, capacity)}
	for slot := range c.order {
		c.order[slot] = uint32(slot)
	}
	return c
}

func (c *claims) full() bool     { return c.live == len(c.held) }
func (c *claims) soonest() *held { return &c.held[c.order[0]] }

// add returns the slot of a new claim. There must be room.
func (c *claims) add(claim held) (slot uint32) {
	slot = c.order[c.live]
	c.held[slot] = claim
	c.held[slot].index = c.live
	heap.Push(c, nil)
	return slot
}

func (c *claims) Len() int           { return c.live }
func (c *claims) Less(i, j int) bool { return c.held[c.order[i]].ends < c.held[c.order[j]].ends }

func (c *claims) Swap(i, j int) {
	c.order[i], c.order[j] = c.order[j], c.order[i]
	c.held[c.order[i]].index, c.held[c.order[j]].index = i, j
}

// Push and Pop move the border between the live and the free: the slot is there.
func (c *claims) Push(any) { c.live++ }

func (c *claims) Pop() any {
	c.live--
	return nil
}
