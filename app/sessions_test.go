package app_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports/portsmock"
)

var (
	refresh = domain.NewSecret("refresh-token")
	caller  = domain.Client{UserAgent: "app/1", RequestID: "req-1"}
)

func newRenewSession(t *testing.T) (*app.RenewSession, *portsmock.MockSessionRenewer, *[]domain.Attempt) {
	ctrl := gomock.NewController(t)
	renewer, audit := portsmock.NewMockSessionRenewer(ctrl), portsmock.NewMockAuditLog(ctrl)
	recorded := &[]domain.Attempt{}
	audit.EXPECT().Record(gomock.Any(), gomock.Any()).Do(func(_ context.Context, a domain.Attempt) { *recorded = append(*recorded, a) }).Times(1)
	return &app.RenewSession{
		Renewer: renewer, Audit: audit, Deadline: 10 * time.Second, Now: func() time.Time { return now },
		Access: domain.AccessPolicy{Default: domain.Access{Scope: []string{"openid", "profile"}, Audience: "https://api.example.com"}},
	}, renewer, recorded
}

func TestARenewalPassesOnWhatIsAskedAndWhatIsGranted(t *testing.T) {
	for name, asked := range map[string]domain.Access{
		"nothing in particular": {},
		"less scope":            {Scope: []string{"openid"}},
		"the audience":          {Audience: "https://api.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			uc, renewer, recorded := newRenewSession(t)
			rotated := domain.Session{Subject: "auth0|jane", AccessToken: domain.NewSecret("new-access"), RefreshToken: domain.NewSecret("rotated")}
			renewer.EXPECT().Renew(gomock.Any(), refresh, asked, caller).Return(rotated, nil)

			session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Access: asked, Client: caller})
			if err != nil || session.RefreshToken.Reveal() != "rotated" {
				t.Fatalf("session = %+v, err = %v, want the rotated one", session, err)
			}
			got := (*recorded)[0]
			if got.Event != domain.EventRenew || got.Outcome() != "session_renewed" || got.Identity.Subject != "auth0|jane" || got.TokenHash != refresh.Hash() {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

func TestARenewalThatAsksForMoreAsksTheIssuerForWhatIsOffered(t *testing.T) {
	uc, renewer, recorded := newRenewSession(t)
	offered := domain.Access{Scope: []string{"openid", "profile"}}
	renewer.EXPECT().Renew(gomock.Any(), refresh, offered, caller).Return(domain.Session{AccessToken: domain.NewSecret("new-access"), Scope: offered.Scope}, nil)

	asked := domain.Access{Scope: []string{"profile", "offline_access"}}
	session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Access: asked, Client: caller})
	if err != nil || !slices.Equal(session.Scope, offered.Scope) {
		t.Fatalf("scope = %q, err = %v, want what is offered", session.Scope, err)
	}
	if got := (*recorded)[0].Access.Scope; !slices.Equal(got, offered.Scope) {
		t.Errorf("recorded the scope %q", got)
	}
}

func TestARenewalThatAsksForNothingOfferedIsRefusedUnasked(t *testing.T) {
	for name, tt := range map[string]struct {
		asked domain.Access
		want  domain.Error
	}{
		"more scope":       {domain.Access{Scope: []string{"admin"}}, domain.ErrScopeInvalid},
		"another audience": {domain.Access{Audience: "https://other.example.com"}, domain.ErrTargetInvalid},
		"an organization":  {domain.Access{Organization: "org_1"}, domain.ErrTargetInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			uc, _, recorded := newRenewSession(t)
			if _, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Access: tt.asked, Client: caller}); !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			if got := (*recorded)[0].Outcome(); got != string(tt.want) {
				t.Errorf("outcome = %q", got)
			}
		})
	}
}

func TestARenewalWithMoreThanIsAllowedEndsTheSession(t *testing.T) {
	rotated := domain.NewSecret("rotated")
	for name, tt := range map[string]struct {
		answered, revoked domain.Secret
		revokeErr         error
	}{
		"its refresh token is rotated":     {rotated, rotated, nil},
		"its refresh token goes on":        {domain.Secret{}, refresh, nil},
		"and it cannot be revoked, either": {rotated, rotated, domain.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			uc, renewer, recorded := newRenewSession(t)
			uc.Access.Remedy = "set THE_SCOPE"
			revoker := portsmock.NewMockSessionRevoker(gomock.NewController(t))
			uc.Revoker = revoker
			gomock.InOrder(
				renewer.EXPECT().Renew(gomock.Any(), refresh, domain.Access{}, caller).Return(domain.Session{
					Subject: "auth0|jane", AccessToken: domain.NewSecret("new"), RefreshToken: tt.answered, Scope: []string{"openid", "admin"},
				}, nil),
				revoker.EXPECT().Revoke(gomock.Any(), tt.revoked).Return(tt.revokeErr),
			)

			session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
			if _, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), `"admin"`) || !strings.Contains(err.Error(), "THE_SCOPE") {
				t.Errorf("err = %v, want a fault that names the scope and the setting", err)
			}
			if !session.AccessToken.IsZero() || !session.RefreshToken.IsZero() {
				t.Errorf("session = %+v, want none", session)
			}
			if got := (*recorded)[0]; got.Outcome() != "fault" || got.Identity.Subject != "auth0|jane" {
				t.Errorf("recorded %+v, want a fault about auth0|jane", got)
			}
		})
	}
}

func TestARefusedRenewalKeepsItsReason(t *testing.T) {
	uc, renewer, recorded := newRenewSession(t)
	renewer.EXPECT().Renew(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).
		DoAndReturn(func(ctx context.Context, _ domain.Secret, _ domain.Access, _ domain.Client) (domain.Session, error) {
			if _, ok := ctx.Deadline(); !ok {
				t.Error("the renewer was given no deadline")
			}
			return domain.Session{}, fmt.Errorf("%w: used before", domain.ErrGrantInvalid)
		})
	session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	if !errors.Is(err, domain.ErrGrantInvalid) || !session.AccessToken.IsZero() {
		t.Errorf("session = %+v, err = %v, want grant_invalid", session, err)
	}
	if got := (*recorded)[0].Outcome(); got != "grant_invalid" {
		t.Errorf("outcome = %q", got)
	}
}

func TestARevocationIsPassedOnAndRecorded(t *testing.T) {
	for name, tt := range map[string]struct {
		err     error
		outcome string
	}{
		"that works":           {nil, "session_revoked"},
		"that cannot be asked": {domain.ErrUnavailable, "unavailable"},
		"that is our fault":    {errors.New("invalid_client"), "fault"},
	} {
		t.Run(name, func(t *testing.T) {
			ctrl := gomock.NewController(t)
			revoker, audit := portsmock.NewMockSessionRevoker(ctrl), portsmock.NewMockAuditLog(ctrl)
			revoker.EXPECT().Revoke(gomock.Any(), refresh).Return(tt.err)
			var got domain.Attempt
			audit.EXPECT().Record(gomock.Any(), gomock.Any()).Do(func(_ context.Context, a domain.Attempt) { got = a })
			uc := &app.RevokeSession{Revoker: revoker, Audit: audit, Deadline: time.Second, Now: func() time.Time { return now }}

			err := uc.Execute(t.Context(), app.Revocation{Refresh: refresh, Client: caller})
			if !errors.Is(err, tt.err) || err != nil && !strings.HasPrefix(err.Error(), "revoke the session: ") {
				t.Errorf("err = %v, want %v, and what failed", err, tt.err)
			}
			if got.Event != domain.EventRevoke || got.Outcome() != tt.outcome || got.TokenHash != refresh.Hash() || got.Client != caller {
				t.Errorf("recorded %+v, want outcome %q", got, tt.outcome)
			}
		})
	}
}

// An app that lost the answer to its last renewal signs out with the token that it has.
func TestWhoSignsOutLeavesNoAnswerThatIsKept(t *testing.T) {
	gone := errors.New("gone")
	for name, tt := range map[string]struct {
		grace             time.Duration
		revoked, forgot   error
		asksMemory, fails bool
	}{
		"the answer is dropped":             {time.Minute, nil, nil, true, false},
		"the memory is away":                {time.Minute, nil, gone, true, false},
		"the issuer did not end it":         {time.Minute, gone, nil, false, true},
		"no answers are kept":               {0, nil, nil, false, false},
		"no answers are kept, and it fails": {0, gone, nil, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctrl := gomock.NewController(t)
			revoker, audit, memory := portsmock.NewMockSessionRevoker(ctrl), portsmock.NewMockAuditLog(ctrl), portsmock.NewMockRenewalMemory(ctrl)
			audit.EXPECT().Record(gomock.Any(), gomock.Any())
			revoker.EXPECT().Revoke(gomock.Any(), refresh).Return(tt.revoked)
			if tt.asksMemory {
				memory.EXPECT().Forget(gomock.Any(), gomock.Any()).Return(tt.forgot)
			}
			uc := &app.RevokeSession{
				Revoker: revoker, Audit: audit, Once: app.RenewOnce{Memory: memory, Grace: tt.grace},
				Deadline: time.Second, Now: func() time.Time { return now },
			}
			if err := uc.Execute(t.Context(), app.Revocation{Refresh: refresh}); (err != nil) != tt.fails {
				t.Errorf("err = %v, want one: %t", err, tt.fails)
			}
		})
	}
}
