package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports/portsmock"
)

var now = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

// bench is the use case with every port mocked, and what is true of a good exchange.
type bench struct {
	*app.ExchangePasskeyForSession
	verifier  *portsmock.MockIdentityVerifier
	admission *portsmock.MockAdmission
	guard     *portsmock.MockReplayGuard
	issuer    *portsmock.MockTokenIssuer
	revoker   *portsmock.MockSessionRevoker
	audit     *portsmock.MockAuditLog

	asked    app.Exchange
	identity domain.Identity
	claim    domain.Claim
	grant    domain.Grant
	session  domain.Session
	recorded []domain.Attempt
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ctrl := gomock.NewController(t)
	token, err := domain.ParsePasskeyToken("header.payload.signature")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		verifier:  portsmock.NewMockIdentityVerifier(ctrl),
		admission: portsmock.NewMockAdmission(ctrl),
		issuer:    portsmock.NewMockTokenIssuer(ctrl),
		revoker:   portsmock.NewMockSessionRevoker(ctrl),
		guard:     portsmock.NewMockReplayGuard(ctrl),
		audit:     portsmock.NewMockAuditLog(ctrl),
		identity: domain.Identity{
			Authority: "authority", Subject: "auth0|jane", Action: "signIn", Method: domain.MethodPasskey,
			ProofID: "proof-1", AuthenticatedAt: now.Add(-time.Minute), AuthenticatedAfter: now.Add(-time.Minute - 2*time.Second),
		},
		session: domain.Session{
			Subject: "auth0|jane", AccessToken: domain.NewSecret("access"), IDToken: domain.NewSecret("id"),
			RefreshToken: domain.NewSecret("refresh"), Scope: []string{"openid", "profile"}, ExpiresIn: time.Hour,
		},
	}
	b.asked = app.Exchange{
		Token:  token,
		Client: domain.Client{Addr: netip.MustParseAddr("203.0.113.7"), UserAgent: "app/1", RequestID: "req-1"},
	}
	owner := domain.Owner{1, 2, 3}
	b.claim = domain.Claim{
		Key: domain.ProofKeyOf(b.identity), Owner: owner, ProvenAt: b.identity.AuthenticatedAfter,
		Keep: 10*time.Minute + 2*30*time.Second + 10*time.Second,
	}
	offered := domain.Access{Scope: []string{"openid", "profile"}, Audience: "https://api.example.com"}
	b.grant = domain.Grant{Identity: b.identity, Token: token, Access: offered, Client: b.asked.Client}
	b.audit.EXPECT().Record(gomock.Any(), gomock.Any()).
		Do(func(_ context.Context, a domain.Attempt) { b.recorded = append(b.recorded, a) }).AnyTimes()
	b.ExchangePasskeyForSession = &app.ExchangePasskeyForSession{
		Verifier: b.verifier, Admission: b.admission, Guard: b.guard, Issuer: b.issuer, Revoker: b.revoker, Audit: b.audit,
		SignIn: domain.SignInPolicies{{
			Authority: "authority", Action: "signIn", MaxAge: 10 * time.Minute, Skew: 30 * time.Second,
			Subjects: domain.SubjectRule{Prefix: "auth0|"},
		}},
		Access:   domain.AccessPolicy{Default: offered},
		Deadline: 10 * time.Second,
		Now:      func() time.Time { return now },
		NewOwner: func() domain.Owner { return owner },
	}
	return b
}

func (b *bench) verifies() *gomock.Call {
	return b.verifier.EXPECT().Verify(gomock.Any(), b.asked.Token).Return(b.identity, nil)
}

func (b *bench) admits(err error) *gomock.Call {
	return b.admission.EXPECT().Admit(gomock.Any(), b.identity).Return(err)
}

// claims expects a claim, by a sign-in that was admitted.
func (b *bench) claims(err error) *gomock.Call {
	b.admits(nil)
	return b.guard.EXPECT().Claim(gomock.Any(), b.claim).Return(err)
}

func (b *bench) issues(session domain.Session, err error) *gomock.Call {
	return b.issuer.EXPECT().Issue(gomock.Any(), b.grant).Return(session, err)
}

func TestAProvenSignInBecomesASession(t *testing.T) {
	b := newBench(t)
	gomock.InOrder(b.verifies(), b.claims(nil), b.issues(b.session, nil))

	session, err := b.Execute(t.Context(), b.asked)
	if err != nil {
		t.Fatal(err)
	}
	if session.Subject != "auth0|jane" || session.AccessToken.Reveal() != "access" ||
		session.RefreshToken.Reveal() != "refresh" || session.ExpiresIn != time.Hour {
		t.Errorf("session = %+v, want the issuer's own", session)
	}
}

func TestWhatFailsBeforeTheClaimReachesNeitherGuardNorIssuer(t *testing.T) {
	tests := map[string]struct {
		change func(*bench)
		want   domain.Error
	}{
		"a scope that is not offered": {
			func(b *bench) { b.asked.Access.Scope = []string{"admin"} }, domain.ErrScopeInvalid},
		"an audience that is not offered": {
			func(b *bench) { b.asked.Access.Audience = "https://other.example.com" }, domain.ErrTargetInvalid},
		"a token that the verifier rejects": {func(b *bench) {
			b.verifier.EXPECT().Verify(gomock.Any(), gomock.Any()).Return(domain.Identity{}, fmt.Errorf("%w: no", domain.ErrTokenRejected))
		}, domain.ErrTokenRejected},
		"a verifier that cannot tell": {func(b *bench) {
			b.verifier.EXPECT().Verify(gomock.Any(), gomock.Any()).Return(domain.Identity{}, fmt.Errorf("%w: away", domain.ErrUnavailable))
		}, domain.ErrUnavailable},
		"a verifier that refuses us": {func(b *bench) {
			b.verifier.EXPECT().Verify(gomock.Any(), gomock.Any()).Return(domain.Identity{}, errors.New("wrong key"))
		}, ""},
		"an authority nobody trusts": {func(b *bench) { b.identity.Authority = "another"; b.verifies() }, domain.ErrTokenRejected},
		"a sign-up's proof":          {func(b *bench) { b.identity.Action = "signUp"; b.verifies() }, domain.ErrTokenRejected},
		"another method's proof":     {func(b *bench) { b.identity.Method = "SMS"; b.verifies() }, domain.ErrTokenRejected},
		"a proof without a time":     {func(b *bench) { b.identity.AuthenticatedAt = time.Time{}; b.verifies() }, domain.ErrTokenRejected},
		"a stale proof":              {func(b *bench) { b.identity.AuthenticatedAt = now.Add(-time.Hour); b.verifies() }, domain.ErrTokenRejected},
		"a proof from the future":    {func(b *bench) { b.identity.AuthenticatedAt = now.Add(time.Hour); b.verifies() }, domain.ErrTokenRejected},
		"a foreign subject":          {func(b *bench) { b.identity.Subject = "google-oauth2|1"; b.verifies() }, domain.ErrTokenRejected},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tt.change(b)

			session, err := b.Execute(t.Context(), b.asked)
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want {
				t.Errorf("err = %v, want reason %q", err, tt.want)
			}
			if session.Subject != "" || !session.AccessToken.IsZero() {
				t.Errorf("session = %+v, want none", session)
			}
		})
	}
}

func TestASignInThatIsNotAdmittedClaimsNothing(t *testing.T) {
	for name, reason := range map[string]domain.Error{"over a limit": domain.ErrBusy, "while the issuer is away": domain.ErrUnavailable} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.verifies()
			b.admits(domain.WithRetryAfter(fmt.Errorf("%w: the admission's own", reason), time.Hour))
			_, err := b.Execute(t.Context(), b.asked)
			if got, _ := domain.ReasonOf(err); got != reason {
				t.Errorf("err = %v, want %s", err, reason)
			}
			if got := domain.RetryAfterOf(err); got != 9*time.Minute {
				t.Errorf("retry after %s, want the 9m0s that the proof is still good for", got)
			}
			if len(b.recorded) != 1 || b.recorded[0].Proof != (domain.ProofKey{}) || !b.recorded[0].Identity.Equal(b.identity) {
				t.Errorf("recorded %+v, want the person and no proof", b.recorded)
			}
		})
	}
}

func TestAProofThatIsUsedNeverReachesTheIssuer(t *testing.T) {
	b := newBench(t)
	b.verifies()
	b.claims(fmt.Errorf("%w: held", domain.ErrTokenReplayed))

	if _, err := b.Execute(t.Context(), b.asked); !errors.Is(err, domain.ErrTokenReplayed) {
		t.Errorf("err = %v, want token_replayed", err)
	}
}

func TestAClaimThatMayOrMayNotHaveBeenWonIsReleased(t *testing.T) {
	b := newBench(t)
	b.verifies()
	gomock.InOrder(
		b.claims(fmt.Errorf("%w: no answer", domain.ErrUnavailable)),
		b.guard.EXPECT().Release(gomock.Any(), b.claim).Return(nil),
	)

	if _, err := b.Execute(t.Context(), b.asked); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("err = %v, want unavailable", err)
	}
}

func TestTheClaimIsReleasedOnlyIfTheSameProofCouldStillSucceed(t *testing.T) {
	tests := map[string]struct {
		err     error
		release bool
	}{
		"the issuer is unavailable":          {fmt.Errorf("%w: 502", domain.ErrUnavailable), true},
		"the issuer is over its limit":       {fmt.Errorf("%w: 429", domain.ErrBusy), true},
		"the caller is gone":                 {fmt.Errorf("post: %w", context.Canceled), true},
		"the deadline has passed":            {fmt.Errorf("post: %w", context.DeadlineExceeded), true},
		"the issuer denies access":           {fmt.Errorf("%w: blocked by a rule", domain.ErrAccessDenied), false},
		"the issuer wants a second factor":   {fmt.Errorf("%w", domain.ErrMFARequired), false},
		"the issuer has blocked the account": {fmt.Errorf("%w", domain.ErrAccountBlocked), false},
		"the fault is ours":                  {errors.New("invalid_client"), false},
		"the reason is not one of the set":   {fmt.Errorf("%w", domain.Error("unheard_of")), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			gomock.InOrder(b.verifies(), b.claims(nil), b.issues(domain.Session{}, tt.err))
			if tt.release {
				b.guard.EXPECT().Release(gomock.Any(), b.claim).Return(nil)
			}

			if _, err := b.Execute(t.Context(), b.asked); !errors.Is(err, tt.err) {
				t.Errorf("err = %v, want it to wrap %v", err, tt.err)
			}
		})
	}
}

func TestACancelledCallersClaimIsReleasedOnAContextThatIsNot(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.verifies()
	b.claims(nil)
	b.issuer.EXPECT().Issue(gomock.Any(), b.grant).DoAndReturn(func(ctx context.Context, _ domain.Grant) (domain.Session, error) {
		cancel()
		<-ctx.Done()
		return domain.Session{}, ctx.Err()
	})
	b.guard.EXPECT().Release(gomock.Any(), b.claim).DoAndReturn(func(ctx context.Context, _ domain.Claim) error {
		if ctx.Err() != nil {
			t.Errorf("release was given a context that ended: %v", ctx.Err())
		}
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > 2*time.Second {
			t.Error("release was given no short deadline of its own")
		}
		return nil
	})

	if _, err := b.Execute(ctx, b.asked); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
}

func TestAClaimThatIsWonTooLateNeverReachesTheIssuer(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.verifies()
	b.admits(nil)
	b.guard.EXPECT().Claim(gomock.Any(), b.claim).DoAndReturn(func(context.Context, domain.Claim) error {
		cancel()
		return nil
	})
	b.guard.EXPECT().Release(gomock.Any(), b.claim).Return(nil)

	if _, err := b.Execute(ctx, b.asked); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
}

func TestAReleaseThatFailsIsToldAndTheReasonStays(t *testing.T) {
	b := newBench(t)
	b.verifies()
	b.claims(nil)
	b.issues(domain.Session{}, domain.WithRetryAfter(fmt.Errorf("%w: 429", domain.ErrBusy), time.Minute))
	b.guard.EXPECT().Release(gomock.Any(), b.claim).Return(fmt.Errorf("%w: store away", domain.ErrUnavailable))

	_, err := b.Execute(t.Context(), b.asked)
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrBusy {
		t.Errorf("reason = %q, want busy", reason)
	}
	if !strings.Contains(err.Error(), "store away") || domain.RetryAfterOf(err) != time.Minute {
		t.Errorf("err = %v, want the failed release told and the wait kept", err)
	}
	if !domain.ProofInDoubt(err) {
		t.Errorf("err = %v, want it said that the proof may be spent", err)
	}
}

func TestAProofThatWasReleasedIsNotInDoubt(t *testing.T) {
	b := newBench(t)
	b.verifies()
	b.claims(nil)
	b.issues(domain.Session{}, domain.ErrUnavailable)
	b.guard.EXPECT().Release(gomock.Any(), b.claim).Return(nil)
	if _, err := b.Execute(t.Context(), b.asked); !errors.Is(err, domain.ErrUnavailable) || domain.ProofInDoubt(err) {
		t.Errorf("err = %v, want unavailable, and no doubt", err)
	}
}

// TestNobodyIsToldToComeBackWithADeadToken has a proof that is a minute old, of the
// ten that it is good for.
func TestNobodyIsToldToComeBackWithADeadToken(t *testing.T) {
	for wait, want := range map[time.Duration]time.Duration{time.Second: time.Second, 11 * time.Minute: 9 * time.Minute} {
		b := newBench(t)
		b.verifies()
		b.claims(domain.WithRetryAfter(fmt.Errorf("%w: the guard is full", domain.ErrUnavailable), wait))
		b.guard.EXPECT().Release(gomock.Any(), b.claim).Return(nil)
		_, err := b.Execute(t.Context(), b.asked)
		if got := domain.RetryAfterOf(err); got != want || !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("a wait of %s: %v after %s, want unavailable after %s", wait, err, got, want)
		}
	}
}

func TestASessionForSomebodyElseIsRevokedAndNeverReturned(t *testing.T) {
	for name, revokeErr := range map[string]error{
		"and revoking it works": nil,
		"even if it cannot be":  fmt.Errorf("%w: 502", domain.ErrUnavailable),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.session.Subject = "auth0|Jane" // differs in one byte only
			gomock.InOrder(
				b.verifies(), b.claims(nil), b.issues(b.session, nil),
				b.revoker.EXPECT().Revoke(gomock.Any(), b.session.RefreshToken).Return(revokeErr),
			)

			session, err := b.Execute(t.Context(), b.asked)
			if reason, known := domain.ReasonOf(err); err == nil || known {
				t.Errorf("err = %v (reason %q), want a fault of ours", err, reason)
			}
			if told := strings.Contains(fmt.Sprint(err), "could not be revoked"); told != (revokeErr != nil) {
				t.Errorf("err = %v, want it said if, and only if, the session lives on", err)
			}
			if session.Subject != "" || !session.AccessToken.IsZero() || !session.RefreshToken.IsZero() {
				t.Errorf("session = %+v, want none", session)
			}
		})
	}
}

func TestASessionWithMoreThanIsAllowedIsRevokedAndNeverReturned(t *testing.T) {
	for name, revokeErr := range map[string]error{
		"and revoking it works": nil,
		"even if it cannot be":  fmt.Errorf("%w: 502", domain.ErrUnavailable),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Access.Remedy = "set THE_SCOPE"
			b.session.Scope = []string{"openid", "profile", "admin"}
			gomock.InOrder(
				b.verifies(), b.claims(nil), b.issues(b.session, nil),
				b.revoker.EXPECT().Revoke(gomock.Any(), b.session.RefreshToken).Return(revokeErr),
			)

			session, err := b.Execute(t.Context(), b.asked)
			if reason, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), `"admin"`) || !strings.Contains(err.Error(), "THE_SCOPE") {
				t.Errorf("err = %v (reason %q), want a fault that names the scope and the setting", err, reason)
			}
			if session.Subject != "" || !session.AccessToken.IsZero() || !session.RefreshToken.IsZero() {
				t.Errorf("session = %+v, want none", session)
			}
		})
	}
}

func TestASessionForSomebodyElseWithoutARefreshTokenIsDropped(t *testing.T) {
	b := newBench(t)
	b.session.Subject, b.session.RefreshToken = "auth0|joe", domain.Secret{}
	gomock.InOrder(b.verifies(), b.claims(nil), b.issues(b.session, nil))

	if session, err := b.Execute(t.Context(), b.asked); err == nil || !session.AccessToken.IsZero() {
		t.Errorf("session = %+v, err = %v, want a fault and no session", session, err)
	}
}

func TestAnExchangeHasADeadlineOfItsOwn(t *testing.T) {
	b := newBench(t)
	b.Deadline = 3 * time.Second
	b.verifier.EXPECT().Verify(gomock.Any(), gomock.Any()).DoAndReturn(func(ctx context.Context, _ domain.PasskeyToken) (domain.Identity, error) {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > 3*time.Second {
			t.Error("the verifier was given no deadline")
		}
		return domain.Identity{}, domain.ErrUnavailable
	})
	_, _ = b.Execute(t.Context(), b.asked)
}

func TestEveryAttemptIsRecordedOnceBeforeItIsAnswered(t *testing.T) {
	tests := map[string]struct {
		arrange  func(*bench)
		outcome  string
		identity bool
		proof    bool
	}{
		"a session delivered": {func(b *bench) { b.verifies(); b.claims(nil); b.issues(b.session, nil) }, "session_delivered", true, true},
		"a token rejected": {func(b *bench) {
			b.verifier.EXPECT().Verify(gomock.Any(), gomock.Any()).Return(domain.Identity{}, domain.ErrTokenRejected)
		}, "token_rejected", false, false},
		"a proof not admitted": {func(b *bench) { b.identity.Action = "signUp"; b.verifies() }, "token_rejected", true, false},
		"a proof replayed":     {func(b *bench) { b.verifies(); b.claims(domain.ErrTokenReplayed) }, "token_replayed", true, true},
		"a fault of ours":      {func(b *bench) { b.verifies(); b.claims(nil); b.issues(domain.Session{}, errors.New("x")) }, "fault", true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tt.arrange(b)
			_, _ = b.Execute(t.Context(), b.asked)

			if len(b.recorded) != 1 {
				t.Fatalf("%d attempts recorded, want 1", len(b.recorded))
			}
			got := b.recorded[0]
			if got.Outcome() != tt.outcome || got.Client != b.asked.Client || !got.At.Equal(now) || got.TokenHash != b.asked.Token.Hash() {
				t.Errorf("recorded %+v, want outcome %q of the caller's attempt", got, tt.outcome)
			}
			if (got.Identity.Subject != "") != tt.identity || (got.Proof != domain.ProofKey{}) != tt.proof {
				t.Errorf("identity %+v, proof %s; want identity: %t, proof: %t", got.Identity, got.Proof, tt.identity, tt.proof)
			}
			if strings.Contains(fmt.Sprintf("%+v %#v", got, got), b.asked.Token.Reveal()) {
				t.Error("the record holds the token")
			}
		})
	}
}
