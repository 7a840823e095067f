package memory

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// RenewalCapacity is how many bytes of answers the bridge's memory of renewals holds. A
// kept answer with tokens of 700 bytes takes some 2.4 kB, and is kept for RENEWAL_GRACE: at
// the default of 10 minutes that is room for some 46 renewals a second.
const RenewalCapacity = 64 << 20

// renewalOverhead is what a renewal takes besides its answer, and what that is rounded up
// to: 570 bytes as BenchmarkKeptAnswer measures it.
const renewalOverhead = 600

// RenewalMemory is a ports.RenewalMemory of bounded size. When it is full of live answers
// no turn begins, and an answer to a turn that has begun is kept all the same. Its memory
// ends with the process.
type RenewalMemory struct {
	now      func() time.Time
	born     time.Time
	capacity int

	mu       sync.Mutex
	renewals map[domain.RenewalName]*renewal
	ends     *list.List // of renewals, in no order; each new turn looks at the first of them
	size     int
}

// renewal is what is known of one refresh token.
type renewal struct {
	name    domain.RenewalName
	place   *list.Element
	over    time.Time // when it is forgotten
	first   time.Time // when the issuer may have been asked first; zero if that may have been forgotten
	owner   domain.Owner
	leased  time.Time // until then the owner holds the turn
	again   bool      // the turn began in doubt
	answer  []byte    // nil while there is none
	refusal bool      // the answer is one
}

var _ ports.RenewalMemory = (*RenewalMemory)(nil)

// NewRenewalMemory returns an empty memory for some capacity bytes, which begins now.
func NewRenewalMemory(now func() time.Time, capacity int) *RenewalMemory {
	return &RenewalMemory{now: now, born: now(), capacity: capacity, renewals: map[domain.RenewalName]*renewal{}, ends: list.New()}
}

// Begin implements ports.RenewalMemory.
func (m *RenewalMemory) Begin(_ context.Context, turn domain.Turn) (domain.Standing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.forgetEnded(now)
	r := m.live(turn.Name, now)
	if r == nil {
		return m.begin(turn, now)
	}
	left, lapsed := r.first.Add(turn.Leeway).Sub(now), !r.leased.After(now)
	switch {
	case r.answer != nil:
		return domain.Standing{Is: domain.TurnAnswered, Answer: r.answer}, nil
	case r.owner == turn.Owner && !r.again:
		r.leased = now.Add(turn.Lease)
		return domain.Standing{Is: domain.TurnYours}, nil
	case r.owner == turn.Owner, lapsed && left >= turn.Patience:
		r.owner, r.leased, r.again = turn.Owner, now.Add(turn.Lease), true
		return domain.Standing{Is: domain.TurnAgain, Left: left}, nil
	case lapsed:
		return domain.Standing{Is: domain.TurnInDoubt, Left: r.over.Sub(now)}, nil
	}
	return domain.Standing{Is: domain.TurnTaken}, nil
}

// begin makes a turn for a refresh token of which nothing is known.
func (m *RenewalMemory) begin(turn domain.Turn, now time.Time) (domain.Standing, error) {
	if m.size+renewalOverhead > m.capacity {
		return domain.Standing{}, fmt.Errorf("%w: the memory of renewals is full of live answers (%d, in %d bytes): "+
			"more sessions are renewed than one process can remember for RENEWAL_GRACE", domain.ErrUnavailable, len(m.renewals), m.size)
	}
	r := &renewal{name: turn.Name, over: now.Add(turn.Keep), owner: turn.Owner, leased: now.Add(turn.Lease)}
	if !m.born.After(now.Add(-turn.Reach())) {
		r.first = now
	}
	m.put(r)
	return domain.Standing{Is: domain.TurnYours}, nil
}

// Keep implements ports.RenewalMemory. It never fails.
func (m *RenewalMemory) Keep(_ context.Context, turn domain.Turn, answer []byte, during time.Duration) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if r := m.live(turn.Name, now); r != nil && r.answer != nil && !r.refusal {
		return r.answer, nil
	}
	m.put(&renewal{name: turn.Name, over: now.Add(during), answer: answer})
	return answer, nil
}

// Refuse implements ports.RenewalMemory. It never fails.
func (m *RenewalMemory) Refuse(_ context.Context, turn domain.Turn, answer []byte, during time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if r := m.live(turn.Name, now); r != nil && r.answer == nil && r.owner == turn.Owner {
		m.put(&renewal{name: turn.Name, over: now.Add(during), answer: answer, refusal: true})
	}
	return nil
}

// Forget implements ports.RenewalMemory. It never fails.
func (m *RenewalMemory) Forget(_ context.Context, name domain.RenewalName) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.renewals[name]; r != nil && r.answer != nil {
		m.drop(r)
	}
	return nil
}

// Held returns how many bytes are taken up. Some of them may be of answers that have ended.
func (m *RenewalMemory) Held() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size
}

// live returns what is known of a refresh token, or nil.
func (m *RenewalMemory) live(name domain.RenewalName, now time.Time) *renewal {
	if r := m.renewals[name]; r != nil && r.over.After(now) {
		return r
	}
	return nil
}

// forgetEnded looks at a few renewals in turn, so that all that have ended are forgotten
// in the end, and no caller waits for that.
func (m *RenewalMemory) forgetEnded(now time.Time) {
	for range min(batch, m.ends.Len()) {
		first := m.ends.Front()
		if r := first.Value.(*renewal); !r.over.After(now) {
			m.drop(r)
		} else {
			m.ends.MoveToBack(first)
		}
	}
}

// put is add in the place of what is there.
func (m *RenewalMemory) put(r *renewal) {
	if before := m.renewals[r.name]; before != nil {
		m.drop(before)
	}
	m.add(r)
}

func (m *RenewalMemory) add(r *renewal) {
	r.place = m.ends.PushBack(r)
	m.renewals[r.name] = r
	m.size += renewalOverhead + len(r.answer)
}

func (m *RenewalMemory) drop(r *renewal) {
	m.ends.Remove(r.place)
	delete(m.renewals, r.name)
	m.size -= renewalOverhead + len(r.answer)
}
