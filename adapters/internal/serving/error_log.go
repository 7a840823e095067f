package serving

import (
	"bytes"
	"log"
	"log/slog"
	"time"

	"nativebridge/adapters/internal/sampling"
)

// handshakesTold is how many failed handshakes are logged in a minute. Whoever scans ports,
// or speaks plain HTTP to a port with TLS, makes some.
const handshakesTold = 5

// ErrorLog is where an http.Server writes what it could not answer. Each line is a warning.
// Of failed handshakes only a few are written, and the rest are counted. Make one with
// NewErrorLog.
type ErrorLog struct {
	log        *log.Logger
	handshakes *sampling.Sampler[string]
}

// NewErrorLog returns one that writes to to.
func NewErrorLog(to *slog.Logger) *ErrorLog {
	return &ErrorLog{slog.NewLogLogger(to.Handler(), slog.LevelWarn), sampling.New(sampling.Options[string]{
		Each: handshakesTold, Window: time.Minute, Keys: 1, Common: func(key string) string { return key },
		Tell: func(_ string, leftOut int) {
			to.Warn("TLS handshakes failed, and more of them than are told: somebody scans ports, speaks plain HTTP, or does not trust the certificate", "left_out", leftOut)
		},
	})}
}

// Logger returns what an http.Server takes as its ErrorLog.
func (l *ErrorLog) Logger() *log.Logger { return log.New(l, "", 0) }

// Write implements io.Writer for Logger, which calls it once a line.
func (l *ErrorLog) Write(line []byte) (int, error) {
	if !bytes.Contains(line, []byte("TLS handshake error")) || l.handshakes.Take("") {
		l.log.Print(string(bytes.TrimSpace(line)))
	}
	return len(line), nil
}

// Flush tells how many lines were left out, before the process ends.
func (l *ErrorLog) Flush() { l.handshakes.Flush() }
