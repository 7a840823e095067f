package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal/authsignaltest"
)

// startWatching starts a bridge that Authsignal tells of deleted passkeys. Nothing is told
// before Deliver.
func startWatching(t *testing.T, more map[string]string) *bench {
	t.Helper()
	settings := map[string]string{"AUTHSIGNAL_WEBHOOKS": "on", "RATE_LIMITS": "off"}
	for name, value := range more {
		settings[name] = value
	}
	b := startBench(t, settings)
	b.authsignal.SendWebhooks(b.bridgeURL + "/hooks/authsignal")
	return b
}

// signIn gives a person a passkey on a new phone and returns the refresh token of a session.
func (b *bench) signIn(t *testing.T, user string) string {
	t.Helper()
	phone := b.authsignal.Phone(authsignaltest.IOS)
	if _, err := b.authsignal.Enrol(t.Context(), phone, authsignaltest.User{ID: user, Email: "somebody@example.com"}); err != nil {
		t.Fatal(err)
	}
	signedIn, err := phone.SignIn(t.Context(), string(b.config.Authsignal.Action))
	if err != nil {
		t.Fatal(err)
	}
	session := b.want(t, signedIn.Token, http.StatusOK, "")
	if session.RefreshToken == "" {
		t.Fatal("the session cannot be renewed")
	}
	return session.RefreshToken
}

// renew returns the next refresh token, or "" and what the app is told.
func (b *bench) renew(t *testing.T, refresh string) (next, refused string) {
	t.Helper()
	status, answer := b.oauth(t, "/oauth/token", refreshForm(refresh))
	if status == http.StatusOK {
		next, _ = answer["refresh_token"].(string)
		return next, ""
	}
	return "", fmt.Sprint(status, " ", answer["error"], ": ", answer["error_description"])
}

func (b *bench) deliver(t *testing.T) {
	t.Helper()
	if waiting, err := b.authsignal.Deliver(t.Context()); err != nil || waiting > 0 {
		t.Fatalf("%d webhooks were not taken, %v\nlog: %s", waiting, err, b.log)
	}
}

// deleted has Authsignal's Server API delete something.
func (b *bench) deleted(t *testing.T, path string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, b.authsignal.APIURL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(b.authsignal.Secret(), "")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d", path, resp.StatusCode)
	}
}

func userPath(user string) string { return "/users/" + url.PathEscape(user) }

// notes lists how the attempts ended and why, as the audit log has it.
func (b *bench) notes(t *testing.T) (list []string) {
	t.Helper()
	_, lines := b.hops.take()
	for _, line := range lines {
		var entry struct{ Event, Outcome, Subject, Note string }
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatal(err)
		}
		list = append(list, strings.TrimSpace(fmt.Sprint(entry.Event, " ", entry.Outcome, " ", entry.Subject, " ", entry.Note)))
	}
	return list
}

// What the SDKs know as the end of a session.
const sessionOver = "400 invalid_grant: Unknown or invalid refresh token."

func TestASessionEndsWithTheLastPasskeyOfItsPerson(t *testing.T) {
	b := startWatching(t, nil)
	janes, johns := b.signIn(t, "auth0|jane"), b.signIn(t, "auth0|john")
	b.authsignal.AddAuthenticator("auth0|jane", "", time.Now())
	b.deliver(t) // of passkeys that were made
	b.notes(t)

	passkeys := b.authsignal.Passkeys("auth0|jane")
	b.deleted(t, userPath("auth0|jane")+"/authenticators/"+passkeys[0])
	b.deliver(t)
	janes, refused := b.renew(t, janes)
	if refused != "" {
		t.Fatalf("she has another passkey, and is told %s", refused)
	}

	b.deleted(t, userPath("auth0|jane")+"/authenticators/"+passkeys[1])
	b.deliver(t)
	if _, refused := b.renew(t, janes); refused != sessionOver {
		t.Errorf("the app is told %q, want %q", refused, sessionOver)
	}
	if b.auth0.IsAlive(janes) {
		t.Error("the session can be renewed at Auth0")
	}
	if _, refused := b.renew(t, johns); refused != "" {
		t.Errorf("somebody else is told %s", refused)
	}
	want := []string{
		"end sessions_kept auth0|jane passkey_left", "renew session_renewed auth0|jane",
		"end sessions_ended auth0|jane passkey_deleted", "renew grant_invalid auth0|jane session_ended", "renew session_renewed auth0|john",
	}
	if got := b.notes(t); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the audit log says\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	again := b.signIn(t, "auth0|jane") // with a new passkey
	for range 3 {
		if again, refused = b.renew(t, again); refused != "" {
			t.Fatalf("the new session is over: %s", refused)
		}
	}
	if metrics := b.metrics(t); !strings.Contains(metrics, `attempt_notes_total{event="renew",note="session_ended"} 1`) {
		t.Error("the end of the session is not counted")
	}
}

// An answer that is kept for an app that lost it must not outlive the passkey either.
func TestAnAnswerThatIsKeptEndsWithThePasskey(t *testing.T) {
	b := startWatching(t, nil)
	lost := b.signIn(t, "auth0|jane")
	renewed, refused := b.renew(t, lost)
	if again, _ := b.renew(t, lost); refused != "" || again != renewed {
		t.Fatalf("%s: the answer is not kept, so this tries nothing", refused)
	}
	b.authsignal.DeletePasskeys("auth0|jane")
	b.deliver(t)
	for _, refresh := range []string{lost, lost, renewed} {
		if _, refused := b.renew(t, refresh); refused != sessionOver {
			t.Errorf("the app is told %q, want %q", refused, sessionOver)
		}
	}
	if b.auth0.IsAlive(renewed) {
		t.Error("the session can be renewed at Auth0")
	}
}

func TestASessionEndsWithItsPersonWhateverAuthsignalTellsOfIt(t *testing.T) {
	for name, tt := range map[string]struct {
		tells authsignaltest.UserDeletion
		more  map[string]string
		note  string
	}{
		"each passkey":               {authsignaltest.UserDeletionTellsPasskeys, nil, "session_ended"},
		"the person":                 {authsignaltest.UserDeletionTellsUser, nil, "session_ended"},
		"nothing, but renewals look": {authsignaltest.UserDeletionTellsNothing, map[string]string{"RECHECK_PASSKEY": "renewal"}, "no_passkey"},
		"nothing, and no webhook is on": {authsignaltest.UserDeletionTellsNothing,
			map[string]string{"RECHECK_PASSKEY": "renewal", "AUTHSIGNAL_WEBHOOKS": "off"}, "no_passkey"},
	} {
		t.Run(name, func(t *testing.T) {
			b := startWatching(t, tt.more)
			b.authsignal.SendWebhooks("")
			refresh := b.signIn(t, "auth0|jane")
			b.authsignal.SetFaults(authsignaltest.Faults{UserDeletion: tt.tells})
			b.authsignal.SendWebhooks(b.bridgeURL + "/hooks/authsignal")
			b.deleted(t, userPath("auth0|jane"))
			b.deliver(t)
			b.notes(t)
			if _, refused := b.renew(t, refresh); refused != sessionOver || b.auth0.IsAlive(refresh) {
				t.Errorf("the app is told %q, want %q; the session lives: %t", refused, sessionOver, b.auth0.IsAlive(refresh))
			}
			if got := b.notes(t); len(got) != 1 || got[0] != "renew grant_invalid auth0|jane "+tt.note {
				t.Errorf("the audit log says %q, want %q", got, tt.note)
			}
		})
	}
}

// A webhook that is lost leaves the session alive unless renewals look; while Authsignal is
// away they go on, and say so.
func TestAWebhookThatIsLostIsFoundByARenewal(t *testing.T) {
	for recheck, want := range map[string]string{"off": "", "renewal": sessionOver} {
		t.Run(recheck, func(t *testing.T) {
			b := startWatching(t, map[string]string{"RECHECK_PASSKEY": recheck})
			b.authsignal.SendWebhooks("")
			refresh := b.signIn(t, "auth0|jane")
			b.authsignal.DeletePasskeys("auth0|jane")
			b.notes(t)
			if _, refused := b.renew(t, refresh); refused != want {
				t.Errorf("the app is told %q, want %q", refused, want)
			}
		})
	}
	t.Run("while Authsignal is away", func(t *testing.T) {
		b := startWatching(t, map[string]string{"RECHECK_PASSKEY": "renewal"})
		refresh := b.signIn(t, "auth0|jane")
		b.notes(t)
		b.meets(fault{authsignal: authsignaltest.Faults{Inject: []authsignaltest.Fault{{Kind: authsignaltest.FaultHTML, Status: 503, Route: "*"}}}})
		if _, refused := b.renew(t, refresh); refused != "" {
			t.Errorf("the app is told %s", refused)
		}
		if got := b.notes(t); len(got) != 1 || got[0] != "renew session_renewed auth0|jane passkey_not_rechecked" {
			t.Errorf("the audit log says %q", got)
		}
		if metrics := b.metrics(t); !strings.Contains(metrics, `attempt_notes_total{event="renew",note="passkey_not_rechecked"} 1`) {
			t.Error("it is not counted")
		}
	})
}

// Who removes their last passkey at the bridge needs no webhook.
func TestASessionEndsWhenItsPersonRemovesTheirPasskeyHere(t *testing.T) {
	b := startWatching(t, map[string]string{"ENROL_AUDIENCE": enrolAudience})
	b.authsignal.SendWebhooks("")
	refresh := b.signIn(t, "auth0|jane")
	b.notes(t)
	if gone := b.passkeys(t, http.MethodDelete, "/"+b.authsignal.Passkeys("auth0|jane")[0], b.accessToken(t, "auth0|jane", nil)); gone.status != http.StatusNoContent {
		t.Fatalf("removed: %+v", gone)
	}
	if _, refused := b.renew(t, refresh); refused != sessionOver {
		t.Errorf("the app is told %q, want %q", refused, sessionOver)
	}
	want := []string{"end sessions_ended auth0|jane passkey_deleted", "remove passkey_removed auth0|jane", "renew grant_invalid auth0|jane session_ended"}
	if got := b.notes(t); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the audit log says\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
