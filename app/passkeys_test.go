package app_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports/portsmock"
)

var accessSecret = domain.NewSecret("access-token")

// passkeyBench has the three use cases of passkeys, with mocks around them.
type passkeyBench struct {
	tokens    *portsmock.MockAccessTokenVerifier
	admission *portsmock.MockAdmission
	guard     *portsmock.MockReplayGuard
	enroller  *portsmock.MockPasskeyEnroller
	recorded  []domain.Attempt
	policy    domain.EnrolPolicy
	access    domain.AccessToken
	claim     domain.Claim

	enrol  *app.EnrolPasskey
	list   *app.ListPasskeys
	remove *app.RemovePasskey
}

func newPasskeyBench(t *testing.T) *passkeyBench {
	ctrl := gomock.NewController(t)
	b := &passkeyBench{
		tokens: portsmock.NewMockAccessTokenVerifier(ctrl), admission: portsmock.NewMockAdmission(ctrl),
		guard: portsmock.NewMockReplayGuard(ctrl), enroller: portsmock.NewMockPasskeyEnroller(ctrl),
		policy: domain.EnrolPolicy{Scope: "manage:passkeys", MaxAge: 10 * time.Minute, Skew: 30 * time.Second, Subjects: domain.SubjectRule{Prefix: "auth0|"}},
		access: domain.AccessToken{
			Issuer: "https://issuer.example/", Subject: "auth0|jane", TokenID: "token-1", Scope: []string{"manage:passkeys"},
			IssuedAt: now.Add(-time.Minute), AuthenticatedAt: now.Add(-time.Minute),
		},
	}
	audit := portsmock.NewMockAuditLog(ctrl)
	audit.EXPECT().Record(gomock.Any(), gomock.Any()).Do(func(_ context.Context, a domain.Attempt) { b.recorded = append(b.recorded, a) }).AnyTimes()
	owner := func() domain.Owner { return domain.Owner{7} }
	clock := func() time.Time { return now }
	b.claim = b.policy.ClaimFor(b.access, owner(), 10*time.Second)
	b.enrol = &app.EnrolPasskey{Tokens: b.tokens, Admission: b.admission, Guard: b.guard, Enroller: b.enroller, Audit: audit, Policy: b.policy, Deadline: 10 * time.Second, Now: clock, NewOwner: owner}
	b.list = &app.ListPasskeys{Tokens: b.tokens, Admission: b.admission, Enroller: b.enroller, Audit: audit, Policy: b.policy, Deadline: 10 * time.Second, Now: clock, NewOwner: owner}
	b.remove = &app.RemovePasskey{Tokens: b.tokens, Admission: b.admission, Enroller: b.enroller, Audit: audit, Policy: b.policy, Deadline: 10 * time.Second, Now: clock, NewOwner: owner}
	return b
}

func (b *passkeyBench) verifies() *gomock.Call {
	return b.tokens.EXPECT().VerifyAccess(gomock.Any(), accessSecret).DoAndReturn(func(ctx context.Context, _ domain.Secret) (domain.AccessToken, error) {
		if _, ok := ctx.Deadline(); !ok {
			return domain.AccessToken{}, errors.New("no deadline")
		}
		return b.access, nil
	})
}

// everyWay are the use cases, each as a call that returns its error.
func (b *passkeyBench) everyWay() map[domain.Event]func(context.Context) error {
	return map[domain.Event]func(context.Context) error{
		domain.EventEnrol: func(ctx context.Context) error {
			_, err := b.enrol.Execute(ctx, app.Enrolment{Access: accessSecret, Client: caller})
			return err
		},
		domain.EventList: func(ctx context.Context) error {
			_, err := b.list.Execute(ctx, app.Listing{Access: accessSecret, Client: caller})
			return err
		},
		domain.EventRemove: func(ctx context.Context) error {
			return b.remove.Execute(ctx, app.Removal{Access: accessSecret, Passkey: "passkey-1", Client: caller})
		},
	}
}

func TestAnEnrolmentIsForThePersonOfTheAccessToken(t *testing.T) {
	b := newPasskeyBench(t)
	enrolment := domain.NewSecret("enrolment-token")
	gomock.InOrder(
		b.verifies(),
		b.admission.EXPECT().Admit(gomock.Any(), b.access.Identity()).Return(nil),
		b.guard.EXPECT().Claim(gomock.Any(), b.claim).Return(nil),
		b.enroller.EXPECT().Enrol(gomock.Any(), "auth0|jane", caller).Return(enrolment, nil),
	)
	got, err := b.enrol.Execute(t.Context(), app.Enrolment{Access: accessSecret, Client: caller})
	if err != nil || !got.Equal(enrolment) {
		t.Fatalf("token %q, err = %v", got.Reveal(), err)
	}
	wantRecorded(t, b.recorded[0], domain.Attempt{
		Event: domain.EventEnrol, At: now, Client: caller, TokenHash: accessSecret.Hash(), Identity: b.access.Identity(), Proof: b.claim.Key,
	})
}

func TestPasskeysAreListedAndRemovedForThePersonOfTheAccessToken(t *testing.T) {
	b := newPasskeyBench(t)
	once := b.access.Identity()
	once.ProofID = "07000000000000000000000000000000" // each call counts
	passkeys := []domain.Passkey{{ID: "passkey-1"}}
	b.access.AuthenticatedAt, once.AuthenticatedAt = time.Time{}, time.Time{} // to list them, an old sign-in will do
	gomock.InOrder(b.verifies(), b.admission.EXPECT().Admit(gomock.Any(), once).Return(nil), b.enroller.EXPECT().Passkeys(gomock.Any(), "auth0|jane").Return(passkeys, nil))
	if got, err := b.list.Execute(t.Context(), app.Listing{Access: accessSecret, Client: caller}); err != nil || !slices.Equal(got, passkeys) {
		t.Errorf("list: %v, %v", got, err)
	}
	wantRecorded(t, b.recorded[0], domain.Attempt{Event: domain.EventList, At: now, Client: caller, TokenHash: accessSecret.Hash(), Identity: b.access.Identity()})

	b.access.AuthenticatedAt, once.AuthenticatedAt = now, now
	gomock.InOrder(b.verifies(), b.admission.EXPECT().Admit(gomock.Any(), once).Return(nil), b.enroller.EXPECT().RemovePasskey(gomock.Any(), "auth0|jane", "passkey-1").Return(nil))
	if err := b.remove.Execute(t.Context(), app.Removal{Access: accessSecret, Passkey: "passkey-1", Client: caller}); err != nil {
		t.Errorf("remove: %v", err)
	}
	wantRecorded(t, b.recorded[1], domain.Attempt{
		Event: domain.EventRemove, At: now, Client: caller, TokenHash: accessSecret.Hash(), Identity: b.access.Identity(), Passkey: "passkey-1",
	})
}

// The mocks fail the test if anything is asked that comes after the refusal.
func TestWhoMayNotManagePasskeysIsToldBeforeAnybodyIsAsked(t *testing.T) {
	for name, tt := range map[string]struct {
		meets func(*passkeyBench)
		want  domain.Error
		at    []domain.Event
	}{
		"a token that does not verify": {func(b *passkeyBench) {
			b.tokens.EXPECT().VerifyAccess(gomock.Any(), gomock.Any()).Return(domain.AccessToken{}, fmt.Errorf("%w: alg none", domain.ErrAccessTokenInvalid))
		}, domain.ErrAccessTokenInvalid, []domain.Event{domain.EventEnrol, domain.EventList, domain.EventRemove}},
		"keys that cannot be had": {func(b *passkeyBench) {
			b.tokens.EXPECT().VerifyAccess(gomock.Any(), gomock.Any()).Return(domain.AccessToken{}, domain.ErrUnavailable)
		}, domain.ErrUnavailable, []domain.Event{domain.EventEnrol, domain.EventList, domain.EventRemove}},
		"a token without the scope": {func(b *passkeyBench) { b.access.Scope = nil; b.verifies() },
			domain.ErrScopeInsufficient, []domain.Event{domain.EventEnrol, domain.EventList, domain.EventRemove}},
		"a person of another connection": {func(b *passkeyBench) { b.access.Subject = "google-oauth2|1"; b.verifies() },
			domain.ErrEnrolmentDenied, []domain.Event{domain.EventEnrol, domain.EventList, domain.EventRemove}},
		"an old sign-in": {func(b *passkeyBench) { b.access.AuthenticatedAt = now.Add(-time.Hour); b.verifies() },
			domain.ErrSignInTooOld, []domain.Event{domain.EventEnrol, domain.EventRemove}},
		"a sign-in at no known time": {func(b *passkeyBench) { b.access.AuthenticatedAt = time.Time{}; b.verifies() },
			domain.ErrSignInTooOld, []domain.Event{domain.EventEnrol, domain.EventRemove}},
		"one beyond the limit": {func(b *passkeyBench) {
			b.verifies()
			b.admission.EXPECT().Admit(gomock.Any(), gomock.Any()).Return(domain.ErrBusy)
		}, domain.ErrBusy, []domain.Event{domain.EventEnrol, domain.EventList, domain.EventRemove}},
	} {
		for _, event := range tt.at {
			t.Run(name+", to "+string(event), func(t *testing.T) {
				b := newPasskeyBench(t)
				tt.meets(b)
				if err := b.everyWay()[event](t.Context()); !errors.Is(err, tt.want) {
					t.Errorf("err = %v, want %q", err, tt.want)
				}
				if len(b.recorded) != 1 || b.recorded[0].Event != event || b.recorded[0].Outcome() != string(tt.want) {
					t.Errorf("recorded %+v", b.recorded)
				}
			})
		}
	}
}

func TestAnAccessTokenBeginsOneEnrolment(t *testing.T) {
	b := newPasskeyBench(t)
	b.verifies()
	b.admission.EXPECT().Admit(gomock.Any(), gomock.Any()).Return(nil)
	b.guard.EXPECT().Claim(gomock.Any(), b.claim).Return(domain.ErrTokenReplayed)
	if err := b.everyWay()[domain.EventEnrol](t.Context()); !errors.Is(err, domain.ErrTokenReplayed) {
		t.Errorf("err = %v, want token_replayed", err)
	}
	if b.recorded[0].Proof != b.claim.Key {
		t.Error("the record does not name the token that came again")
	}
}

func TestAnEnrolmentThatFailedSpendsTheAccessTokenOnlyIfItWasRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		err      error
		released bool
	}{
		"the authority is away":         {domain.ErrUnavailable, true},
		"its limit is reached":          {domain.ErrBusy, true},
		"the caller left":               {context.Canceled, true},
		"it wants this person not":      {domain.ErrEnrolmentDenied, false},
		"it refuses the bridge's key":   {errors.New("wrong key"), false},
		"the guard cannot take it back": {domain.ErrUnavailable, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newPasskeyBench(t)
			b.verifies()
			b.admission.EXPECT().Admit(gomock.Any(), gomock.Any()).Return(nil)
			b.guard.EXPECT().Claim(gomock.Any(), gomock.Any()).Return(nil)
			b.enroller.EXPECT().Enrol(gomock.Any(), gomock.Any(), gomock.Any()).Return(domain.Secret{}, tt.err)
			lost := name == "the guard cannot take it back"
			if tt.released {
				b.guard.EXPECT().Release(gomock.Any(), b.claim).DoAndReturn(func(ctx context.Context, _ domain.Claim) error {
					if lost {
						return domain.ErrUnavailable
					}
					return ctx.Err()
				})
			}
			err := b.everyWay()[domain.EventEnrol](t.Context())
			if !errors.Is(err, tt.err) || domain.ProofInDoubt(err) != lost {
				t.Errorf("err = %v, in doubt: %t", err, domain.ProofInDoubt(err))
			}
		})
	}
}

func TestWhatTheAuthoritySaysIsPassedOn(t *testing.T) {
	for _, want := range []error{domain.ErrPasskeyUnknown, domain.ErrUnavailable, errors.New("wrong key")} {
		b := newPasskeyBench(t)
		b.verifies().Times(2)
		b.admission.EXPECT().Admit(gomock.Any(), gomock.Any()).Return(nil).Times(2)
		b.enroller.EXPECT().Passkeys(gomock.Any(), "auth0|jane").Return(nil, want)
		b.enroller.EXPECT().RemovePasskey(gomock.Any(), "auth0|jane", "passkey-1").Return(want)
		for _, event := range []domain.Event{domain.EventList, domain.EventRemove} {
			if err := b.everyWay()[event](t.Context()); !errors.Is(err, want) {
				t.Errorf("%s: err = %v, want %v", event, err, want)
			}
		}
	}
}

func TestWhatCannotBeRecordedOfPasskeysGivesNothing(t *testing.T) {
	for event, outcomes := range map[domain.Event][]string{
		domain.EventEnrol:  {"enrolment_begun", "unavailable"},
		domain.EventList:   {"passkeys_listed", "unavailable"},
		domain.EventRemove: {"passkey_removed"}, // it has taken place
	} {
		t.Run(string(event), func(t *testing.T) {
			b, audit := newPasskeyBench(t), &unwritable{}
			b.enrol.Audit, b.list.Audit, b.remove.Audit = audit, audit, audit
			b.verifies()
			b.admission.EXPECT().Admit(gomock.Any(), gomock.Any()).Return(nil)
			switch event {
			case domain.EventEnrol:
				b.guard.EXPECT().Claim(gomock.Any(), gomock.Any()).Return(nil) // and it is kept
				b.enroller.EXPECT().Enrol(gomock.Any(), gomock.Any(), gomock.Any()).Return(domain.NewSecret("enrolment-token"), nil)
				token, err := b.enrol.Execute(t.Context(), app.Enrolment{Access: accessSecret})
				if !token.IsZero() || !errors.Is(err, domain.ErrUnavailable) || !domain.ProofInDoubt(err) {
					t.Errorf("token %v, err = %v", token, err)
				}
			case domain.EventList:
				b.enroller.EXPECT().Passkeys(gomock.Any(), gomock.Any()).Return([]domain.Passkey{{ID: "1"}}, nil)
				list, err := b.list.Execute(t.Context(), app.Listing{Access: accessSecret})
				if list != nil || !errors.Is(err, domain.ErrUnavailable) {
					t.Errorf("list %v, err = %v", list, err)
				}
			case domain.EventRemove:
				b.enroller.EXPECT().RemovePasskey(gomock.Any(), gomock.Any(), gomock.Any()).Return(nil)
				if err := b.remove.Execute(t.Context(), app.Removal{Access: accessSecret}); !errors.Is(err, domain.ErrUnavailable) {
					t.Errorf("err = %v", err)
				}
			}
			audit.want(t, outcomes...)
		})
	}
}

// The authority's own message may be lost, and it is not documented for every way in which a
// passkey is removed.
func TestWhoRemovesTheirLastPasskeyEndsTheirSessions(t *testing.T) {
	for name, tt := range map[string]struct {
		left     bool
		markErr  error
		outcomes []string
	}{
		"the last one":            {false, nil, []string{"sessions_ended", "passkey_removed"}},
		"one of two":              {true, nil, []string{"sessions_kept", "passkey_removed"}},
		"while the store is away": {false, domain.ErrUnavailable, []string{"unavailable", "passkey_removed"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newPasskeyBench(t)
			ctrl := gomock.NewController(t)
			passkeys, ended := portsmock.NewMockPasskeys(ctrl), portsmock.NewMockEndedSessions(ctrl)
			b.remove.End = &app.EndSessions{Passkeys: passkeys, Ended: ended, Audit: b.remove.Audit, Skew: 30 * time.Second, Deadline: 10 * time.Second, Now: b.remove.Now}
			b.verifies()
			b.admission.EXPECT().Admit(gomock.Any(), gomock.Any()).Return(nil)
			ctx, leave := context.WithCancel(t.Context())
			b.enroller.EXPECT().RemovePasskey(gomock.Any(), "auth0|jane", "passkey-1").DoAndReturn(func(context.Context, string, string) error {
				leave() // whoever hangs up now must not keep the sessions
				return nil
			})
			passkeys.EXPECT().Has(gomock.Any(), "auth0|jane", now).DoAndReturn(func(ctx context.Context, _ string, _ time.Time) (bool, error) {
				return tt.left, ctx.Err()
			})
			if !tt.left {
				ended.EXPECT().Mark(gomock.Any(), "auth0|jane", now).Return(tt.markErr)
			}
			if err := b.remove.Execute(ctx, app.Removal{Access: accessSecret, Passkey: "passkey-1"}); err != nil {
				t.Errorf("err = %v, want the passkey removed", err)
			}
			var outcomes []string
			for _, attempt := range b.recorded {
				outcomes = append(outcomes, attempt.Outcome())
			}
			if !slices.Equal(outcomes, tt.outcomes) {
				t.Errorf("recorded are %q, want %q", outcomes, tt.outcomes)
			}
		})
	}
}
