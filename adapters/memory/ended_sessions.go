package memory

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// EndedCapacity is how many marks the bridge's EndedSessions holds, and how many sessions
// of marked persons: some 30 MiB when it is full of both.
const EndedCapacity = 1 << 17

// EndedSessions is a ports.EndedSessions of bounded size. When it is full of live marks,
// it takes no new one, and evicts none. A session that it has no room for counts as
// unknown, so it ends if its person is marked: the user signs in again. Its memory ends
// with the process.
type EndedSessions struct {
	now      func() time.Time
	keep     time.Duration
	capacity int

	mu      sync.Mutex
	persons map[[32]byte]kept // the mark of each
	began   map[[32]byte]kept // when the session began that a refresh token continues
}

// kept is a time that is remembered until it ends.
type kept struct{ at, ends time.Time }

var _ ports.EndedSessions = (*EndedSessions)(nil)

// NewEndedSessions returns one without marks, for at most capacity of them. Keep is how
// long a refresh token can live.
func NewEndedSessions(now func() time.Time, keep time.Duration, capacity int) *EndedSessions {
	return &EndedSessions{now: now, keep: keep, capacity: capacity, persons: map[[32]byte]kept{}, began: map[[32]byte]kept{}}
}

// Mark implements ports.EndedSessions.
func (e *EndedSessions) Mark(_ context.Context, subject string, before time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	person, before := domain.Digest(subject), before.Truncate(time.Millisecond)
	if mark, marked := e.find(e.persons, person); marked && !before.After(mark) {
		return nil
	}
	if !e.put(e.persons, person, before) {
		return fmt.Errorf("%w: there is no room for one more person whose sessions have ended (%d)", domain.ErrUnavailable, e.capacity)
	}
	return nil
}

// Ended implements ports.EndedSessions. It never fails.
func (e *EndedSessions) Ended(_ context.Context, session domain.Lineage) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	mark, marked := e.find(e.persons, domain.Digest(session.Subject))
	if !marked {
		return false, nil
	}
	began := session.Began.Truncate(time.Millisecond)
	if !session.From.IsZero() {
		if known, found := e.find(e.began, domain.Digest(session.From.Reveal())); found {
			began = known
		}
	}
	if began.IsZero() || began.Before(mark) {
		return true, nil
	}
	if !session.To.IsZero() {
		e.put(e.began, domain.Digest(session.To.Reveal()), began)
	}
	return false, nil
}

// Marks returns how many persons have a mark. Some of them may have ended.
func (e *EndedSessions) Marks() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.persons)
}

func (e *EndedSessions) find(in map[[32]byte]kept, key [32]byte) (time.Time, bool) {
	found, ok := in[key]
	return found.at, ok && e.now().Before(found.ends)
}

// put remembers a time. It returns false if there is no room.
func (e *EndedSessions) put(in map[[32]byte]kept, key [32]byte, at time.Time) bool {
	now := e.now()
	if _, known := in[key]; !known && len(in) >= e.capacity {
		maps.DeleteFunc(in, func(_ [32]byte, old kept) bool { return !now.Before(old.ends) })
		if len(in) >= e.capacity {
			return false
		}
	}
	in[key] = kept{at, now.Add(e.keep)}
	return true
}
