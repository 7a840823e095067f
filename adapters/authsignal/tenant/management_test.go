package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/authsignal/tenant"
	"nativebridge/domain"
)

func TestSettingsNeverSetAreNil(t *testing.T) {
	t.Parallel()
	s := activated(t)
	m := connect(t, s)
	settings, err := m.Settings(t.Context())
	if err != nil || settings.ID != s.TenantID() || settings.TokenMinutes != nil {
		t.Errorf("settings %+v, %v", settings, err)
	}
	passkey, err := m.Passkey(t.Context())
	if err != nil || passkey == nil || passkey.RelyingParty != nil || passkey.UserVerification != nil || passkey.ExpectedOrigins != nil || !*passkey.Active {
		t.Errorf("passkey %+v, %v", passkey, err)
	}
	if action, err := m.Action(t.Context(), signIn); action != nil || err != nil {
		t.Errorf("an action that is not configured: %+v, %v", action, err)
	}
	if _, err := m.Rules(t.Context(), signIn); !errors.Is(err, tenant.ErrNotFound) {
		t.Errorf("its rules: %v", err)
	}
}

func TestAPasskeyThatWasNeverSetUpIsNil(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{Empty: true})
	if passkey, err := connect(t, s).Passkey(t.Context()); passkey != nil || err != nil {
		t.Errorf("%+v, %v", passkey, err)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault authsignaltest.Fault
		want  error
		said  string
	}{
		"the wrong key":               {authsignaltest.Fault{Kind: "error", Status: 401}, tenant.ErrKey, "AUTHSIGNAL_MANAGEMENT_SECRET"},
		"a key of the wrong kind":     {authsignaltest.Fault{Kind: "error", Status: 403}, tenant.ErrKey, "another one than the Server API secret key"},
		"no such object":              {authsignaltest.Fault{Kind: "error", Status: 404}, tenant.ErrNotFound, "404"},
		"what is not allowed":         {authsignaltest.Fault{Kind: "error", Status: 400}, tenant.ErrRefused, "invalid_request"},
		"an outage":                   {authsignaltest.Fault{Kind: "error", Status: 503}, tenant.ErrAway, "503"},
		"a proxy's page":              {authsignaltest.Fault{Kind: "html"}, tenant.ErrAway, "502"},
		"a redirect":                  {authsignaltest.Fault{Kind: "html", Status: 302}, tenant.ErrAway, "ends in /v1"},
		"a page in place of JSON":     {authsignaltest.Fault{Kind: "html", Status: 200}, tenant.ErrAway, "not the JSON"},
		"half an answer":              {authsignaltest.Fault{Kind: "truncated"}, tenant.ErrAway, "broken reply"},
		"half the JSON":               {authsignaltest.Fault{Kind: "malformed"}, tenant.ErrAway, "not the JSON"},
		"no answer":                   {authsignaltest.Fault{Kind: "reset"}, tenant.ErrAway, "no reply"},
		"a rate limit that goes on":   {authsignaltest.Fault{Kind: "error", Status: 429}, tenant.ErrAway, "429"},
		"a rate limit for an hour":    {authsignaltest.Fault{Kind: "error", Status: 429, RetryAfter: "3600", Times: 1}, tenant.ErrAway, "try again in 1h0m0s"},
		"a rate limit for four times": {authsignaltest.Fault{Kind: "error", Status: 429, Times: 4}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := activated(t)
			s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{tt.fault}})
			_, err := connect(t, s).Settings(t.Context())
			if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.said) {
				t.Errorf("err = %v, want %v that says %q", err, tt.want, tt.said)
			}
		})
	}
}

func TestARateLimitIsWaitedFor(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "": 2 * time.Second} {
		s := activated(t)
		s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Kind: "error", Status: 429, RetryAfter: header, Times: 1}}})
		var waited []time.Duration
		m, err := tenant.Connect(tenant.Access{APIURL: s.APIURL(), Key: domain.NewSecret(s.ManagementSecret())},
			tenant.Options{Wait: func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Settings(t.Context()); err != nil || len(waited) != 1 || waited[0] != want {
			t.Errorf("Retry-After %q: waited %v, %v, want %s", header, waited, err, want)
		}
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := activated(t)
	s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Kind: "error", Status: 429, RetryAfter: "60"}}})
	ctx, leave := context.WithCancel(t.Context())
	m, err := tenant.Connect(tenant.Access{APIURL: s.APIURL(), Key: domain.NewSecret(s.ManagementSecret())}, tenant.Options{
		Now: func() time.Time {
			if len(s.Exchanges()) > 0 { // the rate limit has been told
				leave()
			}
			return time.Now()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Settings(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want %v", err, context.Canceled)
	}
}

// The key, and the credentials of other vendors that Authsignal may send, appear in no
// error and no printout.
func TestNoCredentialIsTold(t *testing.T) {
	t.Parallel()
	const key, vendors = "the-management-key-0123456789", "the-token-of-another-vendor"
	for name, answer := range map[string]http.HandlerFunc{
		"a refusal that repeats the key": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":"unauthorized","errorDescription":"no such key %s"}`, key)
		},
		"a list of a wrong form": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `[{"verificationMethod":"SMS","isActive":%q}]`, vendors)
		},
		"a good list": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `[{"verificationMethod":"SMS","twilioCredentials":{"authToken":%q}}]`, vendors)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			t.Cleanup(server.Close)
			m, err := tenant.Connect(tenant.Access{APIURL: server.URL + "/v1", Key: domain.NewSecret(key)}, tenant.Options{})
			if err != nil {
				t.Fatal(err)
			}
			list, err := m.Authenticators(t.Context())
			if said := fmt.Sprintf("%v %+v %#v %+v", err, list, list, m); strings.Contains(said, key) || strings.Contains(said, vendors) {
				t.Errorf("it says %s", said)
			}
		})
	}
}

func TestAccessIsChecked(t *testing.T) {
	t.Parallel()
	key := domain.NewSecret("the-management-key")
	for setting, access := range map[string]tenant.Access{
		"AUTHSIGNAL_API_URL":           {APIURL: "http://api.authsignal.com/v1", Key: key},
		"AUTHSIGNAL_MANAGEMENT_SECRET": {APIURL: "https://api.authsignal.com/v1"},
	} {
		if _, err := tenant.Connect(access, tenant.Options{}); err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("err = %v, want one that names %s", err, setting)
		}
	}
}
