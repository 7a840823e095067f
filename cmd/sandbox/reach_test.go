package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const ownName = "sandbox.example.com"

// tlsFront stands before the page as a TLS proxy or a tunnel does: it passes on the Host,
// and comes from loopback. It returns its port and what makes Chromium trust it under
// ownName.
func tlsFront(t *testing.T, page string) (port string, flags []chromedp.ExecAllocatorOption) {
	t.Helper()
	target, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		p.Out.Host = p.In.Host
	}})
	t.Cleanup(front.Close)
	key := sha256.Sum256(front.Certificate().RawSubjectPublicKeyInfo)
	address, err := url.Parse(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	return address.Port(), []chromedp.ExecAllocatorOption{
		chromedp.Flag("host-resolver-rules", "MAP "+ownName+" 127.0.0.1"),
		chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(key[:])),
	}
}

func TestThePageWorksUnderANameOfOnesOwn(t *testing.T) {
	s := startSandbox(t, map[string]string{"SANDBOX_RP_ID": "example.com"})
	port, flags := tlsFront(t, s.pageURL)
	b := openPageAt(t, noAutofill, "https://"+ownName+":"+port, flags...)
	b.create("jane")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	b.click("#renew")
	b.says("Your session is renewed.")
	for _, hop := range []string{"app → bridge: POST /oauth/token", "bridge → auth0: POST /oauth/token"} {
		if hops := b.hops(); !slices.Contains(hops, hop) {
			t.Errorf("hops = %q, want %s among them", hops, hop)
		}
	}
}

func TestARealTenantUnderANameOfOnesOwnEnrolsOneUserOnly(t *testing.T) {
	port := freePort(t)
	front, flags := tlsFront(t, "http://127.0.0.1:"+port)
	page := "https://" + ownName + ":" + front
	s := setUp(t, "example.com", page)
	s.start(t, map[string]string{"SANDBOX_LISTEN": "127.0.0.1:" + port, "SANDBOX_RP_ID": "example.com"}, "--enrol", "jane")

	b := openPageAt(t, noAutofill, page, flags...)
	b.fill("joe")
	b.click("#create")
	b.says("The sandbox did not do its part: others than this machine can open this page")
	b.open()
	b.click("#create") // the name is there already
	b.says("Your passkey is ready, auth0|jane.")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	if told := s.told.String(); !strings.Contains(told, "whoever opens the page can add a passkey to this user of a real tenant") {
		t.Errorf("nothing warns of it: %s", told)
	}
}

func TestAPageAtAnotherNameThanThePasskeysSaysSo(t *testing.T) {
	s := startSandbox(t, map[string]string{"SANDBOX_RP_ID": "example.com"})
	b := openPageAt(t, noAutofill, s.pageURL) // localhost
	b.fill("jane")
	b.click("#create")
	b.says("The passkeys of this tenant belong to another name than this page’s.")
}

func TestOnlyNamesOfOnesOwnAreAnswered(t *testing.T) {
	s := startSandbox(t, map[string]string{"SANDBOX_RP_ID": "example.com"})
	for host, want := range map[string]int{
		"example.com": http.StatusOK, "sandbox.example.com": http.StatusOK, "sandbox.example.com:8443": http.StatusOK,
		"example.org": http.StatusMisdirectedRequest, "notexample.com": http.StatusMisdirectedRequest,
		"example.com.evil.test": http.StatusMisdirectedRequest, "192.168.1.5:8400": http.StatusMisdirectedRequest,
	} {
		resp, text := s.ask(t, http.MethodGet, "/dev/config", "", http.Header{"Host": {host}})
		if resp.StatusCode != want {
			t.Errorf("%s was answered %d %s, want %d", host, resp.StatusCode, text, want)
		}
		if strings.HasPrefix(host, "sandbox") && !strings.Contains(text, `"authsignal_url":"https://`+host+`/authsignal/v1"`) {
			t.Errorf("the page at %s is told %s, and an emulator answers on loopback only", host, text)
		}
		if strings.HasPrefix(host, "sandbox") && !strings.Contains(text, `"bridge_url":"https://`+host+`/bridge"`) {
			t.Errorf("the page at %s is told %s, and nobody but the page is at that name", host, text)
		}
	}
}

// What the page passes on is what apps and browsers use, and needs no secret.
func TestNothingButTheClientAPIOfTheEmulatorsIsPassedOn(t *testing.T) {
	s := startSandbox(t, map[string]string{"SANDBOX_RP_ID": "example.com"})
	count := func() (n int) {
		for _, x := range s.authsignal.Exchanges() {
			if x.UserAgent != "native-bridge" {
				n++
			}
		}
		return n
	}
	for path, want := range map[string]int{
		"/authsignal/v1/client/public/" + s.tenantID + "/.well-known/jwks": 1,
		"/authsignal/v1/authenticators":                                    0,
		"/authsignal/v1/management/tenant":                                 0,
		"/authsignal/v1/client/../management/tenant":                       0,
		"/authsignal/v1/client/%2e%2e/management/tenant":                   0,
		"/authsignal/v1/client/..%2fmanagement/tenant":                     0,
	} {
		before := count()
		resp, text := s.ask(t, http.MethodGet, path, "", http.Header{"Host": {"example.com"}})
		if got := count() - before; got != want {
			t.Errorf("%s reached the emulator %d times, want %d: %d %s", path, got, want, resp.StatusCode, text)
		}
	}
}

func TestWhatOthersCanReachIsWarnedOf(t *testing.T) {
	for name, tt := range map[string]struct {
		environ map[string]string
		want    []string
	}{
		"nothing":            {nil, nil},
		"localhost by name":  {map[string]string{"SANDBOX_RP_ID": "localhost", "SANDBOX_LISTEN": "127.0.0.1"}, nil},
		"a name":             {map[string]string{"SANDBOX_RP_ID": "example.com"}, []string{"whoever reaches what stands before the page", "the emulators stay on loopback"}},
		"every address":      {map[string]string{"SANDBOX_LISTEN": "0.0.0.0"}, []string{"SANDBOX_LISTEN is not loopback", "the emulators stay on loopback"}},
		"a name and address": {map[string]string{"SANDBOX_RP_ID": "example.com", "SANDBOX_LISTEN": "0.0.0.0:0"}, []string{"SANDBOX_LISTEN is not loopback", "whoever reaches what stands before the page"}},
	} {
		t.Run(name, func(t *testing.T) {
			environ := map[string]string{"OPS_ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0"}
			if tt.environ["SANDBOX_LISTEN"] != "0.0.0.0:0" {
				environ["LISTEN_ADDR"] = "127.0.0.1:0"
			}
			for name, value := range tt.environ {
				environ[name] = value
			}
			told := &lockedBuffer{}
			s, err := start(t.Context(), environ, nil, told)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			for _, want := range tt.want {
				if !strings.Contains(told.String(), want) {
					t.Errorf("nothing says %q: %s", want, told)
				}
			}
			if len(tt.want) == 0 && told.String() != "" {
				t.Errorf("it warns: %s", told)
			}
			for _, emulator := range []string{s.authsignal.URL(), s.auth0.URL()} {
				if !strings.Contains(emulator, "127.0.0.1") {
					t.Errorf("an emulator is at %s", emulator)
				}
			}
			resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}).Get(s.pageURL + "/dev/config")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("this machine gets no page: %v", err)
			}
		})
	}
}

func TestReachThatCannotBeIsRefused(t *testing.T) {
	for name, environ := range map[string]map[string]string{
		"a URL":            {"SANDBOX_RP_ID": "https://example.com"},
		"an address":       {"SANDBOX_RP_ID": "192.168.1.5"},
		"a public suffix":  {"SANDBOX_RP_ID": "co.uk"},
		"a port alone":     {"SANDBOX_LISTEN": ":8400"},
		"a name to listen": {"SANDBOX_LISTEN": "example.com"},
	} {
		if _, err := newReach(environ); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
