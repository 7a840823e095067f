package auth0test_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
)

const textInvalidRefresh = "Unknown or invalid refresh token."

// keysInOrder reads the names of a token's claims as they stand.
func keysInOrder(t *testing.T, token string) []string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// withPolicy starts a tenant whose client has this refresh-token policy.
func withPolicy(t *testing.T, policy auth0test.RefreshToken) (*emulator, *clock) {
	t.Helper()
	now := newClock()
	opts := tenant()
	opts.Now = now.Now
	opts.Clients[0].RefreshToken = policy
	other := opts.Clients[0]
	other.ID = "other"
	opts.Clients = append(opts.Clients, other)
	return start(t, opts), now
}

func TestRefreshRenewsTheSessionWithoutTheScript(t *testing.T) {
	t.Parallel()
	e, now := withPolicy(t, auth0test.RefreshToken{Rotating: true})
	first := e.token(signIn(params{"scope": "openid email offline_access read:things", "audience": audience}))
	now.forward(time.Hour)
	r := e.token(refresh(first.str("refresh_token"), nil))
	wantOK(t, r)
	if r.str("scope") != "openid email offline_access read:things" || r.body["expires_in"] != 86400.0 || r.str("token_type") != "Bearer" {
		t.Errorf("got %s", r.text)
	}
	if r.str("refresh_token") == first.str("refresh_token") || r.str("refresh_token") == "" {
		t.Error("the refresh token did not rotate")
	}
	if r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got headers %v", r.header)
	}
	id, access := e.verify(r.str("id_token")), e.verify(r.str("access_token"))
	if id["sub"] != "auth0|alice" || id["iat"] != float64(now.Now().Unix()) || id["email"] != "alice@example.com" {
		t.Errorf("got ID token %v", id)
	}
	if gty, _ := json.Marshal(access["gty"]); access["sub"] != "auth0|alice" || string(gty) != `["refresh_token","password"]` {
		t.Errorf("got access token %v", access)
	}
	scripts := 0
	for _, x := range e.Exchanges() {
		if x.Kind == auth0test.LoginScript {
			scripts++
		}
	}
	if scripts != 1 {
		t.Errorf("the script ran %d times, want once for the sign-in", scripts)
	}
}

func TestRefreshTakesJSON(t *testing.T) {
	t.Parallel()
	e, _ := withPolicy(t, auth0test.RefreshToken{Rotating: true})
	body, err := json.Marshal(refresh(e.token(signIn(nil)).str("refresh_token"), nil))
	if err != nil {
		t.Fatal(err)
	}
	wantOK(t, e.do(e.request(http.MethodPost, "/oauth/token", "application/json", string(body))))
}

func TestReuseOfARotatedTokenEndsTheFamily(t *testing.T) {
	t.Parallel()
	e, _ := withPolicy(t, auth0test.RefreshToken{Rotating: true})
	other := e.token(signIn(nil)).str("refresh_token")
	first := e.token(signIn(nil)).str("refresh_token")
	second := e.token(refresh(first, nil)).str("refresh_token")
	wantError(t, e.token(refresh(first, nil)), 403, "invalid_grant", textInvalidRefresh)
	wantError(t, e.token(refresh(second, nil)), 403, "invalid_grant", textInvalidRefresh)
	wantOK(t, e.token(refresh(other, nil)))
}

func TestLeewayForgivesTheTokenBeforeTheLast(t *testing.T) {
	t.Parallel()
	e, now := withPolicy(t, auth0test.RefreshToken{Rotating: true, Leeway: 10 * time.Second})
	first := e.token(signIn(nil)).str("refresh_token")
	second := e.token(refresh(first, nil)).str("refresh_token")
	now.forward(9 * time.Second)
	twin := e.token(refresh(first, nil))
	wantOK(t, twin)
	third := e.token(refresh(second, nil))
	wantOK(t, third)
	wantError(t, e.token(refresh(first, nil)), 403, "invalid_grant", textInvalidRefresh) // now two before the last
	wantError(t, e.token(refresh(third.str("refresh_token"), nil)), 403, "invalid_grant", textInvalidRefresh)
}

func TestLeewayEnds(t *testing.T) {
	t.Parallel()
	e, now := withPolicy(t, auth0test.RefreshToken{Rotating: true, Leeway: 10 * time.Second})
	first := e.token(signIn(nil)).str("refresh_token")
	second := e.token(refresh(first, nil)).str("refresh_token")
	now.forward(10 * time.Second)
	wantError(t, e.token(refresh(first, nil)), 403, "invalid_grant", textInvalidRefresh)
	wantError(t, e.token(refresh(second, nil)), 403, "invalid_grant", textInvalidRefresh)
}

func TestTokenThatDoesNotRotateIsUsedAgain(t *testing.T) {
	t.Parallel()
	e, _ := withPolicy(t, auth0test.RefreshToken{})
	token := e.token(signIn(nil)).str("refresh_token")
	for range 2 {
		r := e.token(refresh(token, nil))
		wantOK(t, r)
		if _, has := r.body["refresh_token"]; has {
			t.Error("the answer has a refresh token")
		}
	}
}

func TestRefreshTokensExpire(t *testing.T) {
	t.Parallel()
	t.Run("by age, which rotation does not extend", func(t *testing.T) {
		t.Parallel()
		e, now := withPolicy(t, auth0test.RefreshToken{Rotating: true, Lifetime: time.Hour})
		token := e.token(signIn(nil)).str("refresh_token")
		now.forward(time.Hour - time.Second)
		r := e.token(refresh(token, nil))
		wantOK(t, r)
		now.forward(time.Second)
		wantError(t, e.token(refresh(r.str("refresh_token"), nil)), 403, "invalid_grant", textInvalidRefresh)
	})
	t.Run("by idleness, which use ends", func(t *testing.T) {
		t.Parallel()
		e, now := withPolicy(t, auth0test.RefreshToken{IdleLifetime: time.Hour})
		token := e.token(signIn(nil)).str("refresh_token")
		for range 3 {
			now.forward(time.Hour - time.Second)
			wantOK(t, e.token(refresh(token, nil)))
		}
		now.forward(time.Hour)
		wantError(t, e.token(refresh(token, nil)), 403, "invalid_grant", textInvalidRefresh)
	})
}

func TestRefreshIsRefused(t *testing.T) {
	t.Parallel()
	opts := tenant()
	other := opts.Clients[0]
	other.ID = "other"
	noRefresh := opts.Clients[0]
	noRefresh.ID, noRefresh.GrantTypes = "no-refresh", []string{auth0test.GrantPasswordRealm}
	opts.Clients = append(opts.Clients, other, noRefresh)
	e := start(t, opts)
	token := e.token(signIn(nil)).str("refresh_token")
	wantError(t, e.token(refresh("", nil)), 400, "invalid_request", "Missing required parameter: refresh_token")
	wantError(t, e.token(refresh("v1.unknown", nil)), 403, "invalid_grant", textInvalidRefresh)
	wantError(t, e.token(refresh(token, params{"client_id": "other"})), 403, "invalid_grant", textInvalidRefresh)
	wantError(t, e.token(refresh(token, params{"client_id": "no-refresh"})), 403, "unauthorized_client", "Grant type 'refresh_token' not allowed for the client.")
	wantError(t, e.token(refresh(token, params{"client_secret": "guess"})), 401, "invalid_client", "Client authentication failed")
	wantOK(t, e.token(refresh(token, nil))) // none of that has spent it
}

func TestRefreshOfADeletedUserIsRefused(t *testing.T) {
	t.Parallel()
	e, _ := withPolicy(t, auth0test.RefreshToken{Rotating: true})
	token := e.token(signIn(nil)).str("refresh_token")
	e.DeleteUser("auth0|alice")
	wantError(t, e.token(refresh(token, nil)), 403, "invalid_grant", "The refresh_token was generated for a user who doesn't exist anymore.")
}

func TestRefreshMayNarrowTheScopeOnce(t *testing.T) {
	t.Parallel()
	e, _ := withPolicy(t, auth0test.RefreshToken{Rotating: true})
	token := e.token(signIn(params{"scope": "openid email offline_access"})).str("refresh_token")
	narrow := e.token(refresh(token, params{"scope": "email phone"}))
	wantOK(t, narrow)
	if narrow.str("scope") != "email" || narrow.str("id_token") != "" {
		t.Errorf("got %s", narrow.text)
	}
	wide := e.token(refresh(narrow.str("refresh_token"), nil))
	if wide.str("scope") != "openid email offline_access" || wide.str("id_token") == "" {
		t.Errorf("got %s", wide.text)
	}
}

func TestDenialByAnActionDoesNotSpendTheToken(t *testing.T) {
	t.Parallel()
	e, _ := withPolicy(t, auth0test.RefreshToken{Rotating: true})
	token := e.token(signIn(nil)).str("refresh_token")
	e.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.AccessDenied, Text: "not today", Times: 1}}})
	wantError(t, e.token(refresh(token, nil)), 403, "access_denied", "not today")
	wantOK(t, e.token(refresh(token, nil)))
}

func TestRevokeEndsTheFamilyAndSaysNothing(t *testing.T) {
	t.Parallel()
	for name, contentType := range map[string]string{"as a form": "application/x-www-form-urlencoded", "as JSON": "application/json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := withPolicy(t, auth0test.RefreshToken{Rotating: true})
			revoke := func(token string, change params) reply {
				p := params{"client_id": clientID, "client_secret": clientSecret, "token": token}.with(change)
				body := p.form()
				if contentType == "application/json" {
					text, err := json.Marshal(p)
					if err != nil {
						t.Fatal(err)
					}
					body = string(text)
				}
				return e.do(e.request(http.MethodPost, "/oauth/revoke", contentType, body))
			}
			session := e.token(signIn(nil))
			first := session.str("refresh_token")
			for _, test := range []struct {
				token  string
				change params
			}{
				{"v1.unknown", nil},
				{session.str("access_token"), nil},
				{first, params{"client_id": "other"}},
			} {
				if r := revoke(test.token, test.change); r.status != 200 || r.text != "" {
					t.Errorf("got %d %q, want an empty 200", r.status, r.text)
				}
			}
			wantError(t, revoke(first, params{"client_secret": "guess"}), 401, "invalid_client", "Client authentication failed")
			wantError(t, revoke("", nil), 400, "invalid_request", "Missing required parameter: token")
			r := e.token(refresh(first, nil))
			wantOK(t, r)

			if r := revoke(first, nil); r.status != 200 || r.text != "" {
				t.Errorf("got %d %q, want an empty 200", r.status, r.text)
			}
			wantError(t, e.token(refresh(r.str("refresh_token"), nil)), 403, "invalid_grant", textInvalidRefresh)
			if r := e.userinfo(session.str("access_token")); r.status != 200 {
				t.Errorf("the access token is revoked: %d", r.status)
			}
		})
	}
}
