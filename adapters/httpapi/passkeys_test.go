package httpapi_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/app"
	"nativebridge/domain"
)

const accessToken = "header.payload.signature-of-the-issuer"

// passkeys stands for the three use cases.
type passkeys struct {
	asked   []any
	token   domain.Secret
	list    []domain.Passkey
	err     error
	handler http.Handler
	log     *logtest.Log
}

type (
	enrols  struct{ *passkeys }
	lists   struct{ *passkeys }
	removes struct{ *passkeys }
)

func (p enrols) Execute(_ context.Context, asked app.Enrolment) (domain.Secret, error) {
	p.asked = append(p.asked, asked)
	return p.token, p.err
}

func (p lists) Execute(_ context.Context, asked app.Listing) ([]domain.Passkey, error) {
	p.asked = append(p.asked, asked)
	return p.list, p.err
}

func (p removes) Execute(_ context.Context, asked app.Removal) error {
	p.asked = append(p.asked, asked)
	return p.err
}

func newPasskeys(t *testing.T) *passkeys {
	p := &passkeys{token: domain.NewSecret("the-enrolment-token"), log: &logtest.Log{}}
	use := httpapi.UseCases{Exchange: &exchanger{}, Passkeys: &httpapi.Passkeys{
		Enrol: enrols{p}, List: lists{p}, Remove: removes{p}, Scope: "manage:passkeys", MaxAge: 10 * time.Minute,
	}}
	p.handler = handlerOf(t, httpapi.NewServer(httpapi.Config{}, bridgeClientID, use, slog.New(slog.NewJSONHandler(p.log, nil))))
	return p
}

func (p *passkeys) send(method, path string, authorization ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for _, header := range authorization {
		r.Header.Add("Authorization", header)
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

func TestASignedInPersonAddsListsAndRemovesPasskeys(t *testing.T) {
	p := newPasskeys(t)
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.FixedZone("", 3600))
	p.list = []domain.Passkey{{ID: "1", Name: "Key", CreatedAt: at, LastUsedAt: at, Synced: true}, {ID: "2"}}
	for _, tt := range []struct {
		method, path string
		status       int
		body         string
	}{
		{http.MethodPost, "/v1/passkeys", 200, `{"token":"the-enrolment-token"}`},
		{http.MethodGet, "/v1/passkeys", 200, `{"passkeys":[{"id":"1","name":"Key","created_at":"2026-11-28T11:00:00Z","last_used_at":"2026-11-28T11:00:00Z","synced":true},{"id":"2","synced":false}]}`},
		{http.MethodDelete, "/v1/passkeys/1", 204, ""},
	} {
		w := p.send(tt.method, tt.path, "bearer "+accessToken)
		if w.Code != tt.status || strings.TrimSpace(w.Body.String()) != tt.body || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: %d %s %v, want %d %s", tt.method, tt.path, w.Code, w.Body, w.Header(), tt.status, tt.body)
		}
	}
	for i, asked := range p.asked {
		var got domain.Secret
		switch asked := asked.(type) {
		case app.Enrolment:
			got = asked.Access
		case app.Listing:
			got = asked.Access
		case app.Removal:
			got = asked.Access
			if asked.Passkey != "1" {
				t.Errorf("the passkey %q is removed", asked.Passkey)
			}
		}
		if got.Reveal() != accessToken {
			t.Errorf("call %d has the access token %q", i, got.Reveal())
		}
	}
	if len(p.asked) != 3 || strings.Contains(p.log.String(), accessToken) || strings.Contains(p.log.String(), "the-enrolment-token") {
		t.Errorf("%d calls, and the log says %s", len(p.asked), p.log)
	}
	if w := p.send(http.MethodGet, "/v1/passkeys", "Bearer "+accessToken); !strings.Contains(w.Body.String(), `"passkeys":[`) {
		t.Errorf("%s", w.Body)
	}
}

func TestNobodyHasNoPasskeysAndNotNone(t *testing.T) {
	if w := newPasskeys(t).send(http.MethodGet, "/v1/passkeys", "Bearer "+accessToken); strings.TrimSpace(w.Body.String()) != `{"passkeys":[]}` {
		t.Errorf("%s", w.Body)
	}
}

// The id is a segment of the path, whatever it is made of.
func TestAnIDIsReadAsItWasMeant(t *testing.T) {
	for _, id := range []string{"1", "a|b", "a/b", "a b", "a%2Fb", "..%2f", "ä"} {
		p := newPasskeys(t)
		p.send(http.MethodDelete, "/v1/passkeys/"+url.PathEscape(id), "Bearer "+accessToken)
		if len(p.asked) != 1 || p.asked[0].(app.Removal).Passkey != id {
			t.Errorf("%q is read as %+v", id, p.asked)
		}
	}
}

func TestWithoutAnAccessTokenInTheHeaderNobodyIsAsked(t *testing.T) {
	const challenge = `Bearer realm="native-bridge"`
	for name, tt := range map[string]struct {
		query         string
		authorization []string
		status        int
		code          string
		challenge     string
	}{
		"none":                       {"", nil, 401, "access_token_missing", challenge},
		"another scheme":             {"", []string{"Basic " + accessToken}, 401, "access_token_missing", challenge},
		"one that is bound to a key": {"", []string{"DPoP " + accessToken}, 401, "access_token_missing", challenge},
		"an empty one":               {"", []string{"Bearer "}, 400, "invalid_request", ""},
		"two in a header":            {"", []string{"Bearer " + accessToken + " " + accessToken}, 400, "invalid_request", ""},
		"two headers":                {"", []string{"Bearer " + accessToken, "Bearer " + accessToken}, 400, "invalid_request", ""},
		"one that is too long":       {"", []string{"Bearer " + strings.Repeat("a", 8<<10+1)}, 400, "invalid_request", ""},
		"one in the URL":             {"?access_token=" + accessToken, nil, 400, "invalid_request", ""},
		"one more in the URL":        {"?access_token=" + accessToken, []string{"Bearer " + accessToken}, 400, "invalid_request", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, route := range []string{"POST /v1/passkeys", "GET /v1/passkeys", "DELETE /v1/passkeys/1"} {
				p := newPasskeys(t)
				method, path, _ := strings.Cut(route, " ")
				w := p.send(method, path+tt.query, tt.authorization...)
				if w.Code != tt.status || !strings.Contains(w.Body.String(), `"code":"`+tt.code+`"`) || w.Header().Get("WWW-Authenticate") != tt.challenge {
					t.Errorf("%s: %d %s, challenge %q", route, w.Code, w.Body, w.Header().Get("WWW-Authenticate"))
				}
				if len(p.asked) > 0 || strings.Contains(p.log.String()+w.Body.String(), accessToken) {
					t.Errorf("%s: asked %v, told %s %s", route, p.asked, p.log, w.Body)
				}
			}
		})
	}
}

func TestAFailureOfPasskeysTellsWhatTheAccessTokenLacks(t *testing.T) {
	const challenge = `Bearer realm="native-bridge", error=`
	for reason, tt := range map[domain.Error]struct {
		status    int
		challenge string
	}{
		domain.ErrAccessTokenInvalid: {401, challenge + `"invalid_token"`},
		domain.ErrSignInTooOld:       {401, challenge + `"insufficient_user_authentication", max_age="600"`},
		domain.ErrScopeInsufficient:  {403, challenge + `"insufficient_scope", scope="manage:passkeys"`},
		domain.ErrEnrolmentDenied:    {403, ""},
		domain.ErrTokenReplayed:      {409, ""},
		domain.ErrBusy:               {429, ""},
		domain.ErrUnavailable:        {503, ""},
	} {
		p := newPasskeys(t)
		p.err = errors.Join(reason, errors.New(causeText))
		w := p.send(http.MethodPost, "/v1/passkeys", "Bearer "+accessToken)
		if w.Code != tt.status || w.Header().Get("WWW-Authenticate") != tt.challenge || !strings.Contains(w.Body.String(), `"code":"`+string(reason)+`"`) {
			t.Errorf("%s: %d %s, challenge %q", reason, w.Code, w.Body, w.Header().Get("WWW-Authenticate"))
		}
		if strings.Contains(w.Body.String(), causeText) || !strings.Contains(p.log.String(), causeText) {
			t.Errorf("%s: the cause is told to the app, or not to the operator", reason)
		}
	}
	p := newPasskeys(t)
	p.err = domain.ErrPasskeyUnknown
	if w := p.send(http.MethodDelete, "/v1/passkeys/1", "Bearer "+accessToken); w.Code != 404 || !strings.Contains(w.Body.String(), `"code":"passkey_unknown"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAPageOfANamedOriginRemovesPasskeys(t *testing.T) {
	const origin = "https://app.example.com"
	use := httpapi.UseCases{Exchange: &exchanger{}, Passkeys: &httpapi.Passkeys{}}
	handler := handlerOf(t, httpapi.NewServer(httpapi.Config{CORSOrigins: httpapi.Origins{origin}}, bridgeClientID, use, slog.New(slog.DiscardHandler)))
	w := fromOrigin(handler, origin, http.MethodOptions, "/v1/passkeys/1", "", "Access-Control-Request-Method", "DELETE", "Access-Control-Request-Headers", "authorization")
	if got := w.Header().Get("Access-Control-Allow-Origin"); got != origin {
		t.Errorf("%d, allowed is %q", w.Code, got)
	}
}

func TestUnlessItIsConfiguredThereIsNothingAboutPasskeys(t *testing.T) {
	b := newBench(t, httpapi.Config{}, &exchanger{})
	for _, route := range []string{"POST /v1/passkeys", "GET /v1/passkeys", "DELETE /v1/passkeys/1"} {
		method, path, _ := strings.Cut(route, " ")
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
		r.Header.Set("Authorization", "Bearer "+accessToken)
		b.handler.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", route, w.Code, w.Body)
		}
	}
}
