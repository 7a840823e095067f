package main

import (
	"container/heap"
	"time"
)

// clock is virtual time: what is due happens in its order, and nothing waits.
type clock struct {
	now time.Duration
	due events
	n   int // events so far
}

type event struct {
	at time.Duration
	n  int // of events at the same time, the one that was planned first
	do func()
}

// after plans something to be done.
func (c *clock) after(d time.Duration, do func()) {
	c.n++
	heap.Push(&c.due, event{c.now + max(d, 0), c.n, do})
}

// run does what is due until the end, or until nothing is.
func (c *clock) run(end time.Duration) {
	for len(c.due) > 0 && c.due[0].at <= end {
		next := heap.Pop(&c.due).(event)
		c.now = next.at
		next.do()
	}
}

// events implements heap.Interface.
type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].n < e[j].n
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }

func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = event{}
	*e = (*e)[:last]
	return x
}
