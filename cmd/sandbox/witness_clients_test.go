package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	coreos "github.com/coreos/go-oidc/v3/oidc"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/tokenexchange"
	zitadel "github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

// The witnesses that are no packages of Node.js. Each is told the bridge's address and, if
// it compares, the issuer; it finds the rest in the bridge's metadata.

// witness is one of them at work. It counts its checks.
type witness struct {
	*testing.T
	*bench
	checks int
}

// start starts the sandbox that it talks to.
func (w *witness) start(settings map[string]string) {
	w.Helper()
	w.bench = startBench(w.T, withoutGrace(settings))
	w.withoutLeeway(w.T)
}

// it makes one check.
func (w *witness) it(does string, check func(t *testing.T)) {
	if w.Run(does, check) {
		w.checks++
	}
}

// otherWitnesses are listed in the order of their names.
var otherWitnesses = []struct {
	name    string
	testify func(*witness)
}{
	{"auth0-spa-js", (*witness).auth0SPA},
	{"go-oidc", (*witness).goOIDC},
	{"oidc-agent", (*witness).oidcAgent},
	{"zitadel-oidc", (*witness).zitadelOIDC},
}

const (
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	challengeType = "urn:authsignal:params:oauth:token-type:challenge"
)

func renewable() []string { return []string{"openid", "offline_access"} }

// refreshToken opens a session and returns what renews it.
func (b *bench) refreshToken(t *testing.T) string {
	t.Helper()
	status, session := b.oauth(t, "/oauth/token", exchangeForm(b.token(t, wish{}), strings.Join(renewable(), " ")))
	token, _ := session["refresh_token"].(string)
	if status != http.StatusOK || token == "" {
		t.Fatalf("%d %v", status, session)
	}
	return token
}

// auth0SPA is Auth0's SDK for pages, in Chromium, at other origins than the bridge: one
// that is in CORS_ORIGINS, as an app in a WebView has it, and one that is not.
func (w *witness) auth0SPA() {
	app, stranger := servePageOfSPA(w.T), servePageOfSPA(w.T)
	w.start(map[string]string{"CORS_ORIGINS": app})
	b := &browser{t: w.T, ctx: startChromium(w.T)}
	options := fmt.Sprintf(`{ domain: %s, clientId: %s, issuer: %s, useRefreshTokens: true, authorizationParams: { audience: %s } }`,
		quoted(w.bridgeURL), quoted(clientID), quoted(w.auth0.Issuer()), quoted(defaultAudience))
	open := func(origin string) {
		do(b, chromedp.Navigate(origin))
		do(b, chromedp.Evaluate[chromedp.Void](`globalThis.client = new auth0.Auth0Client(`+options+`); undefined`))
	}
	exchange := func(token string) string {
		return fmt.Sprintf(`client.loginWithCustomTokenExchange({ subject_token: %s, subject_token_type: %s, scope: "openid profile offline_access" })
			.then(() => client.getUser()).then((user) => user.sub)`, quoted(token), quoted(challengeType))
	}
	token := w.token(w.T, wish{})
	w.it("gets nothing at an origin that is not in CORS_ORIGINS", func(t *testing.T) {
		open(stranger)
		if got := b.settled(exchange(token)); got != "Error: Failed to fetch" {
			t.Errorf("it gets %q", got)
		}
	})
	w.it("exchanges, with the token that the stranger could not spend", func(t *testing.T) {
		open(app)
		if got := b.settled(exchange(token)); got != "auth0|jane" {
			t.Errorf("it gets %q", got)
		}
	})
	w.it("renews", func(t *testing.T) {
		before := w.askedOfAuth0("/oauth/token")
		got := b.settled(`client.getTokenSilently({ cacheMode: "off" }).then((token) => JSON.parse(atob(token.split(".")[1])).sub)`)
		if got != "auth0|jane" || w.askedOfAuth0("/oauth/token") != before+1 {
			t.Errorf("it gets %q", got)
		}
	})
	w.it("revokes", func(t *testing.T) {
		if got := b.settled(`client.revokeRefreshToken().then(() => client.getTokenSilently({ cacheMode: "off" }))`); !strings.HasPrefix(got, "Error: Missing Refresh Token") {
			t.Errorf("it gets %q", got)
		}
		if w.askedOfAuth0("/oauth/revoke") != 1 {
			t.Errorf("Auth0 was asked %d times to revoke", w.askedOfAuth0("/oauth/revoke"))
		}
	})
	w.it("reads why it gets no session", func(t *testing.T) {
		if got := b.settled(exchange(token)); !strings.Contains(got, "The token was used before") {
			t.Errorf("it gets %q", got)
		}
	})
}

// servePageOfSPA serves an empty page with auth0-spa-js, and returns its origin.
func servePageOfSPA(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile("web/node_modules/@auth0/auth0-spa-js/dist/auth0-spa-js.production.js")
	if err != nil {
		t.Fatalf("%v: run make test, which installs it", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sdk.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><title>An app</title><script src="/sdk.js"></script>`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// settled returns the text that a promise is fulfilled with, or "Error: " and why not.
func (b *browser) settled(promise string) string {
	b.t.Helper()
	do(b, chromedp.Evaluate[chromedp.Void](`globalThis.settled = undefined; void `+promise+`.then(
		(value) => { globalThis.settled = String(value); }, (failure) => { globalThis.settled = "Error: " + failure.message; })`))
	b.until(`globalThis.settled !== undefined`)
	return do(b, chromedp.Evaluate[string](`settled`))
}

// goOIDC is github.com/coreos/go-oidc with golang.org/x/oauth2.
func (w *witness) goOIDC() {
	w.start(nil)
	ctx := coreos.InsecureIssuerURLContext(w.Context(), w.auth0.Issuer())
	provider, err := coreos.NewProvider(ctx, w.bridgeURL)
	if err != nil {
		w.Fatal(err)
	}
	client := oauth2.Config{ClientID: clientID, Endpoint: provider.Endpoint(), Scopes: renewable()}
	isJanes := func(t *testing.T, token *oauth2.Token) {
		t.Helper()
		raw, _ := token.Extra("id_token").(string)
		verified, err := provider.VerifierContext(ctx, &coreos.Config{ClientID: clientID}).Verify(ctx, raw)
		if err != nil || verified.Subject != "auth0|jane" {
			t.Errorf("the ID token: %+v, %v", verified, err)
		}
	}

	w.it("exchanges and renews", func(t *testing.T) {
		opened, err := client.Exchange(ctx, "", oauth2.SetAuthURLParam("grant_type", grantExchange),
			oauth2.SetAuthURLParam("subject_token", w.token(t, wish{})), oauth2.SetAuthURLParam("subject_token_type", challengeType),
			oauth2.SetAuthURLParam("scope", strings.Join(renewable(), " ")))
		if err != nil {
			t.Fatal(err)
		}
		isJanes(t, opened)
		renewed, err := client.TokenSource(ctx, &oauth2.Token{RefreshToken: opened.RefreshToken}).Token()
		if err != nil {
			t.Fatal(err)
		}
		isJanes(t, renewed)
		if renewed.RefreshToken == opened.RefreshToken {
			t.Error("the refresh token is the same")
		}
	})
	w.it("refuses the metadata if the address is taken for the issuer", func(t *testing.T) {
		if _, err := coreos.NewProvider(t.Context(), w.bridgeURL); err == nil || !strings.Contains(err.Error(), w.auth0.Issuer()) {
			t.Errorf("err = %v, want both values in it", err)
		}
	})
}

// zitadelOIDC is github.com/zitadel/oidc.
func (w *witness) zitadelOIDC() {
	w.start(nil)
	ctx := w.Context()
	party, err := rp.NewRelyingPartyOIDC(ctx, w.auth0.Issuer(), clientID, "", "", renewable(),
		rp.WithCustomDiscoveryUrl(w.bridgeURL+"/.well-known/openid-configuration"), rp.WithSigningAlgsFromDiscovery())
	if err != nil {
		w.Fatal(err)
	}
	renew := func(token string) (*zitadel.Tokens[*zitadel.IDTokenClaims], error) {
		return rp.RefreshTokens[*zitadel.IDTokenClaims](ctx, party, token, "", "")
	}

	w.it("exchanges and renews", func(t *testing.T) {
		exchanger, err := tokenexchange.NewTokenExchanger(ctx, party.Issuer(), tokenexchange.WithStaticTokenEndpoint(party.Issuer(), party.OAuthConfig().Endpoint.TokenURL))
		if err != nil {
			t.Fatal(err)
		}
		opened, err := tokenexchange.ExchangeToken(ctx, exchanger, w.token(t, wish{}), challengeType, "", "", nil, nil, renewable(), zitadel.AccessTokenType)
		if err != nil {
			t.Fatal(err)
		}
		renewed, err := renew(opened.RefreshToken)
		if err != nil || renewed.IDTokenClaims.Subject != "auth0|jane" || renewed.RefreshToken == opened.RefreshToken {
			t.Errorf("%+v, %v", renewed, err)
		}
	})
	w.it("revokes", func(t *testing.T) {
		token := w.refreshToken(t)
		if err := rp.RevokeToken(ctx, party, token, "refresh_token"); err != nil {
			t.Fatal(err)
		}
		if _, err := renew(token); err == nil {
			t.Error("renewed all the same")
		}
	})
	w.it("refuses the metadata if the address is taken for the issuer", func(t *testing.T) {
		if _, err := rp.NewRelyingPartyOIDC(ctx, w.bridgeURL, clientID, "", "", renewable()); err == nil {
			t.Error("it takes it")
		}
	})
}

// oidcAgent is the program oidc-agent, which keeps sessions for command lines. It opens
// them by code or device only, which the bridge has not, so it is given a refresh token.
func (w *witness) oidcAgent() {
	for _, program := range []string{"oidc-agent", "oidc-gen", "oidc-token"} {
		if _, err := exec.LookPath(program); err != nil {
			w.Fatalf("%s is not installed, run: apt-get install oidc-agent-cli", program)
		}
	}
	w.start(nil)
	agent := startOIDCAgent(w.T)
	w.it("takes a refresh token, and renews by the address alone", func(t *testing.T) {
		token := w.refreshToken(t)
		before := w.askedOfAuth0("/oauth/token")
		agent.run(t, "oidc-gen", "bridge", "--iss="+w.bridgeURL, "--client-id="+clientID, "--client-secret=", "--rt="+token, "--redirect-uri=http://localhost:4242",
			"--scope="+strings.Join(renewable(), " "), "--pw-env", "--confirm-default", "--prompt=none")
		one := agent.run(t, "oidc-token", "bridge")
		claims, err := decodeClaims(one)
		if err != nil || claims["sub"] != "auth0|jane" || claims["iss"] != w.auth0.Issuer() {
			t.Errorf("the access token has %v, %v", claims, err)
		}
		asked := w.askedOfAuth0("/oauth/token") // two tokens of one second may be alike
		agent.run(t, "oidc-token", "--force-new", "bridge")
		if got := w.askedOfAuth0("/oauth/token"); got != asked+1 || asked <= before {
			t.Errorf("Auth0 was asked %d times to renew, and then %d more, want one at least and one more", asked-before, got-asked)
		}
	})
}

// oidcAgent is a running oidc-agent.
type oidcAgent struct{ environ []string }

func startOIDCAgent(t *testing.T) oidcAgent {
	t.Helper()
	folder, err := os.MkdirTemp("", "oidc-agent-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "socket")
	a := oidcAgent{append(os.Environ(), "HOME="+folder, "OIDC_SOCK="+socket, "OIDC_ENCRYPTION_PW=pw", "NO_PROXY=*", "no_proxy=*")}
	if err := os.Mkdir(filepath.Join(folder, ".oidc-agent"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("oidc-agent", "--console", "--socket-path="+socket, "--no-scheme", "--no-webserver", "--no-autoload", "--no-autoreauthenticate")
	cmd.Env, cmd.SysProcAttr = a.environ, &syscall.SysProcAttr{Setpgid: true} // it starts a second process
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); _ = cmd.Wait() })
	for deadline := time.Now().Add(patience); ; {
		if _, err := os.Stat(socket); err == nil {
			return a
		}
		if time.Now().After(deadline) {
			t.Fatal("oidc-agent does not start")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// run returns the one line that a program of its prints.
func (a oidcAgent) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = a.environ, &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w\n%s%s", program, err, &out, &errs))
	}
	return strings.TrimSpace(out.String())
}
