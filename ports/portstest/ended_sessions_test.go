package portstest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// ended remembers marks in a map, by a clock that only the suite moves.
type ended struct {
	trouble

	mu    sync.Mutex
	now   time.Time
	full  bool
	marks map[string]remembered
	began map[string]remembered
}

type remembered struct{ at, ends time.Time }

const keepEnded = 30 * 24 * time.Hour

// Mark is what a good one does.
func (e *ended) Mark(ctx context.Context, subject string, before time.Time) error {
	if err := e.err(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	mark, found := e.marks[subject]
	switch {
	case found && !before.After(mark.at):
		return nil
	case !found && e.full:
		return fmt.Errorf("%w: no room", domain.ErrUnavailable)
	}
	e.marks[subject] = remembered{before, e.now.Add(keepEnded)}
	return nil
}

// Ended is what a good one does.
func (e *ended) Ended(ctx context.Context, session domain.Lineage) (bool, error) {
	if err := e.err(ctx); err != nil {
		return false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	mark, found := e.marks[session.Subject]
	if !found || !e.now.Before(mark.ends) {
		return false, nil
	}
	began := session.Began
	if known, found := e.began[session.From.Reveal()]; found && e.now.Before(known.ends) {
		began = known.at
	}
	if began.IsZero() || began.Before(mark.at) {
		return true, nil
	}
	if !session.To.IsZero() {
		e.began[session.To.Reveal()] = remembered{began, e.now.Add(keepEnded)}
	}
	return false, nil
}

// brokenEnded is one whose methods can be replaced.
type brokenEnded struct {
	*ended
	end    func(context.Context, string, time.Time) error
	tested func(context.Context, domain.Lineage) (bool, error)
}

func (b brokenEnded) Mark(ctx context.Context, subject string, before time.Time) error {
	if b.end == nil {
		return b.ended.Mark(ctx, subject, before)
	}
	return b.end(ctx, subject, before)
}

func (b brokenEnded) Ended(ctx context.Context, session domain.Lineage) (bool, error) {
	if b.tested == nil {
		return b.ended.Ended(ctx, session)
	}
	return b.tested(ctx, session)
}

func startEnded() (portstest.EndedHarness, map[string]flaw[portstest.EndedHarness]) {
	e := &ended{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), marks: map[string]remembered{}, began: map[string]remembered{}}
	return portstest.EndedHarness{
		Sessions: e, Keep: keepEnded,
		Advance: func(d time.Duration) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.now = e.now.Add(d)
		},
		Fill: func(*testing.T) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.full = true
		},
		Hang: e.meet(silent), Stop: e.meet(stopped),
	}, endedFlaws(e)
}

func endedFlaws(e *ended) map[string]flaw[portstest.EndedHarness] {
	ends := func(caughtBy string, end func(context.Context, string, time.Time) error) flaw[portstest.EndedHarness] {
		return flaw[portstest.EndedHarness]{caughtBy, func(h *portstest.EndedHarness) { h.Sessions = brokenEnded{ended: e, end: end} }}
	}
	tells := func(caughtBy string, tested func(context.Context, domain.Lineage) (bool, error)) flaw[portstest.EndedHarness] {
		return flaw[portstest.EndedHarness]{caughtBy, func(h *portstest.EndedHarness) { h.Sessions = brokenEnded{ended: e, tested: tested} }}
	}
	reads := func(caughtBy string, change func(*domain.Lineage)) flaw[portstest.EndedHarness] {
		return tells(caughtBy, func(ctx context.Context, s domain.Lineage) (bool, error) {
			change(&s)
			return e.Ended(ctx, s)
		})
	}
	says := func(when string, ended bool, instead error) func(context.Context, domain.Lineage) (bool, error) {
		return func(ctx context.Context, s domain.Lineage) (bool, error) {
			got, err := e.Ended(ctx, s)
			if err != nil && e.met() == when {
				return ended, instead
			}
			return got, err
		}
	}
	hold := func(f func()) {
		e.mu.Lock()
		defer e.mu.Unlock()
		f()
	}
	const (
		away    = "while its store is away no session is said to go on"
		silence = "a store that is silent is given up while it is asked"
		full    = "without room no mark is taken, and none forgotten"
		forward = "a mark only moves forward"
		lineage = "a session's beginning goes from refresh token to the next"
	)
	return map[string]flaw[portstest.EndedHarness]{
		"ends all sessions": tells("without a mark every session goes on", func(context.Context, domain.Lineage) (bool, error) { return true, nil }),
		"ends nothing":      ends("a session from before the mark has ended", func(context.Context, string, time.Time) error { return nil }),
		"ends the sessions of the mark's own moment": ends("a session from the mark or later goes on", func(ctx context.Context, subject string, before time.Time) error {
			return e.Mark(ctx, subject, before.Add(time.Millisecond))
		}),
		"lets the unknown go on": reads("a session of unknown beginning has ended", func(s *domain.Lineage) {
			if s.Began.IsZero() {
				s.Began = time.Now().AddDate(10, 0, 0)
			}
		}),
		"takes all persons for one": tells("a mark concerns one person only", func(ctx context.Context, s domain.Lineage) (bool, error) {
			hold(func() { s.Subject = anyKey(e.marks, s.Subject) })
			return e.Ended(ctx, s)
		}),
		"compares persons without case": tells("a mark concerns one person only", func(ctx context.Context, s domain.Lineage) (bool, error) {
			s.Subject = strings.ToLower(s.Subject)
			return e.Ended(ctx, s)
		}),
		"takes the last word": ends(forward, func(ctx context.Context, subject string, before time.Time) error {
			hold(func() { delete(e.marks, subject) })
			return e.Mark(ctx, subject, before)
		}),
		"takes the first word":              ends(forward, firstWord(e)),
		"forgets marks after a day":         ends("a mark is remembered for as long as a refresh token lives", keptFor(e, 24*time.Hour)),
		"never forgets":                     ends("a mark is remembered for as long as a refresh token lives", keptFor(e, 10*keepEnded)),
		"keeps a mark by its first end":     ends("a mark that moves is remembered from then on", keepsFirstEnd(e)),
		"remembers no beginning":            reads(lineage, func(s *domain.Lineage) { s.To = domain.Secret{} }),
		"moves the beginning away":          tells(lineage, movesAway(e)),
		"believes what is told":             reads("what is remembered goes before what is told", toldFirst(e)),
		"remembers that it went on":         tells("a session that began under one mark is ended by the next", wentOnOnce(e)),
		"keeps one beginning for all":       tells("the beginning of one session says nothing about another", oneBeginning(e)),
		"uses a refresh token up":           tells("a refresh token that does not change may be shown again", usesUp(e)),
		"takes no refresh token for one":    tells("without a refresh token nothing is remembered", keepsNothing(e)),
		"takes the earliest of many":        ends("a mark is found by everybody at once", earliestWord(e)),
		"forgets a mark to make room":       ends(full, evictsMark(e)),
		"takes a mark without room":         ends(full, func(ctx context.Context, s string, b time.Time) error { _ = e.Mark(ctx, s, b); return nil }),
		"lets sessions go on without store": tells(away, says(stopped, false, nil)),
		"ends sessions without its store":   tells(away, says(stopped, true, nil)),
		"takes an absence for our fault":    tells(away, says(stopped, false, errors.New("no connection"))),
		"says that it marked without store": ends(away, func(ctx context.Context, s string, b time.Time) error { _ = e.Mark(ctx, s, b); return nil }),
		"tells the refresh token":           tells(away, says(stopped, false, fmt.Errorf("%w: of one", domain.ErrUnavailable))),
		"waits for its store as it pleases": ends(silence, func(ctx context.Context, s string, b time.Time) error {
			return e.Mark(context.WithoutCancel(ctx), s, b)
		}),
		"asks its store as long as it takes": tells(silence, func(ctx context.Context, s domain.Lineage) (bool, error) {
			return e.Ended(context.WithoutCancel(ctx), s)
		}),
		"calls a departure a session": tells("a caller who leaves is not told that a session has a state", says("", false, nil)),
	}
}

func anyKey(marks map[string]remembered, otherwise string) string {
	for subject := range marks {
		return subject
	}
	return otherwise
}

func keptFor(e *ended, d time.Duration) func(context.Context, string, time.Time) error {
	return func(ctx context.Context, subject string, before time.Time) error {
		err := e.Mark(ctx, subject, before)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.marks[subject] = remembered{e.marks[subject].at, e.now.Add(d)}
		return err
	}
}

func keepsFirstEnd(e *ended) func(context.Context, string, time.Time) error {
	return func(ctx context.Context, subject string, before time.Time) error {
		e.mu.Lock()
		first, known := e.marks[subject]
		e.mu.Unlock()
		err := e.Mark(ctx, subject, before)
		e.mu.Lock()
		defer e.mu.Unlock()
		if known {
			e.marks[subject] = remembered{e.marks[subject].at, first.ends}
		}
		return err
	}
}

func movesAway(e *ended) func(context.Context, domain.Lineage) (bool, error) {
	return func(ctx context.Context, s domain.Lineage) (bool, error) {
		ended, err := e.Ended(ctx, s)
		e.mu.Lock()
		defer e.mu.Unlock()
		if !s.From.Equal(s.To) {
			delete(e.began, s.From.Reveal())
		}
		return ended, err
	}
}

func toldFirst(e *ended) func(*domain.Lineage) {
	return func(s *domain.Lineage) {
		if !s.Began.IsZero() && !s.From.IsZero() {
			s.From = domain.NewSecret("nothing is remembered of this")
		}
	}
}

func wentOnOnce(e *ended) func(context.Context, domain.Lineage) (bool, error) {
	wentOn := map[string]bool{}
	return func(ctx context.Context, s domain.Lineage) (bool, error) {
		if wentOn[s.From.Reveal()] {
			return false, nil
		}
		ended, err := e.Ended(ctx, s)
		wentOn[s.To.Reveal()] = !ended && err == nil
		return ended, err
	}
}

func oneBeginning(e *ended) func(context.Context, domain.Lineage) (bool, error) {
	return func(ctx context.Context, s domain.Lineage) (bool, error) {
		s.From, s.To = domain.NewSecret("all"), domain.NewSecret("all")
		return e.Ended(ctx, s)
	}
}

func usesUp(e *ended) func(context.Context, domain.Lineage) (bool, error) {
	return func(ctx context.Context, s domain.Lineage) (bool, error) {
		ended, err := e.Ended(ctx, s)
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.began, s.From.Reveal())
		return ended, err
	}
}

func keepsNothing(e *ended) func(context.Context, domain.Lineage) (bool, error) {
	return func(ctx context.Context, s domain.Lineage) (bool, error) {
		ended, err := e.Ended(ctx, s)
		e.mu.Lock()
		defer e.mu.Unlock()
		if !ended && s.To.IsZero() {
			e.began[""] = remembered{s.Began, e.now.Add(keepEnded)}
		}
		return ended, err
	}
}

// firstWord keeps the mark of whoever comes first.
func firstWord(e *ended) func(context.Context, string, time.Time) error {
	return func(ctx context.Context, subject string, before time.Time) error {
		e.mu.Lock()
		_, known := e.marks[subject]
		e.mu.Unlock()
		if known {
			return nil
		}
		return e.Mark(ctx, subject, before)
	}
}

// earliestWord keeps the earliest mark, whoever comes first.
func earliestWord(e *ended) func(context.Context, string, time.Time) error {
	var one sync.Mutex // at a time, or chance would decide whether it is the latest after all
	return func(ctx context.Context, subject string, before time.Time) error {
		one.Lock()
		defer one.Unlock()
		e.mu.Lock()
		if mark, known := e.marks[subject]; known && mark.at.After(before) {
			delete(e.marks, subject)
		} else if known {
			before = mark.at
		}
		e.mu.Unlock()
		return e.Mark(ctx, subject, before)
	}
}

func evictsMark(e *ended) func(context.Context, string, time.Time) error {
	return func(ctx context.Context, subject string, before time.Time) error {
		err := e.Mark(ctx, subject, before)
		if errors.Is(err, domain.ErrUnavailable) {
			e.mu.Lock()
			defer e.mu.Unlock()
			clear(e.marks)
		}
		return err
	}
}
