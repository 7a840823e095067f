package upstream

import (
	"sync/atomic"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Overlap is a credential of the bridge at a party, and another one that may be in force in
// its place while one takes over from the other. It is safe for concurrent use.
type Overlap struct {
	first, other settings.Secret
	otherIsGood  atomic.Bool // the party took it when it was asked last
}

// NewOverlap returns the two. Other may hold nothing, or the same as first: then there is
// only one.
func NewOverlap(first, other settings.Secret) *Overlap { return &Overlap{first: first, other: other} }

// Try calls send with the credential that the party took last. If the reply refuses that
// credential, and there is another one, it calls send with the other. Refuses must be true
// only of a reply which says that nothing else of the request was looked at, because all of
// it is sent again.
func (o *Overlap) Try(send func(domain.Secret) (Reply, error), refuses func(Reply) bool) (Reply, error) {
	otherFirst := o.otherIsGood.Load()
	now, next := o.first.Get(), o.other.Get()
	if otherFirst && !next.IsZero() {
		now, next = next, now
	}
	reply, err := send(now)
	if err != nil || !refuses(reply) || next.IsZero() || next.Equal(now) {
		return reply, err
	}
	reply, err = send(next)
	if err == nil && !refuses(reply) {
		o.otherIsGood.Store(!otherFirst)
	}
	return reply, err
}

// Secrets returns both, so that they can be kept out of what is told.
func (o *Overlap) Secrets() []domain.Secret { return []domain.Secret{o.first.Get(), o.other.Get()} }
