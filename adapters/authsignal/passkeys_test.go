package authsignal_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

func newPasskeys(apiURL, secret string) *authsignal.Passkeys {
	client := upstream.New(upstream.Options{Name: "authsignal", Now: time.Now})
	return authsignal.NewPasskeys(client, authsignal.Config{APIURL: settings.BaseURL(apiURL), Secret: settings.NewSecret(secret)}, time.Now)
}

func TestPasskeysKeepTheContract(t *testing.T) {
	portstest.Passkeys(t, func(t *testing.T) portstest.PasskeysHarness {
		server, err := authsignaltest.Start(authsignaltest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		meets := func(fault authsignaltest.Fault) func(*testing.T) {
			fault.Route = "*"
			return func(*testing.T) { server.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{fault}}) }
		}
		return portstest.PasskeysHarness{
			Passkeys: newPasskeys(server.APIURL(), server.Secret()),
			Put:      func(_ *testing.T, subject string, at time.Time) { server.AddAuthenticator(subject, "", at) },
			Delete:   func(_ *testing.T, subject string) { server.DeletePasskeys(subject) },
			Other:    func(_ *testing.T, subject string, at time.Time) { server.AddAuthenticator(subject, "SMS", at) },
			Secrets:  []string{server.Secret()},
			Lock:     meets(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: 401}),
			Limit:    meets(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: 429}),
			Garble:   meets(authsignaltest.Fault{Kind: authsignaltest.FaultMalformed}),
			Hang:     meets(authsignaltest.Fault{Kind: authsignaltest.FaultHang}),
			Stop:     func(*testing.T) { _ = server.Close() },
		}
	})
}

func TestWhatIsNoListOfAuthenticatorsIsNoAnswer(t *testing.T) {
	for name, body := range map[string]string{
		"null":                      `null`,
		"an object":                 `{"authenticators":[]}`,
		"one of no kind":            `[{"createdAt":"2026-01-31T10:00:00Z"}]`,
		"a passkey of no time":      `[{"verificationMethod":"PASSKEY"}]`,
		"a passkey of a wrong time": `[{"verificationMethod":"PASSKEY","createdAt":"yesterday"}]`,
		"two kinds in one":          `[{"verificationMethod":"PASSKEY","verificationMethod":"SMS","createdAt":"2026-01-31T10:00:00Z"}]`,
		"nothing":                   ``,
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
			defer server.Close()
			has, err := newPasskeys(server.URL, secret).Has(t.Context(), "auth0|jane", time.Now())
			if reason, _ := domain.ReasonOf(err); has || reason != domain.ErrUnavailable {
				t.Errorf("has %t, %v, want unavailable", has, err)
			}
		})
	}
}
