package scripthost

import (
	"cmp"
	"slices"
	"time"

	"github.com/dop251/goja"
)

// maxDelay is the longest delay of a timer in milliseconds. Node turns a longer one, and one below 1, into 1.
const maxDelay = 1<<31 - 1

// timer is one setTimeout, setInterval or setImmediate.
type timer struct {
	id         int
	at         time.Time
	every      time.Duration // 0: fires once
	referenced bool          // keeps the loop alive
	callback   goja.Value
}

// timers holds the timers of a run in the order they fire.
type timers struct {
	lastID int
	list   []*timer
}

func (ts *timers) add(t *timer) {
	position, _ := slices.BinarySearchFunc(ts.list, t, func(a, b *timer) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id))
	})
	ts.list = slices.Insert(ts.list, position, t)
}

func (ts *timers) find(id int) int {
	return slices.IndexFunc(ts.list, func(t *timer) bool { return t.id == id })
}

func (ts *timers) referenced() bool {
	return slices.ContainsFunc(ts.list, func(t *timer) bool { return t.referenced })
}

// due removes and returns the next timer if it is time for it. One that repeats is put back at once, so that its own
// callback can clear it.
func (ts *timers) due(now time.Time) *timer {
	if len(ts.list) == 0 || now.Before(ts.list[0].at) {
		return nil
	}
	t := ts.list[0]
	ts.list = ts.list[1:]
	if t.every > 0 {
		t.at = now.Add(t.every)
		ts.add(t)
	}
	return t
}

// wait returns a channel that is ready when the next timer is due, or never.
func (ts *timers) wait() <-chan time.Time {
	if len(ts.list) == 0 {
		return nil
	}
	return time.After(time.Until(ts.list[0].at))
}

// loopFunctions are what the prelude builds timers, the console and process control from.
func (c *container) loopFunctions() map[string]any {
	return map[string]any{
		"setTimer":   c.setTimer,
		"clearTimer": c.clearTimer,
		"refTimer":   c.refTimer,
		"warn":       func(line string) { c.warn(line) },
		"refuse":     c.refuse,
		"uncaught":   func(thrown goja.Value) { c.run.settleThrown(Uncaught, thrown) },
	}
}

// setTimer starts a timer that calls callback after delay milliseconds, again and again if repeat is set. A negative
// delay stands for setImmediate. It returns the timer's number, which is not used twice in a run.
func (c *container) setTimer(callback goja.Value, delay float64, repeat, referenced bool) int {
	ts := &c.run.timers
	ts.lastID++
	t := &timer{id: ts.lastID, at: time.Now(), referenced: referenced, callback: callback}
	if delay >= 0 {
		wait := delayFrom(delay)
		t.at = t.at.Add(wait)
		if repeat {
			t.every = wait
		}
	}
	ts.add(t)
	return t.id
}

func delayFrom(milliseconds float64) time.Duration {
	if milliseconds >= 1 && milliseconds <= maxDelay {
		return time.Duration(milliseconds) * time.Millisecond
	}
	return time.Millisecond
}

func (c *container) clearTimer(id int) {
	if i := c.run.timers.find(id); i >= 0 {
		c.run.timers.list = slices.Delete(c.run.timers.list, i, i+1)
	}
}

func (c *container) refTimer(id int, referenced bool) {
	if i := c.run.timers.find(id); i >= 0 {
		c.run.timers.list[i].referenced = referenced
	}
}

func (r *run) fire(t *timer) error {
	_, err := r.call(t.callback)
	return err
}
