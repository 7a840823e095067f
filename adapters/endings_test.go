package adapters

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/internal/clocktest"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// slowIssuer ends sessions one by one, as it is let.
type slowIssuer struct {
	mu    sync.Mutex
	asked []string
	fails []error // of the next calls
	began chan string
	goOn  chan struct{}
}

func (s *slowIssuer) End(ctx context.Context, subject string, _ time.Time) error {
	s.began <- subject
	select {
	case <-s.goOn:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, subject)
	if len(s.fails) == 0 {
		return nil
	}
	err := s.fails[0]
	s.fails = s.fails[1:]
	return err
}

// newSlow returns endings behind which the issuer is slow, the waits that it made, and its log.
func newSlow(t *testing.T, fails ...error) (*endings, *slowIssuer, *[]time.Duration, *logtest.Log) {
	t.Helper()
	issuer := &slowIssuer{fails: fails, began: make(chan string), goOn: make(chan struct{})}
	log, waits := &logtest.Log{}, &[]time.Duration{}
	ctx, stop := context.WithCancel(context.Background())
	e := &endings{
		next: issuer, log: slog.New(slog.NewTextHandler(log, nil)), known: map[string]time.Time{}, more: make(chan struct{}, 1),
		wait: func(_ context.Context, d time.Duration) error { *waits = append(*waits, d); return nil },
		stop: stop, stopped: make(chan struct{}),
	}
	go e.work(ctx)
	t.Cleanup(e.close)
	return e, issuer, waits, log
}

// serve lets the issuer answer n times.
func (s *slowIssuer) serve(n int) (subjects []string) {
	for range n {
		subjects = append(subjects, <-s.began)
		s.goOn <- struct{}{}
	}
	return subjects
}

func TestPersonsWaitUntilTheIssuerEndsTheirSessions(t *testing.T) {
	e, issuer, _, _ := newSlow(t)
	for _, subject := range []string{"a", "b", "a", "c", "b"} { // deliveries that come twice
		if err := e.End(t.Context(), subject, time.Unix(100, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if got := issuer.serve(3); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("asked about %q", got)
	}
	for _, told := range []struct {
		at   int64
		asks bool
	}{{99, false}, {100, false}, {101, true}} { // late, once more, anew
		if err := e.End(t.Context(), "a", time.Unix(told.at, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if got := issuer.serve(1); !slices.Equal(got, []string{"a"}) {
		t.Errorf("asked about %q", got)
	}
}

func TestTheIssuerIsAskedAgainWhenThatCanHelp(t *testing.T) {
	busy := domain.WithRetryAfter(domain.ErrBusy, 7*time.Second)
	e, issuer, waits, log := newSlow(t, domain.ErrUnavailable, busy, domain.ErrUnavailable, nil, errors.New("check the permissions"), nil)
	_ = e.End(t.Context(), "a", time.Unix(100, 0))
	issuer.serve(4)
	_ = e.End(t.Context(), "b", time.Unix(100, 0))
	issuer.serve(1)
	for e.failed.Load() == 0 { // it comes soon, because nothing is waited for
		runtime.Gosched()
	}
	_ = e.End(t.Context(), "b", time.Unix(100, 0)) // it was not done
	issuer.serve(1)
	_ = e.End(t.Context(), "c", time.Unix(100, 0))
	<-issuer.began // the one before is settled
	if want := []time.Duration{time.Second, 7 * time.Second, 4 * time.Second}; !slices.Equal(*waits, want) {
		t.Errorf("waited %v, want %v", *waits, want)
	}
	if e.done.Load() != 2 || e.failed.Load() != 1 {
		t.Errorf("%d were ended and %d given up, want 2 and 1", e.done.Load(), e.failed.Load())
	}
	if text := log.String(); strings.Count(text, "check the permissions") != 1 || !strings.Contains(text, "ends sessions again") {
		t.Errorf("logged %s", text)
	}
}

func TestAnIssuerThatStaysAwayIsGivenUp(t *testing.T) {
	fails := slices.Repeat([]error{domain.ErrUnavailable}, endingTries)
	e, issuer, waits, _ := newSlow(t, fails...)
	_ = e.End(t.Context(), "a", time.Unix(100, 0))
	issuer.serve(endingTries)
	_ = e.End(t.Context(), "b", time.Unix(100, 0))
	<-issuer.began
	if e.failed.Load() != 1 || len(*waits) != endingTries-1 || (*waits)[len(*waits)-1] > longestEndingPause {
		t.Errorf("%d given up after the waits %v", e.failed.Load(), *waits)
	}
}

func TestWhoStillWaitsAtTheEndIsTold(t *testing.T) {
	issuer := &slowIssuer{began: make(chan string), goOn: make(chan struct{})}
	log := &logtest.Log{}
	e := newEndings(issuer, slog.New(slog.NewTextHandler(log, nil)))
	for _, subject := range []string{"a", "b"} {
		_ = e.End(t.Context(), subject, time.Unix(100, 0))
	}
	<-issuer.began
	e.close()
	if !strings.Contains(log.String(), "persons=2") {
		t.Errorf("logged %s", log.String())
	}
}

func TestNoMoreWaitThanThereIsRoomFor(t *testing.T) {
	e := &endings{known: map[string]time.Time{}, more: make(chan struct{}, 1), waiting: make([]ending, mostEndings)}
	if err := e.End(t.Context(), "a", time.Unix(100, 0)); !errors.Is(err, domain.ErrBusy) {
		t.Errorf("err = %v, want busy", err)
	}
}

// Somebody else may use the limit up, or the setting may be too high: then each 429 is waited
// for as long as it says, and all sessions end.
func TestAStormOfEndingsOutlastsTheIssuersLimit(t *testing.T) {
	const persons, secret = 12, "the-secret-of-the-application-that-ends-sessions"
	clock := clocktest.At(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
	tenant, err := auth0test.Start(auth0test.Options{Now: clock.Now, Clients: []auth0test.Client{{
		ID: "ender", Secret: secret, AuthMethod: auth0test.AuthPost, GrantTypes: []string{auth0test.GrantClientCredentials},
		Management: []string{"read:refresh_tokens", "delete:refresh_tokens"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	tenant.SetFaults(auth0test.Faults{Protection: auth0test.Protection{ManagementPerSecond: 3}})
	config := auth0.Config{Client: "bridge", Ender: auth0.SessionEnderConfig{ClientID: "ender", ClientSecret: settings.NewSecret(secret), PerSecond: 1000}}
	if err := config.Domain.UnmarshalText([]byte(tenant.Domain())); err != nil {
		t.Fatal(err)
	}
	if err := config.Subjects.UnmarshalText([]byte("auth0")); err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Options{Name: "auth0", RootCAs: tenant.CertPool(), Now: clock.Now})
	ctx, stop := context.WithCancel(t.Context())
	waits := 0
	e := &endings{
		next: auth0.NewSessionEnder(client, config, clock.Now), log: slog.New(slog.DiscardHandler), known: map[string]time.Time{}, more: make(chan struct{}, 1),
		wait: func(_ context.Context, d time.Duration) error { waits++; clock.Advance(d); return nil },
		stop: stop, stopped: make(chan struct{}),
	}
	began, sessions := clock.Now(), []string{}
	for n := range persons {
		person := fmt.Sprint("auth0|", n)
		sessions = append(sessions, tenant.OpenSession("bridge", person, began.Add(-time.Hour)))
		if err := e.End(t.Context(), person, began); err != nil {
			t.Fatal(err)
		}
	}
	go e.work(ctx)
	for e.done.Load()+e.failed.Load() < persons {
		runtime.Gosched()
	}
	e.close()
	if waits == 0 {
		t.Fatal("the limit was never reached, so this tries nothing")
	}
	for n, refresh := range sessions {
		if tenant.IsAlive(refresh) {
			t.Errorf("the session of person %d lives", n)
		}
	}
	if e.failed.Load() > 0 {
		t.Errorf("%d were given up", e.failed.Load())
	}
}
