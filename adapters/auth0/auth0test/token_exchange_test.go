package auth0test_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/auth0/auth0test/scripthost"
)

const (
	subjectTokenType = "urn:example:passkey"
	tokenExchange    = auth0test.GrantTokenExchange
)

// exchangeAction runs what its subject token says; any other is invalid.
const exchangeAction = `
exports.onExecuteCustomTokenExchange = async (event, api) => {
  const [what, ...args] = event.transaction.subject_token.split(' ');
  const connection = (behavior, attributes) => api.authentication.setUserByConnection(
    'passkeys', {user_id: args[0], email: args[0] + '@example.com', ...attributes}, behavior);
  switch (what) {
  case 'id':          return api.authentication.setUserById(args[0]);
  case 'create':      return connection({creationBehavior: 'create_if_not_exists', updateBehavior: 'none'}, {name: args[1]});
  case 'no-create':   return connection({creationBehavior: 'none', updateBehavior: 'none'});
  case 'default':     return connection(undefined);
  case 'replace':     return connection({creationBehavior: 'none', updateBehavior: 'replace'}, {name: args[1]});
  case 'new-email':   return connection({creationBehavior: 'none', updateBehavior: 'replace'}, {email: 'new@example.com'});
  case 'no-email':    return api.authentication.setUserByConnection('passkeys', {user_id: args[0]}, {creationBehavior: 'create_if_not_exists'});
  case 'elsewhere':   return api.authentication.setUserByConnection('elsewhere', {user_id: 'x'}, {});
  case 'many':        return api.authentication.setUserByConnection('passkeys', Object.fromEntries(Array.from({length: 25}, (_, i) => ['a' + i, i])), {});
  case 'nobody':      return;
  case 'two':         api.authentication.setUserById('auth0|alice'); return api.authentication.setUserById('auth0|alice');
  case 'deny':        return api.access.deny(args[0], 'because');
  case 'throw':       throw new Error('secret words');
  case 'organize':    api.authentication.setOrganization(args[0]); return api.authentication.setUserById('auth0|alice');
  case 'event':       return api.access.deny('event', JSON.stringify(eval('event.' + args[0])));
  default:            return api.access.rejectInvalidSubjectToken('no such token');
  }
};`

// exchanging is the usual tenant with a profile, an organization and a user.
func exchanging(t *testing.T, change ...func(*auth0test.Options)) *emulator {
	t.Helper()
	opts := tenant()
	opts.Clients[0].TokenExchange, opts.Clients[0].Organizations = true, true
	opts.TokenExchangeProfiles = []auth0test.TokenExchangeProfile{{SubjectTokenType: subjectTokenType, Action: exchangeAction, Secrets: map[string]string{"KEY": "value"}}}
	opts.Organizations = []auth0test.Organization{{ID: "org_1", Name: "acme", Members: []string{"auth0|alice"}}}
	for _, f := range change {
		f(&opts)
	}
	e := start(t, opts)
	e.CreateUser(database, "alice", map[string]any{"email": "alice@example.com", "name": "Alice"})
	return e
}

func exchangeOf(token string, change params) params {
	return params{
		"grant_type": tokenExchange, "subject_token_type": subjectTokenType, "subject_token": token,
		"scope": "openid profile email", "client_id": clientID, "client_secret": clientSecret,
	}.with(change)
}

func TestTokenExchangeOpensASession(t *testing.T) {
	t.Parallel()
	now := newClock()
	e := exchanging(t, func(o *auth0test.Options) { o.Now = now.Now })
	r := e.token(exchangeOf("id auth0|alice", params{"scope": "openid profile email offline_access read:things", "audience": audience, "organization": "org_1"}))
	wantOK(t, r)
	if r.str("issued_token_type") != "urn:ietf:params:oauth:token-type:access_token" || r.body["token_type"] != "Bearer" {
		t.Errorf("got %s", r.text)
	}
	iat := float64(now.Now().Unix())
	wantClaims(t, e.verify(r.str("id_token")), map[string]any{
		"iss": e.Issuer(), "sub": "auth0|alice", "aud": clientID, "iat": iat, "exp": iat + 36000, "org_id": "org_1",
		"name": "Alice", "email": "alice@example.com", "updated_at": "2026-11-22T10:00:00.000Z",
	})
	if got := e.verify(r.str("access_token")); got["gty"] != tokenExchange || got["org_id"] != "org_1" {
		t.Errorf("access token = %v, want its grant and organization", got)
	}
	renewed := e.token(refresh(r.str("refresh_token"), nil))
	wantOK(t, renewed)
	if got := e.verify(renewed.str("id_token")); got["org_id"] != "org_1" {
		t.Errorf("renewed ID token = %v, want the organization kept", got)
	}
	if renewed.str("issued_token_type") != "" {
		t.Error("a renewal has an issued_token_type")
	}
}

func TestTokenExchangesAreRefused(t *testing.T) {
	t.Parallel()
	e := exchanging(t)
	for name, c := range map[string]struct {
		token             string
		change            params
		status            int
		code, description string
	}{
		"no subject token":             {"id auth0|alice", params{"subject_token": ""}, 400, "invalid_request", "Missing required parameter: subject_token"},
		"no type":                      {"id auth0|alice", params{"subject_token_type": ""}, 400, "invalid_request", "Missing required parameter: subject_token_type"},
		"a type nobody knows":          {"id auth0|alice", params{"subject_token_type": "urn:example:other"}, 400, "invalid_request", "No token exchange profile for this subject_token_type."},
		"a wrong secret":               {"id auth0|alice", params{"client_secret": "wrong"}, 401, "invalid_client", "Client authentication failed"},
		"an unknown audience":          {"id auth0|alice", params{"audience": "https://other"}, 403, "access_denied", "Service not found: https://other"},
		"an unknown organization":      {"id auth0|alice", params{"organization": "org_2"}, 400, "invalid_request", "parameter organization is invalid"},
		"no member of it":              {"create bob", params{"organization": "org_1"}, 403, "access_denied", "user auth0|bob is not part of the org_1 organization"},
		"an organization of an Action": {"organize org_2", nil, 400, "invalid_request", "parameter organization is invalid"},
		"a token that is rejected":     {"whatever", nil, 400, "invalid_request", "no such token"},
		"a denial as invalid_request":  {"deny invalid_request", nil, 400, "invalid_request", "because"},
		"a denial as server_error":     {"deny server_error", nil, 500, "server_error", "because"},
		"a denial with its own code":   {"deny too_late", nil, 400, "too_late", "because"},
		"an Action that throws":        {"throw", nil, 500, "server_error", "The Action failed."},
		"an Action without a decision": {"nobody", nil, 500, "server_error", "the Action set no user"},
		"an Action that sets two":      {"two", nil, 500, "server_error", "the Action set the user more than once"},
		"a user who does not exist":    {"id auth0|nobody", nil, 400, "invalid_request", "The user does not exist."},
		"a user who may not be made":   {"no-create nobody", nil, 400, "invalid_request", "The user does not exist."},
		"a user without an email":      {"no-email nobody", nil, 400, "invalid_request", "The user has no email, which the connection identifies users by."},
		"an email that would change":   {"new-email alice", nil, 400, "invalid_request", "The user's identifiers cannot be changed."},
		"a connection of nobody's":     {"elsewhere", nil, 400, "invalid_request", "The connection is not enabled for the client."},
		"too many attributes":          {"many", nil, 400, "invalid_request", "The user has more than 24 attributes, or no user_id."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, e.token(exchangeOf(c.token, c.change)), c.status, c.code, c.description)
		})
	}
}

func TestTokenExchangeIsForClientsThatMay(t *testing.T) {
	t.Parallel()
	e := exchanging(t, func(o *auth0test.Options) { o.Clients[0].TokenExchange = false })
	wantError(t, e.token(exchangeOf("id auth0|alice", nil)), 403, "unauthorized_client", "Grant type '"+tokenExchange+"' not allowed for the client.")

	e = exchanging(t, func(o *auth0test.Options) { o.Clients[0].Organizations = false })
	wantError(t, e.token(exchangeOf("id auth0|alice", params{"organization": "acme"})), 400, "invalid_request", "parameter organization is not allowed for this client")

	e = exchanging(t, func(o *auth0test.Options) { o.Connections[0].ImportMode = true })
	wantError(t, e.token(exchangeOf("create bob", nil)), 400, "invalid_request", "The connection imports users, which setUserByConnection does not support.")
	wantOK(t, e.token(exchangeOf("id auth0|alice", nil)))
}

func TestAnActionMakesAndChangesUsersAsItSays(t *testing.T) {
	t.Parallel()
	e := exchanging(t)
	nameOf := func(token string) any {
		t.Helper()
		r := e.token(exchangeOf(token, nil))
		wantOK(t, r)
		return e.verify(r.str("id_token"))["name"]
	}
	if got := nameOf("create bob Bob"); got != "Bob" {
		t.Errorf("made with the name %v, want Bob", got)
	}
	if got := nameOf("create bob Robert"); got != "Bob" {
		t.Errorf("there already, the name is %v, want it unchanged", got)
	}
	if got := nameOf("replace bob Robert"); got != "Robert" {
		t.Errorf("replaced, the name is %v, want Robert", got)
	}
	if got := nameOf("id auth0|bob"); got != "Robert" {
		t.Errorf("set by id, the name is %v, want Robert", got)
	}
	nameOf("default carol")
	for _, user := range e.Users() {
		if want := map[string]int{"auth0|alice": 0, "auth0|bob": 4, "auth0|carol": 1}[user.ID]; user.Logins != want || user.Connection != database {
			t.Errorf("%s of %s has %d logins, want %d", user.ID, user.Connection, user.Logins, want)
		}
	}
}

func TestABlockedUserCannotBeSet(t *testing.T) {
	t.Parallel()
	e := exchanging(t)
	e.BlockUser("auth0|alice")
	for _, token := range []string{"id auth0|alice", "create alice"} {
		wantError(t, e.token(exchangeOf(token, nil)), 401, "unauthorized", "user is blocked")
	}
}

func TestAMissingUserIsDeniedIfSoSwitched(t *testing.T) {
	t.Parallel()
	e := exchanging(t)
	e.SetFaults(auth0test.Faults{Variants: auth0test.Variants{MissingUserDenied: true}})
	wantError(t, e.token(exchangeOf("id auth0|nobody", nil)), 403, "access_denied", "The user does not exist.")
}

func TestAnActionIsToldOfTheTransaction(t *testing.T) {
	t.Parallel()
	e := exchanging(t, func(o *auth0test.Options) { o.Clients[0].TrustForwardedFor = true })
	for path, want := range map[string]string{
		"transaction":                `{"requested_scopes":["openid","profile","email"],"requested_token_type":"urn:ietf:params:oauth:token-type:access_token","subject_token":"event transaction","subject_token_type":"urn:example:passkey"}`,
		"secrets":                    `{"KEY":"value"}`,
		"client":                     `{"client_id":"bridge","metadata":{},"name":"Bridge"}`,
		"organization.id":            `"org_1"`,
		"resource_server.identifier": `"` + audience + `"`,
		"request.ip":                 `"203.0.113.9"`,
		"request.method":             `"POST"`,
		"request.body.anything":      `"else"`,
	} {
		req := e.tokenRequest(exchangeOf("event "+path, params{"organization": "acme", "audience": audience, "anything": "else"}))
		req.Header.Set("auth0-forwarded-for", "203.0.113.9")
		wantError(t, e.do(req), 400, "event", want)
	}
}

func TestRejectedSubjectTokensBlockTheirAddressForAWhile(t *testing.T) {
	t.Parallel()
	now := newClock()
	e := exchanging(t, func(o *auth0test.Options) { o.Now, o.Clients[0].TrustForwardedFor = now.Now, true })
	e.SetFaults(auth0test.Faults{Protection: auth0test.Protection{InvalidSubjectTokens: 2}})
	from := func(ip, token string) reply {
		req := e.tokenRequest(exchangeOf(token, nil))
		req.Header.Set("auth0-forwarded-for", ip)
		return e.do(req)
	}
	invalid := func() { t.Helper(); wantError(t, from("203.0.113.9", "x"), 400, "invalid_request", "no such token") }
	blocked := func(token string) {
		t.Helper()
		wantError(t, from("203.0.113.9", token), 429, "too_many_attempts", textSuspiciousIP)
	}
	for range 3 { // neither a denial nor a failure counts
		wantError(t, from("203.0.113.9", "deny server_error"), 500, "server_error", "because")
		wantError(t, from("203.0.113.9", "throw"), 500, "server_error", "The Action failed.")
	}
	invalid()
	invalid()
	blocked("id auth0|alice")
	wantOK(t, from("203.0.113.10", "id auth0|alice"))
	now.forward(10 * time.Minute)
	invalid()
	blocked("x")
	now.forward(10 * time.Minute)
	wantOK(t, from("203.0.113.9", "id auth0|alice"))
	invalid()
	blocked("x")
	e.ResetProtection()
	wantOK(t, from("203.0.113.9", "id auth0|alice"))
}

func TestTokenExchangeHasARateOfItsOwn(t *testing.T) {
	t.Parallel()
	now := newClock()
	e := exchanging(t, func(o *auth0test.Options) { o.Now = now.Now })
	e.SetFaults(auth0test.Faults{Protection: auth0test.Protection{TokenExchangePerSecond: 4}})
	for i := range 4 {
		r := e.token(exchangeOf("id auth0|alice", nil))
		wantOK(t, r)
		wantRateLimit(t, r, 4, 3-i, now.Now().Add(time.Second))
	}
	wantError(t, e.token(exchangeOf("id auth0|alice", nil)), 429, "too_many_requests", textRateLimit)
	wantOK(t, e.token(signIn(nil)))
	now.forward(time.Second)
	wantOK(t, e.token(exchangeOf("id auth0|alice", nil)))
}

func TestActionsOfTheEndStillHaveTheirSay(t *testing.T) {
	t.Parallel()
	e := exchanging(t)
	e.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.MFARequired, Grant: tokenExchange, Times: 1}}})
	wantOK(t, e.token(signIn(nil)))
	wantError(t, e.token(exchangeOf("id auth0|alice", nil)), 403, "mfa_required", "Multifactor authentication required")
	wantOK(t, e.token(exchangeOf("id auth0|alice", nil)))
}

func TestAnActionsRunIsTold(t *testing.T) {
	t.Parallel()
	e := exchanging(t)
	wantOK(t, e.token(exchangeOf("id auth0|alice", nil)))
	all := e.Exchanges()
	i := slices.IndexFunc(all, func(x auth0test.Exchange) bool { return x.Kind == auth0test.Action })
	if i < 0 || all[i].Outcome != scripthost.UserSet || all[i].ClientID != clientID {
		t.Fatalf("exchanges = %+v, want the Action's run among them", all)
	}
	if last := all[len(all)-1]; last.GrantType != tokenExchange || last.Status != http.StatusOK {
		t.Errorf("exchange = %+v, want the request and its grant", last)
	}
	if told := fmt.Sprintf("%+v", all); strings.Contains(told, "id auth0|alice") {
		t.Error("the subject token is told")
	}
}

func TestStoreActionReplacesTheActionOrKeepsTheOld(t *testing.T) {
	t.Parallel()
	e := exchanging(t)
	if err := e.StoreAction(subjectTokenType, "exports.onExecuteCustomTokenExchange = async () => { for await (const x of []); }"); err == nil {
		t.Error("an Action that the engine does not parse is stored")
	}
	wantOK(t, e.token(exchangeOf("id auth0|alice", nil)))
	if err := e.StoreAction(subjectTokenType, `exports.onExecuteCustomTokenExchange = async (event, api) => api.access.deny('new', 'Action')`); err != nil {
		t.Fatal(err)
	}
	wantError(t, e.token(exchangeOf("id auth0|alice", nil)), 400, "new", "Action")
	if err := e.StoreAction("urn:example:other", exchangeAction); err == nil {
		t.Error("an Action of a profile that is not there is stored")
	}
}

func TestProfilesAndOrganizationsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	profile := func(uri, action string) func(*auth0test.Options) {
		return func(o *auth0test.Options) {
			o.TokenExchangeProfiles = append(o.TokenExchangeProfiles, auth0test.TokenExchangeProfile{SubjectTokenType: uri, Action: action})
		}
	}
	for name, change := range map[string]func(*auth0test.Options){
		"no type":                profile("", exchangeAction),
		"a type that is no URI":  profile("passkey", exchangeAction),
		"http":                   profile("http://example.com/passkey", exchangeAction),
		"a namespace of IETF's":  profile("urn:ietf:params:oauth:token-type:jwt", exchangeAction),
		"a namespace of Auth0's": profile("https://auth0.com/passkey", exchangeAction),
		"a type twice": func(o *auth0test.Options) {
			profile("urn:x:y", exchangeAction)(o)
			profile("urn:x:y", exchangeAction)(o)
		},
		"no Action":             profile("urn:x:y", ""),
		"an organization twice": func(o *auth0test.Options) { o.Organizations = make([]auth0test.Organization, 2) },
	} {
		opts := tenant()
		change(&opts)
		if s, err := auth0test.Start(opts); err == nil {
			_ = s.Close()
			t.Errorf("%s: it started", name)
		}
	}
}
