package auditlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/auditlog"
	"nativebridge/adapters/auditlog/auditlogtest"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const tokenText = "header.payload.signature"

// delivered is an attempt that has every field.
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
		Access:    domain.Access{Scope: []string{"openid", "profile"}, Audience: "https://api.example.com", Organization: "org_1"},
		Proof:     domain.ProofKeyOf(domain.Identity{Authority: "a", Subject: "s", Action: "c", ProofID: "p"}),
	}
}

// discard is a log that nobody reads.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open returns a log that is closed when the test ends. Each of its lines must be of the
// documented form.
func open(t *testing.T, out io.Writer, log *slog.Logger) *auditlog.Log {
	return openAs(t, auditlog.Config{}, out, log)
}

func openAs(t *testing.T, config auditlog.Config, out io.Writer, log *slog.Logger) *auditlog.Log {
	l := auditlog.New(io.MultiWriter(out, auditlogtest.New(t)), config, "auth0", time.Now, log)
	t.Cleanup(l.Close)
	return l
}

func TestLogKeepsTheContract(t *testing.T) {
	for name, config := range map[string]auditlog.Config{"as it is": {}, "required": {Required: true}} {
		t.Run(name, func(t *testing.T) {
			portstest.AuditLog(t, func(t *testing.T) portstest.AuditHarness {
				out, told := &stream{}, &stream{}
				log := openAs(t, config, out, slog.New(slog.NewJSONHandler(told, nil)))
				return portstest.AuditHarness{
					Log:      log,
					Required: config.Required,
					Written:  func(*testing.T) string { return out.String() },
					Told:     func(*testing.T) string { return told.String() },
					Lost:     func() int64 { return log.Stream().Lost },
					Break:    func(*testing.T) { out.fail(io.ErrClosedPipe) },
					Hang:     func(*testing.T) func() { return out.hang() },
				}
			})
		})
	}
}

// stream is where lines go. It can fail, and it can hang.
type stream struct {
	mu    sync.Mutex
	text  bytes.Buffer
	err   error
	hangs chan struct{} // nil: it does not hang
}

func (s *stream) Write(text []byte) (int, error) {
	s.mu.Lock()
	hangs := s.hangs
	s.mu.Unlock()
	if hangs != nil {
		<-hangs
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.text.Write(text)
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *stream) hang() (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hangs := make(chan struct{})
	s.hangs = hangs
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hangs = nil
		close(hangs)
	}
}

func TestALineTellsTheWholeAttempt(t *testing.T) {
	var out bytes.Buffer
	_ = open(t, &out, discard()).Record(t.Context(), delivered())
	const want = `{"time":"2026-01-31T10:00:00.25Z","event":"exchange","outcome":"session_delivered","duration_ms":1234,` +
		`"request_id":"req-1","client":"203.0.113.7","user_agent":"app/1 <beta>",` +
		`"token_sha256":"256d04db4e5e4ac308751ed0885b722b758630567c53a7125ed9fbd068e5c3f6",` +
		`"proof_sha256":"cc6dafd32657e94e5aacf548976cc1e54092e35aaf5d653924b811ef1df46a21",` +
		`"issuer":"auth0","authority":"authsignal https://api.authsignal.com/v1","subject":"auth0|jane","action":"signInWithPasskey","method":"PASSKEY",` +
		`"authenticated_at":"2026-01-31T09:59:58.5Z","scope":"openid profile","audience":"https://api.example.com","organization":"org_1"}` + "\n"
	if out.String() != want {
		t.Errorf("the line is\n%swant\n%s", out.String(), want)
	}
}

func TestALineLeavesOutWhatIsNotKnown(t *testing.T) {
	var out bytes.Buffer
	open(t, &out, discard()).Record(t.Context(), domain.Attempt{
		Event: domain.EventExchange,
		At:    time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC), Client: domain.Client{RequestID: "req-1"},
		TokenHash: domain.NewSecret(tokenText).Hash(), Err: domain.ErrTokenRejected,
	})
	const want = `{"time":"2026-01-31T10:00:00Z","event":"exchange","outcome":"token_rejected","duration_ms":0,` +
		`"request_id":"req-1","token_sha256":"256d04db4e5e4ac308751ed0885b722b758630567c53a7125ed9fbd068e5c3f6","issuer":"auth0"}` + "\n"
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
			_ = open(t, &out, slog.New(slog.NewJSONHandler(&told, nil))).Record(t.Context(), attempt)
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

// Nothing that a caller chooses may begin a new line.
func TestAnAttemptIsOneLineWhateverItSays(t *testing.T) {
	var out bytes.Buffer
	attempt := delivered()
	attempt.Client.UserAgent = "a\nb\r\u2028\xff\"}"
	attempt.Identity.Subject = "auth0|\n{\"event\":\"exchange\"}"
	_ = open(t, &out, discard()).Record(t.Context(), attempt)
	var line struct{ Subject string }
	if strings.Count(out.String(), "\n") != 1 || !strings.HasSuffix(out.String(), "}\n") {
		t.Errorf("the attempt is written as %q, want one line", out.String())
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Subject != attempt.Identity.Subject {
		t.Errorf("the subject is read as %q, %v, want %q", line.Subject, err, attempt.Identity.Subject)
	}
}

// choppy is a writer that needs a lock: without one it mixes up lines, and the race
// detector reports it.
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
	log := open(t, &out, discard())
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				attempt := delivered()
				attempt.Client.RequestID = fmt.Sprintf("req-%d-%d", w, n)
				_ = log.Record(t.Context(), attempt)
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

func TestALossIsToldWithItsCauseAndSoIsItsEnd(t *testing.T) {
	out, told := &stream{}, &stream{}
	log := open(t, out, slog.New(slog.NewJSONHandler(told, nil)))
	out.fail(io.ErrClosedPipe)
	_ = log.Record(t.Context(), delivered())
	_ = log.Record(t.Context(), delivered())
	out.fail(nil)
	_ = log.Record(t.Context(), delivered())
	log.Close() // after that, everything has been logged

	type line struct {
		Level, Msg, Cause string
		Lost              int64 `json:"lost_so_far"`
	}
	var lines []line
	for text := range strings.Lines(told.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		lines = append(lines, l)
	}
	want := []line{
		{"ERROR", "audit lines are late or lost: check what reads standard output", io.ErrClosedPipe.Error(), 1},
		{"WARN", "audit lines are written again", "", 2},
	}
	if !slices.Equal(lines, want) {
		t.Errorf("told are %+v, want %+v", lines, want)
	}
}

func TestAStopThatLosesLinesTellsHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, told := &stream{}, &stream{}
		log := auditlog.New(out, auditlog.Config{}, "auth0", time.Now, slog.New(slog.NewJSONHandler(told, nil)))
		resume := out.hang()
		for range 3 {
			_ = log.Record(t.Context(), delivered())
		}
		start := time.Now()
		log.Close()
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("the stop took %s, want 2s", took)
		}
		if !strings.Contains(told.String(), `"cause":"3 lines were not read in time and are lost","lost_so_far":3`) {
			t.Errorf("told is %s", told.String())
		}
		resume()
	})
}

// maxLine is what docs/operate.md says that a line has at most.
const maxLine = 6 << 10

func TestALineIsBoundedWhateverCallersSend(t *testing.T) {
	for name, piece := range map[string]string{
		"letters": "x", "markup": "<", "quotes": `"`, "backslashes": `\`, "control characters": "\x00", "no UTF-8": "\xff",
		"line separators": "\u2028", "paragraph separators": "\u2029", "wide characters": "𝄞",
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(piece, 20_000)
			attempt := delivered()
			attempt.Took = math.MaxInt64
			attempt.Client = domain.Client{Addr: netip.MustParseAddr("2001:db8::1").WithZone(text), UserAgent: text, RequestID: text}
			attempt.Identity = domain.Identity{Authority: text, Subject: text, Action: text, Method: text, AuthenticatedAt: attempt.At}
			attempt.Access = domain.Access{Scope: []string{text, text}, Audience: text, Organization: text}
			var out bytes.Buffer
			_ = open(t, &out, discard()).Record(t.Context(), attempt)
			if out.Len() > maxLine || out.Len() < maxLine/2 {
				t.Errorf("the line has %d bytes, want at most %d, and most of that", out.Len(), maxLine)
			}
			var line map[string]any
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			for _, field := range []string{"request_id", "client", "user_agent", "authority", "subject", "action", "method", "scope", "audience", "organization"} {
				if text, _ := line[field].(string); !strings.HasSuffix(text, "…") || strings.HasPrefix(text, "…") {
					t.Errorf("%s is %q, want its beginning and that it goes on", field, text)
				}
			}
		})
	}
}

func TestWhatFitsIsWrittenWhole(t *testing.T) {
	for name, tt := range map[string]struct{ agent, want string }{
		"the longest that the edge lets through": {strings.Repeat(`"`, 200), strings.Repeat(`"`, 200)},
		"exactly as long as there is room":       {strings.Repeat("x", 400), strings.Repeat("x", 400)},
		"spaces, which are one byte each":        {strings.Repeat(" ", 400), strings.Repeat(" ", 400)},
		"one more":                               {strings.Repeat("x", 401), strings.Repeat("x", 397) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			attempt := delivered()
			attempt.Client.UserAgent = tt.agent
			_ = open(t, &out, discard()).Record(t.Context(), attempt)
			var line struct {
				Agent string `json:"user_agent"`
			}
			if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Agent != tt.want {
				t.Errorf("the user agent is %q, %v, want %q", line.Agent, err, tt.want)
			}
		})
	}
}

func TestEachFieldHasItsBound(t *testing.T) {
	text := strings.Repeat("x", 10_000)
	attempt := delivered()
	attempt.Client = domain.Client{Addr: netip.MustParseAddr("2001:db8::1").WithZone(text), UserAgent: text, RequestID: text}
	attempt.Identity = domain.Identity{Authority: text, Subject: text, Action: text, Method: text, AuthenticatedAt: attempt.At}
	attempt.Access = domain.Access{Scope: []string{text}, Audience: text, Organization: text}
	var out bytes.Buffer
	_ = open(t, &out, discard()).Record(t.Context(), attempt)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]int{
		"request_id": 256, "client": 64, "user_agent": 400, "authority": 512, "subject": 512, "action": 256, "method": 64,
		"scope": 2048, "audience": 512, "organization": 256,
	} {
		if text, _ := line[field].(string); len(text) != want {
			t.Errorf("%s has %d bytes, want %d", field, len(text), want)
		}
	}
}
