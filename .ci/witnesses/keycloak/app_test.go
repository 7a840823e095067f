package keycloak

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"
)

const callback = "com.example.app:/callback"

// app is an app whose people sign in at Keycloak's pages, with a browser and a software
// passkey: it is what a passkey provider other than Authsignal would be.
type app struct {
	issuer  string
	browser *http.Client

	site          virtualwebauthn.RelyingParty
	authenticator virtualwebauthn.Authenticator
	passkey       virtualwebauthn.Credential
	hasPasskey    bool
}

// insecure keeps cookies that are for https only: Keycloak takes loopback for secure, as
// browsers do, and Go's jar does not.
type insecure struct{ http.CookieJar }

func (i insecure) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, cookie := range cookies {
		cookie.Secure = false
	}
	i.CookieJar.SetCookies(u, cookies)
}

func (w *world) newApp(t *testing.T) *app {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	front, err := url.Parse(w.issuer)
	if err != nil {
		t.Fatal(err)
	}
	return &app{
		issuer: w.issuer,
		browser: &http.Client{Jar: insecure{jar}, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if r.URL.Scheme != "http" {
				return http.ErrUseLastResponse
			}
			return nil
		}},
		site:          virtualwebauthn.RelyingParty{ID: front.Hostname(), Origin: "http://" + front.Host},
		authenticator: virtualwebauthn.NewAuthenticator(),
		passkey:       virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2),
	}
}

// signIn goes through Keycloak's pages, whichever it shows, and returns the tokens.
func (a *app) signIn(t *testing.T) (tokens map[string]string) {
	t.Helper()
	page := a.open(t, http.MethodGet, a.issuer+"/protocol/openid-connect/auth?"+url.Values{
		"client_id": {"passkey-app"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
	}.Encode(), nil)
	for range 4 { // a password and a new passkey are two pages
		if page.code != "" {
			return a.redeem(t, page.code)
		}
		page = a.answer(t, page)
	}
	t.Fatalf("Keycloak's pages come to no end: %s", page.text)
	return nil
}

// page is one of Keycloak's, or the code that comes after the last.
type page struct{ text, code string }

func (a *app) open(t *testing.T, method, address string, form url.Values) page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if to, err := resp.Location(); err == nil {
		return page{text: to.String(), code: to.Query().Get("code")}
	}
	return page{text: string(text)}
}

// answer fills the page's form, as its script would.
func (a *app) answer(t *testing.T, p page) page {
	t.Helper()
	switch {
	case p.form("register") != "":
		a.hasPasskey = true
		handle, err := base64.RawURLEncoding.DecodeString(p.input("userid"))
		if err != nil {
			t.Fatal(err)
		}
		a.authenticator.Options.UserHandle = handle
		made := virtualwebauthn.CreateAttestationResponse(a.site, a.authenticator, a.passkey, virtualwebauthn.AttestationOptions{Challenge: p.challenge(t)})
		form := responseOf(t, made)
		form.Set("publicKeyCredentialId", form.Get("credentialId"))
		form.Set("authenticatorLabel", "phone")
		return a.open(t, http.MethodPost, p.form("register"), form)
	case p.form("webauth") != "":
		made := virtualwebauthn.CreateAssertionResponse(a.site, a.authenticator, a.passkey, virtualwebauthn.AssertionOptions{Challenge: p.challenge(t)})
		return a.open(t, http.MethodPost, p.form("webauth"), responseOf(t, made))
	case p.form("kc-form-login") != "":
		return a.open(t, http.MethodPost, p.form("kc-form-login"), url.Values{"username": {"john"}, "password": {password}})
	}
	t.Fatalf("Keycloak shows a page without a form that is known: %s", p.text)
	return p
}

// responseOf is a credential as the hidden fields of Keycloak's forms have it.
func responseOf(t *testing.T, credential string) url.Values {
	t.Helper()
	var made struct {
		ID       string            `json:"id"`
		Response map[string]string `json:"response"`
	}
	if err := json.Unmarshal([]byte(credential), &made); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"credentialId": {made.ID}}
	for name, value := range made.Response {
		form.Set(name, value)
	}
	return form
}

// form returns where the form with an id goes, or "".
func (p page) form(id string) string {
	found := regexp.MustCompile(`<form[^>]*\sid="` + id + `"[^>]*\saction="([^"]+)"`).FindStringSubmatch(p.text)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}

// input returns what the page gives to its WebAuthn script.
func (p page) input(name string) string {
	found := regexp.MustCompile(name + `\s*:\s*"([^"]*)"`).FindStringSubmatch(p.text)
	if found == nil {
		return ""
	}
	return found[1]
}

func (p page) challenge(t *testing.T) []byte {
	t.Helper()
	challenge, err := base64.RawURLEncoding.DecodeString(p.input("challenge"))
	if err != nil || len(challenge) == 0 {
		t.Fatalf("the page has the challenge %q: %v", p.input("challenge"), err)
	}
	return challenge
}

func (a *app) redeem(t *testing.T, code string) map[string]string {
	t.Helper()
	got := a.open(t, http.MethodPost, a.issuer+"/protocol/openid-connect/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"passkey-app"}, "redirect_uri": {callback}, "code": {code},
	})
	var members map[string]any
	if err := json.Unmarshal([]byte(got.text), &members); err != nil || members["id_token"] == nil {
		t.Fatalf("Keycloak's token endpoint says %s", got.text)
	}
	tokens := map[string]string{}
	for _, name := range []string{"id_token", "access_token", "refresh_token"} {
		if members[name] != nil {
			tokens[name] = fmt.Sprint(members[name])
		}
	}
	return tokens
}
