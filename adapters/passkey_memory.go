package adapters

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

const (
	// passkeyKept is how long a process relies on it that a person has a passkey.
	passkeyKept = 5 * time.Minute
	// passkeysSpared is how long an authority that gave no answer is not asked.
	passkeysSpared = 5 * time.Second
	// mostPasskeys is how many persons are remembered.
	mostPasskeys = 1 << 16
)

// passkeyMemory remembers for a few minutes who has a passkey. It does not remember who has
// none: they may get one, and sign in. While the authority gives no answer it is asked once
// in a while, so that renewals do not wait for it.
type passkeyMemory struct {
	next ports.Passkeys
	now  Clock

	mu     sync.Mutex
	known  map[[32]byte]time.Time // until when
	spared time.Time
	why    error // of the last failure
}

func newPasskeyMemory(next ports.Passkeys, now Clock) *passkeyMemory {
	return &passkeyMemory{next: next, now: now, known: map[[32]byte]time.Time{}}
}

// Has implements ports.Passkeys. What is remembered was so up to five minutes ago.
func (p *passkeyMemory) Has(ctx context.Context, subject string, by time.Time) (bool, error) {
	person := domain.Digest(subject)
	if known, err := p.recall(person); known || err != nil {
		return known, err
	}
	has, err := p.next.Has(ctx, subject, by)
	p.learn(person, has, err)
	return has, err
}

func (p *passkeyMemory) recall(person [32]byte) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	switch {
	case now.Before(p.known[person]):
		return true, nil
	case now.Before(p.spared):
		return false, fmt.Errorf("not asked again so soon: %w", p.why)
	}
	return false, nil
}

func (p *passkeyMemory) learn(person [32]byte, has bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	reason, known := domain.ReasonOf(err)
	switch {
	case known && (reason == domain.ErrUnavailable || reason == domain.ErrBusy):
		p.spared, p.why = now.Add(max(passkeysSpared, min(domain.RetryAfterOf(err), passkeyKept))), err
	case has:
		if len(p.known) >= mostPasskeys {
			maps.DeleteFunc(p.known, func(_ [32]byte, until time.Time) bool { return !now.Before(until) })
		}
		if len(p.known) >= mostPasskeys {
			clear(p.known)
		}
		p.known[person] = now.Add(passkeyKept)
	}
}
