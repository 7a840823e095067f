package budget

import (
	"time"

	"nativebridge/adapters/internal/upstream"
)

const (
	// believed is how long a window that a reply has shown to be empty is taken for empty,
	// at most. After that one request is let through, and its reply tells anew. Auth0's
	// limits are by the second; and a reply that was about one person's limit must not
	// shut out everybody for a minute.
	believed = 2 * time.Second
	// period is how long a window whose reset has passed is taken to last.
	period = time.Second
)

// window is one limit of the issuer, as its replies tell of it, less what was spent since.
type window struct {
	name  string
	call  Call // that it is of; "" for all
	of    int
	left  int
	reset time.Time // when left is of again
	until time.Time // when what is known must be learned anew
}

func (w *window) isOf(call Call) bool { return w.call == "" || w.call == call }

// learn takes over what a reply tells. Out is how many requests it does not count yet.
func (w *window) learn(q upstream.Quota, now time.Time, out int) {
	w.of, w.left, w.reset, w.until = q.Of, q.Left-out, q.Reset, now.Add(believed)
	if q.Reset.Before(w.until) {
		w.until = q.Reset
	}
}

// refresh moves on to the window of now.
func (w *window) refresh(now time.Time, out int) {
	if now.Before(w.until) {
		return
	}
	if now.Before(w.reset) {
		w.left, w.until = max(w.left, 1), now.Add(believed)
		return
	}
	w.left, w.until = max(w.of-out, 1), now.Add(period)
	w.reset = w.until
}

// delay returns how long the next request waits behind ahead others. It is exact for the
// first of them, and for those behind a guess that later windows are as long as period.
func (w *window) delay(now time.Time, ahead, out int) time.Duration {
	w.refresh(now, out)
	if ahead < w.left {
		return 0
	}
	windows := (ahead - max(0, w.left)) / max(1, w.of)
	return w.until.Sub(now) + time.Duration(windows)*period
}
