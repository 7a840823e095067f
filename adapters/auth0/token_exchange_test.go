package auth0_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const subjectTokenType = "urn:native-bridge:authsignal:challenge"

// startExchangeTenant is a tenant with the Action as it ships, and an Authsignal that answers a validation as given.
// Jane is a user; nobody else is made.
func startExchangeTenant(t *testing.T, validate http.HandlerFunc, apis ...auth0test.API) *auth0test.Server {
	t.Helper()
	if len(apis) == 0 {
		apis = []auth0test.API{{Identifier: audience, AllowOfflineAccess: true}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/validate", validate)
	authsignal := httptest.NewServer(mux)
	t.Cleanup(authsignal.Close)
	secrets := configFor(t, "https://unused.example.com").ActionSecrets()
	secrets["AUTHSIGNAL_SECRET"], secrets["AUTHSIGNAL_API_URL"], secrets["AUTHSIGNAL_ACTION"] = apiSecret, authsignal.URL+"/v1", pinnedAction

	tenant, err := auth0test.Start(auth0test.Options{
		Keys: &keys,
		Clients: []auth0test.Client{{
			ID: clientID, Secret: clientSecret, AuthMethod: auth0test.AuthPost, TrustForwardedFor: true,
			GrantTypes:    []string{auth0test.GrantRefreshToken},
			TokenExchange: true, Organizations: true,
			RefreshToken: auth0test.RefreshToken{Rotating: true},
		}},
		Connections:           []auth0test.Connection{{Name: "authsignal"}},
		APIs:                  apis,
		TokenExchangeProfiles: []auth0test.TokenExchangeProfile{{SubjectTokenType: subjectTokenType, Action: auth0.ExchangeAction, Secrets: secrets}},
		Organizations:         []auth0test.Organization{{ID: "org_1", Members: []string{"auth0|jane"}}, {ID: "org_2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	tenant.CreateUser("authsignal", "jane", map[string]any{"email": "jane@example.com"})
	return tenant
}

func exchanges(c *auth0.Config) { c.SubjectTokenType = subjectTokenType }

func exchangeIssuerFor(t *testing.T, tenant *auth0test.Server) *auth0.TokenExchangeIssuer {
	client := upstream.New(upstream.Options{Name: "auth0", RootCAs: tenant.CertPool(), Now: time.Now})
	return auth0.NewTokenExchangeIssuer(client, configFor(t, tenant.URL(), exchanges), 30*time.Second, time.Now)
}

func TestTokenExchangeIssuerKeepsTheContract(t *testing.T) {
	portstest.TokenIssuer(t, func(t *testing.T) portstest.IssuerHarness {
		tenant := startExchangeTenant(t, proves("userId", "auth0|jane"))
		return issuerHarness(tenant, exchangeIssuerFor(t, tenant), func(t *testing.T) domain.Grant { return grantFor(t) })
	})
}

func TestASessionOfTokenExchangeIsRenewedAndRevokedLikeAnyOther(t *testing.T) {
	tenant := startExchangeTenant(t, proves("userId", "auth0|jane"))
	issuer := exchangeIssuerFor(t, tenant)
	session, err := issuer.Issue(t.Context(), grantFor(t, "openid", "offline_access"))
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := issuer.Renew(t.Context(), session.RefreshToken, domain.Access{}, domain.Client{})
	if err != nil || renewed.Subject != "auth0|jane" {
		t.Fatalf("renewed for %q, %v", renewed.Subject, err)
	}
	if err := issuer.Revoke(t.Context(), renewed.RefreshToken); err != nil {
		t.Fatal(err)
	}
	if refreshes(t, tenant, renewed.RefreshToken) {
		t.Error("the session goes on")
	}
}

func TestASessionIsForTheOrganizationThatWasAskedForOrIsNone(t *testing.T) {
	tests := map[string]struct {
		organization string
		fault        auth0test.FaultKind
		want         domain.Error
		says         string // "" means a session
	}{
		"an organization of the person's":   {organization: "org_1"},
		"none":                              {},
		"one that the person is not in":     {organization: "org_2", want: domain.ErrAccessDenied, says: "not part of"},
		"one that is none":                  {organization: "org_3", want: fault, says: "AUTH0_ORGANIZATIONS_ALLOWED"},
		"a session of another organization": {organization: "org_1", fault: auth0test.IDWrongOrganization, want: fault, says: `"org_another", not for "org_1"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := startExchangeTenant(t, proves("userId", "auth0|jane"))
			if tt.fault != "" {
				inject(tenant, auth0test.Fault{Kind: tt.fault})
			}
			grant := grantFor(t)
			grant.Access.Organization = tt.organization
			session, err := exchangeIssuerFor(t, tenant).Issue(t.Context(), grant)
			if tt.says == "" {
				if err != nil || session.Subject != "auth0|jane" {
					t.Errorf("session of %q, %v", session.Subject, err)
				}
				return
			}
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v, want reason %q and %q in it", err, tt.want, tt.says)
			}
			if !session.AccessToken.IsZero() {
				t.Error("a session was returned")
			}
		})
	}
}

// What the Action decides must arrive as what it means, whichever form Auth0 gives it.
func TestTheActionsDecisionsArriveAsTheyAreMeant(t *testing.T) {
	tests := map[string]struct {
		validate http.HandlerFunc
		variants auth0test.Variants
		want     domain.Error
		says     string
	}{
		"a token that is used up":                  {proves("isValid", false), auth0test.Variants{}, domain.ErrAccessDenied, "second validation"},
		"a token of another action":                {proves("action", "signUp", "actionCode", nil), auth0test.Variants{}, domain.ErrAccessDenied, "another action"},
		"Authsignal is down":                       {says(503, "down"), auth0test.Variants{}, domain.ErrUnavailable, "Authsignal answered 503"},
		"Authsignal refuses the secret":            {fails(401, "unauthorized"), auth0test.Variants{}, domain.ErrUnavailable, "AUTHSIGNAL_SECRET"},
		"a person without a user":                  {proves("userId", "auth0|nobody"), auth0test.Variants{}, domain.ErrAccessDenied, "CREATE_USERS_IN"},
		"a person without a user, by another code": {proves("userId", "auth0|nobody"), auth0test.Variants{MissingUserDenied: true}, domain.ErrAccessDenied, "does not exist"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := startExchangeTenant(t, tt.validate)
			tenant.SetFaults(auth0test.Faults{Variants: tt.variants})
			_, err := exchangeIssuerFor(t, tenant).Issue(t.Context(), grantFor(t))
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v, want reason %q and %q in it", err, tt.want, tt.says)
			}
		})
	}
}

// An outage must not use up the attempts of an address.
func TestOnlyARejectedTokenCountsAgainstAnAddress(t *testing.T) {
	for name, tt := range map[string]struct {
		validate http.HandlerFunc
		blocked  bool
	}{
		"an outage":               {says(503, "down"), false},
		"tokens that are invalid": {proves("isValid", false), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := startExchangeTenant(t, tt.validate)
			tenant.SetFaults(auth0test.Faults{Protection: auth0test.Protection{InvalidSubjectTokens: 2}})
			issuer := exchangeIssuerFor(t, tenant)
			var err error
			for range 3 {
				_, err = issuer.Issue(t.Context(), grantFor(t))
			}
			reason, _ := domain.ReasonOf(err)
			if blocked := reason == domain.ErrBusy && strings.Contains(err.Error(), "throttles the address"); blocked != tt.blocked {
				t.Errorf("err = %v, throttled: want %t", err, tt.blocked)
			}
		})
	}
}

func TestTheExchangeRequestIsWhatAuth0Documents(t *testing.T) {
	issuer, requests := plainExchange(t, answering(400, `{"error":"invalid_request"}`))
	grant := grantFor(t)
	grant.Access.Organization = "org_1"
	_, _ = issuer.Issue(t.Context(), grant)

	sent := requests()[0]
	want := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token_type": {subjectTokenType},
		"subject_token": {grant.Token.Reveal()}, "requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"scope": {"openid profile email"}, "audience": {audience}, "organization": {"org_1"},
		"client_id": {clientID}, "client_secret": {clientSecret},
	}
	if sent.path != "/oauth/token" || sent.form.Encode() != want.Encode() {
		t.Errorf("%s %v, want %v", sent.path, sent.form, want)
	}
	if got := sent.header.Get("auth0-forwarded-for"); got != "81.2.69.160" {
		t.Errorf("auth0-forwarded-for = %q, want the app's address", got)
	}

	grant.Access = domain.Access{Scope: []string{"openid"}}
	_, _ = issuer.Issue(t.Context(), grant)
	form := requests()[0].form
	if form.Has("audience") || form.Has("organization") {
		t.Errorf("form = %v, want nothing sent that was not asked for", form)
	}
}

func plainExchange(t *testing.T, answer http.HandlerFunc) (*auth0.TokenExchangeIssuer, func() []recordedRequest) {
	issuer, requests := plainAuth0(t, answer, exchanges)
	return &auth0.TokenExchangeIssuer{Issuer: issuer}, requests
}

func TestEveryAnswerToAnExchangeHasItsVerdict(t *testing.T) {
	oauth := func(code, description string) string {
		return fmt.Sprintf(`{"error":%q,"error_description":%q,"mfa_token":"Fe26.2*credential"}`, code, description)
	}
	tests := map[string]struct {
		status int
		body   string
		want   domain.Error
		says   string
	}{
		"400 invalid_request: the Action rejects the token":     {400, oauth("invalid_request", "native-bridge refuses: the token names nobody"), domain.ErrAccessDenied, "names nobody"},
		"400 invalid_request: no profile has the type":          {400, oauth("invalid_request", "Unknown subject_token_type"), fault, "AUTH0_SUBJECT_TOKEN_TYPE"},
		"400 invalid_request: a parameter lacks":                {400, oauth("invalid_request", "Missing required parameter: subject_token"), fault, "AUTH0_SUBJECT_TOKEN_TYPE"},
		"400 invalid_request: the organization is refused":      {400, oauth("invalid_request", "parameter organization is not allowed for this client"), fault, "AUTH0_ORGANIZATIONS_ALLOWED"},
		"400 invalid_request: no such user":                     {400, oauth("invalid_request", "No such user"), domain.ErrAccessDenied, "CREATE_USERS_IN"},
		"400 invalid_request: the user is not found":            {400, oauth("invalid_request", "The user could not be found."), domain.ErrAccessDenied, "CREATE_USERS_IN"},
		"400 invalid_request without words":                     {400, oauth("invalid_request", ""), fault, "AUTH0_SUBJECT_TOKEN_TYPE"},
		"400 invalid_request: an outage in the Action":          {400, oauth("invalid_request", "native-bridge cannot tell: x"), domain.ErrUnavailable, "cannot tell"},
		"500 server_error: an outage in the Action":             {500, oauth("server_error", "native-bridge cannot tell: Authsignal answered 503"), domain.ErrUnavailable, "503"},
		"500 server_error: Auth0's own":                         {500, oauth("server_error", "Internal error"), domain.ErrUnavailable, "server_error"},
		"400 with an Action's own code":                         {400, oauth("too_early", "Not before nine."), domain.ErrAccessDenied, "Not before nine"},
		"403 access_denied by a post-login Action":              {403, oauth("access_denied", "Not on weekends."), domain.ErrAccessDenied, "weekends"},
		"403 access_denied: no member of the organization":      {403, oauth("access_denied", "user auth0|jane is not part of the org_1 organization"), domain.ErrAccessDenied, "organization"},
		"403 access_denied for an unknown audience":             {403, oauth("access_denied", "Service not found: x"), fault, "AUTH0_AUDIENCE"},
		"403 mfa_required":                                      {403, oauth("mfa_required", "Multifactor authentication required"), domain.ErrMFARequired, "MFA"},
		"401 mfa_required, as the API description has it":       {401, oauth("mfa_required", "Multifactor authentication required"), domain.ErrMFARequired, "MFA"},
		"401 unauthorized: user is blocked":                     {401, oauth("unauthorized", "user is blocked"), domain.ErrAccountBlocked, "blocked"},
		"400 unauthorized: user is blocked":                     {400, oauth("unauthorized", "user is blocked"), domain.ErrAccountBlocked, "blocked"},
		"401 requires_verification: bot detection":              {401, oauth("requires_verification", "?"), domain.ErrAccessDenied, "bot detection"},
		"429 too_many_attempts: invalid tokens from an address": {429, oauth("too_many_attempts", "We have detected suspicious login behavior"), domain.ErrBusy, "Trust Token Endpoint IP Header"},
		"429 too_many_attempts in the older form":               {429, `{"code":"too_many_attempts","description":"blocked"}`, domain.ErrBusy, "throttles the address"},
		"429 too_many_requests: the rate limit":                 {429, oauth("too_many_requests", "Too many requests."), domain.ErrBusy, "429"},
		"429 in plain text":                                     {429, `Too Many Requests`, domain.ErrBusy, "429"},
		"403 unauthorized_client: exchange is off":              {403, oauth("unauthorized_client", "Grant type not allowed for the client."), fault, "allow_any_profile_of_type"},
		"400 unauthorized_client: the Action knows another":     {400, oauth("unauthorized_client", "native-bridge refuses: the application is not the one"), fault, "NATIVE_BRIDGE_CLIENT_ID"},
		"400 unsupported_grant_type: not in the plan":           {400, oauth("unsupported_grant_type", "?"), fault, "allow_any_profile_of_type"},
		"401 invalid_client":                                    {401, oauth("invalid_client", "Client authentication failed"), fault, "AUTH0_CLIENT_SECRET"},
		"401 access_denied for a wrong client secret":           {401, oauth("access_denied", "Unauthorized"), fault, "AUTH0_CLIENT_SECRET"},
		"400 invalid_target":                                    {400, oauth("invalid_target", "?"), fault, "AUTH0_AUDIENCE"},
		"400 invalid_scope":                                     {400, oauth("invalid_scope", "?"), fault, "AUTH0_SCOPE_ALLOWED"},
		"404: another server":                                   {404, `<html>not found</html>`, fault, "AUTH0_DOMAIN"},
		"404 with a code":                                       {404, oauth("not_found", "?"), fault, "AUTH0_DOMAIN"},
		"a redirect":                                            {307, ``, fault, "307"},
		"502 in HTML":                                           {502, `<html>502 Bad Gateway</html>`, domain.ErrUnavailable, "502"},
		"408":                                                   {408, ``, domain.ErrUnavailable, "408"},
		"200 without a body":                                    {200, ``, domain.ErrUnavailable, "token response"},
		"200 without an ID token":                               {200, `{"access_token":"x","token_type":"Bearer","expires_in":1}`, fault, "no ID token"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer, requests := plainExchange(t, answering(tt.status, tt.body, "Location", "/elsewhere"))
			session, err := issuer.Issue(t.Context(), grantFor(t))
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want {
				t.Errorf("err = %v (reason %q), want reason %q", err, reason, tt.want)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "Fe26.2") || strings.Contains(err.Error(), "Login script")) {
				t.Errorf("err = %v, want it to say %q, and nothing of mfa_token or Login script", err, tt.says)
			}
			if !session.AccessToken.IsZero() {
				t.Error("a session was returned")
			}
			if n := len(requests()); n != 1 {
				t.Errorf("%d requests, want 1: asking again would run the Action again", n)
			}
		})
	}
}

func TestSubjectTokenTypesKeepAuth0sRules(t *testing.T) {
	for text, ok := range map[string]bool{
		subjectTokenType: true, "urn:example:x": true, "https://example.com/token-type": true,
		"": false, "passkey": false, "http://example.com/x": false, "urn:": false, "https://": false, "urn:ietf:params:oauth:token-type:jwt": false,
		"URN:IETF:x": false, "urn:auth0:x": false, "urn:okta:x": false, "https://auth0.com/x": false, "https://okta.com": false, "urn:a b": false,
	} {
		var typ auth0.SubjectTokenType
		if err := typ.UnmarshalText([]byte(text)); (err == nil) != ok || ok && string(typ) != text {
			t.Errorf("%q: %q, %v; want accepted: %t", text, typ, err, ok)
		}
	}
}

func TestOrganizationsAreIDs(t *testing.T) {
	for text, want := range map[string]string{
		"org_1": "org_1", " org_a1B2 , org_2,": "org_a1B2 org_2", "": "",
		"acme": "error", "org_1,acme": "error", "org_": "error", "ORG_1": "error", "org_1;org_2": "error",
	} {
		var list auth0.Organizations
		err := list.UnmarshalText([]byte(text))
		if (err != nil) != (want == "error") || err == nil && strings.Join(list, " ") != want {
			t.Errorf("%q: %q, %v; want %q", text, list, err, want)
		}
	}
}

// A setting that the chosen issuer pays no heed to must not look as if it did.
func TestEachIssuerNamesTheSettingsThatAreNotItsOwn(t *testing.T) {
	plain := auth0.Config{}
	signed := auth0.Config{Proof: auth0.ProofSigned, OrganizationsAllowed: auth0.Organizations{"org_1"}}
	if faults := append(plain.CheckPasswordRealm(), plain.CheckTokenExchange()...); len(faults) != 0 {
		t.Errorf("faults = %v, want none", faults)
	}
	if faults := signed.CheckPasswordRealm(); len(faults) != 1 || faults[0].Name != "AUTH0_ORGANIZATIONS_ALLOWED" {
		t.Errorf("faults = %v, want one of AUTH0_ORGANIZATIONS_ALLOWED", faults)
	}
	if faults := signed.CheckTokenExchange(); len(faults) != 1 || faults[0].Name != "AUTH0_PROOF" {
		t.Errorf("faults = %v, want one of AUTH0_PROOF", faults)
	}
}

func TestOrganizationsAreOfferedIfTheyAreAllowed(t *testing.T) {
	config := auth0.Config{OrganizationsAllowed: auth0.Organizations{"org_1"}}
	policy := config.Offer()
	if _, err := policy.Offered(domain.Access{Organization: "org_1"}); err != nil {
		t.Error(err)
	}
	if _, err := policy.Offered(domain.Access{Organization: "org_2"}); err == nil {
		t.Error("an organization is offered that is not allowed")
	}
}
