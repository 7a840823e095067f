package authsignaltest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/internal/patience"
)

func TestInjectedErrors(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	for name, tt := range map[string]struct {
		fault  authsignaltest.Fault
		status int
		code   string
	}{
		"our secret is wrong":      {authsignaltest.Fault{Status: 401}, 401, "unauthorized"},
		"a rate limit":             {authsignaltest.Fault{Status: 429}, 429, "too_many_requests"},
		"a rate limit with a time": {authsignaltest.Fault{Status: 429, RetryAfter: "7"}, 429, "too_many_requests"},
		"an internal error":        {authsignaltest.Fault{}, 500, "internal_error"},
		"unavailable":              {authsignaltest.Fault{Status: 503, RetryAfter: "1"}, 503, "internal_error"},
		"a code of one's own":      {authsignaltest.Fault{Status: 400, Code: "invalid_configuration"}, 400, "invalid_configuration"},
		"a teapot":                 {authsignaltest.Fault{Status: 418}, 418, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.fault.Kind = authsignaltest.FaultError
			s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{tt.fault}})
			r := validate(t, s, object{"token": s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})})
			wantError(t, r, tt.status, tt.code)
			if got := r.header.Get("Retry-After"); got != tt.fault.RetryAfter {
				t.Errorf("Retry-After is %q, want %q", got, tt.fault.RetryAfter)
			}
		})
	}
}

func TestInjectedPages(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	for status, want := range map[int]int{0: http.StatusBadGateway, http.StatusOK: http.StatusOK} {
		s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Kind: authsignaltest.FaultHTML, Status: status}}})
		r := validate(t, s, object{"token": "t"})
		if r.status != want || r.header.Get("Content-Type") != "text/html" || !strings.HasPrefix(r.raw, "<html>") {
			t.Errorf("got %d %s %s", r.status, r.header.Get("Content-Type"), r.raw)
		}
	}
}

func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	// Whether a validation took effect shows under single use.
	arm := func(kind authsignaltest.FaultKind) (token string) {
		s.SetFaults(authsignaltest.Faults{
			SingleUse: authsignaltest.FormInvalid,
			Inject:    []authsignaltest.Fault{{Kind: kind, Times: 1}},
		})
		return s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
	}
	for kind, tookEffect := range map[authsignaltest.FaultKind]bool{authsignaltest.FaultReset: false, authsignaltest.FaultLost: true} {
		token := arm(kind)
		_, _, err := try(t, http.MethodPost, s.APIURL()+"/validate", secret(s), object{"token": token})
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: got error %v, want a connection reset", kind, err)
		}
		wantFields(t, validate(t, s, object{"token": token}), object{"isValid": !tookEffect})
	}

	token := arm(authsignaltest.FaultTruncated)
	res, raw, err := try(t, http.MethodPost, s.APIURL()+"/validate", secret(s), object{"token": token})
	if !errors.Is(err, io.ErrUnexpectedEOF) || res.StatusCode != http.StatusOK || !strings.HasPrefix(string(raw), `{"action"`) {
		t.Errorf("truncated: got %q, %v", raw, err)
	}
	wantFields(t, validate(t, s, object{"token": token}), object{"isValid": false})

	token = arm(authsignaltest.FaultMalformed)
	r := validate(t, s, object{"token": token})
	if r.status != http.StatusOK || r.object != nil || !strings.HasPrefix(r.raw, `{"action"`) {
		t.Errorf("malformed: got %d %s", r.status, r.raw)
	}
	wantFields(t, validate(t, s, object{"token": token}), object{"isValid": false})
}

func TestADripBeginsAndLastsUntilTheCallerGivesUp(t *testing.T) {
	t.Parallel()
	seen := make(chan authsignaltest.Exchange, 1)
	s := start(t, authsignaltest.Options{Observe: func(x authsignaltest.Exchange) { seen <- x }})
	token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
	s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Kind: authsignaltest.FaultDrip}}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.APIURL()+"/validate", strings.NewReader(`{"token":"`+token+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(s.Secret(), "")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(res.Body, first); err != nil || first[0] != '{' {
		t.Errorf("the body begins with %q (%v), want one byte of it", first, err)
	}
	_ = res.Body.Close()
	<-seen
}

func TestAHangLastsUntilTheCallerGivesUp(t *testing.T) {
	t.Parallel()
	seen := make(chan authsignaltest.Exchange, 1)
	s := start(t, authsignaltest.Options{Observe: func(x authsignaltest.Exchange) { seen <- x }})
	s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Kind: authsignaltest.FaultHang}}})

	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { giveUp() }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.APIURL()+"/validate", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the caller's own cancellation", err)
	}
	if x := patience.Receive(t, seen, "the request that hangs"); x.Status != 0 || x.Fault != authsignaltest.FaultHang {
		t.Errorf("recorded %+v", x)
	}
}

func TestADelayedAnswerIsAGoodOne(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{DelayMillis: 20}}})
	wantFields(t, validate(t, s, object{"token": s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})}), object{"isValid": true})
	x := s.Exchanges()[0]
	if x.Duration < 20*time.Millisecond || x.Fault != authsignaltest.FaultDelay || x.Status != http.StatusOK {
		t.Errorf("recorded %+v", x)
	}
}

func TestFaultsAreAimed(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	requests := map[string]func() int{
		"validate": func() int { return validate(t, s, object{"token": "t"}).status },
		"get user": func() int { return send(t, http.MethodGet, s.APIURL()+"/users/u", secret(s), nil).status },
		"patch user": func() int {
			return send(t, http.MethodPatch, s.APIURL()+"/users/u", secret(s), object{}).status
		},
		"connect": func() int {
			return send(t, http.MethodPost, s.ConnectURL()+"/get-user", secret(s), object{"userId": "u"}).status
		},
		"challenge": func() int {
			return send(t, http.MethodPost, s.APIURL()+"/client/challenge", basic(s.TenantID()), object{}).status
		},
		"jwks": func() int {
			return send(t, http.MethodGet, s.APIURL()+"/client/public/"+s.TenantID()+"/.well-known/jwks", "", nil).status
		},
	}
	for route, broken := range map[string]string{
		"":                            "validate, get user, patch user, connect, challenge, jwks",
		"/v1/validate":                "validate",
		"POST /v1/validate":           "validate",
		"GET /v1/validate":            "",
		"/v1/users/{userId}":          "get user, patch user",
		"PATCH /v1/users/{userId}":    "patch user",
		"/v1/client/*":                "challenge, jwks",
		"POST /v1/client/*":           "challenge",
		"/get-user":                   "connect",
		"/v1/users/u, not a pattern*": "",
	} {
		s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Route: route, Kind: authsignaltest.FaultError, Status: http.StatusTeapot}}})
		for name, request := range requests {
			want := http.StatusOK
			if strings.Contains(broken, name) {
				want = http.StatusTeapot
			}
			if got := request(); got != want {
				t.Errorf("fault at %q: %s answered %d, want %d", route, name, got, want)
			}
		}
	}
}

func TestFaultsAreCounted(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	answers := func(n int) (statuses []int) {
		for range n {
			statuses = append(statuses, validate(t, s, object{"token": "t"}).status)
		}
		return statuses
	}
	want := func(got []int, want ...int) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	faults := authsignaltest.Faults{Inject: []authsignaltest.Fault{
		{Route: "/v1/validate", After: 1, Times: 1, Kind: authsignaltest.FaultError, Status: 429},
		{Route: "/v1/validate", Times: 3, Kind: authsignaltest.FaultError, Status: 503},
		{Route: "/v1/users", Kind: authsignaltest.FaultError},
	}}
	s.SetFaults(faults)
	want(answers(5), 503, 429, 503, 200, 200)
	s.SetFaults(faults)
	want(answers(2), 503, 429)
	if got := s.Faults(); !reflect.DeepEqual(got, faults) {
		t.Errorf("knobs are %+v", got)
	}
	s.SetFaults(authsignaltest.Faults{})
	want(answers(1), 200)
}

func TestFaultsAreJSON(t *testing.T) {
	t.Parallel()
	const all = `{"badToken":"401","mismatch":"200-full","singleUse":"400","unverified":"200","strictGetUser":true,` +
		`"allowIsValid":true,"trackState":"ALLOW","audience":"a","omit":["state"],"replace":{"isValid":1},` +
		`"tokenSeconds":1,"challengeSeconds":2,"inject":[{"route":"/v1/validate","after":1,"times":2,"delayMillis":3,` +
		`"kind":"error","status":429,"code":"c","retryAfter":"4"}]}`
	var f authsignaltest.Faults
	if err := json.Unmarshal([]byte(all), &f); err != nil {
		t.Fatal(err)
	}
	if got := string(encode(t, f)); got != all {
		t.Errorf("got  %s\nwant %s", got, all)
	}
	if got := string(encode(t, authsignaltest.Faults{})); got != "{}" {
		t.Errorf("the zero value is %s", got)
	}
	for _, bad := range []string{`{"badToken":"402"}`, `{"inject":[{"kind":"explode"}]}`, `{"trackState":"MAYBE"}`} {
		if err := json.Unmarshal([]byte(bad), &f); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}
