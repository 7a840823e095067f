// Package sampling lets a few of many alike events through, and counts the rest, so that
// whoever causes events cannot fill what they are written to.
package sampling

import (
	"sync"
	"time"
)

// Options are what a Sampler lets through. All must be set.
type Options[K comparable] struct {
	Each   int           // how many events of a key, in a window
	Window time.Duration // begins with the first event of a key
	// Keys is how many keys may have a window of their own at once. An event of a key
	// beyond them counts as one of Common(key), of which there must be few.
	Keys   int
	Common func(key K) K
	// Tell is called at the end of a window in which events of key were left out. It must
	// not wait.
	Tell func(key K, leftOut int)
}

// Sampler decides event by event. It is safe for concurrent use. Make one with New.
type Sampler[K comparable] struct {
	options Options[K]

	mu      sync.Mutex
	windows map[K]*window
	leftOut int64
}

// window is the time of one key.
type window struct {
	taken, leftOut int
	end            *time.Timer
}

// New returns a sampler that has seen no event.
func New[K comparable](options Options[K]) *Sampler[K] {
	return &Sampler[K]{options: options, windows: map[K]*window{}}
}

// Take reports whether an event of key is let through. It counts it if not.
func (s *Sampler[K]) Take(key K) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.windows[key] == nil && len(s.windows) >= s.options.Keys {
		key = s.options.Common(key)
	}
	w := s.windows[key]
	if w == nil {
		w = &window{}
		w.end = time.AfterFunc(s.options.Window, func() { s.close(key, w) })
		s.windows[key] = w
	}
	if w.taken < s.options.Each {
		w.taken++
		return true
	}
	w.leftOut++
	s.leftOut++
	return false
}

// close ends a window, unless it has ended.
func (s *Sampler[K]) close(key K, w *window) {
	s.mu.Lock()
	open := s.windows[key] == w
	if open {
		delete(s.windows, key)
	}
	leftOut := w.leftOut
	s.mu.Unlock()
	if open && leftOut > 0 {
		s.options.Tell(key, leftOut)
	}
}

// LeftOut returns how many events were not let through so far.
func (s *Sampler[K]) LeftOut() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leftOut
}

// Flush ends all windows now, so that what was left out is told before a process ends.
func (s *Sampler[K]) Flush() {
	s.mu.Lock()
	open := s.windows
	s.windows = map[K]*window{}
	s.mu.Unlock()
	for key, w := range open {
		w.end.Stop()
		if w.leftOut > 0 { // nobody else has w any more
			s.options.Tell(key, w.leftOut)
		}
	}
}
