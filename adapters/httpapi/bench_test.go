package httpapi_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nativebridge/adapters/httpapi"
)

// usualBody is the body of a sign-in, with a token of the usual size.
var usualBody = `{"token":"` + strings.Repeat("abcde.", 107) + `"}`

// nowhere is a response that nobody reads.
type nowhere http.Header

func (n nowhere) Header() http.Header            { return http.Header(n) }
func (n nowhere) Write(text []byte) (int, error) { return len(text), nil }
func (n nowhere) WriteHeader(int)                {}

// again is a body that can be read once in each round.
type again struct{ strings.Reader }

func (*again) Close() error { return nil }

func newUsualRequest() (r *http.Request, rewind func()) {
	body := &again{}
	r = httptest.NewRequest(http.MethodPost, "/v1/sessions", body)
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = int64(len(usualBody))
	return r, func() { body.Reset(usualBody) }
}

func BenchmarkReadToken(b *testing.B) {
	r, rewind := newUsualRequest()
	b.ReportAllocs()
	for b.Loop() {
		rewind()
		if !httpapi.ReadToken(nowhere{}, r) {
			b.Fatal("the token is refused")
		}
	}
}

// BenchmarkSessions is all that httpapi does for a sign-in.
func BenchmarkSessions(b *testing.B) {
	use := httpapi.UseCases{Exchange: &exchanger{session: goodSession()}}
	handler := httpapi.NewServer(httpapi.Config{}, bridgeClientID, use, slog.New(slog.DiscardHandler)).HTTPServer().Handler
	r, rewind := newUsualRequest()
	b.ReportAllocs()
	for b.Loop() {
		rewind()
		handler.ServeHTTP(nowhere{}, r)
	}
}
