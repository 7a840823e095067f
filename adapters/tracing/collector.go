package tracing

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// collector is the one that spans are sent to. It counts those that are lost, and tells the
// log once that its trouble begins and once that it ends.
type collector struct {
	next    sdktrace.SpanExporter
	most    int64 // that may wait
	log     *slog.Logger
	closing context.Context //nolint:containedctx // ends what is being sent when the process stops
	giveUp  context.CancelFunc

	waiting, lost atomic.Int64
	troubled      atomic.Bool
}

func newCollector(next sdktrace.SpanExporter, most int64, log *slog.Logger) *collector {
	c := &collector{next: next, most: most, log: log}
	c.closing, c.giveUp = context.WithCancel(context.Background())
	return c
}

// bounded hands spans over to a queue with as many places as the collector lets wait, so
// that the queue, which drops in silence, never has to.
type bounded struct {
	sdktrace.SpanProcessor
	*collector
}

// OnEnd implements sdktrace.SpanProcessor. It never waits.
func (b bounded) OnEnd(span sdktrace.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() {
		return
	}
	if b.waiting.Add(1) > b.most {
		b.waiting.Add(-1)
		b.lose(1, "more spans end than it takes")
		return
	}
	b.SpanProcessor.OnEnd(span)
}

// Shutdown implements sdktrace.SpanProcessor.
func (b bounded) Shutdown(ctx context.Context) error { return b.SpanProcessor.Shutdown(ctx) }

// ExportSpans implements sdktrace.SpanExporter. It returns no error: the SDK would only
// hand it to its own log, with the collector's words in it.
func (c *collector) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	defer c.waiting.Add(-int64(len(spans)))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.closing, cancel)()
	if err := c.next.ExportSpans(ctx, publicSpans(spans)); err != nil {
		c.lose(len(spans), causeOf(err))
	} else if c.troubled.CompareAndSwap(true, false) {
		c.log.Warn("traces: the collector takes spans again", "lost_so_far", c.lost.Load())
	}
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (c *collector) Shutdown(ctx context.Context) error { return c.next.Shutdown(ctx) }

func (c *collector) lose(spans int, cause string) {
	lost := c.lost.Add(int64(spans))
	if c.closing.Err() == nil && c.troubled.CompareAndSwap(false, true) {
		c.log.Warn("traces: spans are lost, and sign-ins go on: check the collector that OTEL_EXPORTER_OTLP_ENDPOINT or "+
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT names, and OTEL_EXPORTER_OTLP_HEADERS", "cause", cause, "lost_so_far", lost)
	}
}

// close gives up what still waits, and tells how much that is.
func (c *collector) close() {
	if left := c.waiting.Load(); left > 0 {
		c.log.Warn("traces: the collector did not take the last spans in time", "lost", left, "lost_so_far", c.lost.Load()+left)
	}
	c.giveUp()
}

// causeOf says why a collector did not take spans.
func causeOf(err error) string {
	if timedOut, ok := errors.AsType[net.Error](err); ok && timedOut.Timeout() || errors.Is(err, context.Canceled) {
		return "no answer in time"
	}
	return err.Error()
}
