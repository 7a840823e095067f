package memory_test

import (
	"fmt"
	"testing"
	"time"

	"nativebridge/adapters/memory"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const keepEnded = 30 * 24 * time.Hour

func TestEndedSessionsKeepTheContract(t *testing.T) {
	const capacity = 64
	portstest.EndedSessions(t, func(*testing.T) portstest.EndedHarness {
		c := &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
		sessions := memory.NewEndedSessions(c.now, keepEnded, capacity)
		return portstest.EndedHarness{
			Sessions: sessions, Keep: keepEnded,
			Advance: func(d time.Duration) { c.Time = c.Add(d) },
			Fill: func(t *testing.T) {
				for n := range capacity {
					_ = sessions.Mark(t.Context(), fmt.Sprint("auth0|", n), c.Time) // there is no room for the last
				}
			},
		}
	})
}

func TestEndedMarksMakeRoom(t *testing.T) {
	c := &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
	sessions := memory.NewEndedSessions(c.now, keepEnded, 2)
	for n := range 10 {
		for person := range 2 {
			if err := sessions.Mark(t.Context(), fmt.Sprint(n, person), c.Time); err != nil {
				t.Fatalf("mark %d of person %d: %v", n, person, err)
			}
		}
		c.Time = c.Add(keepEnded)
	}
	if marks := sessions.Marks(); marks > 2 {
		t.Errorf("%d marks take up room, want 2", marks)
	}
}

// A full memory must err on the side of a new sign-in.
func TestASessionWithoutRoomEndsIfItsPersonIsMarked(t *testing.T) {
	c := &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
	sessions := memory.NewEndedSessions(c.now, keepEnded, 1)
	if err := sessions.Mark(t.Context(), "auth0|jane", c.Time); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"first": false, "second": true} {
		_, _ = sessions.Ended(t.Context(), domain.Lineage{Subject: "auth0|jane", Began: c.Time, To: domain.NewSecret("first")})
		_, _ = sessions.Ended(t.Context(), domain.Lineage{Subject: "auth0|jane", Began: c.Time, To: domain.NewSecret("second")})
		ended, err := sessions.Ended(t.Context(), domain.Lineage{Subject: "auth0|jane", From: domain.NewSecret(name)})
		if err != nil || ended != want {
			t.Errorf("the %s session has ended: %t, %v, want %t", name, ended, err, want)
		}
	}
}
