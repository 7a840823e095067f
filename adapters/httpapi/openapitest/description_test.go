package openapitest_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nativebridge/adapters/httpapi/openapitest"
)

const descriptionFile = "../../../docs/openapi.yaml"

// faults is a test that remembers what it is told and does not fail.
type faults struct {
	testing.TB
	told []string
}

func (f *faults) Helper() {}

func (f *faults) Errorf(format string, args ...any) {
	f.told = append(f.told, fmt.Sprintf(format, args...))
}

// answer is a request, and what it is answered.
type answer struct {
	method, path, contentType, asked string
	status                           int
	header                           map[string]string // instead of, or besides, those that every answer has
	body                             string
}

const (
	signIn  = `{"token":"a.b.c"}`
	session = `{"access_token":"a","token_type":"Bearer","expires_in":60,"id_token":"b"}`
	renewal = "grant_type=refresh_token&refresh_token=x"
	replay  = `{"type":"urn:native-bridge:problem:token_replayed","title":"x","status":409,"code":"token_replayed","request_id":"r"}`
	nothing = `{"type":"urn:native-bridge:problem:not_found","title":"x","status":404,"code":"not_found","request_id":"r"}`
)

func posted(body string) answer {
	return answer{"POST", "/v1/sessions", "application/json", signIn, 200, nil, body}
}

func problem(status int, body string) answer {
	return answer{"POST", "/v1/sessions", "application/json", signIn, status, map[string]string{"Content-Type": "application/problem+json"}, body}
}

func TestAnAnswerMustBeAsDescribed(t *testing.T) {
	description, err := openapitest.Load(descriptionFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		answer
		says string // "" if it is as described
	}{
		"a session":                              {posted(session), ""},
		"a session without an ID token":          {posted(`{"access_token":"a","token_type":"Bearer","expires_in":60}`), "id_token"},
		"a session with a member more":           {posted(`{"access_token":"a","token_type":"Bearer","expires_in":60,"id_token":"b","more":1}`), "more"},
		"another token type":                     {posted(strings.Replace(session, "Bearer", "DPoP", 1)), "token_type"},
		"seconds as a string":                    {posted(strings.Replace(session, "60", `"60"`, 1)), "expires_in"},
		"a status that is not described":         {problem(418, replay), "status"},
		"a problem":                              {problem(409, replay), ""},
		"a problem of another status":            {problem(409, strings.Replace(replay, "409", "400", 1)), "status"},
		"a problem of another code":              {problem(409, strings.Replace(replay, `"token_replayed"`, `"busy"`, 1)), "code"},
		"a problem as JSON":                      {answer{"POST", "/v1/sessions", "application/json", signIn, 409, nil, replay}, "Content-Type"},
		"no Retry-After":                         {problem(503, strings.NewReplacer("409", "503", "token_replayed", "unavailable").Replace(replay)), "Retry-After"},
		"an answer that may be kept":             {answer{"POST", "/v1/sessions", "application/json", signIn, 200, map[string]string{"Cache-Control": "public"}, session}, "Cache-Control"},
		"a session for no token":                 {answer{"POST", "/v1/sessions", "application/json", `{}`, 200, nil, session}, "should have been refused"},
		"a session for a token in a form":        {answer{"POST", "/v1/sessions", "application/x-www-form-urlencoded", `token=a.b.c`, 200, nil, session}, "should have been refused"},
		"a renewal":                              {answer{"POST", "/oauth/token", "application/x-www-form-urlencoded", renewal, 200, nil, strings.Replace(session, `,"id_token":"b"`, "", 1)}, ""},
		"a renewal that is no exchange":          {answer{"POST", "/oauth/token", "application/x-www-form-urlencoded", renewal, 200, nil, strings.Replace(session, "}", `,"issued_token_type":"x"}`, 1)}, "issued_token_type"},
		"a renewal without a token":              {answer{"POST", "/oauth/token", "application/x-www-form-urlencoded", "grant_type=refresh_token", 200, nil, session}, "should have been refused"},
		"a renewal with a resource":              {answer{"POST", "/oauth/token", "application/x-www-form-urlencoded", renewal + "&resource=x", 200, nil, session}, "should have been refused"},
		"a revocation":                           {answer{"POST", "/oauth/revoke", "application/json", `{"token":"x"}`, 200, nil, ""}, ""},
		"a revocation with a body":               {answer{"POST", "/oauth/revoke", "application/json", `{"token":"x"}`, 200, nil, "{}"}, "no body"},
		"a private key among the public":         {answer{"GET", "/assertion/jwks.json", "", "", 200, map[string]string{"Cache-Control": "public, max-age=300"}, `{"keys":[{"kty":"EC","d":"x"}]}`}, "d"},
		"HEAD, with headers only":                {answer{"HEAD", "/.well-known/jwks.json", "", "", 200, map[string]string{"Cache-Control": "public, max-age=300"}, ""}, ""},
		"HEAD, with other headers":               {answer{"HEAD", "/.well-known/jwks.json", "", "", 200, nil, ""}, "Cache-Control"},
		"a path that is not described":           {answer{"GET", "/else", "", "", 404, map[string]string{"Content-Type": "application/problem+json"}, nothing}, ""},
		"a path that is not described, answered": {answer{"GET", "/else", "", "", 200, nil, "{}"}, "status"},
		"a method that is not described":         {answer{"PUT", "/v1/sessions", "application/json", signIn, 200, nil, session}, "status"},
		"another method, without Allow":          {answer{"PUT", "/v1/sessions", "", "", 405, map[string]string{"Content-Type": "application/problem+json"}, strings.NewReplacer("404", "405", "not_found", "method_not_allowed").Replace(nothing)}, "Allow"},
	} {
		t.Run(name, func(t *testing.T) {
			wantTold(t, "from a handler", tt.says, func(f *faults) {
				description.Handler(f, tt).ServeHTTP(httptest.NewRecorder(), tt.request(""))
			})
			wantTold(t, "by a client", tt.says, func(f *faults) {
				server := httptest.NewServer(tt)
				defer server.Close()
				resp, err := description.Client(f, nil).Do(tt.request(server.URL))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != tt.status || string(body) != tt.body {
					t.Errorf("got %d %s, %v", resp.StatusCode, body, err)
				}
			})
		})
	}
}

func wantTold(t *testing.T, how, says string, send func(*faults)) {
	t.Helper()
	f := &faults{TB: t}
	send(f)
	if told := strings.Join(f.told, "\n"); (says == "") != (told == "") || !strings.Contains(told, says) {
		t.Errorf("%s: told %q, want it to say %q", how, told, says)
	}
}

func (a answer) request(at string) *http.Request {
	r := httptest.NewRequest(a.method, at+a.path, strings.NewReader(a.asked))
	r.RequestURI = ""
	if a.contentType != "" {
		r.Header.Set("Content-Type", a.contentType)
	}
	return r
}

func (a answer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	header := map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache",
		"X-Content-Type-Options": "nosniff", "X-Request-Id": "r",
	}
	maps.Copy(header, a.header)
	for name, value := range header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// kin-openapi looks at examples only as far as the document is right.
func TestADocumentThatContradictsItselfIsNotRead(t *testing.T) {
	text, err := os.ReadFile(descriptionFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"an answer's example of another type": {"expires_in: 86400", "expires_in: a day"},
		"a request's example without a token": {"value: {token: ", "value: {tokens: "},
		"no answer for unknown paths":         {"    NotFound:\n", "    Nothing:\n"},
		"a type that JSON does not have":      {"type: integer, minimum: 1", "type: number of seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(string(text), change[0]) {
				t.Fatalf("the description has no %q", change[0])
			}
			path := filepath.Join(t.TempDir(), "openapi.yaml")
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), change[0], change[1])), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := openapitest.Load(path); err == nil {
				t.Error("it is read")
			}
		})
	}
}

func TestAPreflightIsNoPartOfTheDescription(t *testing.T) {
	description, err := openapitest.Load(descriptionFile)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodOptions, "/v1/sessions", nil)
	x := openapitest.Exchange{Request: r, Status: http.StatusNoContent}
	if err := description.Check(x); err == nil {
		t.Error("OPTIONS without a preflight may be answered 204")
	}
	r.Header.Set("Access-Control-Request-Method", "POST")
	if err := description.Check(x); err != nil {
		t.Error(err)
	}
	x.Body = []byte("{}")
	if err := description.Check(x); err == nil {
		t.Error("a preflight may be answered with a body")
	}
}
