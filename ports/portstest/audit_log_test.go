package portstest_test

import (
	"context"
	"fmt"
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
	mu      sync.Mutex
	broken  bool
	hangs   chan struct{} // closed when the reader goes on; nil if it reads
	lost    int64
	written strings.Builder
	told    strings.Builder
}

// Record is what a good log does.
func (n *notebook) Record(_ context.Context, attempt domain.Attempt) {
	n.write(fmt.Sprintln(attempt.Client.RequestID, attempt.Outcome(), attempt.Identity.Subject, attempt.TokenHash), attempt)
}

func (n *notebook) write(line string, attempt domain.Attempt) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken || n.hangs != nil {
		n.lost++
		fmt.Fprintln(&n.told, "the line of", attempt.Client.RequestID, "is lost")
		return
	}
	n.written.WriteString(line)
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
type logFunc func(context.Context, domain.Attempt)

func (f logFunc) Record(ctx context.Context, attempt domain.Attempt) { f(ctx, attempt) }

func startLog() (portstest.AuditHarness, map[string]flaw[portstest.AuditHarness]) {
	n := &notebook{}
	return portstest.AuditHarness{
		Log:     n,
		Written: func(*testing.T) string { n.mu.Lock(); defer n.mu.Unlock(); return n.written.String() },
		Told:    func(*testing.T) string { n.mu.Lock(); defer n.mu.Unlock(); return n.told.String() },
		Lost:    func() int64 { n.mu.Lock(); defer n.mu.Unlock(); return n.lost },
		Break:   func(*testing.T) { n.broken = true },
		Hang:    n.hang,
	}, logFlaws(n)
}

func logFlaws(n *notebook) map[string]flaw[portstest.AuditHarness] {
	by := func(caughtBy string, broken logFunc) flaw[portstest.AuditHarness] {
		return flaw[portstest.AuditHarness]{caughtBy, func(h *portstest.AuditHarness) { h.Log = broken }}
	}
	const (
		writes = "an attempt is written down before its answer is given"
		hides  = "an outcome is written down without its cause"
		breaks = "a lost attempt is counted and reported, and stops nothing"
		hangs  = "a reader that hangs stops no exchange"
	)
	var before domain.Attempt
	var late []domain.Attempt
	mixed := newMixUp[domain.Attempt]()
	return map[string]flaw[portstest.AuditHarness]{
		"writes nothing": by(writes, func(context.Context, domain.Attempt) {}),
		"writes an attempt with the next one": by(writes, func(ctx context.Context, attempt domain.Attempt) {
			n.Record(ctx, before)
			before = attempt
		}),
		"writes twice": by(writes, func(ctx context.Context, attempt domain.Attempt) {
			n.Record(ctx, attempt)
			n.Record(ctx, attempt)
		}),
		"writes no outcome": by(hides, func(_ context.Context, attempt domain.Attempt) {
			n.write(attempt.Client.RequestID, attempt)
		}),
		"writes the cause": by(hides, func(_ context.Context, attempt domain.Attempt) {
			n.write(fmt.Sprintln(attempt.Client.RequestID, attempt.Outcome(), attempt.Err), attempt)
		}),
		"loses attempts and counts none": by(breaks, func(ctx context.Context, attempt domain.Attempt) {
			n.Record(ctx, attempt)
			n.lost = 0
		}),
		"loses attempts and tells nobody": by(breaks, func(ctx context.Context, attempt domain.Attempt) {
			n.Record(ctx, attempt)
			n.told.Reset()
		}),
		"tells the operator the cause": by(breaks, func(ctx context.Context, attempt domain.Attempt) {
			n.Record(ctx, attempt)
			fmt.Fprintln(&n.told, attempt.Err)
		}),
		"stops the exchange": by(breaks, func(ctx context.Context, attempt domain.Attempt) {
			if n.Record(ctx, attempt); n.broken {
				panic("cannot write")
			}
		}),
		"waits for its reader whatever the context says": by(hangs, func(ctx context.Context, attempt domain.Attempt) {
			if reader := n.reader(); reader != nil {
				<-reader
			}
			n.Record(ctx, attempt)
		}),
		"forgets what its reader kept waiting": by(hangs, func(ctx context.Context, attempt domain.Attempt) {
			if n.Record(ctx, attempt); n.reader() != nil {
				n.uncount()
			}
		}),
		"counts as lost what it writes late": by(hangs, func(ctx context.Context, attempt domain.Attempt) {
			if n.reader() != nil {
				late = append(late, attempt)
			} else {
				for _, attempt := range late {
					n.Record(ctx, attempt)
				}
			}
			n.Record(ctx, attempt)
		}),
		"tells nobody that its reader hangs": by(hangs, func(ctx context.Context, attempt domain.Attempt) {
			n.Record(ctx, attempt)
			if n.reader() != nil {
				n.told.Reset()
			}
		}),
		"mixes up callers": by("concurrent attempts are written down one by one", func(ctx context.Context, attempt domain.Attempt) {
			n.Record(ctx, mixed.through(attempt))
		}),
	}
}

var _ ports.AuditLog = (*notebook)(nil)
