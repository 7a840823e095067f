package httpapi_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/httpapi/openapitest"
	"nativebridge/domain"
)

const descriptionFile = "../../docs/openapi.yaml"

// described is what every request and every answer of this package's tests must keep to.
var described = func() *openapitest.Description {
	description, err := openapitest.Load(descriptionFile)
	if err != nil {
		panic(err)
	}
	return description
}()

// handlerOf returns the server's routes. A request that is answered in another way than
// described fails t.
func handlerOf(t testing.TB, server *httpapi.Server) http.Handler {
	return described.Handler(t, server.Handler())
}

func TestNoTestOfThisPackageGoesAroundTheDescription(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if file != "openapi_test.go" && (bytes.Contains(text, []byte(".Handler()")) || bytes.Contains(text, []byte("http.DefaultClient"))) {
			t.Errorf("%s calls Handler or http.DefaultClient: use handlerOf or described.Client", file)
		}
	}
}

func TestTheDescriptionIsServed(t *testing.T) {
	want, err := os.ReadFile(descriptionFile)
	if err != nil {
		t.Fatal(err)
	}
	b := newOAuthBench(t, domain.ErrUnavailable)
	get := func(method, etag string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, "/openapi.yaml", nil)
		r.Header.Set("If-None-Match", etag)
		b.handler.ServeHTTP(w, r)
		return w
	}
	w := get(http.MethodGet, `"another"`)
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), want) {
		t.Errorf("%d, and %d bytes that are not docs/openapi.yaml: run make generate", w.Code, w.Body.Len())
	}
	if w.Header().Get("Content-Type") != "application/yaml" || w.Header().Get("Pragma") != "" {
		t.Errorf("headers %v", w.Header())
	}
	etag := w.Header().Get("ETag")
	if w := get(http.MethodGet, etag); w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != etag {
		t.Errorf("with its ETag: %d %v", w.Code, w.Header())
	}
	if w := get(http.MethodHead, ""); w.Code != http.StatusOK || w.Header().Get("ETag") != etag {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
}
