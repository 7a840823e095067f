package adapters

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/app"
	"nativebridge/domain"
)

// inFlight lets at most MAX_IN_FLIGHT exchanges, renewals and revocations be in flight
// together. It begins none that has less than half of its REQUEST_TIMEOUT left. Whatever
// it does not begin is refused at once: no party is asked, no proof is claimed and nothing
// is recorded.
type inFlight struct {
	places chan struct{}
	least  time.Duration // a request that has less time left is not begun

	full, late *atomic.Int64 // what was refused, for want of a place and of time
}

// newInFlight returns a bound of most requests, each of which may take requestTimeout.
func newInFlight(most int, requestTimeout time.Duration) inFlight {
	return inFlight{make(chan struct{}, most), requestTimeout / 2, &atomic.Int64{}, &atomic.Int64{}}
}

// enter takes a place, and leave gives it back. The error is domain.ErrUnavailable: all
// places are taken, or too little time is left to answer the request.
func (f inFlight) enter(ctx context.Context) (leave func(), err error) {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < f.least {
		f.late.Add(1)
		return nil, fmt.Errorf("%w: not begun, since half of REQUEST_TIMEOUT had passed when the request was read and its turn came: "+
			"more comes than this process can serve, or the caller sends slowly", domain.ErrUnavailable)
	}
	select {
	case f.places <- struct{}{}:
		return func() { <-f.places }, nil
	default:
		f.full.Add(1)
		return nil, fmt.Errorf("%w: not begun, since MAX_IN_FLIGHT=%d are in flight: a vendor is slow, or more comes "+
			"than this process can serve", domain.ErrUnavailable, cap(f.places))
	}
}

type boundedExchange struct {
	next  httpapi.Exchanger
	bound inFlight
}

func (b boundedExchange) Execute(ctx context.Context, asked app.Exchange) (domain.Session, error) {
	leave, err := b.bound.enter(ctx)
	if err != nil {
		return domain.Session{}, err
	}
	defer leave()
	return b.next.Execute(ctx, asked)
}

type boundedRenew struct {
	next  httpapi.Renewer
	bound inFlight
}

func (b boundedRenew) Execute(ctx context.Context, asked app.Renewal) (domain.Session, error) {
	leave, err := b.bound.enter(ctx)
	if err != nil {
		return domain.Session{}, err
	}
	defer leave()
	return b.next.Execute(ctx, asked)
}

type boundedRevoke struct {
	next  httpapi.Revoker
	bound inFlight
}

func (b boundedRevoke) Execute(ctx context.Context, asked app.Revocation) error {
	leave, err := b.bound.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return b.next.Execute(ctx, asked)
}
