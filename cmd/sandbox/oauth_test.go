package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/adapters/auth0/auth0test"
)

// oauth posts a form to the bridge, as an OAuth client does.
func (b *bench) oauth(t *testing.T, path string, form url.Values) (int, map[string]any) {
	t.Helper()
	resp, err := described.Client(t, nil).PostForm(b.bridgeURL+path, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	var body map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &body); err != nil {
			t.Fatalf("%d %s: %v", resp.StatusCode, text, err)
		}
	}
	return resp.StatusCode, body
}

func exchangeForm(token, scope string) url.Values {
	return url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token":      {token},
		"subject_token_type": {"urn:authsignal:params:oauth:token-type:challenge"},
		"scope":              {scope}, "client_id": {clientID},
	}
}

func refreshForm(token any) url.Values {
	text, _ := token.(string)
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {text}, "client_id": {clientID}}
}

func TestASessionIsExchangedRenewedAndRevoked(t *testing.T) {
	b := startBench(t, nil)
	status, session := b.oauth(t, "/oauth/token", exchangeForm(b.token(t, wish{}), "openid profile offline_access"))
	if status != http.StatusOK || session["refresh_token"] == nil || session["issued_token_type"] != "urn:ietf:params:oauth:token-type:access_token" {
		t.Fatalf("exchange: %d %v", status, session)
	}
	status, renewed := b.oauth(t, "/oauth/token", refreshForm(session["refresh_token"]))
	if status != http.StatusOK || renewed["refresh_token"] == session["refresh_token"] || renewed["access_token"] == nil {
		t.Fatalf("renew: %d %v, want a rotated refresh token", status, renewed)
	}
	claims, err := decodeClaims(renewed["id_token"].(string))
	if err != nil || claims["sub"] != "auth0|jane" {
		t.Errorf("renewed for %v: %v", claims["sub"], err)
	}
	if status, body := b.oauth(t, "/oauth/revoke", url.Values{"token": {renewed["refresh_token"].(string)}, "client_id": {clientID}}); status != http.StatusOK || body != nil {
		t.Errorf("revoke: %d %v, want 200 and nothing", status, body)
	}
	status, refused := b.oauth(t, "/oauth/token", refreshForm(renewed["refresh_token"]))
	if status != http.StatusBadRequest || refused["error"] != "invalid_grant" || refused["error_description"] != "Unknown or invalid refresh token." {
		t.Errorf("after that: %d %v, want invalid_grant in Auth0's words", status, refused)
	}
	want := []string{"session_delivered", "session_renewed", "session_revoked", "grant_invalid"}
	if got := b.outcomes(t); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the audit log says %q, want %q", got, want)
	}
}

func TestBothWaysInShareOneGuard(t *testing.T) {
	b := startBench(t, nil)
	token := b.token(t, wish{})
	b.want(t, token, http.StatusOK, "")
	if status, body := b.oauth(t, "/oauth/token", exchangeForm(token, "openid")); status != http.StatusBadRequest || body["error"] != "invalid_request" {
		t.Errorf("the other way: %d %v, want a replay", status, body)
	}
}

func TestWhatIsNotOfferedIsRefusedBeforeTheProofIsClaimed(t *testing.T) {
	b := startBench(t, nil)
	token := b.token(t, wish{})
	for name, tt := range map[string]struct{ param, value, code string }{
		"a scope":         {"scope", "admin", "invalid_scope"},
		"an audience":     {"audience", "https://other.example", "invalid_target"},
		"an organization": {"organization", "org_1", "invalid_target"},
	} {
		t.Run(name, func(t *testing.T) {
			form := exchangeForm(token, "openid")
			form.Set(tt.param, tt.value)
			if status, body := b.oauth(t, "/oauth/token", form); status != http.StatusBadRequest || body["error"] != tt.code {
				t.Errorf("%d %v, want %s", status, body, tt.code)
			}
		})
	}
	if b.validations("native-bridge") != 0 {
		t.Error("authsignal was asked")
	}
	b.want(t, token, http.StatusOK, "")
}

func TestAScopeThatIsNotOfferedIsLeftOutAndTheGrantedOneIsTold(t *testing.T) {
	b := startBench(t, nil)
	const asked, granted = "admin openid profile offline_access", "openid profile offline_access"
	status, session := b.oauth(t, "/oauth/token", exchangeForm(b.token(t, wish{}), asked))
	if status != http.StatusOK || session["scope"] != granted {
		t.Fatalf("exchange: %d %v, want the scope %q", status, session, granted)
	}
	form := refreshForm(session["refresh_token"])
	form.Set("scope", asked)
	if status, renewed := b.oauth(t, "/oauth/token", form); status != http.StatusOK || renewed["scope"] != granted || renewed["id_token"] == nil {
		t.Errorf("renewal: %d %v, want the scope %q", status, renewed, granted)
	}
}

func TestWithScopeStrictAScopeThatIsNotOfferedIsRefused(t *testing.T) {
	b := startBench(t, map[string]string{"SCOPE_STRICT": "true"})
	refresh := b.refreshToken(t)
	renewal := refreshForm(refresh)
	renewal.Set("scope", "openid admin")
	for name, form := range map[string]url.Values{"an exchange": exchangeForm(b.token(t, wish{}), "openid admin"), "a renewal": renewal} {
		if status, body := b.oauth(t, "/oauth/token", form); status != http.StatusBadRequest || body["error"] != "invalid_scope" {
			t.Errorf("%s: %d %v, want invalid_scope", name, status, body)
		}
	}
	if status, _ := b.oauth(t, "/oauth/token", refreshForm(refresh)); status != http.StatusOK {
		t.Errorf("the refused renewal spent the refresh token: %d", status)
	}
}

func TestOpenIDCannotBeNarrowedAway(t *testing.T) {
	b := startBench(t, nil)
	b.meets(inject(auth0test.Fault{Kind: auth0test.WrongSubject}))
	status, body := b.oauth(t, "/oauth/token", exchangeForm(b.token(t, wish{}), "profile"))
	if status != http.StatusInternalServerError || body["error"] != "server_error" {
		t.Errorf("a session of somebody else: %d %v, want it noticed", status, body)
	}
}

func TestTheBridgesKeysVerifyTheSession(t *testing.T) {
	b := startBench(t, nil)
	got := b.want(t, b.token(t, wish{}), http.StatusOK, "")
	resp, err := http.Get(b.bridgeURL + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(resp.Body).Decode(&keys); err != nil || len(keys.Keys) == 0 {
		t.Fatalf("keys: %v", err)
	}
	parsed, err := jwt.ParseSigned(got.IDToken, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	if err := parsed.Claims(keys, &claims); err != nil || claims.Subject != "auth0|jane" {
		t.Errorf("claims %+v: %v", claims, err)
	}
	b.meets(inject(auth0test.Fault{Kind: auth0test.ServerError, At: auth0test.AtJWKS}))
	if again, err := http.Get(b.bridgeURL + "/.well-known/jwks.json"); err != nil || again.StatusCode != http.StatusOK {
		t.Errorf("while the issuer is down: %v", err)
	} else {
		_ = again.Body.Close()
	}
}
