package memory

import (
	"container/heap"
	"time"

	"nativebridge/domain"
)

// held is a claim that was won. It has no pointer, so that the garbage collector need not
// look into a quarter of a million of them.
type held struct {
	key   domain.ProofKey
	owner domain.Owner
	ends  time.Duration // since the guard was made
	index int           // its place in order
}

// claims is a heap of claims, the soonest to end first. It implements heap.Interface. A
// claim stays in one slot of held until it is removed. There are as many slots as there were
// claims at once, and at most capacity.
type claims struct {
	capacity int
	held     []held
	order    []uint32 // all slots: first those of the live claims, as a heap, then the free ones
	live     int
}

func (c *claims) full() bool     { return c.live == c.capacity }
func (c *claims) soonest() *held { return &c.held[c.order[0]] }

// add keeps a claim and returns its slot. There must be room.
func (c *claims) add(claim held) (slot uint32) {
	if c.live == len(c.held) {
		c.order = append(c.order, uint32(len(c.held))) // #nosec G115 -- capacity is less
		c.held = append(c.held, held{})
	}
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

// Push and Pop only move the border between live and free slots; add and the heap have
// put the slot beside it.
func (c *claims) Push(any) { c.live++ }

func (c *claims) Pop() any {
	c.live--
	return nil
}
