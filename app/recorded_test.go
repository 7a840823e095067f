package app_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports/portsmock"
)

// ticking is a clock that goes on by a second whenever it is read.
func ticking() func() time.Time {
	at := now.Add(-time.Second)
	return func() time.Time {
		at = at.Add(time.Second)
		return at
	}
}

// recordedIn returns an audit log and the one attempt that it is told of.
func recordedIn(t *testing.T) (*portsmock.MockAuditLog, *domain.Attempt) {
	audit, attempt := portsmock.NewMockAuditLog(gomock.NewController(t)), new(domain.Attempt)
	audit.EXPECT().Record(gomock.Any(), gomock.Any()).Do(func(_ context.Context, a domain.Attempt) { *attempt = a }).Times(1)
	return audit, attempt
}

// wantRecorded compares every field but the error, of which only its end is known.
func wantRecorded(t *testing.T, got, want domain.Attempt) {
	t.Helper()
	if !errors.Is(got.Err, want.Err) || (got.Err == nil) != (want.Err == nil) {
		t.Errorf("recorded the error %v, want %v", got.Err, want.Err)
	}
	got.Err, want.Err = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("recorded\n%+v, want\n%+v", got, want)
	}
}

func TestAnExchangeIsRecordedWhole(t *testing.T) {
	for name, refused := range map[string]error{"that delivers": nil, "that is denied": domain.ErrAccessDenied} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			audit, got := recordedIn(t)
			b.Audit, b.Now = audit, ticking()
			b.verifies()
			b.claims(nil)
			b.issues(b.session, refused)
			_, _ = b.Execute(t.Context(), b.asked)
			wantRecorded(t, *got, domain.Attempt{
				Event: domain.EventExchange, At: now, Took: 2 * time.Second, // read at the start, to admit, at the end
				Client: b.asked.Client, TokenHash: b.asked.Token.Hash(),
				Identity: b.identity, Access: b.grant.Access, Proof: b.claim.Key, Err: refused,
			})
		})
	}
}

func TestARenewalIsRecordedWhole(t *testing.T) {
	for name, refused := range map[string]error{"that is granted": nil, "that is refused": domain.ErrGrantInvalid} {
		t.Run(name, func(t *testing.T) {
			uc, renewer, recorded := newRenewSession(t)
			uc.Now = ticking()
			asked := domain.Access{Scope: []string{"openid"}, Audience: "https://api.example.com"}
			renewed := domain.Session{Subject: "auth0|jane", Scope: []string{"openid"}}
			if refused != nil {
				renewed = domain.Session{}
			}
			renewer.EXPECT().Renew(gomock.Any(), refresh, asked, caller).Return(renewed, refused)
			_, _ = uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Access: asked, Client: caller})
			wantRecorded(t, (*recorded)[0], domain.Attempt{
				Event: domain.EventRenew, At: now, Took: time.Second, Client: caller, TokenHash: refresh.Hash(),
				Identity: domain.Identity{Subject: renewed.Subject}, Access: asked, Err: refused,
			})
		})
	}
}

func TestARevocationIsRecordedWhole(t *testing.T) {
	for name, failed := range map[string]error{"that works": nil, "that cannot be asked": domain.ErrUnavailable} {
		t.Run(name, func(t *testing.T) {
			revoker := portsmock.NewMockSessionRevoker(gomock.NewController(t))
			revoker.EXPECT().Revoke(gomock.Any(), refresh).Return(failed)
			audit, got := recordedIn(t)
			uc := &app.RevokeSession{Revoker: revoker, Audit: audit, Deadline: time.Second, Now: ticking()}
			_ = uc.Execute(t.Context(), app.Revocation{Refresh: refresh, Client: caller})
			wantRecorded(t, *got, domain.Attempt{
				Event: domain.EventRevoke, At: now, Took: time.Second, Client: caller, TokenHash: refresh.Hash(), Err: failed,
			})
		})
	}
}
