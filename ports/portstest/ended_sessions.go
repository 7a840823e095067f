package portstest

import (
	"context"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// EndedHarness is an EndedSessions under test. Each call of the harness function must give
// one without marks.
type EndedHarness struct {
	Sessions ports.EndedSessions
	// Keep is how long it remembers.
	Keep time.Duration
	// Advance lets d pass for it.
	Advance func(d time.Duration)
	// Fill takes the last room for marks. It is nil if there is always room.
	Fill func(t *testing.T)
	// Hang makes its store silent, and Stop makes it unreachable. They are nil if it
	// remembers by itself.
	Hang, Stop func(t *testing.T)
}

// EndedSessions tests the contract of ports.EndedSessions.
func EndedSessions(t *testing.T, start func(t *testing.T) EndedHarness) {
	tests := map[string]func(*testing.T, EndedHarness){
		"without a mark every session goes on":                       endedUnmarked,
		"a session from before the mark has ended":                   endedBefore,
		"a session from the mark or later goes on":                   endedAfter,
		"a session of unknown beginning has ended":                   endedUnknown,
		"a mark concerns one person only":                            endedOthers,
		"a mark only moves forward":                                  endedForward,
		"a mark is remembered for as long as a refresh token lives":  endedRemembers,
		"a mark that moves is remembered from then on":               endedMoves,
		"a session's beginning goes from refresh token to the next":  endedLineage,
		"what is remembered goes before what is told":                endedExact,
		"a session that began under one mark is ended by the next":   endedNextMark,
		"the beginning of one session says nothing about another":    endedApart,
		"a refresh token that does not change may be shown again":    endedUnrotated,
		"without a refresh token nothing is remembered":              endedNothingKept,
		"a mark is found by everybody at once":                       endedAtOnce,
		"without room no mark is taken, and none forgotten":          endedFull,
		"while its store is away no session is said to go on":        endedUnavailable,
		"a store that is silent is given up while it is asked":       endedSilent,
		"a caller who leaves is not told that a session has a state": endedCancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

// marked is the time of the marks that the suite sets, by the clock of who vouches, which
// is nobody else's.
var marked = time.Date(2026, 1, 31, 10, 0, 0, 123_000_000, time.UTC)

func (h EndedHarness) mustEnd(t *testing.T, subject string, before time.Time) {
	t.Helper()
	if err := h.Sessions.Mark(t.Context(), subject, before); err != nil {
		t.Fatalf("end the sessions of %s: %v", subject, err)
	}
}

func (h EndedHarness) wants(t *testing.T, ended bool, session domain.Lineage) {
	t.Helper()
	got, err := h.Sessions.Ended(t.Context(), session)
	if err != nil || got != ended {
		t.Errorf("the session that began %s has ended: %t, %v, want %t", session.Began, got, err, ended)
	}
}

// of returns a session of jane's that is shown by a refresh token, and goes on with another.
func of(began time.Time, from, to string) domain.Lineage {
	return domain.Lineage{Subject: jane, Began: began, From: domain.NewSecret(from), To: domain.NewSecret(to)}
}

func endedUnmarked(t *testing.T, h EndedHarness) {
	h.wants(t, false, of(marked, "one", "two"))
	h.wants(t, false, of(time.Time{}, "one", "two"))
	h.wants(t, false, of(time.Time{}, "", ""))
}

func endedBefore(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.wants(t, true, of(marked.Add(-time.Millisecond), "one", "two"))
	h.wants(t, true, of(marked.Add(-30*24*time.Hour), "one", "two"))
}

func endedAfter(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.wants(t, false, of(marked, "one", "two"))
	h.wants(t, false, of(marked.Add(time.Millisecond), "three", "four"))
}

func endedUnknown(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.wants(t, true, of(time.Time{}, "one", "two"))
}

func endedOthers(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	other := of(marked.Add(-time.Hour), "one", "two")
	for _, subject := range []string{john, "auth0|Jane", "auth0|jane ", ""} {
		other.Subject = subject
		h.wants(t, false, other)
	}
}

func endedForward(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.mustEnd(t, jane, marked)                 // comes twice
	h.mustEnd(t, jane, marked.Add(-time.Hour)) // comes late
	h.wants(t, true, of(marked.Add(-time.Millisecond), "one", "two"))
	h.mustEnd(t, jane, marked.Add(time.Hour))
	h.wants(t, true, of(marked.Add(time.Minute), "one", "two"))
	h.wants(t, false, of(marked.Add(time.Hour), "one", "two"))
}

func endedRemembers(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.Advance(h.Keep - time.Second)
	h.wants(t, true, of(marked.Add(-time.Hour), "one", "two"))
	h.Advance(2 * time.Second) // no refresh token of before is alive
	h.wants(t, false, of(marked.Add(-time.Hour), "one", "two"))
}

func endedMoves(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.Advance(h.Keep / 2)
	h.mustEnd(t, jane, marked.Add(time.Hour))
	h.Advance(h.Keep/2 + time.Second)
	h.wants(t, true, of(marked, "one", "two"))
}

func endedLineage(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.wants(t, false, of(marked.Add(time.Minute), "", "one"))
	h.wants(t, false, of(time.Time{}, "one", "two"))
	h.Advance(h.Keep / 2)
	h.mustEnd(t, jane, marked.Add(time.Second)) // so that the mark outlives the session
	h.wants(t, false, of(time.Time{}, "two", "three"))
	h.wants(t, false, of(time.Time{}, "two", "three")) // the answer was lost
	h.Advance(h.Keep - time.Second)
	h.wants(t, false, of(time.Time{}, "three", "four"))
}

func endedExact(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.wants(t, false, of(marked.Add(time.Minute), "", "one"))
	h.wants(t, false, of(marked.Add(-time.Minute), "one", "two"))
	h.wants(t, false, of(time.Time{}, "two", "three"))
}

func endedNextMark(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.wants(t, false, of(marked.Add(time.Minute), "", "one"))
	h.mustEnd(t, jane, marked.Add(time.Hour))
	h.wants(t, true, of(time.Time{}, "one", "two"))
	h.wants(t, true, of(marked.Add(2*time.Hour), "one", "two"))
}

func endedApart(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.wants(t, false, of(marked.Add(time.Minute), "", "one"))
	h.wants(t, true, of(time.Time{}, "another", "two"))
	h.wants(t, true, of(time.Time{}, "", "three"))
	h.wants(t, true, of(time.Time{}, "three", "four")) // what has ended leaves nothing behind
}

func endedUnrotated(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.wants(t, false, of(marked.Add(time.Minute), "", "one"))
	for range 3 {
		h.wants(t, false, of(time.Time{}, "one", "one"))
	}
}

func endedNothingKept(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	h.wants(t, false, of(marked.Add(time.Minute), "", ""))
	h.wants(t, true, of(time.Time{}, "", ""))
}

func endedAtOnce(t *testing.T, h EndedHarness) {
	atOnce(func(caller int) { h.mustEndAtOnce(t, marked.Add(time.Duration(caller)*time.Minute)) })
	h.wants(t, true, of(marked.Add((callers-1)*time.Minute-time.Millisecond), "one", "two"))
	h.wants(t, false, of(marked.Add((callers-1)*time.Minute), "one", "two"))
}

func (h EndedHarness) mustEndAtOnce(t *testing.T, before time.Time) {
	if err := h.Sessions.Mark(t.Context(), jane, before); err != nil {
		t.Errorf("end: %v", err)
	}
}

func endedFull(t *testing.T, h EndedHarness) {
	if h.Fill == nil {
		return
	}
	h.mustEnd(t, jane, marked)
	h.Fill(t)
	wantReason(t, h.Sessions.Mark(t.Context(), john, marked), domain.ErrUnavailable)
	if ended, err := h.Sessions.Ended(t.Context(), of(marked.Add(-time.Hour), "one", "two")); err == nil && !ended {
		t.Error("the mark of before was forgotten")
	}
}

func endedUnavailable(t *testing.T, h EndedHarness) {
	if h.Stop == nil {
		return
	}
	h.mustEnd(t, jane, marked)
	h.Stop(t)
	wantReason(t, h.Sessions.Mark(t.Context(), john, marked), domain.ErrUnavailable)
	for _, began := range []time.Time{marked.Add(-time.Hour), marked.Add(time.Hour)} {
		_, err := h.Sessions.Ended(t.Context(), of(began, "one", "two"))
		wantReason(t, err, domain.ErrUnavailable)
		wantSilent(t, err, "one", "two")
	}
}

func endedSilent(t *testing.T, h EndedHarness) {
	if h.Hang == nil {
		return
	}
	h.Hang(t)
	wantInTime(t, func(ctx context.Context) error { return h.Sessions.Mark(ctx, jane, marked) })
	wantInTime(t, func(ctx context.Context) error {
		_, err := h.Sessions.Ended(ctx, of(marked, "one", "two"))
		return err
	})
}

func endedCancelled(t *testing.T, h EndedHarness) {
	h.mustEnd(t, jane, marked)
	ended, err := h.Sessions.Ended(cancelled(t), of(marked.Add(-time.Hour), "one", "two"))
	if err != nil {
		wantDeparture(t, err)
	} else if !ended {
		t.Error("a session that has ended was said to go on")
	}
}
