package portstest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
	"nativebridge/ports/portstest"
)

// notebook is a log of one line for each attempt. While its reader hangs, it writes
// nothing and keeps nothing back.
type notebook struct {
	mu       sync.Mutex
	required bool // each attempt must be on record
	broken   bool
	hangs    chan struct{} // closed when the reader goes on; nil if it reads
	lost     int64
	written  strings.Builder
	told     strings.Builder
}

// Record is what a good log does.
func (n *notebook) Record(_ context.Context, attempt domain.Attempt) error {
	return n.write(fmt.Sprintln(attempt.Client.RequestID, attempt.Outcome(), attempt.Identity.Subject, attempt.TokenHash), attempt)
}

func (n *notebook) write(line string, attempt domain.Attempt) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken || n.hangs != nil {
		n.lost++
		fmt.Fprintln(&n.told, "the line of", attempt.Client.RequestID, "is lost")
		if n.required {
			return fmt.Errorf("%w: the line is lost", domain.ErrUnavailable)
		}
		return nil
	}
	n.written.WriteString(line)
	return nil
}

func (n *notebook) hang(*testing.T) (resume func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hangs = make(chan struct{})
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		close(n.hangs)
		n.hangs = nil
	}
}

// uncount forgets the last attempt that was lost.
func (n *notebook) uncount() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost--
}

// reader returns what is closed when the reader goes on, or nil if it reads.
func (n *notebook) reader() chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hangs
}

// logFunc is a log made of its one method.
type logFunc func(context.Context, domain.Attempt) error

func (f logFunc) Record(ctx context.Context, attempt domain.Attempt) error { return f(ctx, attempt) }

func (n *notebook) harness() portstest.AuditHarness {
	return portstest.AuditHarness{
		Log:      n,
		Required: n.required,
		Written:  func(*testing.T) string { n.mu.Lock(); defer n.mu.Unlock(); return n.written.String() },
		Told:     func(*testing.T) string { n.mu.Lock(); defer n.mu.Unlock(); return n.told.String() },
		Lost:     func() int64 { n.mu.Lock(); defer n.mu.Unlock(); return n.lost },
		Break:    func(*testing.T) { n.broken = true },
		Hang:     n.hang,
	}
}

func startLog() (portstest.AuditHarness, map[string]flaw[portstest.AuditHarness]) {
	n := &notebook{}
	flaws := logFlaws(n)
	maps.Copy(flaws, requiredLogFlaws(n))
	return n.harness(), flaws
}

func TestAGoodLogOfWhatMustBeOnRecordPasses(t *testing.T) {
	portstest.AuditLog(t, func(*testing.T) portstest.AuditHarness { return (&notebook{required: true}).harness() })
}

const (
	breaks = "a lost attempt is counted and reported, and fails only if it must be on record"
	hangs  = "a reader that hangs keeps nobody waiting"
)

func flawedLog(caughtBy string, broken logFunc) flaw[portstest.AuditHarness] {
	return flaw[portstest.AuditHarness]{caughtBy, func(h *portstest.AuditHarness) { h.Log = broken }}
}

// requiredLogFlaws are those that only a log can have whose attempts must be on record.
func requiredLogFlaws(n *notebook) map[string]flaw[portstest.AuditHarness] {
	by := func(caughtBy string, broken logFunc) flaw[portstest.AuditHarness] {
		return flaw[portstest.AuditHarness]{caughtBy, func(h *portstest.AuditHarness) { n.required, h.Required, h.Log = true, true, broken }}
	}
	return map[string]flaw[portstest.AuditHarness]{
		"says that a lost attempt is on record": by(breaks, func(ctx context.Context, attempt domain.Attempt) error {
			if err := n.Record(ctx, attempt); n.reader() != nil {
				return err
			}
			return nil
		}),
		"says that a late attempt is on record": by(hangs, func(ctx context.Context, attempt domain.Attempt) error {
			if err := n.Record(ctx, attempt); n.reader() == nil {
				return err
			}
			return nil
		}),
		"calls a lost attempt a fault": by(breaks, func(ctx context.Context, attempt domain.Attempt) error {
			if n.Record(ctx, attempt) != nil {
				return errors.New("cannot write")
			}
			return nil
		}),
		"returns the cause": by(breaks, func(ctx context.Context, attempt domain.Attempt) error {
			if err := n.Record(ctx, attempt); err != nil {
				return fmt.Errorf("%w: the line of %v", err, attempt.Err)
			}
			return nil
		}),
		"says that an attempt on record is not": by("an attempt is written down before its answer is given", func(ctx context.Context, attempt domain.Attempt) error {
			_ = n.Record(ctx, attempt)
			return domain.ErrUnavailable
		}),
	}
}

func logFlaws(n *notebook) map[string]flaw[portstest.AuditHarness] {
	by := func(caughtBy string, broken func(context.Context, domain.Attempt)) flaw[portstest.AuditHarness] {
		return flawedLog(caughtBy, func(ctx context.Context, attempt domain.Attempt) error {
			broken(ctx, attempt)
			return nil
		})
	}
	const (
		writes = "an attempt is written down before its answer is given"
		hides  = "an outcome is written down without its cause"
	)
	var before domain.Attempt
	var late []domain.Attempt
	mixed := newMixUp[domain.Attempt]()
	return map[string]flaw[portstest.AuditHarness]{
		"writes nothing": by(writes, func(context.Context, domain.Attempt) {}),
		"writes an attempt with the next one": by(writes, func(ctx context.Context, attempt domain.Attempt) {
			_ = n.Record(ctx, before)
			before = attempt
		}),
		"writes twice": by(writes, func(ctx context.Context, attempt domain.Attempt) {
			_ = n.Record(ctx, attempt)
			_ = n.Record(ctx, attempt)
		}),
		"writes no outcome": by(hides, func(_ context.Context, attempt domain.Attempt) {
			_ = n.write(attempt.Client.RequestID, attempt)
		}),
		"writes the cause": by(hides, func(_ context.Context, attempt domain.Attempt) {
			_ = n.write(fmt.Sprintln(attempt.Client.RequestID, attempt.Outcome(), attempt.Err), attempt)
		}),
		"loses attempts and counts none": by(breaks, func(ctx context.Context, attempt domain.Attempt) {
			_ = n.Record(ctx, attempt)
			n.lost = 0
		}),
		"loses attempts and tells nobody": by(breaks, func(ctx context.Context, attempt domain.Attempt) {
			_ = n.Record(ctx, attempt)
			n.told.Reset()
		}),
		"tells the operator the cause": by(breaks, func(ctx context.Context, attempt domain.Attempt) {
			_ = n.Record(ctx, attempt)
			fmt.Fprintln(&n.told, attempt.Err)
		}),
		"stops the exchange of a lost attempt": flawedLog(breaks, func(ctx context.Context, attempt domain.Attempt) error {
			if _ = n.Record(ctx, attempt); n.broken {
				return domain.ErrUnavailable
			}
			return nil
		}),
		"stops the exchange of a late attempt": flawedLog(hangs, func(ctx context.Context, attempt domain.Attempt) error {
			if _ = n.Record(ctx, attempt); n.reader() != nil {
				return domain.ErrUnavailable
			}
			return nil
		}),
		"waits for its reader whatever the context says": by(hangs, func(ctx context.Context, attempt domain.Attempt) {
			if reader := n.reader(); reader != nil {
				<-reader
			}
			_ = n.Record(ctx, attempt)
		}),
		"forgets what its reader kept waiting": by(hangs, func(ctx context.Context, attempt domain.Attempt) {
			if _ = n.Record(ctx, attempt); n.reader() != nil {
				n.uncount()
			}
		}),
		"counts as lost what it writes late": by(hangs, func(ctx context.Context, attempt domain.Attempt) {
			if n.reader() != nil {
				late = append(late, attempt)
			} else {
				for _, attempt := range late {
					_ = n.Record(ctx, attempt)
				}
			}
			_ = n.Record(ctx, attempt)
		}),
		"tells nobody that its reader hangs": by(hangs, func(ctx context.Context, attempt domain.Attempt) {
			_ = n.Record(ctx, attempt)
			if n.reader() != nil {
				n.told.Reset()
			}
		}),
		"mixes up callers": by("concurrent attempts are written down one by one", func(ctx context.Context, attempt domain.Attempt) {
			_ = n.Record(ctx, mixed.through(attempt))
		}),
	}
}

var _ ports.AuditLog = (*notebook)(nil)
