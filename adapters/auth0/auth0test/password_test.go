package auth0test_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
)

func TestPasswordRealmOpensASession(t *testing.T) {
	t.Parallel()
	now := newClock()
	opts := tenant()
	opts.Now = now.Now
	e := start(t, opts)
	r := e.token(signIn(params{"scope": "openid profile email offline_access read:things", "audience": audience}))
	wantOK(t, r)
	for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if r.body["token_type"] != "Bearer" || r.body["expires_in"] != 86400.0 || !strings.HasPrefix(r.str("refresh_token"), "v1.") {
		t.Errorf("got %s", r.text)
	}
	if _, has := r.body["scope"]; has {
		t.Error("the answer has a scope although all that was asked is granted")
	}
	iat := float64(now.Now().Unix())
	wantClaims(t, e.verify(r.str("id_token")), map[string]any{
		"iss": e.Issuer(), "sub": "auth0|alice", "aud": clientID, "iat": iat, "exp": iat + 36000,
		"nickname": "nick", "name": "N. Ick", "updated_at": "2026-11-22T10:00:00.000Z",
		"email": "alice@example.com", "email_verified": true,
	})
	wantClaims(t, e.verify(r.str("access_token")), map[string]any{
		"iss": e.Issuer(), "sub": "auth0|alice", "aud": []any{audience, e.Issuer() + "userinfo"}, "azp": clientID,
		"iat": iat, "exp": iat + 86400, "scope": "openid profile email offline_access read:things", "gty": "password",
	})
	header, _ := peek(t, r.str("id_token"))
	if header["alg"] != "RS256" || header["typ"] != "JWT" || header["kid"] == nil {
		t.Errorf("got header %v", header)
	}
}

// wantClaims compares whole sets of claims by their JSON.
func wantClaims(t *testing.T, got, want map[string]any) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func TestTokenEndpointTakesJSONAndToleratesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	body := map[string]any{"organization": "org_1", "number": 1, "list": []string{"a"}, "null": nil}
	for name, value := range signIn(nil) {
		body[name] = value
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8"} {
		wantOK(t, e.do(e.request(http.MethodPost, "/oauth/token", contentType, string(text))))
	}
}

func TestTokenEndpointRefusesBodiesItCannotRead(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	post := func(contentType, body string) reply {
		return e.do(e.request(http.MethodPost, "/oauth/token", contentType, body))
	}
	wantError(t, post("application/json", "{"), 400, "invalid_request", "The body is no JSON object.")
	wantError(t, post("application/x-www-form-urlencoded", "a=%zz"), 400, "invalid_request", "The body is no form.")
	wantError(t, post("application/json", strings.Repeat(" ", 1<<20+1)), 413, "invalid_request", "The body is too large or broken off.")
	req := e.request(http.MethodPost, "/oauth/token?"+signIn(nil).form(), "", "")
	wantError(t, e.do(req), 400, "invalid_request", "Missing required parameter: client_id")
}

func TestBothSpellingsOfTheRealmReachTheConnection(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	wantOK(t, e.token(signIn(nil)))
	wantOK(t, e.token(signIn(params{"grant_type": auth0test.GrantPassword})))
}

func TestPasswordWithoutARealmAsksTheDefaultDirectory(t *testing.T) {
	t.Parallel()
	opts := tenant()
	opts.DefaultDirectory = database
	e := start(t, opts)
	wantOK(t, e.token(signIn(params{"grant_type": auth0test.GrantPassword, "realm": ""})))
}

func TestRealmIsIgnoredForPasswordIfSoSwitched(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	e.SetFaults(auth0test.Faults{Variants: auth0test.Variants{IgnoreRealm: true}})
	wantError(t, e.token(signIn(params{"grant_type": auth0test.GrantPassword})),
		400, "invalid_request", "Authorization server not configured with default connection.")
	wantOK(t, e.token(signIn(nil)))
}

func TestPasswordGrantsAreRefused(t *testing.T) {
	t.Parallel()
	opts := tenant()
	opts.Connections = append(opts.Connections, auth0test.Connection{Name: "not-enabled", LoginScript: loginScript})
	opts.Clients = append(opts.Clients,
		auth0test.Client{ID: "no-realm", Secret: "s", GrantTypes: []string{auth0test.GrantPassword}, Connections: []string{database}},
		auth0test.Client{ID: "realm-only", Secret: "s", GrantTypes: []string{auth0test.GrantPasswordRealm}, Connections: []string{database}},
	)
	e := start(t, opts)
	for name, test := range map[string]struct {
		change            params
		status            int
		code, description string
	}{
		"without a grant type":       {params{"grant_type": ""}, 400, "invalid_request", "Missing required parameter: grant_type"},
		"with an unknown grant type": {params{"grant_type": "magic"}, 400, "unsupported_grant_type", "Unsupported grant type: magic"},
		"without a username":         {params{"username": ""}, 400, "invalid_request", "Missing required parameter: username"},
		"without a password":         {params{"password": ""}, 400, "invalid_request", "Missing required parameter: password"},
		"without a realm":            {params{"realm": ""}, 400, "invalid_request", "Missing required parameter: realm"},
		"without a realm or default connection": {params{"grant_type": auth0test.GrantPassword, "realm": ""},
			400, "invalid_request", "Authorization server not configured with default connection."},
		"with an unknown realm":         {params{"realm": "nowhere"}, 400, "invalid_request", "Unknown realm nowhere."},
		"with a connection not enabled": {params{"realm": "not-enabled"}, 403, "access_denied", "The connection is not enabled for the client."},
		"with an unknown audience":      {params{"audience": "https://other.example"}, 403, "access_denied", "Service not found: https://other.example"},
		"with a wrong client secret":    {params{"client_secret": "guess"}, 401, "invalid_client", "Client authentication failed"},
		"without the grant password-realm": {params{"client_id": "no-realm", "client_secret": "s"},
			403, "unauthorized_client", "Grant type 'http://auth0.com/oauth/grant-type/password-realm' not allowed for the client."},
		"without the grant password": {params{"client_id": "realm-only", "client_secret": "s", "grant_type": auth0test.GrantPassword},
			403, "unauthorized_client", "Grant type 'password' not allowed for the client."},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, e.token(signIn(test.change)), test.status, test.code, test.description)
		})
	}
}

func TestClientsProveThemselvesAsConfigured(t *testing.T) {
	t.Parallel()
	opts := tenant()
	client := opts.Clients[0]
	for id, method := range map[string]auth0test.AuthMethod{"post": auth0test.AuthPost, "basic": auth0test.AuthBasic, "none": auth0test.AuthNone} {
		client.ID, client.AuthMethod = id, method
		opts.Clients = append(opts.Clients, client)
	}
	e := start(t, opts)
	basic := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
	}
	bare := params{"client_id": "", "client_secret": ""}
	for name, test := range map[string]struct {
		change params
		header func(*http.Request)
		want   string // error code, "" for a session
	}{
		"by post, either allowed":     {nil, nil, ""},
		"by basic, either allowed":    {bare, basic(clientID, clientSecret), ""},
		"by basic and client_id too":  {params{"client_secret": ""}, basic(clientID, clientSecret), ""},
		"by both at once":             {nil, basic(clientID, clientSecret), "invalid_client"},
		"by basic as somebody else":   {params{"client_secret": ""}, basic("post", clientSecret), "invalid_client"},
		"by basic, unescaped":         {bare, func(r *http.Request) { r.SetBasicAuth(clientID, "100%") }, "invalid_client"},
		"by post where it must be":    {params{"client_id": "post"}, nil, ""},
		"by basic where post must be": {bare, basic("post", clientSecret), "invalid_client"},
		"by basic where it must be":   {bare, basic("basic", clientSecret), ""},
		"by post where basic must be": {params{"client_id": "basic"}, nil, "invalid_client"},
		"as a public client":          {params{"client_id": "none", "client_secret": ""}, nil, ""},
		"with a wrong secret":         {params{"client_secret": "guess"}, nil, "invalid_client"},
		"without a secret":            {params{"client_secret": ""}, nil, "invalid_client"},
		"as nobody":                   {params{"client_id": ""}, nil, "invalid_request"},
		"as an unknown client":        {params{"client_id": "stranger"}, nil, "invalid_client"},
		"by an assertion":             {params{"client_secret": "", "client_assertion": "x.y.z"}, nil, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			req := e.tokenRequest(signIn(test.change))
			if test.header != nil {
				test.header(req)
			}
			r := e.do(req)
			if r.str("error") != test.want || (r.status == http.StatusOK) != (test.want == "") {
				t.Errorf("got %d %q, want %q", r.status, r.str("error"), test.want)
			}
		})
	}
}

func TestWrongClientSecretIsAccessDeniedIfSoSwitched(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	e.SetFaults(auth0test.Faults{Variants: auth0test.Variants{ClientAccessDenied: true}})
	wantError(t, e.token(signIn(params{"client_secret": "guess"})), 401, "access_denied", "Unauthorized")
}

func TestScriptOutcomesBecomeAnswers(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	const wrong = "Wrong email or password."
	for password, want := range map[string]struct {
		status            int
		code, description string
	}{
		"wrong":          {403, "invalid_grant", wrong},
		"nothing":        {403, "invalid_grant", wrong},
		"unauthorized":   {401, "unauthorized", "come back tomorrow"},
		"invalid":        {403, "access_denied", "not valid"},
		"failed":         {403, "access_denied", "authsignal is down"},
		"throws":         {403, "access_denied", "thrown"},
		"rejects":        {403, "access_denied", "rejected"},
		"uncaught":       {403, "access_denied", "uncaught"},
		"no user_id":     {403, "access_denied", "The Login script returned a profile without a user_id that is a string."},
		"number user_id": {403, "access_denied", "The Login script returned a profile without a user_id that is a string."},
	} {
		t.Run(password, func(t *testing.T) {
			wantError(t, e.token(signIn(params{"password": password})), want.status, want.code, want.description)
		})
	}
	r := e.token(signIn(params{"password": "no object"})) // in the engine's words
	wantError(t, r, 403, "access_denied", r.str("error_description"))
	if r.str("error_description") == "" {
		t.Error("there is no description")
	}
}

// Auth0 does not document which 5xx it is.
func TestScriptThatTakesTooLongIsAuth0sTrouble(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"a loop":                       "function login(id, p, cb) { for (;;); }",
		"a callback that never called": "function login(id, p, cb) {}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const limit = 50 * time.Millisecond
			opts := tenant()
			opts.ScriptHost.Limit = limit
			opts.Connections[0].LoginScript = script
			e := start(t, opts)
			r := e.token(signIn(nil))
			wantError(t, r, 503, "server_error", r.str("error_description"))
			if x := e.Exchanges()[0]; x.Duration < limit {
				t.Errorf("the script ended as %q after %s, want it to take %s", x.Outcome, x.Duration, limit)
			}
		})
	}
}

func TestUndocumentedAnswersCanBeSwitched(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		variants          auth0test.Variants
		password          string
		status            int
		code, description string
	}{
		"a failed script as a server error": {auth0test.Variants{ScriptFailure: auth0test.ScriptServerError},
			"failed", 500, "server_error", "authsignal is down"},
		"a failed script as a bad request": {auth0test.Variants{ScriptFailure: auth0test.ScriptInvalidRequest},
			"failed", 400, "invalid_request", "authsignal is down"},
		"a refusal in the script's words": {auth0test.Variants{ScriptMessage: true},
			"wrong", 403, "invalid_grant", "token expired"},
		"a refusal without words": {auth0test.Variants{ScriptMessage: true},
			"nothing", 403, "invalid_grant", "Wrong email or password."},
		"an UnauthorizedError with 400": {auth0test.Variants{Unauthorized400: true},
			"unauthorized", 400, "unauthorized", "come back tomorrow"},
		"a profile without an email": {auth0test.Variants{RequireEmail: true},
			"other right", 403, "access_denied", "The Login script returned a profile without an email."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t, tenant())
			e.SetFaults(auth0test.Faults{Variants: test.variants})
			wantError(t, e.token(signIn(params{"password": test.password})), test.status, test.code, test.description)
		})
	}
}

func TestSessionIDIsAddedIfSoSwitched(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	if sid := e.verify(e.token(signIn(nil)).str("id_token"))["sid"]; sid != nil {
		t.Errorf("sid is %v, want none", sid)
	}
	e.SetFaults(auth0test.Faults{Variants: auth0test.Variants{SessionID: true}})
	if sid := e.verify(e.token(signIn(nil)).str("id_token"))["sid"]; sid == nil {
		t.Error("there is no sid")
	}
}

func TestSubjectIsPrefixedOnceMoreWhateverTheScriptReturns(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	for username, want := range map[string]string{
		"alice":       "auth0|alice",
		"auth0|alice": "auth0|auth0|alice",
		"db|42":       "auth0|db|42",
	} {
		if sub := e.verify(e.token(signIn(params{"username": username})).str("id_token"))["sub"]; sub != want {
			t.Errorf("%s: sub is %v, want %s", username, sub, want)
		}
	}
}

func TestScriptReadsTheConfigurationOfItsConnection(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	if sub := e.verify(e.token(signIn(params{"password": "secret"})).str("id_token"))["sub"]; sub != "auth0|configured" {
		t.Errorf("sub is %v", sub)
	}
}

func TestScopeFollowsAuth0sRules(t *testing.T) {
	t.Parallel()
	opts := tenant()
	opts.APIs = append(opts.APIs, auth0test.API{Identifier: "https://online.example", Scopes: []string{"read:things"}})
	noRefresh := opts.Clients[0]
	noRefresh.ID, noRefresh.GrantTypes = "no-refresh", []string{auth0test.GrantPasswordRealm}
	opts.Clients = append(opts.Clients, noRefresh)
	e := start(t, opts)
	const everything = "openid profile email address phone"
	for name, test := range map[string]struct {
		change              params
		scope               string // of the answer; "" where it is as asked
		idToken, refreshing bool
	}{
		"as asked":                                {params{"scope": "openid email offline_access"}, "", true, true},
		"in another order and twice":              {params{"scope": "email openid email"}, "", true, false},
		"nothing asked":                           {params{"scope": ""}, everything, false, false},
		"openid alone":                            {params{"scope": "openid"}, everything, true, false},
		"an unknown scope":                        {params{"scope": "openid email magic"}, "openid email", true, false},
		"no openid":                               {params{"scope": "email"}, "", false, false},
		"a scope of the API":                      {params{"scope": "openid email read:things", "audience": audience}, "", true, false},
		"none of the API's":                       {params{"scope": "openid email", "audience": audience}, "openid email read:things write:things", true, false},
		"nothing asked of an API":                 {params{"scope": "", "audience": audience}, everything + " read:things write:things", false, false},
		"an API's scope without it":               {params{"scope": "openid email read:things"}, "openid email", true, false},
		"offline access the API does not allow":   {params{"scope": "openid read:things offline_access", "audience": "https://online.example"}, "openid read:things", true, false},
		"offline access the client has no use of": {params{"scope": "openid email offline_access", "client_id": "no-refresh"}, "openid email", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := e.token(signIn(test.change))
			wantOK(t, r)
			if r.str("scope") != test.scope {
				t.Errorf("scope is %q, want %q", r.str("scope"), test.scope)
			}
			if (r.str("id_token") != "") != test.idToken || (r.str("refresh_token") != "") != test.refreshing {
				t.Errorf("got %s", r.text)
			}
		})
	}
}

func TestAccessTokenSuitsItsAPI(t *testing.T) {
	t.Parallel()
	opts := tenant()
	opts.APIs[0].TokenLifetime = time.Hour
	opts.APIs[0].Permissions = true
	e := start(t, opts)
	r := e.token(signIn(params{"scope": "email read:things", "audience": audience}))
	claims := e.verify(r.str("access_token"))
	if r.body["expires_in"] != 3600.0 || claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
		t.Errorf("got expires_in %v of %v", r.body["expires_in"], claims)
	}
	if claims["aud"] != audience {
		t.Errorf("aud is %v, want the API's alone when openid is not granted", claims["aud"])
	}
	if permissions, _ := json.Marshal(claims["permissions"]); string(permissions) != `["read:things"]` {
		t.Errorf("permissions are %s", permissions)
	}
	if opaque := e.token(signIn(nil)).str("access_token"); strings.Contains(opaque, ".") {
		t.Errorf("the access token without an audience is a JWT")
	}
}

func TestImportModeKeepsTheFirstPassword(t *testing.T) {
	t.Parallel()
	opts := tenant()
	opts.Connections[0].ImportMode = true
	e := start(t, opts)
	wantError(t, e.token(signIn(params{"password": "wrong"})), 403, "invalid_grant", "Wrong email or password.")
	wantOK(t, e.token(signIn(params{"password": "right"})))
	wantError(t, e.token(signIn(params{"password": "other right"})), 403, "invalid_grant", "Wrong email or password.")
	wantOK(t, e.token(signIn(params{"password": "right"})))
	runs := 0
	for _, x := range e.Exchanges() {
		if x.Kind == auth0test.LoginScript {
			runs++
		}
	}
	if runs != 2 {
		t.Errorf("the script ran %d times, want 2: not after the first success", runs)
	}
	if user := e.Users()[0]; user.Logins != 2 {
		t.Errorf("got %d logins, want 2", user.Logins)
	}
	wantOK(t, e.token(signIn(params{"username": "bob", "password": "other right"})))
	e.DeleteUser("auth0|bob")
	wantOK(t, e.token(signIn(params{"username": "bob", "password": "right"})))
}

func TestUsersAreStoredAndUpdatedAtEachLogin(t *testing.T) {
	t.Parallel()
	now := newClock()
	opts := tenant()
	opts.Now = now.Now
	e := start(t, opts)
	e.token(signIn(params{"username": "bob", "password": "other right"}))
	e.token(signIn(nil))
	now.forward(time.Hour)
	e.token(signIn(params{"username": "bob"}))
	users := e.Users()
	if len(users) != 2 || users[0].ID != "auth0|alice" || users[1].ID != "auth0|bob" {
		t.Fatalf("got %v", users)
	}
	bob := users[1]
	if bob.Logins != 2 || !bob.LastLogin.Equal(now.Now()) || bob.Profile["email"] != "bob@example.com" || bob.Connection != database {
		t.Errorf("got %+v", bob)
	}
}

func TestBlockedUserIsRefused(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	session := e.token(signIn(nil))
	e.BlockUser("auth0|alice")
	wantError(t, e.token(signIn(nil)), 401, "unauthorized", "user is blocked")
	wantError(t, e.token(refresh(session.str("refresh_token"), nil)), 401, "unauthorized", "user is blocked")
	if !e.Users()[0].Blocked {
		t.Error("the user is not shown as blocked")
	}
	e.UnblockUser("auth0|alice")
	wantOK(t, e.token(signIn(nil)))
}

func TestForwardedAddressIsBelievedOfTrustedClientsOnly(t *testing.T) {
	t.Parallel()
	opts := tenant()
	trusted, public := opts.Clients[0], opts.Clients[0]
	trusted.ID, trusted.TrustForwardedFor = "trusted", true
	public.ID, public.TrustForwardedFor, public.AuthMethod = "public", true, auth0test.AuthNone
	opts.Clients = append(opts.Clients, trusted, public)
	e := start(t, opts)
	for name, test := range map[string]struct {
		change  params
		forward string
		want    string
	}{
		"a trusted client":                   {params{"client_id": "trusted"}, "203.0.113.7", "203.0.113.7"},
		"a trusted client with IPv6":         {params{"client_id": "trusted"}, "2001:db8::7", "2001:db8::7"},
		"a trusted client that sends a list": {params{"client_id": "trusted"}, "203.0.113.7, 10.0.0.1", "127.0.0.1"},
		"a trusted client with a bad secret": {params{"client_id": "trusted", "client_secret": "guess"}, "203.0.113.7", "127.0.0.1"},
		"a client that is not trusted":       {nil, "203.0.113.7", "127.0.0.1"},
		"a public client":                    {params{"client_id": "public"}, "203.0.113.7", "127.0.0.1"},
		"a client that sends none":           {params{"client_id": "trusted"}, "", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			req := e.tokenRequest(signIn(test.change))
			if test.forward != "" {
				req.Header.Set("auth0-forwarded-for", test.forward)
			}
			e.do(req)
			all := e.Exchanges()
			last := all[len(all)-1]
			if last.ClientIP != test.want || last.ForwardedFor != test.forward {
				t.Errorf("got address %q and header %q, want %q", last.ClientIP, last.ForwardedFor, test.want)
			}
		})
	}
}

func TestClaimsKeepAnOrderNobodySorts(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	r := e.token(signIn(params{"scope": "openid profile"}))
	names := keysInOrder(t, r.str("id_token"))
	want := []string{"nickname", "name", "updated_at", "iss", "aud", "iat", "exp", "sub"}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}
