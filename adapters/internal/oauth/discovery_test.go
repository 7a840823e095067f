package oauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/oauth"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// discover returns a Discovery of a provider that answers with handler.
func discover(t *testing.T, handler http.HandlerFunc) oauth.Discovery {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	now := func() time.Time { return noon }
	return oauth.Discovery{
		Client: upstream.New(upstream.Options{Name: "provider", Now: now}), Issuer: server.URL,
		Setting: "THE_ISSUER", Foreign: "name the keys by THE_KEYS", Now: now,
	}
}

func TestAProvidersConfigurationIsFetched(t *testing.T) {
	for _, path := range []string{"", "/", "/tenant", "/tenant/"} {
		t.Run("of the issuer at "+path, func(t *testing.T) {
			var asked, issuer, keys string
			d := discover(t, func(w http.ResponseWriter, r *http.Request) {
				asked = r.Method + " " + r.URL.Path + " " + r.Header.Get("Accept")
				fmt.Fprintf(w, `{"issuer":%q,"token_endpoint":"https://elsewhere.example/token","revocation_endpoint":"https://elsewhere.example/revoke",`+
					`"jwks_uri":%q,"token_endpoint_auth_methods_supported":["private_key_jwt"]}`, issuer, keys)
			})
			keys = d.Issuer + "/keys"
			d.Issuer += path
			issuer = d.Issuer
			got, err := d.Fetch(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := "GET " + strings.TrimSuffix(path, "/") + "/.well-known/openid-configuration application/json"
			if asked != want {
				t.Errorf("asked %q, want %q", asked, want)
			}
			if got.Issuer != issuer || got.TokenEndpoint != "https://elsewhere.example/token" || got.RevocationEndpoint != "https://elsewhere.example/revoke" ||
				got.JWKSURI != keys || !slices.Equal(got.AuthMethods, []string{"private_key_jwt"}) {
				t.Errorf("configuration = %+v", got)
			}
			if trouble := d.Client.Trouble(); trouble != nil {
				t.Errorf("trouble = %+v, want none", trouble)
			}
		})
	}
}

func TestAConfigurationIsAFaultOnlyIfItCanNeverBeUsed(t *testing.T) {
	const fault = domain.Error("")
	for name, tt := range map[string]struct {
		status int
		body   string // with ISSUER for the issuer
		want   domain.Error
		says   []string
	}{
		"a failure":                        {500, ``, domain.ErrUnavailable, []string{"status 500"}},
		"a proxy's failure":                {502, ``, domain.ErrUnavailable, []string{"status 502"}},
		"too many questions":               {429, ``, domain.ErrUnavailable, []string{"status 429"}},
		"a question that came too slowly":  {408, ``, domain.ErrUnavailable, []string{"status 408"}},
		"nothing there":                    {404, ``, fault, []string{"ISSUER/.well-known/openid-configuration", "404", "THE_ISSUER"}},
		"somewhere else":                   {302, ``, fault, []string{"302", "THE_ISSUER"}},
		"the last status that is no error": {499, ``, fault, []string{"499", "THE_ISSUER"}},
		"success of another kind":          {204, ``, fault, []string{"204", "THE_ISSUER"}},
		"a page":                           {200, `<html>`, domain.ErrUnavailable, []string{"ISSUER/.well-known/openid-configuration", "THE_ISSUER"}},
		"a member twice":                   {200, `{"issuer":"ISSUER","issuer":"ISSUER","jwks_uri":"ISSUER/keys"}`, domain.ErrUnavailable, []string{"THE_ISSUER"}},
		"another issuer":                   {200, `{"issuer":"https://other.example","jwks_uri":"ISSUER/keys"}`, fault, []string{`"https://other.example"`, "THE_ISSUER"}},
		"the issuer with a slash":          {200, `{"issuer":"ISSUER/","jwks_uri":"ISSUER/keys"}`, fault, []string{"THE_ISSUER"}},
		"a name in another case":           {200, `{"Issuer":"ISSUER","jwks_uri":"ISSUER/keys"}`, fault, []string{"THE_ISSUER"}},
		"keys elsewhere":                   {200, `{"issuer":"ISSUER","jwks_uri":"https://other.example/keys"}`, fault, []string{"jwks_uri", `"https://other.example/keys"`, "name the keys by THE_KEYS"}},
		"no keys":                          {200, `{"issuer":"ISSUER"}`, fault, []string{"jwks_uri", "name the keys by THE_KEYS"}},
	} {
		t.Run(name, func(t *testing.T) {
			var d oauth.Discovery
			d = discover(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(tt.status)
				fmt.Fprint(w, strings.ReplaceAll(tt.body, "ISSUER", d.Issuer))
			})
			_, err := d.Fetch(t.Context())
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want {
				t.Fatalf("err = %v (reason %q), want reason %q", err, reason, tt.want)
			}
			for _, says := range tt.says {
				if says = strings.ReplaceAll(says, "ISSUER/", d.Issuer+"/"); !strings.Contains(err.Error(), says) {
					t.Errorf("err = %v, want %s in it", err, says)
				}
			}
			wait := time.Duration(0)
			if tt.status != http.StatusOK && tt.want == domain.ErrUnavailable {
				wait = 7 * time.Second
			}
			if got := domain.RetryAfterOf(err); got != wait {
				t.Errorf("it is to be asked again in %s, want %s", got, wait)
			}
			refused := tt.want == fault && tt.status != http.StatusOK
			if trouble := d.Client.Trouble(); refused && (trouble == nil || trouble.What != fmt.Sprintf("refuses the bridge (%d)", tt.status)) {
				t.Errorf("trouble = %+v, want that the bridge is refused", trouble)
			}
		})
	}
}

func TestAProviderThatDoesNotAnswerIsUnavailable(t *testing.T) {
	d := discover(t, nil)
	d.Issuer = "http://127.0.0.1:1"
	_, err := d.Fetch(t.Context())
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable {
		t.Errorf("err = %v, want %v", err, domain.ErrUnavailable)
	}
}

func TestAnIssuerThatIsNoURLIsAFault(t *testing.T) {
	d := discover(t, nil)
	d.Issuer = "://"
	_, err := d.Fetch(t.Context())
	if _, known := domain.ReasonOf(err); err == nil || known {
		t.Errorf("err = %v, want one without a reason", err)
	}
}

func TestAnEndpointIsTheIssuersOnlyAtItsOrigin(t *testing.T) {
	for name, tt := range map[string]struct {
		address, issuer string
		want            bool
	}{
		"beside it":                {"https://issuer.example/keys", "https://issuer.example/tenant", true},
		"the host in another case": {"https://Issuer.Example/keys", "https://issuer.example", true},
		"another host":             {"https://other.example/keys", "https://issuer.example", false},
		"another port":             {"https://issuer.example:8443/keys", "https://issuer.example", false},
		"without TLS":              {"http://issuer.example/keys", "https://issuer.example", false},
		"with a user":              {"https://user@issuer.example/keys", "https://issuer.example", false},
		"nothing":                  {"", "https://issuer.example", false},
		"what is no URL":           {"https://issuer.example/%zz", "https://issuer.example", false},
		"two that are no URLs":     {"", "%zz", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := oauth.Discovery{Issuer: tt.issuer, Foreign: "do this"}.CheckEndpoint("some_endpoint", tt.address)
			if (err == nil) != tt.want {
				t.Errorf("err = %v, want none: %t", err, tt.want)
			}
			if err != nil && (!strings.Contains(err.Error(), fmt.Sprintf("some_endpoint %q", tt.address)) || !strings.HasSuffix(err.Error(), ": do this")) {
				t.Errorf("err = %v, want the name, the address and what to do", err)
			}
		})
	}
}
