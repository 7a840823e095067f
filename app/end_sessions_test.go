package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports/portsmock"
)

// ending is an EndSessions with mocks, and what it records.
type ending struct {
	*app.EndSessions
	passkeys *portsmock.MockPasskeys
	ended    *portsmock.MockEndedSessions
	ender    *portsmock.MockSessionEnder
	recorded []domain.Attempt
}

func newEnding(t *testing.T) *ending {
	ctrl := gomock.NewController(t)
	audit := portsmock.NewMockAuditLog(ctrl)
	e := &ending{passkeys: portsmock.NewMockPasskeys(ctrl), ended: portsmock.NewMockEndedSessions(ctrl), ender: portsmock.NewMockSessionEnder(ctrl)}
	audit.EXPECT().Record(gomock.Any(), gomock.Any()).Do(func(_ context.Context, a domain.Attempt) { e.recorded = append(e.recorded, a) }).Times(1)
	e.EndSessions = &app.EndSessions{
		Passkeys: e.passkeys, Ended: e.ended, Ender: e.ender, Audit: audit,
		Skew: 30 * time.Second, Deadline: 10 * time.Second, Now: func() time.Time { return now },
	}
	return e
}

func lost(why domain.Note) app.Ending {
	return app.Ending{Client: caller, Departure: domain.Departure{
		ID: "event-1", Authority: "authsignal", Subject: "auth0|jane", At: now.Add(-time.Minute), Why: why,
	}}
}

func (e *ending) wantRecorded(t *testing.T, outcome string, note domain.Note) {
	t.Helper()
	got := e.recorded[0]
	if got.Event != domain.EventEnd || got.Outcome() != outcome || got.Note != note || got.Identity.Subject != "auth0|jane" || got.Client != caller || got.TokenHash != "" {
		t.Errorf("recorded %+v (%s), want %s, %s", got, got.Outcome(), outcome, note)
	}
}

func TestWhoeverLosesTheLastPasskeyIsSignedOut(t *testing.T) {
	e := newEnding(t)
	at := lost(domain.NotePasskeyDeleted).At
	gomock.InOrder(
		e.passkeys.EXPECT().Has(gomock.Any(), "auth0|jane", at).Return(false, nil),
		e.ended.EXPECT().Mark(gomock.Any(), "auth0|jane", at),
		e.ender.EXPECT().End(gomock.Any(), "auth0|jane", at),
	)
	if err := e.Execute(t.Context(), lost(domain.NotePasskeyDeleted)); err != nil {
		t.Error(err)
	}
	e.wantRecorded(t, "sessions_ended", domain.NotePasskeyDeleted)
}

func TestWhoeverHasAnotherPasskeyStaysSignedIn(t *testing.T) {
	e := newEnding(t)
	e.passkeys.EXPECT().Has(gomock.Any(), "auth0|jane", gomock.Any()).Return(true, nil)
	if err := e.Execute(t.Context(), lost(domain.NotePasskeyDeleted)); err != nil {
		t.Error(err)
	}
	e.wantRecorded(t, "sessions_kept", domain.NotePasskeyLeft)
}

func TestNobodyIsAskedWhereTheAnswerDoesNotMatter(t *testing.T) {
	for name, tt := range map[string]struct {
		any bool
		why domain.Note
	}{
		"any passkey counts":     {true, domain.NotePasskeyDeleted},
		"the person was deleted": {false, domain.NoteUserDeleted},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnding(t)
			e.AnyPasskey, e.Ender = tt.any, nil
			e.ended.EXPECT().Mark(gomock.Any(), "auth0|jane", gomock.Any())
			if err := e.Execute(t.Context(), lost(tt.why)); err != nil {
				t.Error(err)
			}
			e.wantRecorded(t, "sessions_ended", tt.why)
		})
	}
}

func TestATimeToComeEndsNoSignInToCome(t *testing.T) {
	e := newEnding(t)
	e.AnyPasskey, e.Ender = true, nil
	told := lost(domain.NotePasskeyDeleted)
	told.At = now.Add(time.Hour)
	e.ended.EXPECT().Mark(gomock.Any(), "auth0|jane", now.Add(30*time.Second))
	if err := e.Execute(t.Context(), told); err != nil {
		t.Error(err)
	}
}

func TestWhatCouldNotBeDoneIsToldAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		fails func(*ending)
		want  domain.Error
	}{
		"the authority is away": {func(e *ending) {
			e.passkeys.EXPECT().Has(gomock.Any(), gomock.Any(), gomock.Any()).Return(false, domain.ErrUnavailable)
		}, domain.ErrUnavailable},
		"the authority refuses us": {func(e *ending) {
			e.passkeys.EXPECT().Has(gomock.Any(), gomock.Any(), gomock.Any()).Return(false, errors.New("check the key"))
		}, ""},
		"the store is away": {func(e *ending) {
			e.AnyPasskey = true
			e.ended.EXPECT().Mark(gomock.Any(), gomock.Any(), gomock.Any()).Return(domain.ErrUnavailable)
		}, domain.ErrUnavailable},
		"too many wait for the issuer": {func(e *ending) {
			e.AnyPasskey = true
			e.ended.EXPECT().Mark(gomock.Any(), gomock.Any(), gomock.Any())
			e.ender.EXPECT().End(gomock.Any(), gomock.Any(), gomock.Any()).Return(domain.ErrBusy)
		}, domain.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnding(t)
			tt.fails(e)
			err := e.Execute(t.Context(), lost(domain.NotePasskeyDeleted))
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want {
				t.Errorf("err = %v, want reason %q", err, tt.want)
			}
			outcome := string(tt.want)
			if outcome == "" {
				outcome = "fault"
			}
			e.wantRecorded(t, outcome, domain.NotePasskeyDeleted)
		})
	}
}
