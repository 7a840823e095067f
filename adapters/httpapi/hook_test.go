package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/app"
	"nativebridge/domain"
)

// authority stands for Authsignal's webhooks and for the use case.
type authority struct {
	departure domain.Departure
	tells     bool
	readErr   error
	endErr    error

	signature string
	body      []byte
	told      []app.Ending
}

func (a *authority) Read(signature string, body []byte) (domain.Departure, bool, error) {
	a.signature, a.body = signature, body
	return a.departure, a.tells, a.readErr
}

func (a *authority) Execute(_ context.Context, told app.Ending) error {
	a.told = append(a.told, told)
	return a.endErr
}

// limited counts what is counted, and refuses everybody.
type limited struct{ failed, checked int }

func (l *limited) Check(netip.Addr) error {
	l.checked++
	return domain.ErrBusy
}

func (l *limited) Count(_ netip.Addr, failed bool) {
	if failed {
		l.failed++
	}
}

func hooked(t *testing.T, a *authority, limits httpapi.Limits) (http.Handler, *logtest.Log) {
	t.Helper()
	server, log := hookedServer(a, limits)
	return handlerOf(t, server), log
}

func hookedServer(a *authority, limits httpapi.Limits) (*httpapi.Server, *logtest.Log) {
	log := &logtest.Log{}
	use := httpapi.UseCases{Departures: a, End: a, Limits: limits}
	config := httpapi.Config{RequestTimeout: 10_000_000_000, TrustedProxies: httpapi.Prefixes{}}
	return httpapi.NewServer(config, bridgeClientID, use, slog.New(slog.NewJSONHandler(log, nil))), log
}

func tell(handler http.Handler, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/hooks/authsignal", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Signature-V2", "t=1,v2=the-signature")
	r.RemoteAddr = "192.0.2.1:1234"
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

var jane = domain.Departure{ID: "event-1", Authority: "authsignal", Subject: "auth0|jane", Why: domain.NotePasskeyDeleted}

func TestAWebhookIsReadAsItCameAndDone(t *testing.T) {
	a := &authority{departure: jane, tells: true}
	handler, _ := hooked(t, a, nil)
	const body = `{"type" : "authenticator.deleted",  "data":{}}`
	if w := tell(handler, body); w.Code != http.StatusOK || w.Body.Len() > 0 {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if string(a.body) != body || a.signature != "t=1,v2=the-signature" {
		t.Errorf("read %q, signed %q", a.body, a.signature)
	}
	if len(a.told) != 1 || a.told[0].Departure != jane || a.told[0].Client.Addr.String() != "192.0.2.1" {
		t.Errorf("told %+v", a.told)
	}
}

func TestWhatBecomesOfAWebhook(t *testing.T) {
	for name, tt := range map[string]struct {
		a      authority
		status int
		code   string
		told   int
		level  string
	}{
		"about something else":        {authority{}, 200, "", 0, ""},
		"that is forged":              {authority{readErr: fmt.Errorf("%w: no", domain.ErrTokenRejected)}, 400, "invalid_request", 0, "WARN"},
		"that is no event":            {authority{readErr: errors.New("the body is no event")}, 400, "invalid_request", 0, "INFO"},
		"while the store is away":     {authority{departure: jane, tells: true, endErr: domain.ErrUnavailable}, 503, "unavailable", 1, "WARN"},
		"at a limit":                  {authority{departure: jane, tells: true, endErr: domain.ErrBusy}, 429, "busy", 1, "WARN"},
		"with a wrong key of ours":    {authority{departure: jane, tells: true, endErr: errors.New("check it")}, 500, "internal_error", 1, "ERROR"},
		"that is forged and tells it": {authority{departure: jane, tells: true, readErr: domain.ErrTokenRejected}, 400, "invalid_request", 0, "WARN"},
	} {
		t.Run(name, func(t *testing.T) {
			handler, log := hooked(t, &tt.a, nil)
			w := tell(handler, `{}`)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.code) || len(tt.a.told) != tt.told {
				t.Errorf("answered %d %s, told %d times", w.Code, w.Body, len(tt.a.told))
			}
			if !strings.Contains(log.String(), tt.level) || strings.Contains(log.String(), "the-signature") {
				t.Errorf("logged %s, want %s and no signature", log.String(), tt.level)
			}
		})
	}
}

// An operator is told of forgeries, and not of what is well signed and cannot be read.
func TestForgedWebhooksAreCounted(t *testing.T) {
	a := &authority{departure: jane, tells: true}
	server, _ := hookedServer(a, nil)
	handler := handlerOf(t, server.Wrapped())
	for _, err := range []error{nil, domain.ErrTokenRejected, errors.New("no event"), domain.ErrTokenRejected} {
		a.readErr = err
		tell(handler, `{}`)
	}
	if got := server.WebhooksForged(); got != 2 {
		t.Errorf("%d are counted, want 2", got)
	}
}

func TestAWebhookThatIsTooLargeIsReadByNobody(t *testing.T) {
	a := &authority{}
	handler, _ := hooked(t, a, nil)
	if w := tell(handler, strings.Repeat(" ", 16<<10+1)); w.Code != http.StatusRequestEntityTooLarge || a.body != nil {
		t.Errorf("answered %d, read %d bytes", w.Code, len(a.body))
	}
}

// A storm of deletions comes from one address.
func TestWebhooksAreOutsideTheLimitsOfAnAddress(t *testing.T) {
	l := &limited{}
	good := &authority{departure: jane, tells: true}
	handler, _ := hooked(t, good, l)
	if w := tell(handler, `{}`); w.Code != http.StatusOK || l.checked > 0 || l.failed > 0 {
		t.Errorf("answered %d, checked %d, failed %d", w.Code, l.checked, l.failed)
	}
	forged := &authority{readErr: domain.ErrTokenRejected}
	handler, _ = hooked(t, forged, l)
	if w := tell(handler, `{}`); w.Code != http.StatusBadRequest || l.failed != 1 {
		t.Errorf("answered %d, failed %d, want a forgery counted", w.Code, l.failed)
	}
}

func TestWithoutWebhooksThereIsNoHook(t *testing.T) {
	handler := handlerOf(t, httpapi.NewServer(httpapi.Config{RequestTimeout: 10_000_000_000}, bridgeClientID, httpapi.UseCases{}, slog.New(slog.DiscardHandler)))
	if w := tell(handler, `{}`); w.Code != http.StatusNotFound {
		t.Errorf("answered %d, want 404", w.Code)
	}
}
