package adapters

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/clocktest"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/memory"
	"nativebridge/app"
	"nativebridge/domain"
)

// storm is a tenant whose persons all lose their passkey, and a bridge that is told of it,
// with an issuer that rotates refresh tokens.
type storm struct {
	*clocktest.Clock
	webhook string // its secret
	hook    http.Handler
	opens   *app.WatchedIssuer
	renews  *app.RenewSession
	ended   *issuerEnds

	mu       sync.Mutex
	sessions map[string]string    // the person, by the refresh token that is good
	passkeys map[string]time.Time // when the person's was made
	made     int
	outcomes map[string]int
}

func newStorm(recheck bool) *storm {
	s := &storm{
		Clock:    clocktest.At(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)),
		webhook:  strings.Repeat("s3cr3t-", 6),
		sessions: map[string]string{}, passkeys: map[string]time.Time{}, outcomes: map[string]int{},
		ended: &issuerEnds{asked: map[string]int{}},
	}
	log := slog.New(slog.DiscardHandler)
	watched := app.WatchedSessions{Ended: memory.NewEndedSessions(s.Now, 720*time.Hour, memory.EndedCapacity), Slack: 10 * time.Minute}
	if recheck {
		watched.Passkeys = newPasskeyMemory(s, s.Now)
	}
	s.opens = &app.WatchedIssuer{TokenIssuer: s, Revoker: s, WatchedSessions: watched}
	s.renews = &app.RenewSession{Renewer: s, Revoker: s, Audit: s, Watched: &watched, Deadline: time.Minute, Now: s.Now}
	end := &app.EndSessions{Passkeys: s, Ended: watched.Ended, Ender: s.ended, Audit: s, Skew: 30 * time.Second, Deadline: time.Minute, Now: s.Now}
	webhooks := authsignal.NewWebhooks(authsignal.Config{Secret: settings.NewSecret(s.webhook)}, s.Now)
	s.hook = httpapi.NewServer(httpapi.Config{RequestTimeout: time.Minute}, "bridge", httpapi.UseCases{Departures: webhooks, End: end}, log).Handler()
	return s
}

// issuerEnds counts whom the issuer is asked about.
type issuerEnds struct {
	mu    sync.Mutex
	asked map[string]int
}

func (i *issuerEnds) End(_ context.Context, subject string, _ time.Time) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked[subject]++
	return nil
}

func (s *storm) hold(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// open gives a person a refresh token. s.mu is held.
func (s *storm) open(person string) domain.Secret {
	s.made++
	token := fmt.Sprint("refresh-", s.made)
	s.sessions[token] = person
	return domain.NewSecret(token)
}

func (s *storm) Issue(_ context.Context, grant domain.Grant) (session domain.Session, err error) {
	s.hold(func() {
		session = domain.Session{Subject: grant.Identity.Subject, RefreshToken: s.open(grant.Identity.Subject)}
	})
	return session, nil
}

func (s *storm) Renew(_ context.Context, refresh domain.Secret, _ domain.Access, _ domain.Client) (session domain.Session, err error) {
	s.hold(func() {
		person, good := s.sessions[refresh.Reveal()]
		if !good {
			err = domain.ErrGrantInvalid
			return
		}
		delete(s.sessions, refresh.Reveal())
		session = domain.Session{Subject: person, RefreshToken: s.open(person)}
	})
	return session, err
}

func (s *storm) Revoke(_ context.Context, refresh domain.Secret) error {
	s.hold(func() { delete(s.sessions, refresh.Reveal()) })
	return nil
}

func (s *storm) Has(_ context.Context, subject string, by time.Time) (has bool, err error) {
	s.hold(func() {
		made, found := s.passkeys[subject]
		has = found && !made.After(by)
	})
	return has, nil
}

func (s *storm) Record(_ context.Context, attempt domain.Attempt) error {
	s.hold(func() { s.outcomes[attempt.Outcome()+" "+string(attempt.Note)]++ })
	return nil
}

// signIn makes a person a passkey and opens a session with it.
func (s *storm) signIn(t *testing.T, person string) domain.Secret {
	t.Helper()
	s.hold(func() { s.passkeys[person] = s.Now() })
	session, err := s.opens.Issue(t.Context(), domain.Grant{Identity: domain.Identity{Subject: person, AuthenticatedAt: s.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	return session.RefreshToken
}

// deliver tells the bridge of a deletion.
func (s *storm) deliver(t *testing.T, event string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/hooks/authsignal", strings.NewReader(event))
	r.Header.Set(authsignal.SignatureHeader, authsignaltest.SignWebhook([]byte(event), s.Now(), s.webhook))
	w := httptest.NewRecorder()
	if s.hook.ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Fatalf("a delivery is answered %d %s", w.Code, w.Body)
	}
}

// alive renews a session and reports whether that went well.
func (s *storm) alive(t *testing.T, refresh domain.Secret) bool {
	t.Helper()
	_, err := s.renews.Execute(t.Context(), app.Renewal{Refresh: refresh})
	if err != nil && !errors.Is(err, domain.ErrGrantInvalid) {
		t.Fatal(err)
	}
	return err == nil
}

// TestAStormOfDeletionsLeavesNoSessionAlive has 10,000 persons lose their passkey at once.
// Of the deliveries, one in ten is lost, one in five comes twice, and all come in any order. Some
// persons sign in with a new passkey before their delivery comes. Whoever's delivery is
// lost is found by RECHECK_PASSKEY, unless they have a new passkey: then nobody can tell.
func TestAStormOfDeletionsLeavesNoSessionAlive(t *testing.T) {
	for name, recheck := range map[string]bool{"without rechecks": false, "with rechecks": true} {
		t.Run(name, func(t *testing.T) { stormOfDeletions(t, newStorm(recheck), recheck) })
	}
}

func stormOfDeletions(t *testing.T, s *storm, recheck bool) {
	const persons = 10_000
	random := rand.New(rand.NewPCG(13, 52)) // #nosec G404 -- no secret
	before, after := map[string]domain.Secret{}, map[string]domain.Secret{}
	for n := range persons {
		person := fmt.Sprint("auth0|", n)
		before[person] = s.signIn(t, person)
	}
	s.Advance(time.Hour)
	var deliveries []string
	lost := map[string]bool{}
	for n := range persons {
		person := fmt.Sprint("auth0|", n)
		s.Advance(time.Millisecond)
		s.hold(func() { delete(s.passkeys, person) })
		event := fmt.Sprintf(`{"version":1,"id":"event-%d","time":%q,"type":"authenticator.deleted","data":{"userId":%q,"verificationMethod":"PASSKEY"}}`,
			n, s.Now().Format("2006-01-02T15:04:05.000Z"), person)
		switch chance := random.IntN(10); {
		case chance == 0:
			lost[person] = true
			continue
		case chance < 3:
			deliveries = append(deliveries, event)
		}
		deliveries = append(deliveries, event)
	}
	random.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })

	again := func(n int) bool { return n%20 == 0 && !lost[fmt.Sprint("auth0|", n)] }
	half := len(deliveries) / 2
	for _, event := range deliveries[:half] {
		s.deliver(t, event)
	}
	s.Advance(time.Second)
	for n := range persons {
		if person := fmt.Sprint("auth0|", n); again(n) {
			after[person] = s.signIn(t, person)
		}
	}
	s.Advance(30 * time.Second)
	for _, event := range deliveries[half:] {
		s.deliver(t, event)
	}

	s.Advance(time.Hour)
	survivors := 0
	for person, refresh := range before {
		if s.alive(t, refresh) {
			survivors++
			if recheck || !lost[person] {
				t.Fatalf("the session of %s goes on, whose delivery was lost: %t", person, lost[person])
			}
		}
	}
	if !recheck && survivors != len(lost) {
		t.Errorf("%d sessions go on, want those of the %d deliveries that were lost", survivors, len(lost))
	}
	s.wantNewSignIns(t, after, deliveries[:half])
	for person, asked := range s.ended.asked {
		if asked > 2 { // a delivery that comes twice; endings has the issuer asked once
			t.Fatalf("the issuer was asked about %s %d times", person, asked)
		}
	}
	t.Logf("%d deliveries, %d lost, %d go on: %v", len(deliveries), len(lost), survivors, s.outcomes)
}

// wantNewSignIns fails the test if a sign-in is over that came after its person's deletion
// was told. Where it came before, the bridge could note its beginning nowhere, and the
// issuer does not tell it: such a person signs in once more.
func (s *storm) wantNewSignIns(t *testing.T, after map[string]domain.Secret, told []string) {
	t.Helper()
	known := strings.Join(told, "\n")
	kept := 0
	for person, refresh := range after {
		alive := s.alive(t, refresh)
		if inTime := strings.Contains(known, fmt.Sprintf("%q", person)); alive != inTime {
			t.Errorf("the new session of %s goes on: %t, want %t", person, alive, inTime)
		}
		if alive {
			kept++
		}
	}
	if kept == 0 {
		t.Error("no new sign-in was tried")
	}
}
