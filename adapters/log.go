package adapters

import (
	"context"
	"io"
	"log/slog"
	"time"

	"nativebridge/adapters/internal/lines"
	"nativebridge/adapters/internal/traceid"
)

// flushTime bounds how long a stop waits for the reader of the log.
const flushTime = 2 * time.Second

// Log is the operator's log, with one JSON line for each message. It never waits for its
// reader: a line that does not fit into its queue is lost and counted.
type Log struct {
	*slog.Logger
	stream *lines.Stream
}

// NewLog returns a log that writes to out. When lines were late or lost, it says so
// as soon as out accepts lines again. The caller must call Close.
func NewLog(out io.Writer, now func() time.Time) *Log {
	l := &Log{}
	l.stream = lines.New(out, now, func(status lines.Status) {
		if status.Trouble == "" {
			l.Warn("log lines were late or lost: check what reads standard error", "lost_so_far", status.Lost)
		}
	})
	l.Logger = slog.New(traced{slog.NewJSONHandler(l.stream, nil)})
	return l
}

// traced adds to each line the trace and the span that its context is in, if it is in one.
type traced struct{ slog.Handler }

// Handle implements slog.Handler.
func (t traced) Handle(ctx context.Context, record slog.Record) error {
	if trace, span := traceid.Of(ctx); trace != "" {
		record = record.Clone() // others may hold it too
		record.AddAttrs(slog.String("trace_id", trace), slog.String("span_id", span))
	}
	return t.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (t traced) WithGroup(name string) slog.Handler { return traced{t.Handler.WithGroup(name)} }

// Stream tells whether the log's output works, and how many lines are lost.
func (l *Log) Stream() lines.Status { return l.stream.Status() }

// Close writes the lines that wait, within two seconds. Later lines are lost.
func (l *Log) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	_ = l.stream.Close(ctx) // nobody is left to be told
}
