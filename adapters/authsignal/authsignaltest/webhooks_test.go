package authsignaltest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal/authsignaltest"
)

// listener is whoever webhooks are sent to.
type listener struct {
	url        string
	status     int // of its answers
	heard      []string
	ids        []string
	signatures []string
	data       []object
}

func listen(t *testing.T, s *authsignaltest.Server, c *clock) *listener {
	t.Helper()
	l := &listener{status: http.StatusNoContent}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		signature := r.Header.Get(authsignaltest.SignatureHeader)
		if want := authsignaltest.SignWebhook(body, c.now(), s.Secret()); signature != want {
			t.Errorf("signed %q, want %q", signature, want)
		}
		var event struct {
			ID, Type string
			Data     object
		}
		if err := json.Unmarshal(body, &event); err != nil {
			t.Error(err)
		}
		l.heard, l.ids, l.signatures, l.data = append(l.heard, event.Type), append(l.ids, event.ID), append(l.signatures, signature), append(l.data, event.Data)
		w.WriteHeader(l.status)
	}))
	t.Cleanup(server.Close)
	l.url = server.URL
	s.SendWebhooks(server.URL)
	return l
}

// deliver sends what is due and fails the test unless so many wait for another try.
func deliver(t *testing.T, s *authsignaltest.Server, wait int) {
	t.Helper()
	if waiting, err := s.Deliver(t.Context()); err != nil || waiting != wait {
		t.Errorf("%d wait, %v, want %d", waiting, err, wait)
	}
}

func deletePasskey(t *testing.T, s *authsignaltest.Server, id string) {
	t.Helper()
	wantFields(t, send(t, http.MethodDelete, s.APIURL()+"/users/"+url.PathEscape(jane.ID)+"/authenticators/"+id, secret(s), nil), nil)
}

func TestAPasskeyIsToldWhenItIsMadeAndWhenItIsDeleted(t *testing.T) {
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	l := listen(t, s, c)
	enrol(t, s, authsignaltest.IOS)
	id := s.Passkeys(jane.ID)[0]
	c.advance(time.Minute)
	deletePasskey(t, s, id)
	deliver(t, s, 0)
	if !slices.Equal(l.heard, []string{"authenticator.created", "authenticator.deleted"}) {
		t.Fatalf("told are %q", l.heard)
	}
	for i, data := range l.data {
		if data["userId"] != jane.ID || data["verificationMethod"] != "PASSKEY" || data["userAuthenticatorId"] != id || data["createdAt"] != "2026-01-31T10:00:00.000Z" {
			t.Errorf("%s is told as %v", l.heard[i], data)
		}
	}
	deliver(t, s, 0)
	if len(l.heard) != 2 || s.LostWebhooks() != 0 {
		t.Errorf("told are %q, and %d lost, want nothing told twice", l.heard, s.LostWebhooks())
	}
}

// Authsignal tries once and three times more, 30 s apart, and then never again.
func TestAnEventThatNobodyTakesIsTriedFourTimesAndLost(t *testing.T) {
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	enrol(t, s, authsignaltest.IOS)
	l := listen(t, s, c)
	deletePasskey(t, s, s.Passkeys(jane.ID)[0])
	l.status = http.StatusServiceUnavailable
	for try := 1; try <= 3; try++ {
		deliver(t, s, 1)
		c.advance(30*time.Second - time.Millisecond)
		deliver(t, s, 1) // it is not due yet
		c.advance(time.Millisecond)
		if len(l.heard) != try || s.LostWebhooks() != 0 {
			t.Fatalf("after try %d: told are %q, and %d lost", try, l.heard, s.LostWebhooks())
		}
	}
	deliver(t, s, 0)
	c.advance(time.Hour)
	deliver(t, s, 0)
	if len(l.heard) != 4 || s.LostWebhooks() != 1 {
		t.Errorf("told are %q, and %d lost, want four tries and one lost", l.heard, s.LostWebhooks())
	}
	slices.Sort(l.signatures)
	if len(slices.Compact(slices.Clone(l.ids))) != 1 || len(slices.Compact(l.signatures)) != 4 {
		t.Errorf("ids %q, signatures %q: want one event, signed anew each time", l.ids, l.signatures)
	}
}

func TestAnEventIsToldLaterIfItsListenerIsThereAgain(t *testing.T) {
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	enrol(t, s, authsignaltest.IOS)
	l := listen(t, s, c)
	s.SendWebhooks("http://127.0.0.1:1/nobody")
	deletePasskey(t, s, s.Passkeys(jane.ID)[0])
	deliver(t, s, 1)
	s.SendWebhooks(l.url)
	c.advance(30 * time.Second)
	ended, end := context.WithCancel(t.Context())
	end()
	if waiting, err := s.Deliver(ended); waiting != 1 || err == nil {
		t.Errorf("after the end: %d wait, %v", waiting, err)
	}
	deliver(t, s, 0)
	if len(l.heard) != 1 || s.LostWebhooks() != 0 {
		t.Errorf("told are %q, and %d lost", l.heard, s.LostWebhooks())
	}
}

func TestWhatADeletedUserTells(t *testing.T) {
	for kind, want := range map[authsignaltest.UserDeletion]string{
		authsignaltest.UserDeletionTellsPasskeys: "authenticator.deleted authenticator.deleted",
		authsignaltest.UserDeletionTellsUser:     "user.deleted",
		authsignaltest.UserDeletionTellsNothing:  "",
	} {
		t.Run(want, func(t *testing.T) {
			c := newClock()
			s := start(t, authsignaltest.Options{Now: c.now})
			s.SetFaults(authsignaltest.Faults{UserDeletion: kind})
			enrol(t, s, authsignaltest.IOS)
			s.AddAuthenticator(jane.ID, "", c.now())
			l := listen(t, s, c)
			wantFields(t, send(t, http.MethodDelete, s.APIURL()+"/users/"+url.PathEscape(jane.ID), secret(s), nil), nil)
			wantFields(t, send(t, http.MethodDelete, s.APIURL()+"/users/nobody", secret(s), nil), nil)
			deliver(t, s, 0)
			if got := strings.Join(l.heard, " "); got != want {
				t.Errorf("told are %q, want %q", got, want)
			}
			for _, data := range l.data {
				if data["userId"] != jane.ID {
					t.Errorf("told is %v", data)
				}
			}
			if left := s.Passkeys(jane.ID); len(left) != 0 {
				t.Errorf("the user still has %q", left)
			}
		})
	}
}

func TestWithoutAnAddressNothingIsTold(t *testing.T) {
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	enrol(t, s, authsignaltest.IOS)
	deletePasskey(t, s, s.Passkeys(jane.ID)[0])
	l := listen(t, s, c) // too late for what has happened
	deliver(t, s, 0)
	s.AddAuthenticator(jane.ID, "", c.now())
	s.SendWebhooks("")
	s.DeletePasskeys(jane.ID)
	deliver(t, s, 0)
	if len(l.heard) != 0 {
		t.Errorf("told are %q", l.heard)
	}
}
