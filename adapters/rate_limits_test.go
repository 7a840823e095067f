package adapters_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/clocktest"
	"nativebridge/adapters/limits"
	"nativebridge/adapters/memory"
	"nativebridge/adapters/metrics"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// passkeys is a verifier for whom a token "person.ceremony" proves that person's ceremony,
// and one that begins with "forged" proves nothing.
type passkeys struct {
	authority, action string
	now               func() time.Time
}

func (p passkeys) Verify(_ context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	text := token.Reveal()
	if strings.HasPrefix(text, "forged") {
		return domain.Identity{}, fmt.Errorf("%w: a bad signature", domain.ErrTokenRejected)
	}
	person, ceremony, _ := strings.Cut(text, ".")
	return domain.Identity{
		Authority: p.authority, Subject: "auth0|" + person, Action: p.action, Method: domain.MethodPasskey,
		ProofID: ceremony, AuthenticatedAt: p.now(),
	}, nil
}

// opens is an issuer that opens a session for everybody.
type opens struct{ adapters.Issuer }

func (opens) Issue(_ context.Context, grant domain.Grant) (domain.Session, error) {
	return domain.Session{Subject: grant.Identity.Subject, AccessToken: domain.NewSecret("x"), ExpiresIn: time.Hour, Scope: []string{"openid"}}, nil
}

func (opens) Revoke(context.Context, domain.Secret) error { return nil }

type quiet struct{}

func (quiet) Record(context.Context, domain.Attempt) error { return nil }

// limitedBridge is the real use case and the real routes, with limits, over a guard of
// a given capacity and a clock that stands still.
type limitedBridge struct {
	exchange *app.ExchangePasskeyForSession
	handler  http.Handler
	config   adapters.Config
	*clocktest.Clock
}

func newLimitedBridge(t *testing.T, capacity int, settings ...string) *limitedBridge {
	t.Helper()
	environ := minimal()
	for i := 0; i < len(settings); i += 2 {
		environ[settings[i]] = settings[i+1]
	}
	config, err := adapters.LoadConfig(environ)
	if err != nil {
		t.Fatal(err)
	}
	b := &limitedBridge{config: config, Clock: clocktest.At(time.Now())}
	run := adapters.Runtime{Log: slog.New(slog.DiscardHandler), Audit: io.Discard, Now: b.Now}
	in := adapters.NewInstruments(config, run, nil)
	l, closeLimits := adapters.OpenLimits(config, adapters.OpenedStore{}, run, in)
	t.Cleanup(closeLimits)
	b.exchange = newLimitedExchange(config, l, memory.NewReplayGuard(b.Now, b.Now().Add(-time.Hour), capacity), b.Now)
	use := httpapi.UseCases{Exchange: b.exchange, Limits: l}
	b.handler = httpapi.NewServer(config.HTTP, "client", use, run.Log).Handler()
	return b
}

func newLimitedExchange(config adapters.Config, l *limits.Limits, guard ports.ReplayGuard, now adapters.Clock) *app.ExchangePasskeyForSession {
	policies := adapters.NewSignInPolicies(config)
	audit := adapters.OpenedAuditLog{AuditLog: quiet{}}
	in := adapters.Instruments{Log: slog.New(slog.DiscardHandler)}
	owners := adapters.NewOwners(adapters.Runtime{Random: rand.Reader})
	return adapters.NewExchange(passkeys{policies[0].Authority, policies[0].Action, now}, adapters.NewAdmission(adapters.OpenedIssuer{}, audit, l, in), guard,
		adapters.OpenedIssuer{Issuer: opens{}}, audit, policies, adapters.NewAccessPolicy(config), adapters.NewDeadline(config), now, owners)
}

// signIn exchanges the token of a person's ceremony.
func (b *limitedBridge) signIn(t *testing.T, person string, ceremony int) error {
	t.Helper()
	token, err := domain.ParsePasskeyToken(fmt.Sprintf("%s.%d", person, ceremony))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.exchange.Execute(t.Context(), app.Exchange{Token: token})
	return err
}

func TestOnePersonCannotFillTheMemoryOfUsedProofs(t *testing.T) {
	const capacity, ceremonies = 256, 1000
	b := newLimitedBridge(t, capacity)
	delivered := 0
	for ceremony := range ceremonies {
		switch err := b.signIn(t, "mallory", ceremony); {
		case err == nil:
			delivered++
		case !errors.Is(err, domain.ErrBusy):
			t.Fatalf("ceremony %d: %v, want busy", ceremony, err)
		}
		b.Advance(10 * time.Millisecond)
	}
	if most := b.config.Limits.PersonPerMinute + 5; delivered > most || delivered == 0 {
		t.Errorf("one person got %d sessions, want at most %d", delivered, most)
	}
	for person := range capacity / 2 {
		if err := b.signIn(t, fmt.Sprint("person", person), 1); err != nil {
			t.Fatalf("person %d: %v, want a session", person, err)
		}
	}
}

// What it takes to fill the guard that the bridge has, while each claim is remembered.
func TestAPersonsShareOfTheMemoryIsSmall(t *testing.T) {
	config, err := adapters.LoadConfig(minimal())
	if err != nil {
		t.Fatal(err)
	}
	if share := 2 * config.Limits.PersonPerHour; share*1000 > memory.Capacity {
		t.Errorf("one person may hold %d of %d claims", share, memory.Capacity)
	}
}

func TestNobodyIsLockedOutByTokensThatTheyDidNotMake(t *testing.T) {
	b := newLimitedBridge(t, 1<<12)
	token, err := domain.ParsePasskeyToken("forged.jane.1")
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := b.exchange.Execute(t.Context(), app.Exchange{Token: token}); !errors.Is(err, domain.ErrTokenRejected) {
			t.Fatalf("err = %v, want it rejected", err)
		}
	}
	if err := b.signIn(t, "jane", 1); err != nil {
		t.Errorf("after 1,000 tokens that name her: %v", err)
	}
	for range 1000 { // a token of hers that somebody else has got hold of, after its use
		if err := b.signIn(t, "jane", 1); !errors.Is(err, domain.ErrTokenReplayed) {
			t.Fatalf("err = %v, want it refused as used", err)
		}
	}
	if err := b.signIn(t, "jane", 2); err != nil {
		t.Errorf("after 1,000 replays: %v", err)
	}
}

// attack is what one attacker sends, each time anew.
type attack struct {
	method, path, body string
	from               func(i int) (peer, forwarded string)
	stopped            bool // whether the limits of the address stop it
}

func TestAttacks(t *testing.T) {
	always := func(peer, forwarded string) func(int) (string, string) {
		return func(int) (string, string) { return peer, forwarded }
	}
	const guess, proxy = `{"token":"forged.a.b"}`, "10.1.2.3"
	for name, tt := range map[string]attack{
		"guessing tokens":                                     {"POST", "/v1/sessions", guess, always(proxy, "198.51.100.66"), true},
		"malformed bodies":                                    {"POST", "/v1/sessions", "{", always(proxy, "198.51.100.66"), true},
		"malformed revocations":                               {"POST", "/oauth/revoke", "{", always(proxy, "198.51.100.66"), true},
		"methods that are refused, at the keys":               {"PUT", "/.well-known/jwks.json", "", always(proxy, "198.51.100.66"), true},
		"paths that are not there":                            {"GET", "/wp-login.php", "", always(proxy, "198.51.100.66"), true},
		"paths that are not there, by HEAD":                   {"HEAD", "/wp-login.php", "", always(proxy, "198.51.100.66"), true},
		"an X-Forwarded-For that changes before the true one": {"POST", "/v1/sessions", guess, func(i int) (string, string) { return proxy, fmt.Sprintf("203.0.113.%d, 198.51.100.66", i%256) }, true},
		"an X-Forwarded-For around the proxies":               {"POST", "/v1/sessions", guess, func(i int) (string, string) { return "198.51.100.66", fmt.Sprintf("203.0.113.%d", i%256) }, true},
		"every address of an IPv6 /64":                        {"POST", "/v1/sessions", guess, func(i int) (string, string) { return proxy, fmt.Sprintf("2001:db8:0:66::%x", i+1) }, true},
		"a proxy that nobody declared":                        {"POST", "/v1/sessions", guess, always("172.16.0.1", "198.51.100.66"), false},
		"a proxy that tells nothing":                          {"POST", "/v1/sessions", guess, always(proxy, ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLimitedBridge(t, 1<<12, "TRUSTED_PROXIES", "10.0.0.0/8")
			stopped := 0
			for i := range 200 {
				peer, forwarded := tt.from(i)
				if w := b.ask(tt.method, tt.path, tt.body, peer, forwarded); w.Code == http.StatusTooManyRequests {
					stopped++
					if w.Header().Get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
				}
			}
			want := 0
			if tt.stopped {
				want = 200 - b.config.Limits.FailuresPerMinute
			}
			if stopped != want {
				t.Errorf("%d of 200 were stopped, want %d", stopped, want)
			}
			for _, victim := range []string{"198.51.100.67", "2001:db8:0:67::1"} {
				if w := b.ask("POST", "/v1/sessions", fmt.Sprintf(`{"token":"jane.%s"}`, strings.NewReplacer(":", "-").Replace(victim)), proxy, victim); w.Code != http.StatusOK {
					t.Errorf("somebody at %s is answered %d %s", victim, w.Code, w.Body)
				}
			}
		})
	}
}

func (b *limitedBridge) ask(method, path, body, peer, forwarded string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "[" + peer + "]:5000"
	if !strings.Contains(peer, ":") {
		r.RemoteAddr = peer + ":5000"
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if forwarded != "" {
		r.Header.Set("X-Forwarded-For", forwarded)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// A carrier's address has many users behind it, and few who fail.
func TestManyPeopleBehindOneAddressGoOn(t *testing.T) {
	b := newLimitedBridge(t, 1<<12, "TRUSTED_PROXIES", "none")
	for person := range 500 {
		if w := b.ask("POST", "/v1/sessions", fmt.Sprintf(`{"token":"person%d.1"}`, person), "198.51.100.7", ""); w.Code != http.StatusOK {
			t.Fatalf("person %d is answered %d %s", person, w.Code, w.Body)
		}
	}
}

func TestRateLimitsCanBeOff(t *testing.T) {
	b := newLimitedBridge(t, 1<<12, "RATE_LIMITS", "off", "TRUSTED_PROXIES", "none")
	for i := range 500 {
		if w := b.ask("POST", "/v1/sessions", fmt.Sprintf(`{"token":"jane.%d"}`, i), "198.51.100.7", ""); w.Code != http.StatusOK {
			t.Fatalf("sign-in %d is answered %d %s", i, w.Code, w.Body)
		}
		if w := b.ask("POST", "/v1/sessions", "{", "198.51.100.7", ""); w.Code != http.StatusBadRequest {
			t.Fatalf("failure %d is answered %d %s", i, w.Code, w.Body)
		}
	}
}

func TestTheMetricsOfTheLimits(t *testing.T) {
	environ := minimal()
	environ["METRICS_ADDR"] = ":0"
	environ["RATE_LIMIT_PERSON_PER_MINUTE"] = "1"
	config, err := adapters.LoadConfig(environ)
	if err != nil {
		t.Fatal(err)
	}
	run := adapters.Runtime{Log: slog.New(slog.DiscardHandler), Now: time.Now}
	in := adapters.Instruments{Log: run.Log, Metrics: metrics.New()}
	l, closeLimits := adapters.OpenLimits(config, adapters.OpenedStore{}, run, in)
	t.Cleanup(closeLimits)
	for ceremony := range 3 {
		_ = l.Admit(t.Context(), domain.Identity{Subject: "jane", ProofID: fmt.Sprint(ceremony)})
	}
	w := httptest.NewRecorder()
	in.Metrics.Handler(metrics.Config{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`native_bridge_rate_limit_refusals_total{limit="person"} 2`, `native_bridge_rate_limit_refusals_total{limit="failures"} 0`,
		`native_bridge_rate_limit_refusals_total{limit="successes"} 0`, `native_bridge_rate_limit_local 0`,
	} {
		if !bytes.Contains(w.Body.Bytes(), []byte("\n"+want+"\n")) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
