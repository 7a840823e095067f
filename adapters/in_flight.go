package adapters

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/serving"
	"nativebridge/app"
	"nativebridge/domain"
)

// inFlight lets at most MAX_IN_FLIGHT exchanges, renewals, revocations and calls about passkeys
// be in flight together. It begins none that has less than half of its REQUEST_TIMEOUT left, and none
// while the process has more to do than its CPUs can: those that are in flight then keep
// their pace. Whatever it does not begin is refused at once: no party is asked, no proof is
// claimed and nothing is recorded.
type inFlight struct {
	places chan struct{}
	least  time.Duration // a request that has less time left is not begun

	cpuWait     func() time.Duration // how long work waits for a CPU at present
	mostCPUWait time.Duration        // from which on nothing is begun; 0 means never

	full, late, slow *atomic.Int64 // what was refused, for want of a place, of time and of a CPU
}

// few may always be in flight, however long work waits for a CPU: they are not what the
// CPUs are busy with.
const few = 16

// newInFlight returns a bound of most requests, each of which may take requestTimeout.
func newInFlight(c httpapi.Config) inFlight {
	return inFlight{
		places: make(chan struct{}, c.MaxInFlight), least: c.RequestTimeout / 2,
		cpuWait: new(serving.CPU).Wait, mostCPUWait: c.MaxCPUWait,
		full: &atomic.Int64{}, late: &atomic.Int64{}, slow: &atomic.Int64{},
	}
}

// enter takes a place, and leave gives it back. The error is domain.ErrUnavailable: all
// places are taken, too little time is left to answer the request, or the CPUs have too
// much to do.
func (f inFlight) enter(ctx context.Context) (leave func(), err error) {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < f.least {
		f.late.Add(1)
		return nil, fmt.Errorf("%w: not begun, since half of REQUEST_TIMEOUT had passed when the request was read and its turn came: "+
			"more comes than this process can serve, or the caller sends slowly", domain.ErrUnavailable)
	}
	if f.mostCPUWait > 0 && len(f.places) >= few {
		if wait := f.cpuWait(); wait >= f.mostCPUWait {
			f.slow.Add(1)
			return nil, fmt.Errorf("%w: not begun, since work waits for a CPU for %s, and MAX_CPU_WAIT is %s: "+
				"more comes than this process can serve", domain.ErrUnavailable, wait, f.mostCPUWait)
		}
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

// bounded is a use case within the bound.
type bounded[Asked, Got any] struct {
	next interface {
		Execute(ctx context.Context, asked Asked) (Got, error)
	}
	bound inFlight
}

func (b bounded[Asked, Got]) Execute(ctx context.Context, asked Asked) (got Got, err error) {
	leave, err := b.bound.enter(ctx)
	if err != nil {
		return got, err
	}
	defer leave()
	return b.next.Execute(ctx, asked)
}

// boundedAct is bounded, for a use case that returns nothing.
type boundedAct[Asked any] struct {
	next interface {
		Execute(ctx context.Context, asked Asked) error
	}
	bound inFlight
}

func (b boundedAct[Asked]) Execute(ctx context.Context, asked Asked) error {
	leave, err := b.bound.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return b.next.Execute(ctx, asked)
}

// mostHooks is how many messages of the authority are dealt with together. The others wait:
// they are told again only three times, so none is refused while it can be in time. They
// have a bound of their own, so that a storm of them takes no place of a sign-in.
const mostHooks = 32

type boundedEnder struct {
	next   httpapi.Ender
	places chan struct{}
}

func (b boundedEnder) Execute(ctx context.Context, told app.Ending) error {
	select {
	case b.places <- struct{}{}:
		defer func() { <-b.places }()
		return b.next.Execute(ctx, told)
	case <-ctx.Done():
		return fmt.Errorf("%w: not begun, since %d messages of the authority are being dealt with: %w", domain.ErrUnavailable, cap(b.places), ctx.Err())
	}
}
