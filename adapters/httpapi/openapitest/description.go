// Package openapitest holds the requests of tests, and their answers, against an OpenAPI
// description of who answers.
package openapitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Description is an OpenAPI document. Make one with Load. It is safe for concurrent use.
type Description struct {
	*openapi3.T
	elsewhere *openapi3.Operation // what is answered where nothing is described
}

// Load reads the description at path. The error also says what is wrong with the document
// itself, its examples included: each must be as its schema says.
//
// Where no operation is described, answers must be as the components NotFound,
// MethodNotAllowed or Busy say.
func Load(path string) (*Description, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	responses := openapi3.NewResponsesWithCapacity(3)
	for status, name := range map[string]string{"404": "NotFound", "405": "MethodNotAllowed", "429": "Busy"} {
		response, found := doc.Components.Responses[name]
		if !found {
			return nil, fmt.Errorf("%s has no component %s", path, name)
		}
		responses.Set(status, response)
	}
	return &Description{doc, &openapi3.Operation{Responses: responses}}, nil
}

// Handler is next, and fails t for each answer that is not as the description says.
func (d *Description) Handler(t testing.TB, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := &tee{ReadCloser: r.Body}
		r.Body = asked
		sent := r.Clone(r.Context()) // the handler may change it
		answered := &recorder{ResponseWriter: w}
		next.ServeHTTP(answered, r)
		_, _ = io.Copy(io.Discard, asked) // what the handler left unread
		if answered.status == 0 {
			answered.WriteHeader(http.StatusOK)
		}
		d.check(t, Exchange{sent, asked.read.Bytes(), asked.err, answered.status, answered.header, answered.body.Bytes()})
	})
}

// Client returns a client whose requests and answers fail t if they are not as the
// description says. A nil base is http.DefaultTransport.
func (d *Description) Client(t testing.TB, base http.RoundTripper) *http.Client {
	if base == nil {
		base = http.DefaultTransport
	}
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		var asked []byte
		if r.Body != nil {
			asked, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(asked))
		}
		resp, err := base.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		if err == nil {
			d.check(t, Exchange{r, asked, nil, resp.StatusCode, resp.Header, body})
		}
		return resp, nil
	})}
}

func (d *Description) check(t testing.TB, x Exchange) {
	t.Helper()
	if err := d.Check(x); err != nil {
		t.Errorf("%s %s, answered %d, is not as the description says: %v", x.Request.Method, x.Request.URL.Path, x.Status, err)
	}
}

// Exchange is a request and its answer.
type Exchange struct {
	Request *http.Request // but for its body
	Asked   []byte        // the body of the request
	Unread  error         // why the body could not be read
	Status  int
	Header  http.Header
	Body    []byte // of the answer
}

// Check says what about the answer is not as described: its status, its type, its headers
// or its body. A request that is not as described must be answered with an error.
func (d *Description) Check(x Exchange) error {
	if isPreflight(x) && x.Status == http.StatusNoContent { // the browser's protocol and not the API's
		return checkPreflight(x)
	}
	r := x.Request.Clone(context.Background())
	asked := d.input(r, x.Asked)
	if err := d.checkRequest(asked, x); err != nil {
		return err
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true}
	if r.Method == http.MethodHead { // kin-openapi does not look at its answers
		r.Method, options.ExcludeResponseBody = http.MethodGet, true
	}
	response := asked.Route.Operation.Responses.Status(x.Status)
	if response == nil {
		return errors.New("the status is not described")
	}
	if len(response.Value.Content) == 0 && len(x.Body) > 0 {
		return errors.New("no body is described")
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: x.Status, Header: x.Header,
		Body: io.NopCloser(bytes.NewReader(x.Body)), Options: options,
	})
}

func isPreflight(x Exchange) bool {
	return x.Request.Method == http.MethodOptions && x.Request.Header.Get("Access-Control-Request-Method") != ""
}

func checkPreflight(x Exchange) error {
	if len(x.Body) > 0 {
		return errors.New("a preflight is answered with a body")
	}
	return nil
}

// checkRequest says that a request should have been refused.
func (d *Description) checkRequest(asked *openapi3filter.RequestValidationInput, x Exchange) error {
	if asked.Route.Operation == d.elsewhere {
		return nil // its statuses are errors
	}
	err := x.Unread
	if err == nil {
		err = openapi3filter.ValidateRequest(context.Background(), asked)
	}
	if err != nil && x.Status < http.StatusBadRequest {
		return fmt.Errorf("the request should have been refused: %w", err)
	}
	return nil
}

// input is a request together with the operation that it is for.
func (d *Description) input(r *http.Request, body []byte) *openapi3filter.RequestValidationInput {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength, r.GetBody = int64(len(body)), nil
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	route := &routers.Route{Spec: d.T, Path: r.URL.Path, PathItem: &openapi3.PathItem{}, Method: method, Operation: d.elsewhere}
	item, params := d.find(r.URL.EscapedPath())
	if item != nil && described(item, method) {
		route.PathItem, route.Operation = item, item.GetOperation(method)
	}
	return &openapi3filter.RequestValidationInput{
		Request: r, Route: route, PathParams: params, QueryParams: r.URL.Query(),
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true},
	}
}

// find returns what is described at a path, and the parameters that are segments of it; nil if
// nothing is.
func (d *Description) find(path string) (*openapi3.PathItem, map[string]string) {
	if item := d.Paths.Value(path); item != nil {
		return item, nil
	}
	segments := strings.Split(path, "/")
	for template, item := range d.Paths.Map() {
		names, params := strings.Split(template, "/"), map[string]string{}
		if len(names) != len(segments) {
			continue
		}
		for i, name := range names {
			if strings.HasPrefix(name, "{") && segments[i] != "" {
				params[strings.Trim(name, "{}")] = segments[i]
			} else if name != segments[i] {
				params = nil
				break
			}
		}
		if len(params) > 0 {
			return item, params
		}
	}
	return nil, nil
}

func described(item *openapi3.PathItem, method string) bool {
	return slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodDelete}, method) && item.GetOperation(method) != nil
}

// tee remembers what is read, and why no more is.
type tee struct {
	io.ReadCloser
	read bytes.Buffer
	err  error
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.read.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}

// recorder remembers what is written.
type recorder struct {
	http.ResponseWriter
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status, r.header = status, r.Header().Clone()
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// failing ends with err, or with io.EOF if that is nil.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}
