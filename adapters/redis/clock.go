package redis

import (
	"errors"
	"strconv"
	"time"
)

// clockKept is how long a reading of the server's clock is relied on while later
// ones are wider. In that time, clocks that differ in speed by 200 parts in a
// million, which is much, drift apart by 2 ms.
const clockKept = 10 * time.Second

// clock is a reading of the clock of one run of a server: it showed shown, or more,
// when our clock showed at. Ours is read when the answer has come. So the reading can
// only be too early: no time that it translates is later than the server's own.
type clock struct {
	run       string // "" before any reading
	shown, at time.Time
}

// earliest returns the earliest time that the server's clock can show when ours
// shows t.
func (c clock) earliest(t time.Time) time.Time { return c.shown.Add(t.Sub(c.at)) }

// then returns the better of two readings: c, and the next, whose command was sent when
// our clock showed asked. That is the narrower one. But it is the next if c is of
// another run, is old, or is wrong because the server's clock was set back.
func (c clock) then(next clock, asked time.Time) clock {
	narrower := next.shown.After(c.earliest(next.at))
	setBack := next.shown.Before(c.earliest(asked))
	if next.run != c.run || next.at.Sub(c.at) > clockKept || narrower || setBack {
		return next
	}
	return c
}

// serverClock returns the reading to go by.
func (s *Store) serverClock() clock {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

// learnClock takes what an answer says of the server's time, in µs, and run. Its
// question was sent when our clock showed asked.
func (s *Store) learnClock(shown, run string, asked time.Time) error {
	micros, err := strconv.ParseInt(shown, 10, 64)
	if err != nil {
		return errors.New("an answer without the time")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.then(clock{run: run, shown: time.UnixMicro(micros), at: s.now()}, asked)
	return nil
}

// learnBirth takes when the memory began, by the server's clock, which has been learned.
func (s *Store) learnBirth(born time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.born = s.clock.at.Add(born.Sub(s.clock.shown))
}

// MemoryAge returns how far back the store's memory goes, as its last answer told: it asks
// nobody. It is zero before the first answer.
func (s *Store) MemoryAge() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.born.IsZero() {
		return 0
	}
	return max(0, s.now().Sub(s.born))
}
