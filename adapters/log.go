package adapters

import (
	"context"
	"io"
	"log/slog"
	"time"

	"nativebridge/adapters/internal/lines"
)

// flushTime bounds how long a stop waits for whoever reads the log.
const flushTime = 2 * time.Second

// Log is the operator's log, one JSON line a message. Nobody ever waits for whoever
// reads it: what does not fit into its queue is lost, and counted.
type Log struct {
	*slog.Logger
	stream *lines.Stream
}

// NewLog returns a log that writes to out. When lines were late or lost it says so
// as soon as out takes lines again. The caller must call Close.
func NewLog(out io.Writer, now func() time.Time) *Log {
	l := &Log{}
	l.stream = lines.New(out, now, func(status lines.Status) {
		if status.Trouble == "" {
			l.Warn("log lines were late or lost: check what reads standard error", "lost_so_far", status.Lost)
		}
	})
	l.Logger = slog.New(slog.NewJSONHandler(l.stream, nil))
	return l
}

// Stream tells how the log's stream is, and how many lines are lost.
func (l *Log) Stream() lines.Status { return l.stream.Status() }

// Close writes what waits, within two seconds. What is logged later is lost.
func (l *Log) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	_ = l.stream.Close(ctx) // nobody is left to be told
}
