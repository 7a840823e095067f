package relyingparty_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crypto/x509"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/relyingparty"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const (
	appID       = "A1B2C3D4E5.com.example.app"
	fingerprint = "14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42:E6:1D:BE:A8:8A:04:96:B2:3F:CF:44:E5"
	association = `{"applinks":{},"webcredentials":{"apps":["` + appID + `"]}}`
	assetLinks  = `[{"relation":["delegate_permission/common.handle_all_urls","delegate_permission/common.get_login_creds"],
		"target":{"namespace":"android_app","package_name":"com.example.app","sha256_cert_fingerprints":["` + fingerprint + `"]}}]`
)

// site is the domain, which serves both documents unless a test has it do otherwise.
type site map[string]http.HandlerFunc

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if instead, found := s[r.URL.Path]; found {
		instead(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch r.URL.Path {
	case "/.well-known/apple-app-site-association":
		_, _ = w.Write([]byte(association))
	case "/.well-known/assetlinks.json":
		_, _ = w.Write([]byte(assetLinks))
	}
}

func configOf(t *testing.T, server *httptest.Server) relyingparty.Config {
	t.Helper()
	config := relyingparty.Config{}
	for text, into := range map[string]interface{ UnmarshalText([]byte) error }{
		strings.TrimPrefix(server.URL, "https://"): &config.Domain,
		appID: &config.Apple, "com.example.app/" + strings.ToLower(fingerprint): &config.Android,
	} {
		if err := into.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return config
}

func clientOf(server *httptest.Server) *upstream.Client {
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return upstream.New(upstream.Options{Name: "relying party", RootCAs: pool, Now: time.Now})
}

func TestTheDomainIsProbedAsAProbeMust(t *testing.T) {
	portstest.Probe(t, func(t *testing.T) portstest.ProbeHarness {
		var broken, silent atomic.Bool
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case broken.Load():
				http.NotFound(w, r)
			case silent.Load():
				<-r.Context().Done()
			default:
				site{}.ServeHTTP(w, r)
			}
		}))
		t.Cleanup(server.Close)
		return portstest.ProbeHarness{
			Probe: relyingparty.NewProbe(clientOf(server), configOf(t, server)),
			Break: func(*testing.T) { broken.Store(true) },
			Hang:  func(*testing.T) { silent.Store(true) },
		}
	})
}

func TestWhatIsWrongWithTheDomainIsNamed(t *testing.T) {
	const apple, android = "/.well-known/apple-app-site-association", "/.well-known/assetlinks.json"
	says := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write([]byte(body))
		}
	}
	answers := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	const asJSON = "application/json"
	for name, tt := range map[string]struct {
		site          site
		code, problem string
	}{
		"nothing":                                 {site{}, "", ""},
		"there is no file for iOS":                {site{apple: http.NotFound}, "NB301", "it answers 404"},
		"there is none for Android":               {site{android: http.NotFound}, "NB311", "it answers 404"},
		"the file for iOS is elsewhere":           {site{apple: http.RedirectHandler("https://www.example.com"+apple, http.StatusMovedPermanently).ServeHTTP}, "NB302", "301, to https://www.example.com"},
		"the one for Android is elsewhere":        {site{android: http.RedirectHandler("https://www.example.com"+android, http.StatusFound).ServeHTTP}, "NB312", "302"},
		"there are several for iOS":               {site{apple: answers(http.StatusMultipleChoices)}, "NB302", "300"},
		"iOS is refused":                          {site{apple: answers(http.StatusBadRequest)}, "NB301", "it answers 400"},
		"the file for iOS is served as text":      {site{apple: says("text/plain", association)}, "NB303", `"text/plain"`},
		"the one for Android is served as a page": {site{android: says("text/html", assetLinks)}, "NB313", `"text/html"`},
		"the file for iOS is no JSON":             {site{apple: says(asJSON, "<html>")}, "NB304", "no JSON"},
		"another app for iOS":                     {site{apple: says(asJSON, strings.ReplaceAll(association, "E5.com", "E6.com"))}, "NB304", appID + " in webcredentials"},
		"the app for links only":                  {site{apple: says(asJSON, `{"applinks":{"apps":["`+appID+`"]}}`)}, "NB304", appID},
		"another package":                         {site{android: says(asJSON, strings.ReplaceAll(assetLinks, "com.example.app", "com.example.other"))}, "NB314", "com.example.app"},
		"another certificate":                     {site{android: says(asJSON, strings.ReplaceAll(assetLinks, "14:6D", "15:6D"))}, "NB314", "14:6D:E9:83"},
		"a package for links only":                {site{android: says(asJSON, strings.ReplaceAll(assetLinks, "get_login_creds", "other"))}, "NB314", "get_login_creds"},
		"a site of the same name":                 {site{android: says(asJSON, strings.ReplaceAll(assetLinks, "android_app", "web"))}, "NB314", "com.example.app"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewTLSServer(tt.site)
			t.Cleanup(server.Close)
			var failed domain.Finding
			relyingparty.NewProbe(clientOf(server), configOf(t, server)).Run(t.Context(), func(finding domain.Finding) {
				if finding.Outcome == domain.Failed {
					failed = finding
				}
			})
			if failed.Code != tt.code || !strings.Contains(failed.Problem, tt.problem) {
				t.Errorf("%q fails: %s; want %q: … %s …", failed.Code, failed.Problem, tt.code, tt.problem)
			}
		})
	}
}

// publishes is a domain whose web server is the bridge, as far as these documents go.
func publishes(config relyingparty.Config) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		document, found := config.Documents()[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	}
}

func TestDoctorAcceptsWhatTheBridgePublishes(t *testing.T) {
	var config relyingparty.Config
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { publishes(config)(w, r) }))
	t.Cleanup(server.Close)
	config = configOf(t, server)
	other := relyingparty.AndroidApp{Package: "com.example.other", Fingerprint: config.Android[0].Fingerprint}
	config.Serve, config.Apple, config.Android = true, append(config.Apple, "A1B2C3D4E5.com.example.other"), append(config.Android, other)
	passed := 0
	relyingparty.NewProbe(clientOf(server), config).Run(t.Context(), func(finding domain.Finding) {
		if finding.Outcome != domain.Passed {
			t.Errorf("%s: %s", finding.Code, finding.Problem)
		}
		passed++
	})
	if passed != 8 {
		t.Errorf("%d checks were made, want 8", passed)
	}
}

func TestOnlyWhatIsConfiguredIsPublished(t *testing.T) {
	const apple, android, endpoints = "/.well-known/apple-app-site-association", "/.well-known/assetlinks.json", "/.well-known/passkey-endpoints"
	apps := relyingparty.Config{Apple: relyingparty.AppleApps{appID}, Android: relyingparty.AndroidApps{{Package: "com.example.app", Fingerprint: fingerprint}}}
	on, iOS := apps, relyingparty.Config{Serve: true, Apple: apps.Apple, Enrol: "https://example.com/passkeys", Manage: "https://example.com/account"}
	on.Serve = true
	for name, tt := range map[string]struct {
		config relyingparty.Config
		want   map[string]string
	}{
		"nothing, unless it is on": {apps, map[string]string{}},
		"all": {on, map[string]string{
			apple:     `{"webcredentials":{"apps":["` + appID + `"]}}`,
			android:   `[{"relation":["delegate_permission/common.get_login_creds","delegate_permission/common.handle_all_urls"],"target":{"namespace":"android_app","package_name":"com.example.app","sha256_cert_fingerprints":["` + fingerprint + `"]}}]`,
			endpoints: `{}`,
		}},
		"Android alone": {relyingparty.Config{Serve: true, Android: apps.Android}, map[string]string{
			android:   `[{"relation":["delegate_permission/common.get_login_creds","delegate_permission/common.handle_all_urls"],"target":{"namespace":"android_app","package_name":"com.example.app","sha256_cert_fingerprints":["` + fingerprint + `"]}}]`,
			endpoints: `{}`,
		}},
		"one platform, and pages": {iOS, map[string]string{
			apple:     `{"webcredentials":{"apps":["` + appID + `"]}}`,
			endpoints: `{"enroll":"https://example.com/passkeys","manage":"https://example.com/account"}`,
		}},
	} {
		got := map[string]string{}
		for path, document := range tt.config.Documents() {
			got[path] = string(document)
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestWhatIsNotConfiguredIsNotMade(t *testing.T) {
	relyingparty.NewProbe(nil, relyingparty.Config{}).Run(t.Context(), func(finding domain.Finding) {
		if finding.Outcome != domain.NotMade {
			t.Errorf("%s: the outcome is %v", finding.Code, finding.Outcome)
		}
		if finding.Code == "NB301" && !strings.Contains(finding.Problem, "RELYING_PARTY_ID is not set") {
			t.Errorf("it says %q", finding.Problem)
		}
	})
}

func TestAPlatformWithoutAppsIsNotAskedFor(t *testing.T) {
	server := httptest.NewTLSServer(site{})
	t.Cleanup(server.Close)
	config := configOf(t, server)
	ofIOS, ofAndroid := config, config
	ofIOS.Android, ofAndroid.Apple = nil, nil
	for _, tt := range []struct {
		config                 relyingparty.Config
		made, left, unset, who string // checks by their codes or the beginning of them, a setting, and the platform that wants it
	}{
		{ofIOS, "NB30", "NB311", "ANDROID_APPS", "Android"},
		{ofAndroid, "NB31", "NB301", "APPLE_APP_IDS", "iOS"},
	} {
		relyingparty.NewProbe(clientOf(server), tt.config).Run(t.Context(), func(f domain.Finding) {
			if made := strings.HasPrefix(f.Code, tt.made); made != (f.Outcome == domain.Passed) || !made && f.Outcome != domain.NotMade {
				t.Errorf("%s: the outcome is %v: %s", f.Code, f.Outcome, f.Problem)
			}
			if f.Code == tt.left && (f.Problem != tt.unset+" is not set" || !strings.Contains(f.Fix, tt.who)) {
				t.Errorf("%s says %q, %q", f.Code, f.Problem, f.Fix)
			}
		})
	}
}

func TestADomainThatNobodyServesFailsTheFirstCheckOfEachPlatform(t *testing.T) {
	server := httptest.NewTLSServer(site{})
	client, config := clientOf(server), configOf(t, server)
	server.Close()
	var failed []string
	relyingparty.NewProbe(client, config).Run(t.Context(), func(f domain.Finding) {
		if f.Outcome == domain.Failed && f.Problem != "" && f.Fix != "" {
			failed = append(failed, f.Code)
		}
	})
	if !slices.Equal(failed, []string{"NB301", "NB311"}) {
		t.Errorf("%v fail, want the first of each", failed)
	}
}
