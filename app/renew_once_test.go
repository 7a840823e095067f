package app_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/app"
	"nativebridge/domain"
)

// issuer rotates refresh tokens, and counts what it is asked.
type issuer struct {
	mu      sync.Mutex
	asked   []string
	err     error
	lives   time.Duration // access tokens do; 0 means an hour
	keeps   bool          // refresh tokens: it does not rotate them
	entered chan struct{} // told of each ask, if it is set
	leave   chan struct{} // asks wait for it, if it is set
}

func (i *issuer) Renew(ctx context.Context, refresh domain.Secret, _ domain.Access, _ domain.Client) (domain.Session, error) {
	i.mu.Lock()
	i.asked = append(i.asked, refresh.Reveal())
	n, err := len(i.asked), i.err
	i.mu.Unlock()
	if i.entered != nil {
		i.entered <- struct{}{}
		<-i.leave
	}
	if ctx.Err() != nil {
		return domain.Session{}, ctx.Err()
	}
	if err != nil {
		return domain.Session{}, err
	}
	next := domain.NewSecret(fmt.Sprintf("rotated-%d", n))
	if i.keeps {
		next = refresh
	}
	return domain.Session{
		Subject: "auth0|jane", AccessToken: domain.NewSecret(fmt.Sprintf("access-%d", n)), IDToken: domain.NewSecret("id"),
		RefreshToken: next, Scope: []string{"openid"}, ExpiresIn: cmp.Or(i.lives, time.Hour),
	}, nil
}

// remembered is the simplest memory: of one process, whose time stands still.
type remembered struct {
	mu     sync.Mutex
	known  map[domain.RenewalName][]byte
	turns  map[domain.RenewalName]domain.Owner
	doubt  bool
	broken error
	again  time.Duration   // for so long the issuer may be asked again, if it is set
	begun  chan struct{}   // told of each Begin, if it is set
	kept   []time.Duration // for how long answers and refusals were to be kept
	unkept error           // what Keep and Refuse fail with
	waited chan struct{}   // closed when a turn is taken by another
	waits  sync.Once
	taking func() // called while a turn is taken, if it is set
}

func (m *remembered) Begin(ctx context.Context, turn domain.Turn) (domain.Standing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taking != nil {
		m.taking()
		defer func() { m.turns[turn.Name] = turn.Owner }() // its answer is lost with the caller's patience
	}
	if ctx.Err() != nil {
		return domain.Standing{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, ctx.Err())
	}
	if m.begun != nil {
		m.begun <- struct{}{}
	}
	switch answer, owner := m.known[turn.Name], m.turns[turn.Name]; {
	case m.broken != nil:
		return domain.Standing{}, m.broken
	case answer != nil:
		return domain.Standing{Is: domain.TurnAnswered, Answer: answer}, nil
	case m.doubt:
		return domain.Standing{Is: domain.TurnInDoubt, Left: time.Minute}, nil
	case owner != domain.Owner{} && owner != turn.Owner:
		m.waits.Do(func() { close(m.waited) })
		return domain.Standing{Is: domain.TurnTaken}, nil
	}
	m.turns[turn.Name] = turn.Owner
	if m.again > 0 {
		return domain.Standing{Is: domain.TurnAgain, Left: m.again}, nil
	}
	return domain.Standing{Is: domain.TurnYours}, nil
}

func (m *remembered) Keep(_ context.Context, turn domain.Turn, answer []byte, during time.Duration) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = append(m.kept, during)
	if err := cmp.Or(m.broken, m.unkept); err != nil {
		return nil, err
	}
	m.known[turn.Name] = answer
	return answer, nil
}

func (m *remembered) Refuse(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) error {
	_, err := m.Keep(ctx, turn, answer, during)
	return err
}

func (m *remembered) Forget(_ context.Context, name domain.RenewalName) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, name)
	return nil
}

func newRenewOnce(t *testing.T) (*app.RenewSession, *issuer, *remembered) {
	t.Helper()
	uc := &app.RenewSession{
		Deadline: 10 * time.Second, Now: func() time.Time { return now },
		Access: domain.AccessPolicy{Default: domain.Access{Scope: []string{"openid", "profile"}}},
	}
	asked, memory := &issuer{}, &remembered{known: map[domain.RenewalName][]byte{}, turns: map[domain.RenewalName]domain.Owner{}, waited: make(chan struct{})}
	var mu sync.Mutex
	var owners byte
	uc.Renewer, uc.Audit = asked, &unwritten{}
	uc.Once = app.RenewOnce{
		Memory: memory, Grace: 10 * time.Minute, Patience: 6 * time.Second, Mark: func(c domain.Client) string { return c.Addr.String() },
		Remedy: "set THE_LEEWAY", Now: uc.Now,
		NewOwner: func() domain.Owner {
			mu.Lock()
			defer mu.Unlock()
			owners++
			return domain.Owner{owners}
		},
	}
	return uc, asked, memory
}

// unwritten is an audit log that keeps the attempts.
type unwritten struct {
	mu       sync.Mutex
	attempts []domain.Attempt
}

func (u *unwritten) Record(_ context.Context, attempt domain.Attempt) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.attempts = append(u.attempts, attempt)
	return nil
}

func TestTheOldRefreshTokenGetsTheSameAnswerAgain(t *testing.T) {
	uc, issuer, memory := newRenewOnce(t)
	first, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	if err != nil {
		t.Fatal(err)
	}
	uc.Once.Now = func() time.Time { return now.Add(90 * time.Second) }
	again, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	if err != nil || !again.RefreshToken.Equal(first.RefreshToken) || !again.AccessToken.Equal(first.AccessToken) || !again.IDToken.Equal(first.IDToken) ||
		again.Subject != first.Subject || len(again.Scope) != 1 || len(issuer.asked) != 1 {
		t.Errorf("session = %+v, %v, and the issuer was asked %d times; want the same, and once", again, err, len(issuer.asked))
	}
	if again.ExpiresIn != time.Hour-90*time.Second {
		t.Errorf("it says that %s are left, want what is", again.ExpiresIn)
	}
	if recorded := uc.Audit.(*unwritten).attempts; recorded[0].Repeated || !recorded[1].Repeated || recorded[1].Outcome() != "session_renewed" {
		t.Errorf("recorded are %+v, want the second as repeated", recorded)
	}
	for name, sealed := range memory.known {
		for _, secret := range []string{"access-1", "rotated-1", "auth0|jane", refresh.Reveal()} {
			if strings.Contains(string(sealed)+name.String(), secret) {
				t.Errorf("the memory tells %q", secret)
			}
		}
	}
}

// Whoever can write the memory may have an answer of their own there, sealed with their own
// refresh token.
func TestWhoeverWritesTheMemoryCannotPlantAnAnswer(t *testing.T) {
	for name, plant := range map[string]func(own, theirs []byte) []byte{
		"what is sealed with another token": func(_, theirs []byte) []byte { return theirs },
		"one bit that is changed":           func(own, _ []byte) []byte { own[len(own)-1] ^= 1; return own },
		"less than was sealed":              func(own, _ []byte) []byte { return own[:len(own)-1] },
		"what is not sealed":                func(_, _ []byte) []byte { return []byte(`{"Access":"planted","Refresh":"planted"}`) },
		"nothing but a letter":              func(_, _ []byte) []byte { return []byte("x") },
	} {
		t.Run(name, func(t *testing.T) {
			uc, issuer, memory := newRenewOnce(t)
			var kept []domain.RenewalName
			for _, token := range []domain.Secret{domain.NewSecret("of-the-thief"), refresh} {
				_, _ = uc.Execute(t.Context(), app.Renewal{Refresh: token, Client: caller})
				for name := range memory.known {
					if !slices.Contains(kept, name) {
						kept = append(kept, name)
					}
				}
			}
			memory.known[kept[1]] = plant(slices.Clone(memory.known[kept[1]]), memory.known[kept[0]])
			session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
			if err != nil || session.RefreshToken.Reveal() != "rotated-3" || issuer.asked[2] != refresh.Reveal() {
				t.Errorf("session = %+v, %v, by %q; want the issuer's own answer", session, err, issuer.asked)
			}
		})
	}
}

func TestRenewalsOfOneTokenAtOnceAskTheIssuerOnce(t *testing.T) {
	for name, refusal := range map[string]error{"and get its session": nil, "and its refusal": domain.ErrGrantInvalid} {
		t.Run(name, func(t *testing.T) {
			uc, issuer, _ := newRenewOnce(t)
			issuer.err, issuer.entered, issuer.leave = refusal, make(chan struct{}, 1), make(chan struct{})
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
					if !errors.Is(err, refusal) || refusal == nil && session.RefreshToken.Reveal() != "rotated-1" {
						t.Errorf("session = %+v, %v", session, err)
					}
				})
			}
			<-issuer.entered
			close(issuer.leave)
			all.Wait()
			if len(issuer.asked) != 1 {
				t.Errorf("the issuer was asked %d times", len(issuer.asked))
			}
		})
	}
}

func TestWhoeverWaitsForAnothersRenewalIsRecordedSo(t *testing.T) {
	uc, issuer, memory := newRenewOnce(t)
	issuer.entered, issuer.leave = make(chan struct{}, 1), make(chan struct{})
	var both sync.WaitGroup
	renew := func() { _, _ = uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller}) }
	both.Go(renew)
	<-issuer.entered
	both.Go(renew)
	<-memory.waited
	close(issuer.leave)
	both.Wait()
	waited := 0
	for _, attempt := range uc.Audit.(*unwritten).attempts {
		if attempt.Waited != attempt.Repeated || attempt.Err != nil {
			t.Errorf("recorded is %+v, want a wait and another's answer, or neither", attempt)
		}
		if attempt.Waited {
			waited++
		}
	}
	if waited != 1 {
		t.Errorf("%d waited, want one", waited)
	}
}

func TestAnAnswerIsKeptForACallerWhoLeaves(t *testing.T) {
	uc, issuer, _ := newRenewOnce(t)
	issuer.entered, issuer.leave = make(chan struct{}, 1), make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = uc.Execute(ctx, app.Renewal{Refresh: refresh, Client: caller})
	}()
	<-issuer.entered
	leave()
	close(issuer.leave)
	<-gone
	session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	if err != nil || session.RefreshToken.Reveal() != "rotated-1" || len(issuer.asked) != 1 {
		t.Errorf("session = %+v, %v; want the answer to whoever left", session, err)
	}
}

func TestWhoeverCallsFromElsewhereIsTheIssuersToJudge(t *testing.T) {
	uc, issuer, _ := newRenewOnce(t)
	_, _ = uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	issuer.err = domain.ErrGrantInvalid
	thief := domain.Client{Addr: netip.MustParseAddr("203.0.113.99")}
	if _, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: thief}); !errors.Is(err, domain.ErrGrantInvalid) || len(issuer.asked) != 2 {
		t.Errorf("err = %v after %d asks, want the issuer's own verdict", err, len(issuer.asked))
	}
}

func TestWhoeverAsksForSomethingElseGetsItWithTheNewToken(t *testing.T) {
	uc, issuer, _ := newRenewOnce(t)
	_, _ = uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Access: domain.Access{Scope: []string{"openid"}}, Client: caller})
	if err != nil || session.RefreshToken.Reveal() != "rotated-2" || issuer.asked[1] != "rotated-1" {
		t.Errorf("session = %+v, %v, by %q; want it by the token of the kept answer", session, err, issuer.asked)
	}
}

func TestWhoeverAsksForSomethingElseOfATokenThatDidNotRotateIsTheIssuers(t *testing.T) {
	uc, issuer, _ := newRenewOnce(t)
	issuer.keeps = true
	_, _ = uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Access: domain.Access{Scope: []string{"openid"}}, Client: caller})
	if err != nil || session.AccessToken.Reveal() != "access-2" || len(issuer.asked) != 2 {
		t.Errorf("session = %+v, %v after %d asks, want a second ask with the same token", session, err, len(issuer.asked))
	}
}

// The credentials managers of Auth0's SDKs throw away what lives for a minute or less, and
// with it the new refresh token.
func TestAKeptAnswerWhoseAccessTokenIsNearlyOverIsRenewedOn(t *testing.T) {
	for name, tt := range map[string]struct {
		lives, later time.Duration
		want         string
		asked        int
	}{
		"more than a minute is left": {5 * time.Minute, 4*time.Minute - time.Second, "access-1", 1},
		"a minute is left":           {5 * time.Minute, 4 * time.Minute, "access-2", 2},
		"it is over":                 {5 * time.Minute, 9 * time.Minute, "access-2", 2},
		"it never lived for a minute, and half is left":  {40 * time.Second, 19 * time.Second, "access-1", 1},
		"it never lived for a minute, and half is spent": {40 * time.Second, 20 * time.Second, "access-2", 2},
	} {
		t.Run(name, func(t *testing.T) {
			uc, issuer, _ := newRenewOnce(t)
			issuer.lives = tt.lives
			_, _ = uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
			uc.Once.Now = func() time.Time { return now.Add(tt.later) }
			for range 2 { // the second answer is kept, too
				session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
				if err != nil || session.AccessToken.Reveal() != tt.want || len(issuer.asked) != tt.asked {
					t.Errorf("session = %+v, %v after %d asks, want %s after %d", session, err, len(issuer.asked), tt.want, tt.asked)
				}
			}
			if tt.asked == 2 && issuer.asked[1] != "rotated-1" {
				t.Errorf("the issuer was asked with %q, want the token of the kept answer", issuer.asked[1])
			}
		})
	}
}

func TestAKeptAnswerThatCannotBeRenewedOnIsBetterThanNone(t *testing.T) {
	for name, tt := range map[string]struct {
		issuer error
		want   error
	}{
		"the issuer is away":           {domain.ErrUnavailable, nil},
		"the issuer is busy":           {domain.ErrBusy, nil},
		"its answer was lost":          {domain.WithProofInDoubt(domain.ErrUnavailable), nil},
		"the issuer ended the session": {domain.ErrGrantInvalid, domain.ErrGrantInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			uc, issuer, _ := newRenewOnce(t)
			issuer.lives = 5 * time.Minute
			_, _ = uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
			uc.Once.Now, issuer.err = func() time.Time { return now.Add(5*time.Minute - 30*time.Second) }, tt.issuer
			session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
			if !errors.Is(err, tt.want) || tt.want == nil && (session.RefreshToken.Reveal() != "rotated-1" || session.ExpiresIn != 30*time.Second) {
				t.Errorf("session = %+v, %v; want %v, or what is left of the kept one", session, err, tt.want)
			}
		})
	}
}

// A turn that nobody is there for would leave doubt, though the issuer was not asked.
func TestATurnIsNotLostWithTheCallerWhoLeavesWhileItIsTaken(t *testing.T) {
	uc, issuer, memory := newRenewOnce(t)
	ctx, leave := context.WithCancel(t.Context())
	memory.taking = leave
	_, _ = uc.Execute(ctx, app.Renewal{Refresh: refresh, Client: caller})
	memory.taking = nil
	session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	if err != nil || session.RefreshToken.Reveal() != "rotated-1" || len(issuer.asked) != 1 {
		t.Errorf("session = %+v, %v after %d asks, want the answer to whoever left", session, err, len(issuer.asked))
	}
}

func TestACallerWhoHasLeftTakesNoTurn(t *testing.T) {
	uc, issuer, memory := newRenewOnce(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := uc.Execute(ctx, app.Renewal{Refresh: refresh, Client: caller}); !errors.Is(err, context.Canceled) || len(issuer.asked) != 0 || len(memory.turns) != 0 {
		t.Errorf("err = %v after %d asks in %d turns, want the caller's leave and none", err, len(issuer.asked), len(memory.turns))
	}
}

func TestATokenThatMayBeUsedUpIsNotSentToTheIssuer(t *testing.T) {
	uc, issuer, memory := newRenewOnce(t)
	memory.doubt = true
	_, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	if !errors.Is(err, domain.ErrUnavailable) || !domain.ProofInDoubt(err) || domain.RetryAfterOf(err) != time.Minute ||
		!strings.Contains(err.Error(), "THE_LEEWAY") || len(issuer.asked) != 0 {
		t.Errorf("err = %v after %d asks, want unavailable, in doubt, when to come back, and the setting", err, len(issuer.asked))
	}
}

// The app is there, and the answer is the only one.
func TestAnAnswerThatCannotBeKeptIsDelivered(t *testing.T) {
	uc, _, memory := newRenewOnce(t)
	memory.unkept = domain.ErrUnavailable
	session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	if err != nil || session.RefreshToken.Reveal() != "rotated-1" {
		t.Errorf("session = %+v, %v; want the issuer's", session, err)
	}
}

func TestATurnIsHeldWhileTheIssuerIsAsked(t *testing.T) {
	uc, issuer, memory := newRenewOnce(t)
	issuer.entered, issuer.leave, memory.begun = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	}()
	<-memory.begun // the turn
	<-issuer.entered
	<-memory.begun // it is taken again, so that it does not lapse
	close(issuer.leave)
	for {
		select {
		case <-memory.begun:
		case <-answered:
			if len(memory.turns) != 1 {
				t.Errorf("turns of %v, want one", memory.turns)
			}
			return
		}
	}
}

func TestWithinTheLeewayTheIssuerIsAskedAgainAndOnlyItsVerdictEndsTheDoubt(t *testing.T) {
	for name, tt := range map[string]struct {
		answer error
		kept   []time.Duration
	}{
		"fresh tokens":         {nil, []time.Duration{10 * time.Minute}},
		"the session is over":  {domain.ErrGrantInvalid, []time.Duration{2 * time.Second}},
		"the issuer is away":   {domain.ErrUnavailable, nil},
		"the issuer is busy":   {domain.ErrBusy, nil},
		"a fault of ours":      {errors.New("no such client"), nil},
		"the answer was lost":  {domain.WithProofInDoubt(domain.ErrUnavailable), nil},
		"it was refused twice": {domain.WithProofInDoubt(domain.ErrGrantInvalid), nil},
	} {
		t.Run(name, func(t *testing.T) {
			uc, issuer, memory := newRenewOnce(t)
			issuer.err, memory.again = tt.answer, time.Minute
			if _, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller}); !errors.Is(err, tt.answer) || len(issuer.asked) != 1 {
				t.Errorf("err = %v after %d asks, want %v after one", err, len(issuer.asked), tt.answer)
			}
			if !slices.Equal(memory.kept, tt.kept) {
				t.Errorf("kept for %v, want %v", memory.kept, tt.kept)
			}
		})
	}
}

func TestTheIssuerIsNotAskedBeyondItsLeeway(t *testing.T) {
	uc, issuer, memory := newRenewOnce(t)
	memory.again = time.Nanosecond // the leeway is over at once
	issuer.entered, issuer.leave = make(chan struct{}, 1), make(chan struct{})
	close(issuer.leave)
	if _, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v, want that the time was over", err)
	}
}

func TestOnlyAnAnswerThatUsedTheTokenUpIsKeptForTheGrace(t *testing.T) {
	for name, tt := range map[string]struct {
		rotates bool
		err     error
		want    []time.Duration
	}{
		"a new refresh token": {true, nil, []time.Duration{10 * time.Minute}},
		"the same one":        {false, nil, []time.Duration{2 * time.Second}},
		"a refusal":           {true, domain.ErrGrantInvalid, []time.Duration{2 * time.Second}},
		"a lost answer":       {true, domain.WithProofInDoubt(domain.ErrUnavailable), nil},
	} {
		uc, issuer, memory := newRenewOnce(t)
		issuer.keeps, issuer.err = !tt.rotates, tt.err
		_, _ = uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
		if !slices.Equal(memory.kept, tt.want) {
			t.Errorf("%s: kept for %v, want %v", name, memory.kept, tt.want)
		}
	}
}

func TestWithoutItsMemoryNoRenewalAsksTheIssuer(t *testing.T) {
	uc, issuer, memory := newRenewOnce(t)
	memory.broken = domain.ErrUnavailable
	if _, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller}); !errors.Is(err, domain.ErrUnavailable) || len(issuer.asked) != 0 {
		t.Errorf("err = %v after %d asks, want unavailable and none", err, len(issuer.asked))
	}
	uc.Once.Grace = 0
	if _, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller}); err != nil || len(issuer.asked) != 1 {
		t.Errorf("turned off: %v after %d asks, want the issuer asked", err, len(issuer.asked))
	}
}
