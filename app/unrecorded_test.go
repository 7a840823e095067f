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

// unwritable is an audit log whose attempts must be on record, and which has lost its
// output. It notes what it was told of.
type unwritable struct{ outcomes []string }

var errNotWritten = fmt.Errorf("%w: the disk is full", domain.ErrUnavailable)

func (u *unwritable) Record(_ context.Context, attempt domain.Attempt) error {
	u.outcomes = append(u.outcomes, attempt.Outcome())
	return errNotWritten
}

func (u *unwritable) want(t *testing.T, outcomes ...string) {
	t.Helper()
	if !slices.Equal(u.outcomes, outcomes) {
		t.Errorf("recorded are %q, want %q", u.outcomes, outcomes)
	}
}

func wantUnrecorded(t *testing.T, session domain.Session, err error) {
	t.Helper()
	if !errors.Is(err, domain.ErrUnavailable) || !domain.ProofInDoubt(err) || !strings.Contains(err.Error(), "record the attempt: ") {
		t.Errorf("err = %v, want unavailable, why, and that the proof may be spent", err)
	}
	if session.Subject != "" || !session.AccessToken.IsZero() || !session.RefreshToken.IsZero() {
		t.Errorf("session = %+v, want none", session)
	}
}

func TestASessionThatCannotBeRecordedIsRevokedAndNeverReturned(t *testing.T) {
	for name, revokeErr := range map[string]error{
		"and revoking it works": nil,
		"even if it cannot be":  fmt.Errorf("%w: 502", domain.ErrBusy),
	} {
		t.Run(name, func(t *testing.T) {
			b, audit := newBench(t), &unwritable{}
			b.Audit = audit
			gomock.InOrder(
				b.verifies(), b.claims(nil), b.issues(b.session, nil),
				b.revoker.EXPECT().Revoke(gomock.Any(), b.session.RefreshToken).Return(revokeErr),
			) // and the claim is kept
			session, err := b.Execute(t.Context(), b.asked)
			wantUnrecorded(t, session, err)
			if told := strings.Contains(fmt.Sprint(err), "could not be revoked"); told != (revokeErr != nil) {
				t.Errorf("err = %v, want it said if, and only if, the session lives on", err)
			}
			audit.want(t, "session_delivered", "unavailable")
		})
	}
}

func TestARefusalThatCannotBeRecordedStaysWhatItWas(t *testing.T) {
	for name, tt := range map[string]struct {
		err     error
		outcome string
	}{
		"a refusal":       {domain.ErrAccessDenied, "access_denied"},
		"a fault of ours": {errors.New("wrong key"), "fault"},
	} {
		t.Run(name, func(t *testing.T) {
			b, audit := newBench(t), &unwritable{}
			b.Audit = audit
			gomock.InOrder(b.verifies(), b.claims(nil), b.issues(domain.Session{}, tt.err))
			if _, err := b.Execute(t.Context(), b.asked); !errors.Is(err, tt.err) || errors.Is(err, errNotWritten) {
				t.Errorf("err = %v, want %v", err, tt.err)
			}
			audit.want(t, tt.outcome)
		})
	}
}

func TestARenewalThatCannotBeRecordedGivesNothingAndEndsNothing(t *testing.T) {
	uc, renewer, audit := &app.RenewSession{}, portsmock.NewMockSessionRenewer(gomock.NewController(t)), &unwritable{}
	uc.Renewer, uc.Audit, uc.Deadline, uc.Now = renewer, audit, time.Second, func() time.Time { return now }
	uc.Revoker = portsmock.NewMockSessionRevoker(gomock.NewController(t)) // is not asked
	renewed := domain.Session{Subject: "auth0|jane", AccessToken: domain.NewSecret("access"), RefreshToken: domain.NewSecret("rotated")}
	renewer.EXPECT().Renew(gomock.Any(), refresh, domain.Access{}, caller).Return(renewed, nil)
	session, err := uc.Execute(t.Context(), app.Renewal{Refresh: refresh, Client: caller})
	wantUnrecorded(t, session, err)
	audit.want(t, "session_renewed", "unavailable")
}

// Whoever repeats it gets it recorded: a token that is unknown by then is revoked already.
func TestARevocationThatCannotBeRecordedTakesPlaceAndIsToRepeat(t *testing.T) {
	revoker, audit := portsmock.NewMockSessionRevoker(gomock.NewController(t)), &unwritable{}
	revoker.EXPECT().Revoke(gomock.Any(), refresh).Return(nil)
	uc := &app.RevokeSession{Revoker: revoker, Audit: audit, Deadline: time.Second, Now: func() time.Time { return now }}
	err := uc.Execute(t.Context(), app.Revocation{Refresh: refresh, Client: caller})
	if !errors.Is(err, domain.ErrUnavailable) || !strings.Contains(err.Error(), "the session is revoked") {
		t.Errorf("err = %v, want unavailable, and that the session is revoked", err)
	}
	audit.want(t, "session_revoked")
}
