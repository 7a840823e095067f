package authsignal_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const enrolAction = "addMyPasskey"

func newEnroller(apiURL, secret string) *authsignal.Enroller {
	return authsignal.NewEnroller(upstream.New(upstream.Options{Name: "authsignal", Now: time.Now}), authsignal.Config{
		APIURL: settings.BaseURL(apiURL), Secret: settings.NewSecret(secret), Action: action, EnrolAction: enrolAction, MaxAge: 10 * time.Minute,
	}, time.Now)
}

func TestEnrollerKeepsTheContract(t *testing.T) {
	portstest.PasskeyEnroller(t, func(t *testing.T) portstest.EnrollerHarness {
		tenant, err := authsignaltest.Start(authsignaltest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tenant.Close() })
		// What a token has become once its passkey was added, by the token that was used.
		results := map[string]string{}
		meets := func(fault authsignaltest.Fault) func(*testing.T) {
			return func(*testing.T) { tenant.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{fault}}) }
		}
		return portstest.EnrollerHarness{
			Enroller: newEnroller(tenant.APIURL(), tenant.Secret()),
			Add: func(t *testing.T, enrolment domain.Secret) string {
				added, err := tenant.Phone(authsignaltest.IOS).SignUp(t.Context(), enrolment.Reveal(), "somebody")
				if err != nil {
					t.Fatal(err)
				}
				results[enrolment.Reveal()] = added.Token
				return added.UserAuthenticatorID
			},
			SignsIn: func(t *testing.T, enrolment domain.Secret) bool {
				identity, err := newVerifier(tenant.APIURL(), tenant.Secret()).Verify(t.Context(), parse(t, results[enrolment.Reveal()]))
				if err != nil { // it proves a passkey, as a sign-in does
					t.Fatal(err)
				}
				policy := authsignal.Config{APIURL: settings.BaseURL(tenant.APIURL()), Action: action, MaxAge: 10 * time.Minute}.Policy(time.Minute)
				policy.Subjects = domain.SubjectRule{Prefix: "auth0|"}
				return policy.Admit(identity, time.Now()) == nil
			},
			Has:     tenant.Passkeys,
			Deny:    func(*testing.T) { tenant.SetFaults(authsignaltest.Faults{TrackState: authsignaltest.StateBlock}) },
			Secrets: []string{tenant.Secret()},
			Lock: func(*testing.T) {
				tenant.RotateSecret()
				tenant.RotateSecret()
			},
			Limit:  meets(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: http.StatusTooManyRequests}),
			Garble: meets(authsignaltest.Fault{Kind: authsignaltest.FaultMalformed}),
			Hang:   meets(authsignaltest.Fault{Kind: authsignaltest.FaultHang}),
			Stop:   func(*testing.T) { _ = tenant.Close() },
		}
	})
}

func TestAnEnrolmentAsksForItsOwnActionAndTellsWhoAsks(t *testing.T) {
	var got, path string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 1<<10)
		n, _ := r.Body.Read(body)
		got, path = string(body[:n]), r.Method+" "+r.URL.EscapedPath()
		_, _ = fmt.Fprint(w, `{"state":"ALLOW","token":"t"}`)
	}))
	t.Cleanup(server.Close)
	enroller := newEnroller(server.URL+"/v1", secret)
	for _, tt := range []struct {
		from domain.Client
		want string
	}{
		{domain.Client{Addr: netip.MustParseAddr("203.0.113.7"), UserAgent: "app/1"}, `{"ipAddress":"203.0.113.7","scope":"add:authenticators","userAgent":"app/1"}`},
		{domain.Client{}, `{"scope":"add:authenticators"}`},
	} {
		if _, err := enroller.Enrol(t.Context(), "auth0|jane", tt.from); err != nil {
			t.Fatal(err)
		}
		if got != tt.want || path != "POST /v1/users/auth0%7Cjane/actions/"+enrolAction {
			t.Errorf("asked %s %s, want %s", path, got, tt.want)
		}
	}
}

func TestEveryAnswerToAnEnrolmentHasItsVerdict(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   domain.Error
		says   string
	}{
		"a rule lets it":                 {200, `{"state":"ALLOW","token":"t"}`, "none", ""},
		"a challenge is due at sign-ins": {200, `{"state":"CHALLENGE_REQUIRED","token":"t"}`, "none", ""},
		"a rule blocks":                  {200, `{"state":"BLOCK","token":"t"}`, domain.ErrEnrolmentDenied, `"BLOCK"`},
		"somebody is to look at it":      {200, `{"state":"REVIEW_REQUIRED","token":"t"}`, domain.ErrEnrolmentDenied, enrolAction},
		"a state that nobody knows":      {200, `{"state":"SOMETHING","token":"t"}`, domain.ErrEnrolmentDenied, ""},
		"no state":                       {200, `{"token":"t"}`, domain.ErrEnrolmentDenied, ""},
		"no token":                       {200, `{"state":"ALLOW"}`, domain.ErrUnavailable, ""},
		"two tokens":                     {200, `{"state":"ALLOW","token":"t","token":"u"}`, domain.ErrUnavailable, ""},
		"no passkeys in the tenant":      {400, problem("AUTHENTICATOR_NOT_FOUND", "jane has none"), fault, "docs/tenant.md"},
		"no such action":                 {400, problem("invalid_configuration", "jane"), fault, "AUTHSIGNAL_ENROL_ACTION"},
		"a wrong key":                    {401, problem("unauthorized", ""), fault, "AUTHSIGNAL_SECRET"},
		"a limit":                        {429, problem("too_many_requests", ""), domain.ErrBusy, ""},
		"an outage":                      {503, "<html>", domain.ErrUnavailable, ""},
		"somebody else":                  {404, "<html>", fault, "AUTHSIGNAL_API_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answering(tt.status, tt.body))
			t.Cleanup(server.Close)
			token, err := newEnroller(server.URL+"/v1", secret).Enrol(t.Context(), "auth0|jane", domain.Client{})
			if tt.want == "none" {
				if err != nil || token.Reveal() != "t" {
					t.Errorf("token %q, err = %v", token.Reveal(), err)
				}
				return
			}
			reason, _ := domain.ReasonOf(err)
			if err == nil || reason != tt.want || !strings.Contains(err.Error(), tt.says) || !token.IsZero() {
				t.Errorf("err = %v, want %q that says %q", err, tt.want, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "jane") {
				t.Errorf("it tells the person: %v", err)
			}
		})
	}
}

func TestOnlyPasskeysAreListed(t *testing.T) {
	const list = `[
		{"userId":"auth0|jane","userAuthenticatorId":"1","verificationMethod":"SMS","phoneNumber":"+491"},
		{"userId":"auth0|jane","userAuthenticatorId":"2","verificationMethod":"PASSKEY","createdAt":"2026-01-31T10:00:00.000Z","lastVerifiedAt":"2026-02-01T10:00:00.000Z",
		 "webauthnCredential":{"name":"Passkey","aaguidMapping":{"name":"iCloud Keychain"},"credentialBackedUp":true}},
		{"userAuthenticatorId":"3","verificationMethod":"PASSKEY","webauthnCredential":{"name":"Key"}},
		{"userId":"auth0|jane","userAuthenticatorId":"..","verificationMethod":"PASSKEY"}
	]`
	var deleted []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			deleted = append(deleted, r.URL.EscapedPath())
			return
		}
		_, _ = fmt.Fprint(w, list)
	}))
	t.Cleanup(server.Close)
	enroller := newEnroller(server.URL+"/v1", secret)
	passkeys, err := enroller.Passkeys(t.Context(), "auth0|jane")
	want := []domain.Passkey{
		{ID: "2", Name: "iCloud Keychain", Synced: true, CreatedAt: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC), LastUsedAt: time.Date(2026, 2, 1, 10, 0, 0, 0, time.UTC)},
		{ID: "3", Name: "Key"},
	}
	if err != nil || fmt.Sprint(passkeys) != fmt.Sprint(want) {
		t.Errorf("listed are %v, %v, want %v", passkeys, err, want)
	}
	for _, id := range []string{"1", ".."} {
		if err := enroller.RemovePasskey(t.Context(), "auth0|jane", id); err == nil || len(deleted) > 0 {
			t.Errorf("%q is removed: %q, %v", id, deleted, err)
		}
	}
	if err := enroller.RemovePasskey(t.Context(), "auth0|jane", "2"); err != nil || fmt.Sprint(deleted) != "[/v1/users/auth0%7Cjane/authenticators/2]" {
		t.Errorf("deleted is %q, %v", deleted, err)
	}
}

func TestAListOfSomebodyElseIsAFault(t *testing.T) {
	server := httptest.NewServer(answering(200, `[{"userId":"auth0|john","userAuthenticatorId":"1","verificationMethod":"PASSKEY"}]`))
	t.Cleanup(server.Close)
	_, err := newEnroller(server.URL+"/v1", secret).Passkeys(t.Context(), "auth0|jane")
	if _, known := domain.ReasonOf(err); err == nil || known {
		t.Errorf("err = %v, want a fault of ours", err)
	}
}
