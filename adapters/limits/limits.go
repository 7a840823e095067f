// Package limits keeps one person, and one address, from taking more than a share of the
// bridge.
//
// A person is limited after the proof, so nobody can use up what is another person's. An
// address is limited by what fails, and only far above that by what succeeds, because
// all customers of a carrier may share one.
//
// Every decision is made by what is known in the process, so no request waits for a
// store. If replicas share one, counts are repeated there behind the answers, and each
// replica learns from that what the others have counted. A store that does not answer
// loosens the limits and refuses nobody: limits fail open, the replay guard fails closed
// (docs/decisions/0038).
package limits

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"

	"nativebridge/adapters/internal/network"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Limits are the limits of a process. A nil *Limits limits nobody. It is safe for
// concurrent use. Make one with New.
type Limits struct {
	persons, failures, successes []*limit

	sharing *sharing // nil if there is no shared store

	admits sync.Mutex             // so that a proof which comes twice at once is counted once
	proofs throttled.GCRAStoreCtx // that were counted
}

var _ ports.Admission = (*Limits)(nil)

// Kinds are the kinds of limits: of persons, of the failures of an address, and of its
// successes.
var Kinds = []string{"person", "failures", "successes"}

// Options for New. Log and Now must be set.
type Options struct {
	// Shared is where the replicas count together; nil if there is nothing. It is asked
	// in the background, and each call of it must end.
	Shared throttled.GCRAStoreCtx
	Log    *slog.Logger
	Now    func() time.Time
}

// New returns limits by which nothing was counted yet. Config must be free of faults.
func New(config Config, o Options) *Limits {
	limits := func(rates ...rate) (list []*limit) {
		for _, rate := range rates {
			list = append(list, newLimit(rate, o.Now, o.Shared))
		}
		return list
	}
	proofs := must(memstore.New(Keys))
	proofs.SetTimeNow(o.Now)
	l := &Limits{
		persons:   limits(config.personPerMinute(), config.personPerHour()),
		failures:  limits(config.failuresPerMinute(), config.failuresPerHour()),
		successes: limits(config.successesPerMinute()),
		proofs:    throttled.WrapStoreWithContext(proofs),
	}
	if o.Shared != nil {
		l.sharing = newSharing(o.Log)
	}
	return l
}

// Close ends what runs in the background. Nothing may be counted after it.
func (l *Limits) Close() {
	if l != nil && l.sharing != nil {
		l.sharing.close()
	}
}

// Admit implements ports.Admission. It counts ceremonies and not tries: whoever sends
// the same proof again, because the first answer was lost or was an outage, or because it
// is a stolen one, uses up nothing. It never waits.
func (l *Limits) Admit(ctx context.Context, identity domain.Identity) error {
	if l == nil {
		return nil
	}
	l.admits.Lock()
	defer l.admits.Unlock()
	proof := domain.ProofKeyOf(identity).String()
	if counted, _, _ := l.proofs.GetWithTime(ctx, proof); counted >= 0 {
		return nil
	}
	person := keyOf(identity.Authority, identity.Subject)
	for _, limit := range l.persons { // the minute's is the first: what it refuses takes nothing of the hour
		if err := limit.use(person); err != nil {
			return err
		}
	}
	_, _ = l.proofs.SetIfNotExistsWithTTL(ctx, proof, 0, 0)
	l.share(l.persons, person)
	return nil
}

// Check returns an error that wraps domain.ErrBusy, with the time to wait, if a limit of
// the address is reached. An address stands for its network.
func (l *Limits) Check(address netip.Addr) error {
	if l == nil {
		return nil
	}
	key := addressKey(address)
	for _, limits := range [][]*limit{l.failures, l.successes} {
		for _, limit := range limits {
			if err := limit.check(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// Count counts a request of the address that was answered: as a failure of the caller,
// or as a success.
func (l *Limits) Count(address netip.Addr, failed bool) {
	if l == nil {
		return
	}
	limits := l.successes
	if failed {
		limits = l.failures
	}
	key := addressKey(address)
	for _, limit := range limits {
		limit.count(key)
	}
	l.share(limits, key)
}

func (l *Limits) share(by []*limit, key string) {
	if l.sharing == nil {
		return
	}
	for _, limit := range by {
		l.sharing.add(counted{limit, key})
	}
}

// Refused returns how many requests the limits of a kind have refused.
func (l *Limits) Refused(kind string) (refused uint64) {
	if l == nil {
		return 0
	}
	for _, limit := range map[string][]*limit{"person": l.persons, "failures": l.failures, "successes": l.successes}[kind] {
		refused += limit.refused.Load()
	}
	return refused
}

// Local reports whether the replicas share a store and this one cannot reach it, so that
// it counts by itself.
func (l *Limits) Local() bool { return l != nil && l.sharing != nil && l.sharing.isLocal() }

// addressKey returns the key of an address' network.
func addressKey(address netip.Addr) string { return keyOf(network.Of(address).String()) }

// keyOf returns the key of a person or a network. It is a digest, so that no store holds a
// name or an address.
func keyOf(parts ...string) string {
	digest := domain.Digest(parts...)
	return hex.EncodeToString(digest[:])
}
