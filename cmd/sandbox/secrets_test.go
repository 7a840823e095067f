package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nativebridge"
	"nativebridge/adapters"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
)

// exporterKey is the credential of OTEL_EXPORTER_OTLP_HEADERS.
const exporterKey = "exporter-key-5a7b91"

// witnessed is a bridge of its own on a bench's vendors, with everything that it tells.
type witnessed struct {
	url, metrics string
	log, audit   lockedBuffer
	traces       lockedBuffer // what the collector was sent, undecoded
	bodies       lockedBuffer // of answers that are no session, and the headers of all answers
	broken       atomic.Pointer[error]
	stop         func()
}

// Read is the bridge's randomness. It fails once broken is set, and the use case panics.
func (w *witnessed) Read(p []byte) (int, error) {
	if broken := w.broken.Load(); broken != nil {
		return 0, *broken
	}
	return rand.Read(p)
}

func watchBridge(t *testing.T, b *bench) *witnessed {
	t.Helper()
	w := &witnessed{}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.traces.Write(body)
	}))
	t.Cleanup(collector.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key="+exporterKey)

	config := b.config
	config.HTTP.ListenAddr, config.Ops.Addr, config.Metrics.Addr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	server, shut, err := nativebridge.NewServer(t.Context(), config, adapters.Runtime{
		Log:   slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Audit: &w.audit, Now: time.Now, Random: w, RootCAs: b.rootCAs(), Born: b.born(),
	})
	if err != nil {
		t.Fatal(err)
	}
	on, err := server.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.url, w.metrics = urlOf(on.API), urlOf(on.Metrics)
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, on) }()
	w.stop = func() {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
		shut() // sends the spans that wait
	}
	return w
}

// post returns the answer, and keeps what is no session for the search.
func (w *witnessed) post(t *testing.T, path, media, body string) (int, session) {
	t.Helper()
	resp, err := http.Post(w.url+path, media, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	fmt.Fprintln(&w.bodies, resp.StatusCode, resp.Header)
	var got session
	if resp.StatusCode != http.StatusOK {
		_, _ = w.bodies.Write(text)
	} else if len(text) > 0 {
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode, got
}

func (w *witnessed) exchange(t *testing.T, token string) session {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"token": token})
	_, got := w.post(t, "/v1/sessions", "application/json", string(body))
	return got
}

func (w *witnessed) form(t *testing.T, path string, form url.Values) session {
	t.Helper()
	_, got := w.post(t, path, "application/x-www-form-urlencoded", form.Encode())
	return got
}

// spellings are the ways in which a secret could be written.
func spellings(secret string) []string {
	return []string{
		secret, url.QueryEscape(secret), hex.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
}

// A full run: sign-ins, renewals, revocations, every kind of refusal, vendors' faults,
// tokens where none belong, and a panic whose value holds a secret. Nothing of it may be in
// what the bridge tells.
func TestNothingThatTheBridgeTellsHoldsACredential(t *testing.T) {
	b := startBench(t, map[string]string{"AUTH0_SCOPE": "openid profile offline_access"})
	w := watchBridge(t, b)
	clientSecret := b.config.Auth0.ClientSecret.Reveal()
	secrets := map[string]string{
		"Authsignal's key": b.authsignal.Secret(), "the client secret": clientSecret, "the key of the traces' collector": exporterKey,
		"an e-mail address": "jane@example.com",
	}
	keep := func(what string, s session) {
		secrets[what+": access token"], secrets[what+": ID token"], secrets[what+": refresh token"] = s.AccessToken, s.IDToken, s.RefreshToken
	}
	token := func(what string) string {
		token := b.token(t, wish{})
		secrets[what+": passkey token"] = token
		return token
	}

	first := token("a sign-in")
	opened := w.exchange(t, first)
	keep("a sign-in", opened)
	w.exchange(t, first) // a replay
	byOAuth := w.form(t, "/oauth/token", exchangeForm(token("a sign-in by OAuth"), "openid offline_access"))
	keep("a sign-in by OAuth", byOAuth)
	renewed := w.form(t, "/oauth/token", refreshForm(byOAuth.RefreshToken))
	keep("a renewal", renewed)
	w.form(t, "/oauth/revoke", url.Values{"token": {renewed.RefreshToken}, "client_id": {clientID}})
	w.form(t, "/oauth/token", refreshForm(renewed.RefreshToken))
	for _, f := range []fault{
		inject(auth0test.Fault{Kind: auth0test.MFARequired}), inject(auth0test.Fault{Kind: auth0test.WrongSubject}),
		inject(auth0test.Fault{Kind: auth0test.ServerError}), inject(auth0test.Fault{Kind: auth0test.InvalidClient}),
		inject(auth0test.Fault{Kind: auth0test.Malformed}), inject(auth0test.Fault{Kind: auth0test.IDBadSignature}),
		inject(auth0test.Fault{Kind: auth0test.RateLimited, ResetSeconds: 60}),
		validating(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: 401}),
		validating(authsignaltest.Fault{Kind: authsignaltest.FaultHTML}), validating(authsignaltest.Fault{Kind: authsignaltest.FaultReset}),
	} {
		b.meets(f)
		w.exchange(t, token(fmt.Sprintf("%+v", f)))
	}
	b.meets(fault{})
	misplaced := token("a token where none belongs")
	w.post(t, "/v1/sessions?token="+misplaced, "application/json", `{"token":"`+misplaced)
	w.post(t, "/v1/sessions/"+misplaced, "application/json", "{}")
	w.post(t, "/v1/sessions", misplaced, "{}")
	w.form(t, "/oauth/token", url.Values{"grant_type": {misplaced}})
	w.form(t, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {misplaced}, "client_secret": {clientSecret}})

	w.broken.Store(new(error(errors.New("a source of randomness that quotes " + clientSecret))))
	w.exchange(t, token("a panic"))
	metrics := scrape(t, w.metrics)
	w.stop()

	for source, told := range map[string]struct{ text, mark string }{
		"the log":                {w.log.String(), "panic: this is a fault of native-bridge"},
		"the audit log":          {w.audit.String(), `"outcome":"session_renewed"`},
		"the metrics":            {metrics, `native_bridge_attempts_total{event="revoke"`},
		"the traces":             {w.traces.String(), "issue"},
		"the answers, but those": {w.bodies.String(), "token_replayed"},
	} {
		if !strings.Contains(told.text, told.mark) {
			t.Errorf("%s: %q is not in it, so it cannot be searched: %s", source, told.mark, told.text)
		}
		for what, secret := range secrets {
			for _, spelling := range spellings(secret) {
				if secret != "" && strings.Contains(told.text, spelling) {
					t.Errorf("%s: it holds %s", source, what)
				}
			}
		}
	}
	for what, secret := range secrets {
		if len(secret) < 8 && !strings.Contains(what, "Fault") && !strings.Contains(what, "panic") {
			t.Errorf("%s is %q: nothing was searched for", what, secret)
		}
	}
	for source, text := range map[string]string{"the metrics": metrics, "the traces": w.traces.String()} {
		if strings.Contains(text, "auth0|jane") || strings.Contains(text, "127.0.0.1:") && source == "the metrics" {
			t.Errorf("%s tell of a person or an address", source)
		}
	}
}

func scrape(t *testing.T, at string) string {
	t.Helper()
	resp, err := http.Get(at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
