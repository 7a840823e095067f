// Package auditlog writes one JSON line for every attempt at a session.
package auditlog

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// Log is a ports.AuditLog that writes to out, one line a call, whole or not at
// all as far as out allows. It is safe for concurrent use.
type Log struct {
	mu     sync.Mutex
	out    io.Writer
	issuer string
	log    *slog.Logger
	failed atomic.Int64
}

var _ ports.AuditLog = (*Log)(nil)

// New returns a log that writes to out and tells log when it cannot. Issuer is the
// name of the one that is chosen, which every line has.
func New(out io.Writer, issuer string, log *slog.Logger) *Log {
	return &Log{out: out, issuer: issuer, log: log}
}

// line is the format. Names and meanings are stable; fields may be added.
type line struct {
	Time            time.Time `json:"time"` // when the attempt began
	Event           string    `json:"event"`
	Outcome         string    `json:"outcome"`
	DurationMS      int64     `json:"duration_ms"`
	RequestID       string    `json:"request_id"`
	Client          string    `json:"client,omitempty"`
	UserAgent       string    `json:"user_agent,omitempty"`
	TokenSHA256     string    `json:"token_sha256"`
	ProofSHA256     string    `json:"proof_sha256,omitempty"`
	Issuer          string    `json:"issuer"` // who was to open, renew or end the session
	Authority       string    `json:"authority,omitempty"`
	Subject         string    `json:"subject,omitempty"`
	Action          string    `json:"action,omitempty"`
	Method          string    `json:"method,omitempty"`
	AuthenticatedAt string    `json:"authenticated_at,omitempty"`
	Scope           string    `json:"scope,omitempty"`
	Audience        string    `json:"audience,omitempty"`
}

// Record implements ports.AuditLog.
func (l *Log) Record(ctx context.Context, attempt domain.Attempt) {
	text, err := json.Marshal(l.lineOf(attempt))
	if err == nil {
		l.mu.Lock()
		_, err = l.out.Write(append(text, '\n'))
		l.mu.Unlock()
	}
	if err != nil {
		l.log.ErrorContext(ctx, "an audit line was lost: check where standard output goes",
			"request_id", attempt.Client.RequestID, "lost_so_far", l.failed.Add(1), "cause", err.Error())
	}
}

// Lost returns how many lines could not be written.
func (l *Log) Lost() int64 { return l.failed.Load() }

func (l *Log) lineOf(attempt domain.Attempt) line {
	out := line{
		Time:        attempt.At.UTC(),
		Event:       string(attempt.Event),
		Outcome:     attempt.Outcome(),
		DurationMS:  attempt.Took.Milliseconds(),
		RequestID:   attempt.Client.RequestID,
		UserAgent:   attempt.Client.UserAgent,
		TokenSHA256: attempt.TokenHash,
		Issuer:      l.issuer,
		Authority:   attempt.Identity.Authority,
		Subject:     attempt.Identity.Subject,
		Action:      attempt.Identity.Action,
		Method:      attempt.Identity.Method,
		Scope:       strings.Join(attempt.Access.Scope, " "),
		Audience:    attempt.Access.Audience,
	}
	if attempt.Client.Addr.IsValid() {
		out.Client = attempt.Client.Addr.String()
	}
	if attempt.Proof != (domain.ProofKey{}) {
		out.ProofSHA256 = attempt.Proof.String()
	}
	if at := attempt.Identity.AuthenticatedAt; !at.IsZero() {
		out.AuthenticatedAt = at.UTC().Format(time.RFC3339Nano)
	}
	return out
}
