package docs_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/app"
	"nativebridge/domain"
)

const catalogue = "errors.md"

// row is a line of the catalogue's first table.
type row struct{ v1, oauth, sameToken, level string }

// onlyAtOAuth are the codes of what cannot be asked for at /v1.
var onlyAtOAuth = []string{"grant_invalid", "scope_invalid", "target_invalid", "invalid_client", "unsupported_grant_type", "unsupported_token_type"}

// onlyAtPasskeys are the codes of what an access token or a passkey's id can be wrong about.
var onlyAtPasskeys = []string{
	"access_token_missing", "access_token_invalid", "insufficient_scope", "sign_in_too_old", "enrolment_denied", "passkey_unknown",
}

// asAtV1 stands in the column of /oauth where it answers a problem too.
const asAtV1 = "as at `/v1`"

func TestEachErrorIsAsTheCatalogueSays(t *testing.T) {
	for code, row := range rows(t) {
		t.Run(code, func(t *testing.T) {
			if (row.v1 == "–") != slices.Contains(onlyAtOAuth, code) {
				t.Errorf("at /v1: %s", row.v1)
			}
			if slices.Contains(onlyAtPasskeys, code) {
				if row.oauth != "–" {
					t.Errorf("at /oauth: %s", row.oauth)
				}
				wantAnswer(t, row, provoke(t, code, "/v1/passkeys"), row.v1+" "+code)
				return
			}
			if row.v1 != "–" {
				wantAnswer(t, row, provoke(t, code, "/v1/sessions"), row.v1+" "+code)
			}
			want := row.oauth
			if want == asAtV1 {
				want = row.v1 + " " + code
			}
			wantAnswer(t, row, provoke(t, code, "/oauth/token"), want)
		})
	}
}

func TestTheCatalogueHasEveryErrorInEveryTableAndNoOther(t *testing.T) {
	want := codesOfTheCode(t)
	for _, section := range []string{"The catalogue", "What the app does", "What the operator looks at"} {
		var got []string
		for _, cells := range table(t, section) {
			got = append(got, cells[0])
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: rows for %q, want %q", section, got, want)
		}
	}
}

// TestTheTypeOfAProblemLeadsToItsRow follows the address in each problem of a bridge with
// PROBLEM_BASE_URL: what comes after the # is an anchor in the row that tells an app what to
// do about it.
func TestTheTypeOfAProblemLeadsToItsRow(t *testing.T) {
	const page = "https://docs.example.com/errors.md"
	text, err := os.ReadFile(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	for code, row := range rows(t) {
		anchor := `<a id="` + code + `"></a>`
		if want := "\n| `" + code + "`" + anchor + " |"; strings.Count(string(text), anchor) != 1 || !strings.Contains(string(text), want) {
			t.Errorf("%s has no row, or several, that begin with %s", catalogue, want)
		}
		if row.v1 == "–" {
			continue
		}
		server := httpapi.NewServer(httpapi.Config{ProblemBaseURL: page}, "the-client",
			httpapi.UseCases{Exchange: &exchange{reasonOf(t, code)}, Passkeys: passkeysThatFail(reasonOf(t, code))}, slog.New(slog.DiscardHandler))
		path := "/v1/sessions"
		if slices.Contains(onlyAtPasskeys, code) {
			path = "/v1/passkeys"
		}
		w := httptest.NewRecorder()
		loadDescription(t).Handler(t, server.Handler()).ServeHTTP(w, request(code, path))
		var problem struct{ Type string }
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Type != page+"#"+code {
			t.Errorf("%s has the type %q, %v", code, problem.Type, err)
		}
	}
}

// answer is what came back, and what was logged about it.
type answer struct {
	text, retryAfter, level string
}

func wantAnswer(t *testing.T, row row, got answer, want string) {
	t.Helper()
	if want = strings.ReplaceAll(want, "`", ""); got.text != want {
		t.Errorf("answered %s, the catalogue says %s", got.text, want)
	}
	if wait := strings.Contains(row.sameToken, "Retry-After"); wait != (got.retryAfter != "") {
		t.Errorf("Retry-After: %q, the catalogue says %q", got.retryAfter, row.sameToken)
	}
	if got.level != row.level {
		t.Errorf("logged as %s, the catalogue says %s", got.level, row.level)
	}
}

// provoke has the real handler answer with code on path, after somebody has signed in:
// until then some refusals are errors.
func provoke(t *testing.T, code, path string) answer {
	t.Helper()
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	failing := &exchange{}
	server := httpapi.NewServer(httpapi.Config{SubjectTokenTypes: httpapi.TokenTypes{"urn:example:token"}}, "the-client",
		httpapi.UseCases{Exchange: failing, Passkeys: passkeysThatFail(reasonOf(t, code))}, logger)
	handler := loadDescription(t).Handler(t, server.Handler())
	if path != "/v1/passkeys" {
		handler.ServeHTTP(httptest.NewRecorder(), request("", path))
	}
	failing.err = reasonOf(t, code)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, request(code, path))

	var body struct{ Code, Error string }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	var line struct {
		Level, Code string
		Status      int
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Code != code || line.Status != w.Code {
		t.Errorf("the log says %s, want one line about %s and %d", log.Bytes(), code, w.Code)
	}
	return answer{fmt.Sprintf("%d %s", w.Code, cmp.Or(body.Code, body.Error)), w.Header().Get("Retry-After"), line.Level}
}

// exchange is a use case that fails if it has an error.
type exchange struct{ err error }

func (e *exchange) Execute(context.Context, app.Exchange) (domain.Session, error) {
	return domain.Session{AccessToken: domain.NewSecret("x"), IDToken: domain.NewSecret("x"), ExpiresIn: time.Hour}, e.err
}

// passkeysThatFail are use cases about passkeys, each of which fails.
func passkeysThatFail(err error) *httpapi.Passkeys {
	return &httpapi.Passkeys{Enrol: enrolment{err}, List: listing{err}, Remove: removal{err}, Scope: "manage:passkeys", MaxAge: time.Minute}
}

type (
	enrolment struct{ err error }
	listing   struct{ err error }
	removal   struct{ err error }
)

func (e enrolment) Execute(context.Context, app.Enrolment) (domain.Secret, error) {
	return domain.NewSecret("t"), e.err
}

func (l listing) Execute(context.Context, app.Listing) ([]domain.Passkey, error) { return nil, l.err }

func (r removal) Execute(context.Context, app.Removal) error { return r.err }

// reasonOf is the failure that leads to code. What wraps no reason is a fault of
// the bridge's own.
func reasonOf(t *testing.T, code string) error {
	if slices.Contains(reasons(t), code) {
		return domain.Error(code)
	}
	return errors.New("a fault")
}

// request is one that gets code: a faulty one if the code is about requests, and
// else one that is well-formed.
func request(code, path string) *http.Request {
	method, contentType := http.MethodPost, "application/json"
	good := `{"token":"a.b.c"}`
	if path == "/oauth/token" {
		contentType = "application/x-www-form-urlencoded"
		good = url.Values{
			"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"subject_token_type": {"urn:example:token"}, "subject_token": {"a.b.c"},
		}.Encode()
	}
	var body io.Reader = strings.NewReader(good)
	switch code {
	case "invalid_request":
		body = strings.NewReader("{}")
	case "invalid_client":
		body = strings.NewReader(good + "&client_secret=x")
	case "unsupported_grant_type":
		body = strings.NewReader("grant_type=password")
	case "unsupported_token_type":
		path, body = "/oauth/revoke", strings.NewReader("token=a.b.c&token_type_hint=access_token")
	case "unsupported_media_type":
		contentType = "text/plain"
	case "request_too_large":
		body = strings.NewReader(good + strings.Repeat(" ", 16<<10))
	case "request_timeout":
		body = iotest.ErrReader(os.ErrDeadlineExceeded)
	case "not_found":
		path += "/nothing"
	case "method_not_allowed":
		method = http.MethodPut
	case "passkey_unknown":
		method, path = http.MethodDelete, path+"/1"
	}
	if strings.HasPrefix(path, "/v1/passkeys") {
		body, contentType = http.NoBody, ""
	}
	r := httptest.NewRequest(method, path, body)
	r.Header.Set("Content-Type", contentType)
	if strings.HasPrefix(path, "/v1/passkeys") && code != "access_token_missing" {
		r.Header.Set("Authorization", "Bearer a.b.c")
	}
	return r
}

// rows are the catalogue's first table, by code.
func rows(t *testing.T) map[string]row {
	t.Helper()
	all := map[string]row{}
	for _, cells := range table(t, "The catalogue") {
		all[cells[0]] = row{cells[1], cells[2], cells[3], cells[4]}
	}
	return all
}

// table returns the lines of the first table of a section of the catalogue, without
// its head. The first cell is a code, and comes without its backticks and its anchor.
func table(t *testing.T, section string) [][]string {
	t.Helper()
	text, err := os.ReadFile(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+section+"\n")
	if !found {
		t.Fatalf("%s has no section %q", catalogue, section)
	}
	var lines [][]string
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "## ") {
			break
		}
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		_, code, _ := strings.Cut(cells[0], "`")
		cells[0], _, _ = strings.Cut(code, "`")
		lines = append(lines, cells)
	}
	return lines
}

// codesOfTheCode are the reasons of the domain and the problems of httpapi's own,
// sorted.
func codesOfTheCode(t *testing.T) []string {
	t.Helper()
	codes := map[string]bool{}
	for _, reason := range reasons(t) {
		codes[reason] = true
	}
	files, err := filepath.Glob("../adapters/httpapi/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of httpapi: %v", err)
	}
	for _, file := range files {
		ast.Inspect(parse(t, file), func(node ast.Node) bool {
			if literal, ok := node.(*ast.CompositeLit); ok && isNamed(literal.Type, "problem") {
				for _, element := range literal.Elts {
					if pair, ok := element.(*ast.KeyValueExpr); ok && isNamed(pair.Key, "Code") {
						addText(codes, pair.Value)
					}
				}
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(codes))
}

// reasons are the constants of type Error in the domain: the closed set.
func reasons(t *testing.T) []string {
	t.Helper()
	codes := map[string]bool{}
	ast.Inspect(parse(t, "../domain/errors.go"), func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok && isNamed(spec.Type, "Error") {
			addText(codes, spec.Values[0])
		}
		return true
	})
	if len(codes) == 0 {
		t.Fatal("the domain has no reasons")
	}
	return slices.Sorted(maps.Keys(codes))
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func isNamed(node ast.Expr, name string) bool {
	ident, ok := node.(*ast.Ident)
	return ok && ident.Name == name
}

// addText adds the text of a string literal; what is computed is a reason's.
func addText(codes map[string]bool, value ast.Expr) {
	if literal, ok := value.(*ast.BasicLit); ok {
		if text, err := strconv.Unquote(literal.Value); err == nil {
			codes[text] = true
		}
	}
}
