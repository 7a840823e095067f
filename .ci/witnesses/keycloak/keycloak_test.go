// Package keycloak has a real Keycloak open sessions for a bridge, and has a bridge take
// Keycloak's passkey sign-ins for those of Authsignal. The program 'run' runs it: it wants
// KEYCLOAK and KEYCLOAK_PASSWORD in the environment, and the built programs in bin/.
package keycloak

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Users of realm.json. John and Jane are linked to the bridge's identity provider.
const (
	jane = "jane"
	john = "6f1c5b9e-9d0e-4a53-8f5e-2f0b7c1d7a11"
	joan = "0b9c2d1e-55d7-4c1f-9a53-3f1c86f9e2b4"

	password = "correct horse battery staple"
)

// neverGiven is what Keycloak says of a refresh token that it never gave.
const neverGiven = "invalid_grant: Invalid refresh token"

// TestKeycloak has one sandbox for everything: what takes time is to start.
func TestKeycloak(t *testing.T) {
	w := start(t)
	t.Run("opens sessions", w.opensSessions)
	t.Run("gives no refresh token", w.givesNoRefreshToken)
	t.Run("vouches for passkeys", w.vouches)
	t.Run("refuses", w.refuses)
	t.Run("is looked at by doctor", w.isLookedAt)
}

func (w *world) opensSessions(t *testing.T) {
	got, token := w.session(t, john)
	got.want(t, http.StatusOK, "")
	if claims := claimsOf(t, got.body["id_token"]); claims["sub"] != john || claims["iss"] != w.issuer || claims["aud"] != "native-bridge" {
		t.Errorf("ID token = %v", claims)
	}
	if claims := claimsOf(t, got.body["access_token"]); claims["sub"] != john || claims["aud"] != "https://api.sandbox.example" {
		t.Errorf("access token = %v", claims)
	}
	if lifetime, _ := got.body["expires_in"].(float64); lifetime < 3540 || lifetime > 3600 {
		t.Errorf("expires_in = %v, want the client's Access Token Lifespan, an hour", lifetime)
	}
	held(t, "a passkey sign-in opens a session by the JWT authorization grant")

	about := w.call(t, http.MethodGet, w.issuer+"/protocol/openid-connect/userinfo", fmt.Sprint("Bearer ", got.body["access_token"]), nil)
	if about["sub"] != john || about["email"] != "john@example.com" {
		t.Errorf("userinfo = %v", about)
	}
	held(t, "Keycloak takes the session's access token at its userinfo")

	w.exchange(t, w.bridge, token).want(t, http.StatusConflict, "token_replayed")
	held(t, "the same passkey token opens no second session")
}

// An app may ask for offline_access, as Auth0's SDKs do.
func (w *world) givesNoRefreshToken(t *testing.T) {
	got := retried(t, func() answer {
		return w.post(t, w.bridge+"/oauth/token", url.Values{
			"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"subject_token_type": {"urn:authsignal:params:oauth:token-type:challenge"},
			"subject_token":      {w.passkeyToken(t, jane)},
			"scope":              {"openid profile email offline_access"},
		})
	})
	scope := strings.Fields(fmt.Sprint(got.body["scope"]))
	slices.Sort(scope)
	if got.status != http.StatusOK || !slices.Equal(scope, []string{"email", "openid", "profile"}) || got.body["refresh_token"] != nil {
		t.Errorf("%d, scope %v, a refresh token: %t; want a session that promises none", got.status, scope, got.body["refresh_token"] != nil)
	}
	held(t, "a session that was asked for with offline_access has no refresh token, and its scope does not promise one")

	renewal := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"made-up"}}
	if got := retried(t, func() answer { return w.post(t, w.bridge+"/oauth/token", renewal) }); got.status != http.StatusBadRequest || got.body["error"] != "invalid_grant" {
		t.Errorf("a renewal: %d %v", got.status, got.body)
	}
	if got := send(t, http.MethodPost, w.issuer+"/protocol/openid-connect/token", w.client, renewal.Encode()); fmt.Sprintf("%v: %v", got.body["error"], got.body["error_description"]) != neverGiven {
		t.Errorf("Keycloak says of a made-up refresh token: %d %v", got.status, got.body)
	}
	held(t, "an app that renews all the same gets 400 invalid_grant, which means: sign in again")
	if got := retried(t, func() answer { return w.post(t, w.bridge+"/oauth/revoke", url.Values{"token": {"made-up"}}) }); got.status != http.StatusOK {
		t.Errorf("a revocation: %d %v", got.status, got.body)
	}
	held(t, "an app that revokes all the same gets 200")

	got, _ = w.session(t, jane)
	got.want(t, http.StatusOK, "")
	held(t, "a new ceremony with the same passkey opens the next session")
}

// John signs in with his password first, and Keycloak has him add a passkey. Then the app's
// client gets a flow with nothing but that, by keycloak.sh.
func (w *world) vouches(t *testing.T) {
	app := w.newApp(t)
	w.changing("/users/"+john, with("requiredActions", []string{"webauthn-register-passwordless"}))(t)
	byPassword := app.signIn(t)
	if !app.hasPasskey {
		t.Fatal("Keycloak did not ask for a passkey to be added")
	}
	bridge := w.startBridge(t, w.script(t, "passkeys", "passkey-app"))
	retried(t, func() answer { return w.exchange(t, bridge, byPassword["id_token"]) }).want(t, http.StatusUnauthorized, "token_rejected")
	held(t, "IDENTITY_VERIFIER=jwt: the ID token of a password gets no session")

	var tokens map[string]string
	signIn := func() answer {
		tokens = app.signIn(t)
		return w.exchange(t, bridge, tokens["id_token"])
	}
	got := retried(t, signIn)
	got.want(t, http.StatusOK, "")
	if claims := claimsOf(t, got.body["id_token"]); claims["sub"] != john || claims["aud"] != "native-bridge" {
		t.Errorf("ID token of the session = %v", claims)
	}
	if claims := claimsOf(t, tokens["id_token"]); fmt.Sprint(claims["amr"]) != "[passkey]" || claims["auth_time"] == nil {
		t.Errorf("ID token of the passkey = %v", claims)
	}
	held(t, "IDENTITY_VERIFIER=jwt: the ID token of a passkey of Keycloak's opens a session, by the realm's keys and amr")
	if byPassword["refresh_token"] == "" || tokens["refresh_token"] != "" {
		t.Error("a client without a passkey flow has no refresh token, or one with it has")
	}
	held(t, "IDENTITY_VERIFIER=jwt: the app's client gets no refresh token, by which it would have ID tokens without a passkey")

	w.exchange(t, bridge, tokens["id_token"]).want(t, http.StatusConflict, "token_replayed")
	held(t, "IDENTITY_VERIFIER=jwt: the same ID token opens no second session")
	w.exchange(t, bridge, tokens["access_token"]).want(t, http.StatusUnauthorized, "token_rejected")
	held(t, "IDENTITY_VERIFIER=jwt: the access token beside it is no sign-in")
	retried(t, signIn).want(t, http.StatusOK, "")
	held(t, "IDENTITY_VERIFIER=jwt: the same browser signs in again, by its passkey")
}

// isLookedAt has doctor tell what Keycloak's words tell.
func (w *world) isLookedAt(t *testing.T) {
	for name, tt := range map[string]struct {
		broken func(*testing.T) (undo func())
		code   string // "" if all is well
		quotes string
	}{
		"all is well":                              {},
		"the client has not the grant":             {broken: w.changingClient(attribute("oauth2.jwt.authorization.grant.enabled", "false")), code: "NB813", quotes: "JWT Authorization Grant is not supported for the requested client"},
		"the client has not the identity provider": {broken: w.changingClient(attribute("oauth2.jwt.authorization.grant.idp", "another")), code: "NB813", quotes: "Identity Provider is not allowed for the client"},
		"the identity provider is disabled":        {broken: w.changing("/identity-provider/instances/native-bridge", with("enabled", false)), code: "NB813", quotes: "No Identity Provider for provided issuer"},
		"the client is disabled":                   {broken: w.changingClient(with("enabled", false)), code: "NB812", quotes: "Invalid client or Invalid client credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.broken != nil {
				defer tt.broken(t)()
			}
			findings := w.doctor(t)
			if tt.code == "" {
				for _, code := range []string{"NB811", "NB812", "NB813", "NB921"} {
					if f := findings[code]; f.Outcome != "passed" {
						t.Errorf("%s = %+v, want that it passed", code, f)
					}
				}
				held(t, "doctor finds nothing wrong (NB811, NB812, NB813, NB921)")
				return
			}
			if f := findings[tt.code]; f.Outcome != "failed" || !strings.Contains(f.Problem, tt.quotes) {
				t.Errorf("%s = %+v, want a failure that quotes %q", tt.code, f, tt.quotes)
			}
			held(t, fmt.Sprintf("doctor says %s if %s", tt.code, name))
		})
	}
}
