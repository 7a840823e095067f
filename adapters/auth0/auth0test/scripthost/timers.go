package scripthost

import (
	"time"

	"github.com/dop251/goja"
)

// maxDelay is the longest delay of a timer in milliseconds. Node turns a longer one, and one below 1, into 1.
const maxDelay = 1<<31 - 1

// timerFunctions are what the prelude builds timers from.
func (c *container) timerFunctions() map[string]any {
	return map[string]any{"setTimer": c.setTimer, "clearTimer": c.clearTimer}
}

// setTimer calls callback after delay milliseconds. It returns the timer's number, which is not used twice in a run.
func (c *container) setTimer(callback goja.Value, delay float64) int {
	r := c.run
	r.lastTimer++
	id := r.lastTimer
	r.timers[id] = time.AfterFunc(durationOf(delay), func() {
		r.hand(func() error {
			if r.timers[id] == nil {
				return nil // cleared while its turn came
			}
			delete(r.timers, id)
			_, err := c.call(callback)
			return err
		})
	})
	return id
}

func durationOf(milliseconds float64) time.Duration {
	if milliseconds >= 1 && milliseconds <= maxDelay {
		return time.Duration(milliseconds) * time.Millisecond
	}
	return time.Millisecond
}

// clearTimer does nothing for a timer that has fired or was cleared.
func (c *container) clearTimer(id int) {
	if t := c.run.timers[id]; t != nil {
		t.Stop()
		delete(c.run.timers, id)
	}
}
