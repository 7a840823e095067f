package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/domain"
)

// What the use case can fail with.
var (
	errWrongAction   = domain.WithSettings(fmt.Errorf("%w: its action is another", domain.ErrTokenRejected), "AUTHSIGNAL_ACTION")
	errWrongSubjects = domain.WithSettings(fmt.Errorf("%w: its subject is another", domain.ErrTokenRejected), "AUTHSIGNAL_SUBJECTS")
	errBadToken      = fmt.Errorf("%w: it proves nobody", domain.ErrTokenRejected)
	errDenied        = fmt.Errorf("%w: the Login script refused", domain.ErrAccessDenied)
	errMFA           = fmt.Errorf("%w: the policy is Always", domain.ErrMFARequired)
	errBlocked       = fmt.Errorf("%w: the bridge's address", domain.ErrAccountBlocked)
	errReplayed      = fmt.Errorf("%w: used", domain.ErrTokenReplayed)
	errAway          = fmt.Errorf("%w: nobody answers", domain.ErrUnavailable)
)

// started is a bridge that has just been started, with a clock of its own.
type started struct {
	exchanger exchanger
	handler   http.Handler
	log       bytes.Buffer
	now       time.Time
}

func newStarted(t *testing.T) *started {
	t.Helper()
	s := &started{now: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
	config := httpapi.Config{SubjectTokenTypes: httpapi.TokenTypes{"urn:example:token"}}
	watched := httpapi.WatchFirstSignIn(&s.exchanger, func() time.Time { return s.now })
	s.exchanger.session = goodSession()
	s.handler = handlerOf(t, httpapi.NewServer(config, bridgeClientID, httpapi.UseCases{Exchange: watched},
		slog.New(slog.NewJSONHandler(&s.log, nil))))
	return s
}

// signIn sends a request at path that ends with err, and returns the level of what
// is logged about it, or "" if nothing is.
func (s *started) signIn(t *testing.T, path string, err error) string {
	t.Helper()
	s.exchanger.err = err
	s.log.Reset()
	body := `{"token":"a.b.c"}`
	if path == "/oauth/token" {
		body = `{"grant_type":"urn:ietf:params:oauth:grant-type:token-exchange","subject_token_type":"urn:example:token","subject_token":"a.b.c"}`
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	s.handler.ServeHTTP(httptest.NewRecorder(), r)
	if s.log.Len() == 0 {
		return ""
	}
	var line struct{ Level, Msg, Cause string }
	if err := json.Unmarshal(s.log.Bytes(), &line); err != nil {
		t.Fatalf("the log says %s: %v", s.log.Bytes(), err)
	}
	if err != nil && line.Cause != err.Error() {
		t.Errorf("the cause is %q, want %q", line.Cause, err)
	}
	if raised := strings.Contains(line.Msg, "nobody has signed in since the start"); raised != (line.Level == "ERROR") {
		t.Errorf("at the level %s it says %q", line.Level, line.Msg)
	}
	return line.Level
}

func TestBeforeTheFirstSignInARefusalOfEverybodyIsAnError(t *testing.T) {
	tests := map[string]struct {
		err           error
		before, after string
	}{
		"another action":        {errWrongAction, "ERROR", "INFO"},
		"another kind of ids":   {errWrongSubjects, "ERROR", "INFO"},
		"denied by the issuer":  {errDenied, "ERROR", "WARN"},
		"MFA required":          {errMFA, "ERROR", "WARN"},
		"an address is blocked": {errBlocked, "ERROR", "WARN"},
		"a token of nobody":     {errBadToken, "INFO", "INFO"},
		"a token used twice":    {errReplayed, "INFO", "INFO"},
		"somebody is away":      {errAway, "WARN", "WARN"},
	}
	for name, tt := range tests {
		for _, path := range []string{"/v1/sessions", "/oauth/token"} {
			t.Run(name+" at "+path, func(t *testing.T) {
				s := newStarted(t)
				if got := s.signIn(t, path, tt.err); got != tt.before {
					t.Errorf("before the first sign-in: %s, want %s", got, tt.before)
				}
				if got := s.signIn(t, path, nil); got != "" {
					t.Fatalf("a sign-in is logged as %s", got)
				}
				s.now = s.now.Add(time.Hour)
				if got := s.signIn(t, path, tt.err); got != tt.after {
					t.Errorf("after it: %s, want %s", got, tt.after)
				}
			})
		}
	}
}

func TestEachCauseIsAnErrorOnceAMinute(t *testing.T) {
	s := newStarted(t)
	steps := []struct {
		wait time.Duration
		err  error
		want string
	}{
		{0, errWrongAction, "ERROR"},
		{0, errWrongAction, "INFO"},
		{0, errWrongSubjects, "ERROR"},
		{0, errDenied, "ERROR"},
		{time.Minute - 1, errWrongAction, "INFO"},
		{0, errDenied, "WARN"},
		{1, errWrongAction, "ERROR"},
		{0, errDenied, "ERROR"},
		{0, errDenied, "WARN"},
	}
	var got, want []string
	for _, step := range steps {
		s.now = s.now.Add(step.wait)
		got, want = append(got, s.signIn(t, "/v1/sessions", step.err)), append(want, step.want)
	}
	if !slices.Equal(got, want) {
		t.Errorf("levels are %q, want %q", got, want)
	}
}

// What is raised answers as ever.
func TestARaisedRefusalAnswersAsEver(t *testing.T) {
	s := newStarted(t)
	s.exchanger.err = errDenied
	r := httptest.NewRequest(http.MethodPost, "/v1/sessions", strings.NewReader(`{"token":"a.b.c"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"code":"access_denied"`) || strings.Contains(w.Body.String(), "Login script") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}
