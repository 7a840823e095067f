package app_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports/portsmock"
)

// watching is a RenewSession that watches sessions, with mocks.
type watching struct {
	*app.RenewSession
	renewer  *portsmock.MockSessionRenewer
	revoker  *portsmock.MockSessionRevoker
	ended    *portsmock.MockEndedSessions
	passkeys *portsmock.MockPasskeys
	recorded *[]domain.Attempt
}

const slack = 10*time.Minute + 30*time.Second

func newWatching(t *testing.T) *watching {
	uc, renewer, recorded := newRenewSession(t)
	ctrl := gomock.NewController(t)
	w := &watching{uc, renewer, portsmock.NewMockSessionRevoker(ctrl), portsmock.NewMockEndedSessions(ctrl), portsmock.NewMockPasskeys(ctrl), recorded}
	uc.Revoker, uc.Watched = w.revoker, &app.WatchedSessions{Ended: w.ended, Slack: slack}
	return w
}

var rotated = domain.NewSecret("rotated")

func renewed() domain.Session {
	return domain.Session{Subject: "auth0|jane", AccessToken: domain.NewSecret("access"), RefreshToken: rotated, AuthenticatedAt: now.Add(-time.Hour)}
}

func (w *watching) renews(session domain.Session) {
	w.renewer.EXPECT().Renew(gomock.Any(), refresh, gomock.Any(), gomock.Any()).Return(session, nil)
}

func (w *watching) renew(t *testing.T) (domain.Session, error) {
	t.Helper()
	session, err := w.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	if err != nil && !session.AccessToken.IsZero() {
		t.Error("a session came with the error")
	}
	return session, err
}

func (w *watching) wantRecorded(t *testing.T, outcome string, note domain.Note) {
	t.Helper()
	if got := (*w.recorded)[0]; got.Outcome() != outcome || got.Note != note || got.Identity.Subject != "auth0|jane" {
		t.Errorf("recorded %+v (%s), want %s, %q", got, got.Outcome(), outcome, note)
	}
}

func TestASessionThatHasEndedIsRevokedAndNotDelivered(t *testing.T) {
	for name, tt := range map[string]struct{ answered, revoked domain.Secret }{
		"its refresh token is rotated": {rotated, rotated},
		"its refresh token goes on":    {domain.Secret{}, refresh},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatching(t)
			session := renewed()
			session.RefreshToken = tt.answered
			w.renews(session)
			w.ended.EXPECT().Ended(gomock.Any(), domain.Lineage{
				Subject: "auth0|jane", Began: now.Add(-time.Hour - slack), From: refresh, To: tt.revoked,
			}).Return(true, nil)
			w.revoker.EXPECT().Revoke(gomock.Any(), tt.revoked)
			if _, err := w.renew(t); !errors.Is(err, domain.ErrGrantInvalid) {
				t.Errorf("err = %v, want grant_invalid", err)
			}
			w.wantRecorded(t, "grant_invalid", domain.NoteEnded)
		})
	}
}

func TestASessionThatGoesOnIsDelivered(t *testing.T) {
	w := newWatching(t)
	session := renewed()
	session.AuthenticatedAt = time.Time{} // the issuer does not tell
	w.renews(session)
	w.ended.EXPECT().Ended(gomock.Any(), domain.Lineage{Subject: "auth0|jane", From: refresh, To: rotated}).Return(false, nil)
	if session, err := w.renew(t); err != nil || !session.RefreshToken.Equal(rotated) {
		t.Errorf("session = %+v, %v", session, err)
	}
	w.wantRecorded(t, "session_renewed", "")
}

// A store that is away must neither let an ended session go on nor end one that lives.
func TestWhileItCannotBeFoundOutASessionIsKeptAndNotDelivered(t *testing.T) {
	for name, err := range map[string]error{"the store is away": domain.ErrUnavailable, "the caller leaves": context.Canceled} {
		t.Run(name, func(t *testing.T) {
			w := newWatching(t)
			w.renews(renewed())
			w.ended.EXPECT().Ended(gomock.Any(), gomock.Any()).Return(false, err)
			if _, got := w.renew(t); !errors.Is(got, err) {
				t.Errorf("err = %v, want %v", got, err)
			}
			w.wantRecorded(t, "unavailable", "")
		})
	}
}

func TestARenewalFindsOutWhetherThereIsAPasskey(t *testing.T) {
	for name, tt := range map[string]struct {
		has     bool
		err     error
		outcome string
		note    domain.Note
	}{
		"there is one":             {true, nil, "session_renewed", ""},
		"there is none":            {false, nil, "grant_invalid", domain.NoteNoPasskey},
		"the authority is away":    {false, domain.ErrUnavailable, "session_renewed", domain.NoteNotRechecked},
		"the authority refuses us": {false, errors.New("check the key"), "session_renewed", domain.NoteNotRechecked},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatching(t)
			w.Watched.Passkeys = w.passkeys
			w.renews(renewed())
			w.ended.EXPECT().Ended(gomock.Any(), gomock.Any()).Return(false, nil)
			w.passkeys.EXPECT().Has(gomock.Any(), "auth0|jane", now.Add(slack)).Return(tt.has, tt.err)
			if tt.outcome == "grant_invalid" {
				w.revoker.EXPECT().Revoke(gomock.Any(), rotated)
			}
			session, err := w.renew(t)
			if delivered := err == nil && session.RefreshToken.Equal(rotated); delivered != (tt.outcome == "session_renewed") {
				t.Errorf("session = %+v, %v", session, err)
			}
			w.wantRecorded(t, tt.outcome, tt.note)
		})
	}
}

// An app that holds a stolen refresh token must not get around a check by hanging up, or by
// closing its half of the connection, on which the answer comes all the same.
func TestACallerWhoLeavesDoesNotEndAQuestion(t *testing.T) {
	t.Run("whether a renewed session's person has a passkey", func(t *testing.T) {
		w := newWatching(t)
		w.Watched.Passkeys = w.passkeys
		ctx, leave := context.WithCancel(t.Context())
		w.renews(renewed())
		w.ended.EXPECT().Ended(gomock.Any(), gomock.Any()).DoAndReturn(func(context.Context, domain.Lineage) (bool, error) {
			leave()
			return false, nil
		})
		w.passkeys.EXPECT().Has(gomock.Any(), gomock.Any(), gomock.Any()).DoAndReturn(func(ctx context.Context, _ string, _ time.Time) (bool, error) {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("the question has no end")
			}
			return false, ctx.Err()
		})
		w.revoker.EXPECT().Revoke(gomock.Any(), rotated)
		if _, err := w.Execute(ctx, app.Renewal{Refresh: refresh, Client: caller}); !errors.Is(err, domain.ErrGrantInvalid) {
			t.Errorf("err = %v, want grant_invalid", err)
		}
	})
	t.Run("whether a new session's ceremony was too early", func(t *testing.T) {
		ctrl := gomock.NewController(t)
		issuer, revoker, ended := portsmock.NewMockTokenIssuer(ctrl), portsmock.NewMockSessionRevoker(ctrl), portsmock.NewMockEndedSessions(ctrl)
		watched := &app.WatchedIssuer{TokenIssuer: issuer, Revoker: revoker, WatchedSessions: app.WatchedSessions{Ended: ended}}
		ctx, leave := context.WithCancel(t.Context())
		issuer.EXPECT().Issue(gomock.Any(), gomock.Any()).DoAndReturn(func(context.Context, domain.Grant) (domain.Session, error) {
			leave()
			return renewed(), nil
		})
		ended.EXPECT().Ended(gomock.Any(), gomock.Any()).DoAndReturn(func(ctx context.Context, _ domain.Lineage) (bool, error) {
			return ctx.Err() == nil, ctx.Err()
		})
		revoker.EXPECT().Revoke(gomock.Any(), rotated)
		if _, err := watched.Issue(ctx, domain.Grant{}); !errors.Is(err, domain.ErrAccessDenied) {
			t.Errorf("err = %v, want access_denied", err)
		}
	})
}

// An app that holds a stolen refresh token must not get around the check by a scope.
func TestARenewalAlwaysAsksWhoseSessionItIs(t *testing.T) {
	for name, asked := range map[string][]string{"nothing": nil, "less": {"profile"}, "openid": {"openid", "profile"}} {
		t.Run(name, func(t *testing.T) {
			w := newWatching(t)
			w.renewer.EXPECT().Renew(gomock.Any(), refresh, gomock.Any(), gomock.Any()).DoAndReturn(
				func(_ context.Context, _ domain.Secret, sent domain.Access, _ domain.Client) (domain.Session, error) {
					if asked != nil && !slices.Contains(sent.Scope, domain.ScopeOpenID) || (asked == nil) != (sent.Scope == nil) {
						t.Errorf("the issuer is asked for %q", sent.Scope)
					}
					session := renewed()
					session.Subject = ""
					return session, nil
				})
			w.revoker.EXPECT().Revoke(gomock.Any(), rotated)
			_, err := w.Execute(t.Context(), app.Renewal{Refresh: refresh, Access: domain.Access{Scope: asked}})
			if _, known := domain.ReasonOf(err); err == nil || known {
				t.Errorf("err = %v, want a fault of ours: nobody can tell whose session it is", err)
			}
		})
	}
}

func TestASignInIsWatchedFromItsBeginning(t *testing.T) {
	for name, tt := range map[string]struct {
		ended     bool
		err       error
		delivered bool
	}{
		"that is not over":             {false, nil, true},
		"whose ceremony was before":    {true, nil, false},
		"while it cannot be found out": {false, domain.ErrUnavailable, true},
		"while the memory is a mess":   {true, errors.New("a fault"), true},
	} {
		t.Run(name, func(t *testing.T) {
			ctrl := gomock.NewController(t)
			issuer, revoker, ended := portsmock.NewMockTokenIssuer(ctrl), portsmock.NewMockSessionRevoker(ctrl), portsmock.NewMockEndedSessions(ctrl)
			watched := &app.WatchedIssuer{TokenIssuer: issuer, Revoker: revoker, WatchedSessions: app.WatchedSessions{Ended: ended}}
			grant := domain.Grant{Identity: domain.Identity{Subject: "auth0|jane", AuthenticatedAt: now.Add(-time.Minute)}}
			issuer.EXPECT().Issue(gomock.Any(), grant).Return(renewed(), nil)
			ended.EXPECT().Ended(gomock.Any(), domain.Lineage{Subject: "auth0|jane", Began: now.Add(-time.Minute), To: rotated}).Return(tt.ended, tt.err)
			if !tt.delivered {
				revoker.EXPECT().Revoke(gomock.Any(), rotated)
			}
			session, err := watched.Issue(t.Context(), grant)
			if got := err == nil && session.RefreshToken.Equal(rotated); got != tt.delivered || !tt.delivered && !errors.Is(err, domain.ErrAccessDenied) {
				t.Errorf("session = %+v, %v, want it delivered: %t", session, err, tt.delivered)
			}
		})
	}
}
