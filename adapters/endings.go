package adapters

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
)

const (
	// mostEndings is how many persons may wait until the issuer ends their sessions. At two
	// requests a second that is most of a day.
	mostEndings = 1 << 16
	// endingTries is how often the issuer is asked about one person.
	endingTries = 8
	// The pauses between them, unless the issuer names one.
	firstEndingPause, longestEndingPause = time.Second, time.Minute
)

// endings is a ports.SessionEnder that returns at once, and asks the issuer behind it, one
// person after the other. A storm of deletions would else wait for the issuer's limits
// longer than Authsignal tries. What still waits when the process ends is not asked: the
// sessions are renewed no more all the same.
type endings struct {
	next ports.SessionEnder
	wait func(context.Context, time.Duration) error
	log  *slog.Logger

	mu      sync.Mutex
	waiting []ending
	known   map[string]time.Time // until when whose sessions wait to be ended, or were
	more    chan struct{}        // has something when something waits
	failing bool

	done, failed atomic.Int64
	stop         context.CancelFunc
	stopped      chan struct{}
}

type ending struct {
	subject string
	before  time.Time
}

// newEndings returns one that asks next until close.
func newEndings(next ports.SessionEnder, log *slog.Logger) *endings {
	ctx, stop := context.WithCancel(context.Background())
	e := &endings{
		next: next, wait: upstream.Wait, log: log,
		known: map[string]time.Time{}, more: make(chan struct{}, 1), stop: stop, stopped: make(chan struct{}),
	}
	go e.work(ctx)
	return e
}

// End implements ports.SessionEnder. What waits already, or was done, is not asked again.
// The error wraps domain.ErrBusy if too many wait.
func (e *endings) End(_ context.Context, subject string, before time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if until, known := e.known[subject]; known && !before.After(until) {
		return nil
	}
	if len(e.waiting) >= mostEndings {
		return fmt.Errorf("%w: the sessions of %d persons wait to be ended by the issuer", domain.ErrBusy, len(e.waiting))
	}
	if len(e.known) >= 2*mostEndings { // which were done may be done again
		clear(e.known)
		for _, one := range e.waiting {
			e.known[one.subject] = one.before
		}
	}
	e.waiting, e.known[subject] = append(e.waiting, ending{subject, before}), before
	select {
	case e.more <- struct{}{}:
	default:
	}
	return nil
}

// close stops asking, and logs how many still wait.
func (e *endings) close() {
	e.stop()
	<-e.stopped
	if left := e.waits(); left > 0 {
		e.log.Warn("the issuer was not asked to end the sessions of some persons: they are renewed no more all the same", "persons", left)
	}
}

func (e *endings) waits() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.waiting)
}

func (e *endings) work(ctx context.Context) {
	defer close(e.stopped)
	for {
		one, found := e.first()
		if !found {
			select {
			case <-e.more:
				continue
			case <-ctx.Done():
				return
			}
		}
		err := e.ask(ctx, one)
		if ctx.Err() != nil {
			return
		}
		e.settle(one, err)
	}
}

func (e *endings) first() (ending, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) == 0 {
		return ending{}, false
	}
	return e.waiting[0], true
}

// ask asks the issuer about one person, again if that can help.
func (e *endings) ask(ctx context.Context, one ending) error {
	pause := firstEndingPause
	for try := 1; ; try++ {
		err := e.next.End(ctx, one.subject, one.before)
		reason, known := domain.ReasonOf(err)
		passes := known && (reason == domain.ErrBusy || reason == domain.ErrUnavailable)
		if err == nil || !passes || try == endingTries || e.wait(ctx, max(pause, domain.RetryAfterOf(err))) != nil {
			return err
		}
		pause = min(2*pause, longestEndingPause)
	}
}

// settle notes what became of the first. A failure is logged when failures begin, and that
// they ended.
func (e *endings) settle(one ending, err error) {
	e.mu.Lock()
	e.waiting = e.waiting[1:]
	began, over := err != nil && !e.failing, err == nil && e.failing
	e.failing = err != nil
	if err != nil && e.known[one.subject].Equal(one.before) {
		delete(e.known, one.subject)
	}
	e.mu.Unlock()
	if err == nil {
		e.done.Add(1)
	} else {
		e.failed.Add(1)
	}
	switch {
	case began:
		e.log.Error("the issuer does not end sessions: they are renewed no more all the same", "cause", err.Error())
	case over:
		e.log.Warn("the issuer ends sessions again", "given_up_so_far", e.failed.Load())
	}
}
