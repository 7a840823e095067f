package auditlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters/auditlog"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const tokenText = "header.payload.signature"

// delivered is an attempt with everything that one can have.
func delivered() domain.Attempt {
	identity := domain.Identity{
		Authority: "authsignal https://api.authsignal.com/v1", Subject: "auth0|jane", Action: "signInWithPasskey",
		Method: domain.MethodPasskey, ProofID: "proof-1",
		AuthenticatedAt: time.Date(2026, 1, 31, 9, 59, 58, 500_000_000, time.UTC),
	}
	return domain.Attempt{
		Event:     domain.EventExchange,
		At:        time.Date(2026, 1, 31, 11, 0, 0, 250_000_000, time.FixedZone("CET", 3600)),
		Took:      1234*time.Millisecond + 999*time.Microsecond,
		Client:    domain.Client{Addr: netip.MustParseAddr("203.0.113.7"), UserAgent: "app/1 <beta>", RequestID: "req-1"},
		TokenHash: domain.NewSecret(tokenText).Hash(),
		Identity:  identity,
		Access:    domain.Access{Scope: []string{"openid", "profile"}, Audience: "https://api.example.com"},
		Proof:     domain.ProofKeyOf(domain.Identity{Authority: "a", Subject: "s", Action: "c", ProofID: "p"}),
	}
}

// discard is a log that nobody reads.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestLogKeepsTheContract(t *testing.T) {
	portstest.AuditLog(t, func(*testing.T) portstest.AuditHarness {
		var written, told bytes.Buffer
		out := &broken{out: &written}
		log := auditlog.New(out, "auth0", slog.New(slog.NewJSONHandler(&told, nil)))
		return portstest.AuditHarness{
			Log:     log,
			Written: func(*testing.T) string { return written.String() },
			Told:    func(*testing.T) string { return told.String() },
			Lost:    log.Lost,
			Break:   func(*testing.T) { out.err = io.ErrClosedPipe },
		}
	})
}

func TestALineTellsTheWholeAttempt(t *testing.T) {
	var out bytes.Buffer
	auditlog.New(&out, "auth0", discard()).Record(t.Context(), delivered())
	const want = `{"time":"2026-01-31T10:00:00.25Z","event":"exchange","outcome":"session_delivered","duration_ms":1234,` +
		`"request_id":"req-1","client":"203.0.113.7","user_agent":"app/1 \u003cbeta\u003e",` +
		`"token_sha256":"256d04db4e5e4ac308751ed0885b722b758630567c53a7125ed9fbd068e5c3f6",` +
		`"proof_sha256":"cc6dafd32657e94e5aacf548976cc1e54092e35aaf5d653924b811ef1df46a21",` +
		`"issuer":"auth0","authority":"authsignal https://api.authsignal.com/v1","subject":"auth0|jane","action":"signInWithPasskey","method":"PASSKEY",` +
		`"authenticated_at":"2026-01-31T09:59:58.5Z","scope":"openid profile","audience":"https://api.example.com"}` + "\n"
	if out.String() != want {
		t.Errorf("the line is\n%swant\n%s", out.String(), want)
	}
}

func TestALineLeavesOutWhatIsNotKnown(t *testing.T) {
	var out bytes.Buffer
	auditlog.New(&out, "auth0", discard()).Record(t.Context(), domain.Attempt{
		Event: domain.EventExchange,
		At:    time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC), Client: domain.Client{RequestID: "req-1"},
		TokenHash: "abc", Err: domain.ErrTokenRejected,
	})
	const want = `{"time":"2026-01-31T10:00:00Z","event":"exchange","outcome":"token_rejected","duration_ms":0,` +
		`"request_id":"req-1","token_sha256":"abc","issuer":"auth0"}` + "\n"
	if out.String() != want {
		t.Errorf("the line is\n%swant\n%s", out.String(), want)
	}
}

func TestALineTellsTheOutcomeWithoutItsCause(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
	}{
		"a session":             {nil, "session_delivered"},
		"a reason with a cause": {fmt.Errorf("%w: %s said t0k3n", domain.ErrAccessDenied, tokenText), "access_denied"},
		"a fault of ours":       {errors.New("wrong key s3cr3t for " + tokenText), "fault"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out, told bytes.Buffer
			attempt := delivered()
			attempt.Err = tt.err
			auditlog.New(&out, "auth0", slog.New(slog.NewJSONHandler(&told, nil))).Record(t.Context(), attempt)
			var line struct{ Outcome string }
			if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Outcome != tt.want {
				t.Errorf("the outcome is %q, %v, want %q", line.Outcome, err, tt.want)
			}
			for _, never := range []string{tokenText, "t0k3n", "s3cr3t", "said"} {
				if strings.Contains(out.String()+told.String(), never) {
					t.Errorf("%q is written: %s%s", never, out.String(), told.String())
				}
			}
		})
	}
}

// What callers choose must not be able to begin a line of its own.
func TestAnAttemptIsOneLineWhateverItSays(t *testing.T) {
	var out bytes.Buffer
	attempt := delivered()
	attempt.Client.UserAgent = "a\nb\r\u2028\xff\"}"
	attempt.Identity.Subject = "auth0|\n{\"event\":\"exchange\"}"
	auditlog.New(&out, "auth0", discard()).Record(t.Context(), attempt)
	var line struct{ Subject string }
	if strings.Count(out.String(), "\n") != 1 || !strings.HasSuffix(out.String(), "}\n") {
		t.Errorf("the attempt is written as %q, want one line", out.String())
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Subject != attempt.Identity.Subject {
		t.Errorf("the subject is read as %q, %v, want %q", line.Subject, err, attempt.Identity.Subject)
	}
}

// choppy is a writer that, unlocked, would mix up lines and make the race detector
// speak up.
type choppy struct{ lines []byte }

func (c *choppy) Write(line []byte) (int, error) {
	written := len(line)
	for ; len(line) > 0; line = line[1:] {
		c.lines = append(c.lines, line[0])
	}
	return written, nil
}

func TestConcurrentAttemptsAreWholeLines(t *testing.T) {
	const writers, each = 8, 25
	var out choppy
	log := auditlog.New(&out, "auth0", discard())
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				attempt := delivered()
				attempt.Client.RequestID = fmt.Sprintf("req-%d-%d", w, n)
				log.Record(t.Context(), attempt)
			}
		})
	}
	all.Wait()

	seen := map[string]bool{}
	for text := range strings.Lines(string(out.lines)) {
		var line struct {
			RequestID string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q is no whole line: %v", text, err)
		}
		seen[line.RequestID] = true
	}
	if len(seen) != writers*each {
		t.Errorf("%d attempts are there, want %d", len(seen), writers*each)
	}
}

// broken is a writer to out that fails while err is set.
type broken struct {
	out io.Writer
	err error
}

func (b *broken) Write(line []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	return b.out.Write(line)
}

func TestALostLineIsCountedAndTold(t *testing.T) {
	var told bytes.Buffer
	out := &broken{out: io.Discard, err: io.ErrClosedPipe}
	log := auditlog.New(out, "auth0", slog.New(slog.NewJSONHandler(&told, nil)))

	log.Record(t.Context(), delivered())
	var line map[string]any
	if err := json.Unmarshal(told.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["level"] != "ERROR" || line["request_id"] != "req-1" || line["lost_so_far"] != 1.0 || line["cause"] != io.ErrClosedPipe.Error() {
		t.Errorf("the log is told %s", told.String())
	}

	log.Record(t.Context(), delivered())
	out.err = nil
	log.Record(t.Context(), delivered())
	if log.Lost() != 2 {
		t.Errorf("Lost() = %d, want 2", log.Lost())
	}
	if strings.Count(told.String(), "\n") != 2 || !strings.Contains(told.String(), `"lost_so_far":2`) {
		t.Errorf("the log is told %s, want both losses", told.String())
	}
}
