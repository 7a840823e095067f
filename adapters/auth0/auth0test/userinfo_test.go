package auth0test_test

import (
	"net/http"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
)

func TestUserinfoGivesTheClaimsOfTheScope(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	for scope, want := range map[string]map[string]any{
		"openid email":         {"sub": "auth0|alice", "email": "alice@example.com", "email_verified": true},
		"openid phone address": {"sub": "auth0|alice", "phone_number": "+64210000000"},
	} {
		for _, aud := range []string{"", audience} {
			session := e.token(signIn(params{"scope": scope, "audience": aud}))
			r := e.userinfo(session.str("access_token"))
			wantOK(t, r)
			wantClaims(t, r.body, want)
		}
	}
}

func TestUserinfoRefusesTokens(t *testing.T) {
	t.Parallel()
	now := newClock()
	opts := tenant()
	opts.Now = now.Now
	e := start(t, opts)
	session := e.token(signIn(nil))
	token := session.str("access_token")
	const unknown = "The access token is unknown or expired."

	r := e.userinfo("unknown")
	wantError(t, r, 401, "invalid_token", unknown)
	if want := `Bearer error="invalid_token", error_description="` + unknown + `"`; r.header.Get("WWW-Authenticate") != want {
		t.Errorf("WWW-Authenticate is %q, want %q", r.header.Get("WWW-Authenticate"), want)
	}
	wantError(t, e.userinfo(session.str("id_token")), 401, "invalid_token", unknown)
	wantError(t, e.get("/userinfo"), 401, "invalid_token", unknown)
	req := e.request(http.MethodGet, "/userinfo", "", "")
	req.Header.Set("Authorization", "Basic "+token)
	wantError(t, e.do(req), 401, "invalid_token", unknown)

	wantError(t, e.userinfo(e.token(signIn(params{"scope": "email"})).str("access_token")),
		403, "insufficient_scope", "The access token was issued without openid.")

	wantOK(t, e.userinfo(token))
	now.forward(24 * time.Hour)
	wantError(t, e.userinfo(token), 401, "invalid_token", unknown)
	token = e.token(signIn(nil)).str("access_token")
	e.DeleteUser("auth0|alice")
	wantError(t, e.userinfo(token), 401, "invalid_token", unknown)
}

func TestUserinfoIsLimitedForEachUser(t *testing.T) {
	t.Parallel()
	now := newClock()
	opts := tenant()
	opts.Now = now.Now
	e := start(t, opts)
	e.SetFaults(auth0test.Faults{Protection: auth0test.Protection{UserInfoPerMinute: 5}})
	alice := e.token(signIn(nil)).str("access_token")
	bob := e.token(signIn(params{"username": "bob"})).str("access_token")
	for range 5 {
		wantOK(t, e.userinfo(alice))
	}
	r := e.userinfo(alice)
	wantError(t, r, 429, "too_many_requests", textRateLimit)
	wantRateLimit(t, r, 5, 0, now.Now().Add(time.Minute))
	wantOK(t, e.userinfo(bob))
	now.forward(time.Minute)
	wantOK(t, e.userinfo(alice))
}
