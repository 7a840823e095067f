package docs_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/httpapi/openapitest"
	"nativebridge/adapters/ops"
)

// keysOfAssertions stands for an issuer that signs assertions: its route is there too.
type keysOfAssertions struct{}

func (keysOfAssertions) AssertionJWKS() []byte { return []byte(`{"keys":[]}`) }

// departures stands for an authority that tells of deleted passkeys: its route is there too.
type departures struct{ httpapi.Departures }

// TestTheDescriptionHasEveryRouteAndNoOther fails if a route is added to the bridge and
// not to openapi.yaml, or the other way round.
func TestTheDescriptionHasEveryRouteAndNoOther(t *testing.T) {
	var want []string
	err := chi.Walk(wholeAPI().(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		want = append(want, method+" "+route)
		return nil
	})
	if err != nil || len(want) == 0 {
		t.Fatalf("the routes are %q: %v", want, err)
	}
	got := describedRoutes(t, func(tag string) bool { return tag != "operations" })
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("openapi.yaml has %q, the bridge %q", got, want)
	}
}

func TestTheProbesAreAsTheDescriptionSays(t *testing.T) {
	description := loadDescription(t)
	health := ops.NewHealth(nil, nil, slog.New(slog.DiscardHandler))
	handler := description.Handler(t, ops.NewServer(ops.Config{}, health, slog.New(slog.DiscardHandler)).Handler())
	probe := func(want int) {
		t.Helper()
		routes := describedRoutes(t, func(tag string) bool { return tag == "operations" })
		if len(routes) != 2 {
			t.Errorf("described are %q", routes)
		}
		for _, route := range routes {
			method, path, _ := strings.Cut(route, " ")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
			if path == "/readyz" && w.Code != want {
				t.Errorf("%s is answered %d %s, want %d", path, w.Code, w.Body, want)
			}
		}
	}
	probe(http.StatusServiceUnavailable)
	health.WarmUp(t.Context())
	probe(http.StatusOK)
	health.Drain()
	probe(http.StatusServiceUnavailable)
}

// published stands for what the domain of the relying party publishes.
var published = map[string][]byte{
	"/.well-known/apple-app-site-association": []byte("{}"), "/.well-known/assetlinks.json": []byte("[]"), "/.well-known/passkey-endpoints": []byte("{}"),
}

// wholeAPI is the bridge with every route that it can have.
func wholeAPI() http.Handler {
	use := httpapi.UseCases{Exchange: &exchange{}, AssertionKeys: keysOfAssertions{}, Passkeys: passkeysThatFail(nil), Documents: published, Departures: departures{}}
	return httpapi.NewServer(httpapi.Config{PublicURL: "https://bridge.example.com"}, "the-client", use, slog.New(slog.DiscardHandler)).Handler()
}

// readDescription reads it once, since looking at all of its examples takes a while.
var readDescription = sync.OnceValues(func() (*openapitest.Description, error) { return openapitest.Load("openapi.yaml") })

func loadDescription(t *testing.T) *openapitest.Description {
	t.Helper()
	description, err := readDescription()
	if err != nil {
		t.Fatal(err)
	}
	return description
}

// describedRoutes lists the operations of the description whose tag is wanted, sorted.
func describedRoutes(t *testing.T, wanted func(tag string) bool) []string {
	t.Helper()
	var routes []string
	for path, item := range loadDescription(t).Paths.Map() {
		for method, operation := range item.Operations() {
			if wanted(operation.Tags[0]) {
				routes = append(routes, method+" "+path)
			}
		}
	}
	slices.Sort(routes)
	return routes
}
