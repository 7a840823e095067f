// Package auditlog writes one JSON line for every attempt at a session.
package auditlog

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nativebridge/adapters/internal/lines"
	"nativebridge/adapters/internal/traceid"
	"nativebridge/domain"
	"nativebridge/ports"
)

// closeTime bounds how long Close waits for the reader of the lines.
const closeTime = 2 * time.Second

// Log is a ports.AuditLog that writes to a stream, one line a call. It is safe for
// concurrent use. Make one with New, and Close it.
type Log struct {
	stream *lines.Stream
	config Config
	issuer string
	log    *slog.Logger
}

var _ ports.AuditLog = (*Log)(nil)

// New returns a log that writes whole lines to out, several in one call if they wait.
// When it cannot, it says so in log. Every line has issuer, the name of the issuer that
// is chosen.
func New(out io.Writer, config Config, issuer string, now func() time.Time, log *slog.Logger) *Log {
	l := &Log{config: config, issuer: issuer, log: log}
	l.stream = lines.New(out, now, l.tell)
	return l
}

// line is the format. Names and meanings are stable; fields may be added.
type line struct {
	Time            string `json:"time"` // when the attempt began
	Event           string `json:"event"`
	Outcome         string `json:"outcome"`
	DurationMS      int64  `json:"duration_ms"`
	RequestID       string `json:"request_id"`
	Client          string `json:"client,omitzero"`
	UserAgent       string `json:"user_agent,omitzero"`
	Note            string `json:"note,omitzero"` // why, where the outcome does not tell
	TokenSHA256     string `json:"token_sha256,omitzero"`
	ProofSHA256     string `json:"proof_sha256,omitzero"`
	Passkey         string `json:"passkey,omitzero"` // that was to be removed
	Issuer          string `json:"issuer"`           // the adapter that opens, renews and ends sessions
	Authority       string `json:"authority,omitzero"`
	Subject         string `json:"subject,omitzero"`
	Action          string `json:"action,omitzero"`
	Method          string `json:"method,omitzero"`
	AuthenticatedAt string `json:"authenticated_at,omitzero"`
	Scope           string `json:"scope,omitzero"`
	Audience        string `json:"audience,omitzero"`
	Organization    string `json:"organization,omitzero"`
	Repeated        bool   `json:"repeated,omitzero"`
	TraceID         string `json:"trace_id,omitzero"` // W3C Trace Context; absent if there are no traces
}

// Record implements ports.AuditLog. It returns once the operating system has the line.
// If out hangs, it waits for lines.Patience at most, and not at all once the stream is
// known to hang. The line is then late or lost: that is counted and told in any case, and
// an error only if AUDIT_REQUIRED is set.
func (l *Log) Record(ctx context.Context, attempt domain.Attempt) error {
	line := l.lineOf(attempt)
	line.TraceID, _ = traceid.Of(ctx)
	err := l.stream.WriteNow(ctx, encode(line))
	if err == nil || !l.config.Required {
		return nil
	}
	return fmt.Errorf("%w: AUDIT_REQUIRED is set, and the audit line is not written: check what reads standard output: %s",
		domain.ErrUnavailable, err.Error())
}

// Stream returns the state of the log's output, and how many lines are lost.
func (l *Log) Stream() lines.Status { return l.stream.Status() }

// Close writes the lines that wait, for two seconds at most. It logs how many are lost.
func (l *Log) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := l.stream.Close(ctx); err != nil {
		l.log.Error("audit lines are lost: check what reads standard output", "cause", err.Error(), "lost_so_far", l.Stream().Lost)
	}
}

// tell logs for the operator that a trouble of the stream began, goes on or ended.
func (l *Log) tell(status lines.Status) {
	if status.Trouble == "" {
		l.log.Warn("audit lines are written again", "lost_so_far", status.Lost)
		return
	}
	l.log.Error("audit lines are late or lost: check what reads standard output", "cause", status.Trouble,
		"since", status.Since.UTC(), "waiting", status.Waiting, "lost_so_far", status.Lost)
}

// encode returns line as JSON with a line feed. What is no UTF-8 in it becomes U+FFFD.
func encode(line line) []byte {
	text, err := json.Marshal(line, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err) // a struct of strings and a number can always be encoded
	}
	return append(text, '\n')
}

func (l *Log) lineOf(attempt domain.Attempt) line {
	out := line{
		Time:         attempt.At.UTC().Format(time.RFC3339Nano),
		Event:        string(attempt.Event),
		Outcome:      attempt.Outcome(),
		DurationMS:   attempt.Took.Milliseconds(),
		RequestID:    bounded(attempt.Client.RequestID, 256),
		UserAgent:    l.person(attempt.Client.UserAgent, 400),
		Note:         string(attempt.Note),
		TokenSHA256:  attempt.TokenHash,
		Passkey:      bounded(attempt.Passkey, 256),
		Issuer:       l.issuer,
		Authority:    bounded(attempt.Identity.Authority, 512),
		Subject:      l.person(attempt.Identity.Subject, 512),
		Action:       bounded(attempt.Identity.Action, 256),
		Method:       bounded(attempt.Identity.Method, 64),
		Scope:        bounded(strings.Join(attempt.Access.Scope, " "), 2048),
		Audience:     bounded(attempt.Access.Audience, 512),
		Organization: bounded(attempt.Access.Organization, 256),
		Repeated:     attempt.Repeated,
	}
	if attempt.Client.Addr.IsValid() {
		out.Client = l.person(attempt.Client.Addr.String(), 64)
	}
	if attempt.Proof != (domain.ProofKey{}) {
		out.ProofSHA256 = attempt.Proof.String()
	}
	if at := attempt.Identity.AuthenticatedAt; !at.IsZero() {
		out.AuthenticatedAt = at.UTC().Format(time.RFC3339Nano)
	}
	return out
}

// hashedForm begins what stands for a person in place of a name.
const hashedForm = "hmac-sha256:"

// person returns what tells who somebody is, or the keyed hash of the whole of it.
func (l *Log) person(text string, size int) string {
	if l.config.PII != PIIHashed || text == "" {
		return bounded(text, size)
	}
	hash := hmac.New(sha256.New, l.config.PIIKey.Get().Bytes())
	hash.Write([]byte(text))
	return hashedForm + hex.EncodeToString(hash.Sum(nil))
}

// bounded returns text if JSON writes it in at most size bytes. Otherwise it returns as
// much of its beginning as fits, with "…" behind it.
func bounded(text string, size int) string {
	const more = "…"
	fits, written := 0, 0 // how much of text fits with more behind it; the size in JSON so far
	for at, char := range text {
		if written <= size-len(more) {
			fits = at
		}
		if written += sizeInJSON(char); written > size {
			return text[:fits] + more
		}
	}
	return text
}

// sizeInJSON returns how many bytes encode writes for char, at most.
func sizeInJSON(char rune) int {
	switch {
	case char == '"' || char == '\\':
		return 2
	case char < ' ':
		return len(`\u0000`)
	}
	return utf8.RuneLen(char)
}
