package auth0_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
	"nativebridge/ports/portstest"
)

const (
	clientID     = "client-id"
	clientSecret = "the-client-secret-of-the-bridge-app"
	audience     = "https://api.example.com"
)

// trustingScript is a Login script that knows everybody whose password is right.
const trustingScript = `function login(identifier, password, callback) {
	if (password.indexOf("good.") !== 0) return callback(new WrongUsernameOrPasswordError(identifier, "no"));
	callback(null, {user_id: identifier.replace("auth0|", ""), email: "jane@example.com", email_verified: true});
}`

// keys are shared by all tenants here, since making some takes a while.
var keys auth0test.Keys

func startTenant(t *testing.T) *auth0test.Server {
	t.Helper()
	return startTenantWith(t, auth0test.Connection{Name: "authsignal", LoginScript: trustingScript})
}

func startTenantWith(t *testing.T, connection auth0test.Connection, apis ...auth0test.API) *auth0test.Server {
	t.Helper()
	if len(apis) == 0 {
		apis = []auth0test.API{{Identifier: audience, AllowOfflineAccess: true}}
	}
	tenant, err := auth0test.Start(auth0test.Options{
		Keys: &keys,
		Clients: []auth0test.Client{{
			ID: clientID, Secret: clientSecret, AuthMethod: auth0test.AuthPost, TrustForwardedFor: true,
			GrantTypes:   []string{auth0test.GrantPassword, auth0test.GrantPasswordRealm, auth0test.GrantRefreshToken},
			Connections:  []string{"authsignal"},
			RefreshToken: auth0test.RefreshToken{Rotating: true},
		}},
		Connections: []auth0test.Connection{connection},
		APIs:        apis,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	return tenant
}

// configFor is a configuration that points at a base URL, with whatever is changed.
func configFor(t *testing.T, base string, change ...func(*auth0.Config)) auth0.Config {
	t.Helper()
	config := auth0.Config{
		Client: clientID, ClientSecret: settings.NewSecret(clientSecret),
		Connection: "authsignal", Audience: audience, Scope: settings.Scope{"openid", "profile", "email"},
	}
	if err := config.Domain.UnmarshalText([]byte(base)); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(&config)
	}
	return config
}

var wholeIDs = domain.SubjectRule{Prefix: "auth0|"}

func issuerFor(t *testing.T, tenant *auth0test.Server, change ...func(*auth0.Config)) *auth0.Issuer {
	client := upstream.New(upstream.Options{Name: "auth0", RootCAs: tenant.CertPool(), Now: time.Now})
	return auth0.NewIssuer(client, configFor(t, tenant.URL(), change...), 30*time.Second, time.Now)
}

var proofs atomic.Int64

func grantFor(t *testing.T, scope ...string) domain.Grant {
	t.Helper()
	token, err := domain.ParsePasskeyToken("good.token." + strconv.FormatInt(proofs.Add(1), 10))
	if err != nil {
		t.Fatal(err)
	}
	if len(scope) == 0 {
		scope = []string{"openid", "profile", "email"}
	}
	return domain.Grant{
		Identity: domain.Identity{Authority: "test", Subject: "auth0|jane", Action: "signIn", Method: domain.MethodPasskey, ProofID: "1", AuthenticatedAt: time.Now()},
		Token:    token,
		Access:   domain.Access{Scope: scope, Audience: audience},
		Client:   domain.Client{Addr: netip.MustParseAddr("81.2.69.160")},
	}
}

func inject(tenant *auth0test.Server, faults ...auth0test.Fault) {
	tenant.SetFaults(auth0test.Faults{Inject: faults})
}

func TestIssuerKeepsTheContract(t *testing.T) {
	portstest.TokenIssuer(t, func(t *testing.T) portstest.IssuerHarness {
		tenant := startTenant(t)
		return issuerHarness(tenant, issuerFor(t, tenant), func(t *testing.T) domain.Grant { return grantFor(t) })
	})
}

// issuerHarness drives an issuer that has the tenant behind it.
func issuerHarness(tenant *auth0test.Server, issuer ports.TokenIssuer, grant func(*testing.T) domain.Grant) portstest.IssuerHarness {
	meets := func(kind auth0test.FaultKind) func(*testing.T) {
		return func(*testing.T) { inject(tenant, auth0test.Fault{Kind: kind}) }
	}
	spoil := map[string]func(*testing.T){}
	for _, kind := range []auth0test.FaultKind{
		auth0test.NoIDToken, auth0test.IDWrongIssuer, auth0test.IDNoSlashIssuer, auth0test.IDWrongAudience,
		auth0test.IDManyAudiences, auth0test.IDWrongAZP, auth0test.IDExpired, auth0test.IDIssuedInFuture,
		auth0test.IDNonce, auth0test.IDWrongAtHash, auth0test.IDUnsigned, auth0test.IDHS256,
		auth0test.IDHS256WithKey, auth0test.IDUnknownKey, auth0test.IDForeignKey, auth0test.IDBadSignature,
	} {
		spoil[string(kind)] = meets(kind)
	}
	return portstest.IssuerHarness{
		Issuer: issuer,
		Grant:  grant,
		Swap:   meets(auth0test.WrongSubject),
		Widen: func(t *testing.T) string {
			meets(auth0test.MoreScope)(t)
			return "admin:everything"
		},
		Refuse: map[domain.Error]func(*testing.T){
			domain.ErrAccessDenied:   meets(auth0test.AccessDenied),
			domain.ErrMFARequired:    meets(auth0test.MFARequired),
			domain.ErrAccountBlocked: func(*testing.T) { tenant.BlockUser("auth0|jane") },
		},
		Spoil:   spoil,
		Told:    func(*testing.T) string { return forwarded(tenant) },
		Secrets: []string{clientSecret},
		Lock:    meets(auth0test.InvalidClient),
		Limit:   meets(auth0test.RateLimited),
		Garble:  meets(auth0test.Malformed),
		Hang:    meets(auth0test.Hang),
		Stop:    func(*testing.T) { _ = tenant.Close() },
	}
}

// forwarded returns the client address that the token endpoint was told last.
func forwarded(tenant *auth0test.Server) string {
	for _, exchange := range slices.Backward(tenant.Exchanges()) {
		if exchange.Path == "/oauth/token" {
			return exchange.ForwardedFor
		}
	}
	return ""
}

func TestRevokerKeepsTheContract(t *testing.T) {
	portstest.SessionRevoker(t, func(t *testing.T) portstest.RevokerHarness {
		tenant := startTenant(t)
		issuer := issuerFor(t, tenant)
		meets := func(kind auth0test.FaultKind) func(*testing.T) {
			return func(*testing.T) { inject(tenant, auth0test.Fault{Kind: kind, At: auth0test.AtRevoke}) }
		}
		return portstest.RevokerHarness{
			Revoker: issuer,
			Open: func(t *testing.T) (domain.Secret, func(*testing.T) bool) {
				session, err := issuer.Issue(t.Context(), grantFor(t, "openid", "offline_access"))
				if err != nil || session.RefreshToken.IsZero() {
					t.Fatalf("no refresh token: %v", err)
				}
				return session.RefreshToken, func(t *testing.T) bool { return refreshes(t, tenant, session.RefreshToken) }
			},
			Refuse: map[string]func(*testing.T){
				"the token":  meets(auth0test.InvalidGrant),
				"the person": meets(auth0test.UserBlocked),
			},
			Secrets: []string{clientSecret},
			Lock:    meets(auth0test.InvalidClient),
			Limit:   meets(auth0test.RateLimited),
			Hang:    meets(auth0test.Hang),
			Stop:    func(*testing.T) { _ = tenant.Close() },
		}
	})
}

// A revocation concerns no person and no proof: what Auth0 says of either is a fault of ours.
func TestARevocationFailsForNoReasonOrCanBeAskedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		code   string
		want   domain.Error
	}{
		"another client's token":             {403, "invalid_grant", fault},
		"a wrong password":                   {403, "invalid_user_password", fault},
		"a user who is blocked":              {401, "unauthorized", fault},
		"MFA":                                {403, "mfa_required", fault},
		"an Action that denies":              {403, "access_denied", fault},
		"bot detection":                      {401, "requires_verification", fault},
		"breached passwords":                 {401, "password_leaked", fault},
		"a request that is not understood":   {400, "invalid_request", fault},
		"our secret is wrong":                {401, "invalid_client", fault},
		"attack protection":                  {429, "too_many_attempts", domain.ErrBusy},
		"attack protection, not told by 429": {403, "too_many_attempts", fault},
		"the rate limit":                     {429, "too_many_requests", domain.ErrBusy},
		"502":                                {502, "", domain.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			body := fmt.Sprintf(`{"error":%q,"error_description":"user is blocked"}`, tt.code)
			issuer, _ := plainAuth0(t, answering(tt.status, body, "Retry-After", "40"))
			err := issuer.Revoke(t.Context(), domain.NewSecret("v1.refresh"))
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want {
				t.Errorf("err = %v (reason %q), want %q", err, reason, tt.want)
			}
			if wait := domain.RetryAfterOf(err); (tt.want == fault) != (wait == 0) {
				t.Errorf("retry after %s", wait)
			}
		})
	}
}

func TestIssuerKeysKeepTheContract(t *testing.T) {
	portstest.IssuerKeys(t, func(t *testing.T) portstest.KeysHarness {
		var published atomic.Value
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, published.Load().(string))
		}))
		t.Cleanup(server.Close)
		var later atomic.Int64 // by how much the clock was advanced
		now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
		client := upstream.New(upstream.Options{Name: "auth0", Now: now})
		return portstest.KeysHarness{
			Keys: auth0.NewIssuer(client, configFor(t, server.URL), 30*time.Second, now),
			Publish: func(_ *testing.T, body string) {
				published.Store(body)
				later.Add(int64(time.Hour))
			},
			Stop: func(*testing.T) {
				server.Close()
				later.Add(int64(time.Hour))
			},
		}
	})
}

func refreshes(t *testing.T, tenant *auth0test.Server, refresh domain.Secret) bool {
	client := upstream.New(upstream.Options{Name: "auth0", RootCAs: tenant.CertPool(), Now: time.Now})
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {clientID}, "client_secret": {clientSecret}, "refresh_token": {refresh.Reveal()}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tenant.URL()+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	reply, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return reply.Status == http.StatusOK
}

func TestARightAtHashIsAccepted(t *testing.T) {
	tenant := startTenant(t)
	inject(tenant, auth0test.Fault{Kind: auth0test.IDAtHash})
	if _, err := issuerFor(t, tenant).Issue(t.Context(), grantFor(t)); err != nil {
		t.Error(err)
	}
}

// The emulator's spoilt tokens are an hour off.
func TestHowFarAuth0sClockMayDifferIsTheSkew(t *testing.T) {
	tenant := startTenant(t)
	for _, kind := range []auth0test.FaultKind{auth0test.IDExpired, auth0test.IDIssuedInFuture} {
		inject(tenant, auth0test.Fault{Kind: kind})
		for skew, accepted := range map[time.Duration]bool{30 * time.Second: false, 2 * time.Hour: true} {
			client := upstream.New(upstream.Options{Name: "auth0", RootCAs: tenant.CertPool(), Now: time.Now})
			_, err := auth0.NewIssuer(client, configFor(t, tenant.URL()), skew, time.Now).Issue(t.Context(), grantFor(t))
			if (err == nil) != accepted {
				t.Errorf("%s with a skew of %s: err = %v, accepted: want %t", kind, skew, err, accepted)
			}
		}
	}
}

func TestASessionSurvivesKeyRotationAndAKeyEndpointThatIsDown(t *testing.T) {
	tenant := startTenant(t)
	issuer := issuerFor(t, tenant)
	issue := func(when string) {
		t.Helper()
		if _, err := issuer.Issue(t.Context(), grantFor(t)); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
	}
	issue("at first")
	inject(tenant, auth0test.Fault{Kind: auth0test.ServerError, At: auth0test.AtJWKS})
	issue("while the key endpoint is down")
}

func TestOneSubjectTableHoldsForWhatAuth0Makes(t *testing.T) {
	text, err := os.ReadFile("../../domain/testdata/subjects.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Subject, Sub string
		Subjects           auth0.Subjects
		UserID             string `json:"user_id"`
		Accepted           bool
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			tenant := startTenant(t)
			// Auth0 is asked for a person whose id the rule forbids too: the session it
			// would open must never be reported as that person's.
			userID := tt.UserID
			if !tt.Accepted {
				userID = strings.TrimPrefix(tt.Subject, "auth0|") + "-or-another"
			}
			if err := tenant.StoreScript("authsignal", fmt.Sprintf(`function login(i, p, callback) { callback(null, {user_id: %q, email: "a@b.c"}); }`, userID)); err != nil {
				t.Fatal(err)
			}
			follows := func(c *auth0.Config) { c.Subjects = tt.Subjects }
			client := upstream.New(upstream.Options{Name: "auth0", RootCAs: tenant.CertPool(), Now: time.Now})
			issuer := auth0.NewIssuer(client, configFor(t, tenant.URL(), follows), 30*time.Second, time.Now)
			grant := grantFor(t)
			grant.Identity.Subject = tt.Subject
			session, err := issuer.Issue(t.Context(), grant)
			if err != nil {
				if tt.Accepted {
					t.Fatal(err)
				}
				return
			}
			if same := session.Subject == tt.Subject; same != tt.Accepted {
				t.Errorf("user_id %q becomes subject %q for %q; the same person: %t, want %t", userID, session.Subject, tt.Subject, same, tt.Accepted)
			}
		})
	}
}

func TestASubThatStandsForNoBareIDEqualsNone(t *testing.T) {
	for _, sub := range []string{"jane", "google-oauth2|jane", "auth0|auth0|jane", "auth0|"} {
		if got := auth0.SubjectOf(domain.SubjectRule{}, sub); got == "" || (domain.SubjectRule{}).Accepts(got) {
			t.Errorf("sub %q becomes %q, which is a bare id, or says nothing", sub, got)
		}
	}
	if got := auth0.SubjectOf(domain.SubjectRule{}, "auth0|jane"); got != "jane" {
		t.Errorf("sub auth0|jane becomes %q, want jane", got)
	}
}

// recordedRequest is what Auth0 was sent.
type recordedRequest struct {
	path   string
	form   url.Values
	header http.Header
}

// plainAuth0 answers every request as given and records it.
func plainAuth0(t *testing.T, answer http.HandlerFunc, change ...func(*auth0.Config)) (*auth0.Issuer, func() []recordedRequest) {
	t.Helper()
	requests := make(chan recordedRequest, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		requests <- recordedRequest{r.URL.String(), form, r.Header}
		r.PostForm = form
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	client := upstream.New(upstream.Options{Name: "auth0", Now: time.Now})
	issuer := auth0.NewIssuer(client, configFor(t, server.URL, change...), 30*time.Second, time.Now)
	return issuer, func() (all []recordedRequest) {
		for len(requests) > 0 {
			all = append(all, <-requests)
		}
		return all
	}
}

func answering(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestTheRequestIsWhatTheAuthenticationAPIDocuments(t *testing.T) {
	issuer, requests := plainAuth0(t, answering(403, `{"error":"invalid_grant"}`))
	grant := grantFor(t)
	_, _ = issuer.Issue(t.Context(), grant)

	sent := requests()[0]
	if sent.path != "/oauth/token" || sent.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("request = %s %s, want a form to /oauth/token", sent.path, sent.header.Get("Content-Type"))
	}
	want := url.Values{
		"grant_type": {"http://auth0.com/oauth/grant-type/password-realm"}, "realm": {"authsignal"},
		"username": {"auth0|jane"}, "password": {grant.Token.Reveal()}, "scope": {"openid profile email"},
		"audience": {audience}, "client_id": {clientID}, "client_secret": {clientSecret},
	}
	if sent.form.Encode() != want.Encode() {
		t.Errorf("form = %v, want %v", sent.form, want)
	}
	if got := sent.header.Get("Accept"); got != "application/json" {
		t.Errorf("Accept = %q, want JSON", got)
	}
	if sent.header.Get("Authorization") != "" {
		t.Error("the client authenticates twice")
	}
	if got := sent.header.Get("auth0-forwarded-for"); got != "81.2.69.160" {
		t.Errorf("auth0-forwarded-for = %q, want the app's address", got)
	}
}

// The first and the last address of each block that is not on the internet, and
// those beside it that are.
func TestOnlyAnAddressOnTheInternetIsForwarded(t *testing.T) {
	on := strings.Fields(`81.2.69.160 1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
		169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0
		198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
		2001:200:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9:: 2003:: 2a00:1450::1 2400:cb00::1 3fff:1000::`)
	off := strings.Fields(`0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255
		169.254.0.0 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255 192.0.2.0 192.0.2.255 192.31.196.1 192.52.193.1
		192.88.99.1 192.168.0.0 192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0
		203.0.113.255 224.0.0.1 239.255.255.255 240.0.0.0 255.255.255.255
		:: ::1 ::ffff:81.2.69.160 64:ff9b::5102:45a0 64:ff9b:1::1 100::1 100:0:0:1::1 1fff:: 2001:: 2001:2::1 2001:20::1
		2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 2002::1 2620:4f:8000::1
		3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff 4000:: 5f00::1 fc00::1 fd00::1 fe80::1 2a00:1450::1%eth0 ff02::1`)
	for _, address := range on {
		if !auth0.OnTheInternet(netip.MustParseAddr(address)) {
			t.Errorf("%s is a user's, and not forwarded", address)
		}
	}
	for _, address := range off {
		if auth0.OnTheInternet(netip.MustParseAddr(address)) {
			t.Errorf("%s is nobody's on the internet, and forwarded", address)
		}
	}
	for address, forwarded := range map[string]string{
		"81.2.69.160": "81.2.69.160", "2a00:1450::1": "2a00:1450::1", "100.64.0.1": "", "203.0.113.7": "", "": "",
	} {
		issuer, requests := plainAuth0(t, answering(403, `{"error":"invalid_grant"}`))
		grant := grantFor(t)
		grant.Client.Addr = netip.Addr{}
		if address != "" {
			grant.Client.Addr = netip.MustParseAddr(address)
		}
		_, _ = issuer.Issue(t.Context(), grant)
		if got := requests()[0].header.Get("auth0-forwarded-for"); got != forwarded {
			t.Errorf("for %q, auth0-forwarded-for = %q, want %q", address, got, forwarded)
		}
	}
}

func TestNoAudienceIsSentWhereNoneIsConfigured(t *testing.T) {
	issuer, requests := plainAuth0(t, answering(403, `{"error":"invalid_grant"}`))
	grant := grantFor(t)
	grant.Access.Audience = ""
	_, _ = issuer.Issue(t.Context(), grant)
	if _, sent := requests()[0].form["audience"]; sent {
		t.Error("an empty audience was sent")
	}
}

const fault = domain.Error("") // a fault of ours wraps no reason

func TestEveryAnswerOfAuth0HasItsVerdict(t *testing.T) {
	oauth := func(code, description string) string {
		return fmt.Sprintf(`{"error":%q,"error_description":%q,"mfa_token":"Fe26.2*credential"}`, code, description)
	}
	tests := map[string]struct {
		status int
		body   string
		want   domain.Error
		says   string
	}{
		"403 invalid_grant: the Login script refuses":       {403, oauth("invalid_grant", "Wrong email or password."), domain.ErrAccessDenied, "second validation"},
		"403 invalid_user_password":                         {403, oauth("invalid_user_password", "Wrong email or password"), domain.ErrAccessDenied, "Login script"},
		"403 invalid_grant with the script's own words":     {403, oauth("invalid_grant", "native-bridge refuses: the token is for another action"), domain.ErrAccessDenied, "another action"},
		"403 access_denied by an Action":                    {403, oauth("access_denied", "Not on weekends."), domain.ErrAccessDenied, "Action"},
		"403 access_denied by an outage in the script":      {403, oauth("access_denied", "native-bridge cannot tell: Authsignal answered 503"), domain.ErrUnavailable, "503"},
		"400 invalid_request by an outage in the script":    {400, oauth("invalid_request", "native-bridge cannot tell: Authsignal cannot be reached"), domain.ErrUnavailable, "reached"},
		"500 server_error by an outage in the script":       {500, oauth("server_error", "native-bridge cannot tell: x"), domain.ErrUnavailable, "cannot tell"},
		"403 access_denied for an unknown audience":         {403, oauth("access_denied", "Service not found: https://api.example.com"), fault, "AUTH0_AUDIENCE"},
		"401 access_denied for a wrong client secret":       {401, oauth("access_denied", "Unauthorized"), fault, "AUTH0_CLIENT_SECRET"},
		"403 mfa_required":                                  {403, oauth("mfa_required", "Multifactor authentication required"), domain.ErrMFARequired, "MFA"},
		"401 mfa_required, as the API description has it":   {401, oauth("mfa_required", "Multifactor authentication required"), domain.ErrMFARequired, "MFA"},
		"403 unauthorized_client: the grant is off":         {403, oauth("unauthorized_client", "Grant type 'http://auth0.com/oauth/grant-type/password-realm' not allowed for the client."), fault, "Password and Refresh Token grants"},
		"401 invalid_client":                                {401, oauth("invalid_client", "Client authentication failed"), fault, "AUTH0_CLIENT_SECRET"},
		"401 unauthorized: user is blocked":                 {401, oauth("unauthorized", "user is blocked"), domain.ErrAccountBlocked, "blocked"},
		"400 unauthorized: user is blocked":                 {400, oauth("unauthorized", "user is blocked"), domain.ErrAccountBlocked, "blocked"},
		"401 unauthorized by a rule":                        {401, oauth("unauthorized", "Only in office hours."), domain.ErrAccessDenied, "office hours"},
		"401 password_leaked":                               {401, oauth("password_leaked", "This login attempt has been blocked …"), domain.ErrAccessDenied, "breached password"},
		"401 requires_verification: bot detection":          {401, oauth("requires_verification", "Suspicious request requires verification"), domain.ErrAccessDenied, "bot detection"},
		"429 too_many_attempts: brute force":                {429, oauth("too_many_attempts", "Your account has been blocked after multiple consecutive login attempts."), domain.ErrAccountBlocked, "unblock"},
		"429 too_many_attempts: the address is throttled":   {429, oauth("too_many_attempts", "We have detected suspicious login behavior and further attempts will be blocked."), domain.ErrAccountBlocked, "Trust Token Endpoint IP Header"},
		"429 too_many_attempts in the older form":           {429, `{"code":"too_many_attempts","description":"blocked"}`, domain.ErrAccountBlocked, "unblock"},
		"429 too_many_requests: the rate limit":             {429, oauth("too_many_requests", "Too many requests."), domain.ErrBusy, "429"},
		"429 access_denied: the rate limit by another name": {429, oauth("access_denied", "Too many requests. Check the X-RateLimit-Limit …"), domain.ErrBusy, "429"},
		"429 in the older form":                             {429, `{"code":"too_many_requests","description":"Global limit has been reached"}`, domain.ErrBusy, "Global limit"},
		"429 in plain text":                                 {429, `Too Many Requests`, domain.ErrBusy, "429"},
		"400 invalid_request: unknown realm":                {400, oauth("invalid_request", "Unknown realm non-existent-connection."), fault, "AUTH0_CONNECTION"},
		"400 unsupported_grant_type":                        {400, oauth("unsupported_grant_type", "Unsupported grant type"), fault, "Password and Refresh Token grants"},
		"404: another server":                               {404, `<html>not found</html>`, fault, "AUTH0_DOMAIN"},
		"a redirect":                                        {307, ``, fault, "307"},
		"a redirect to several places":                      {300, ``, fault, "AUTH0_DOMAIN"},
		"a code and its words":                              {401, oauth("invalid_client", "no such client"), fault, "answered 401 invalid_client: no such client: check"},
		"a code alone":                                      {401, oauth("invalid_client", ""), fault, "answered 401 invalid_client: check"},
		"418":                                               {418, ``, fault, "418"},
		"408":                                               {408, ``, domain.ErrUnavailable, "408"},
		"500 server_error":                                  {500, oauth("server_error", "Internal error"), domain.ErrUnavailable, "server_error"},
		"502 in HTML keeps its status":                      {502, `<html>502 Bad Gateway</html>`, domain.ErrUnavailable, "502"},
		"503":                                               {503, ``, domain.ErrUnavailable, "503"},
		"500 that talks of the client":                      {500, oauth("invalid_client", "?"), domain.ErrUnavailable, "500"},
		"202":                                               {202, `{}`, domain.ErrUnavailable, "202"},
		"200 without a body":                                {200, ``, domain.ErrUnavailable, "token response"},
		"200 in HTML":                                       {200, `<html>`, domain.ErrUnavailable, "token response"},
		"200 that is an error, as some have it":             {200, oauth("invalid_grant", "x"), domain.ErrUnavailable, "token response"},
		"200 without any token":                             {200, `{"token_type":"Bearer","expires_in":1}`, domain.ErrUnavailable, "access token"},
		"200 without an access token":                       {200, `{"token_type":"Bearer","expires_in":1,"id_token":"x"}`, fault, "auth0's token response has no access token"},
		"200 with a refresh token alone":                    {200, `{"refresh_token":"x"}`, fault, "access token"},
		"200 without an expiry":                             {200, `{"access_token":"x","token_type":"Bearer","id_token":"x"}`, fault, "expires_in"},
		"200 with an expiry of zero":                        {200, `{"access_token":"x","token_type":"Bearer","expires_in":0,"id_token":"x"}`, fault, "expires_in"},
		"200 with a token that is no bearer token":          {200, `{"access_token":"x","token_type":"DPoP","expires_in":1,"id_token":"x"}`, fault, "proof_of_possession"},
		"200 without a type of token":                       {200, `{"access_token":"x","expires_in":1,"id_token":"x"}`, fault, "proof_of_possession"},
		"200 with members of wrong types":                   {200, `{"access_token":7}`, fault, "wrong type"},
		"200 without an ID token":                           {200, `{"access_token":"x","token_type":"Bearer","expires_in":1}`, fault, "no ID token"},
		"200 with an ID token that is none":                 {200, `{"access_token":"x","token_type":"Bearer","expires_in":1,"id_token":"x"}`, fault, "RS256"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer, requests := plainAuth0(t, answering(tt.status, tt.body, "Location", "/elsewhere"))
			session, err := issuer.Issue(t.Context(), grantFor(t))
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want {
				t.Errorf("err = %v (reason %q), want reason %q", err, reason, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v, want it to say %q", err, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "Fe26.2") {
				t.Error("the error holds the mfa_token")
			}
			if !session.AccessToken.IsZero() {
				t.Error("a session was returned")
			}
			if n := len(requests()); n != 1 {
				t.Errorf("%d requests, want 1: asking again would run the Login script again", n)
			}
		})
	}
}

func TestAGrantIsSentAgainOnlyIfThatCannotOpenASecondSession(t *testing.T) {
	tests := map[string]struct {
		faults []auth0test.Fault
		want   domain.Error // "" means a session
		tokens int
	}{
		"a rate limit that is lifted in time": {
			[]auth0test.Fault{{Kind: auth0test.RateLimited, Times: 1, ResetSeconds: 1}}, "", 2},
		"a rate limit that is not": {
			[]auth0test.Fault{{Kind: auth0test.RateLimited, Times: 1, ResetSeconds: 60}}, domain.ErrBusy, 1},
		"a rate limit met twice": {
			[]auth0test.Fault{{Kind: auth0test.RateLimited, ResetSeconds: 1}}, domain.ErrBusy, 2},
		"attack protection": {
			[]auth0test.Fault{{Kind: auth0test.TooManyAttempts, Times: 1}}, domain.ErrAccountBlocked, 1},
		"a connection that breaks after the request": {
			[]auth0test.Fault{{Kind: auth0test.Reset, Times: 1}}, domain.ErrUnavailable, 1},
		"a connection that breaks after the session is open": {
			[]auth0test.Fault{{Kind: auth0test.Reset, Times: 1, After: true}}, domain.ErrUnavailable, 1},
		"an answer that is cut off": {
			[]auth0test.Fault{{Kind: auth0test.Truncated, Times: 1}}, domain.ErrUnavailable, 1},
		"a 503": {
			[]auth0test.Fault{{Kind: auth0test.ServerError, Status: 503, Times: 1}}, domain.ErrUnavailable, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := startTenant(t)
			issuer := issuerFor(t, tenant)
			if err := issuer.Warm(t.Context()); err != nil {
				t.Fatal(err)
			}
			inject(tenant, tt.faults...)
			_, err := issuer.Issue(t.Context(), grantFor(t))
			if reason, _ := domain.ReasonOf(err); reason != tt.want || (err == nil) != (tt.want == "") {
				t.Errorf("err = %v, want reason %q", err, tt.want)
			}
			asked := 0
			for _, x := range tenant.Exchanges() {
				if x.Path == "/oauth/token" {
					asked++
				}
			}
			if asked != tt.tokens {
				t.Errorf("/oauth/token was asked %d times, want %d", asked, tt.tokens)
			}
		})
	}
}

// The first connections come to nothing, so that nobody can have seen the request.
func TestAGrantThatNobodyHasSeenIsSentOnceMore(t *testing.T) {
	for name, tt := range map[string]struct {
		lost  int64 // connections
		want  domain.Error
		cause error
		dials int64
	}{
		"one connection fails":     {1, domain.ErrAccessDenied, nil, 2},
		"two connections fail":     {2, domain.ErrUnavailable, upstream.ErrNotSent, 2},
		"a connection comes about": {0, domain.ErrAccessDenied, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var path string
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				path = r.URL.Path
				answering(403, `{"error":"invalid_grant"}`)(w, r)
			}))
			losing := &losingListener{Listener: server.Listener, lose: tt.lost}
			server.Listener = losing
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			server.StartTLS()
			t.Cleanup(server.Close)
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			client := upstream.New(upstream.Options{Name: "auth0", RootCAs: roots, Now: time.Now})
			issuer := auth0.NewIssuer(client, configFor(t, server.URL), 30*time.Second, time.Now)

			_, err := issuer.Issue(t.Context(), grantFor(t))
			if reason, _ := domain.ReasonOf(err); reason != tt.want || tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("err = %v, want reason %q for %v", err, tt.want, tt.cause)
			}
			if got := losing.accepted.Load(); got != tt.dials {
				t.Errorf("%d connections, want %d", got, tt.dials)
			}
			if tt.cause == nil && path != "/oauth/token" {
				t.Errorf("the grant went to %q", path)
			}
		})
	}
}

// losingListener closes the first connections that it accepts.
type losingListener struct {
	net.Listener
	lose     int64
	accepted atomic.Int64
}

func (l *losingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil && l.accepted.Add(1) <= l.lose {
		_ = conn.Close()
	}
	return conn, err
}

func TestWhatFollowsARateLimitIsTold(t *testing.T) {
	cutOff := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(429)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	limited := answering(429, `{"error":"too_many_requests"}`, "Retry-After", "1")
	breaks := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, tt := range map[string]struct {
		answers []http.HandlerFunc
		want    error
	}{
		"a connection that breaks":         {[]http.HandlerFunc{limited, breaks}, upstream.ErrNoReply},
		"nothing, where the limit was cut": {[]http.HandlerFunc{cutOff}, upstream.ErrBadReply},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			issuer, requests := plainAuth0(t, func(w http.ResponseWriter, r *http.Request) {
				tt.answers[min(int(asked.Add(1)), len(tt.answers))-1](w, r)
			})
			_, err := issuer.Issue(t.Context(), grantFor(t))
			if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable || !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want unavailable for %v", err, tt.want)
			}
			sent := requests()
			if len(sent) != len(tt.answers) {
				t.Errorf("%d requests, want %d", len(sent), len(tt.answers))
			}
			for _, request := range sent {
				if request.path != "/oauth/token" {
					t.Errorf("a request went to %q", request.path)
				}
			}
		})
	}
}

func TestALimitIsWaitedForIfASecondIsLeftToBeAnsweredIn(t *testing.T) {
	for name, tt := range map[string]struct {
		header   http.Header
		deadline time.Duration // 0 means none
		leaves   time.Duration // when the caller does
		waited   time.Duration
		lifted   bool
	}{
		"just in time":           {http.Header{"Retry-After": {"2"}}, 3 * time.Second, time.Hour, 2 * time.Second, true},
		"just too late":          {http.Header{"Retry-After": {"2"}}, 3*time.Second - 1, time.Hour, 0, false},
		"the shortest wait":      {http.Header{"X-Ratelimit-Reset": {"946684801"}}, time.Minute, time.Hour, 1, true},
		"no wait":                {http.Header{"Retry-After": {"0"}}, time.Minute, time.Hour, 0, false},
		"not told when":          {nil, time.Minute, time.Hour, 0, false},
		"no deadline":            {http.Header{"Retry-After": {"2"}}, 0, time.Hour, 0, false},
		"the caller leaves then": {http.Header{"Retry-After": {"2"}}, time.Minute, time.Second, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Second - 1) // synctest's clock begins with the second 946684800
				issuer := auth0.NewIssuer(nil, configFor(t, "https://unused.example.com"), 0, time.Now)
				ctx, leave := context.WithCancel(t.Context())
				defer time.AfterFunc(tt.leaves, leave).Stop()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				began := time.Now()
				lifted := auth0.WaitForLimit(issuer, ctx, upstream.Reply{Header: tt.header})
				if waited := time.Since(began); lifted != tt.lifted || waited != tt.waited {
					t.Errorf("lifted: %t after %s, want %t after %s", lifted, waited, tt.lifted, tt.waited)
				}
			})
		})
	}
}

func TestWarmingFetchesTheTenantsKeys(t *testing.T) {
	tenant := startTenant(t)
	issuer := issuerFor(t, tenant)
	if err := issuer.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tenant.Exchanges(); len(got) != 1 || got[0].Path != "/.well-known/jwks.json" {
		t.Errorf("the tenant was asked %+v, want for its keys", got)
	}
	if err := tenant.Close(); err != nil {
		t.Fatal(err)
	}
	if err := issuerFor(t, tenant).Warm(t.Context()); err == nil {
		t.Error("a tenant that is gone warms, too")
	}
}

func TestTheWaitUntilTheLimitIsLiftedIsPassedOn(t *testing.T) {
	reset := time.Now().Add(40 * time.Second)
	issuer, _ := plainAuth0(t, answering(429, `{"error":"too_many_requests"}`, "X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10)))
	_, err := issuer.Issue(t.Context(), grantFor(t))
	if wait := domain.RetryAfterOf(err); wait <= 30*time.Second || wait > 40*time.Second {
		t.Errorf("retry after %s, want some 40s", wait)
	}
}

// From here a script that never calls back looks like an Auth0 that hangs, so the cause must name both.
func TestAnAuth0ThatDoesNotAnswerIsUnavailableAtTheDeadline(t *testing.T) {
	silent := auth0test.Connection{Name: "authsignal", LoginScript: "function login(identifier, password, callback) {}"}
	trusting := auth0test.Connection{Name: "authsignal", LoginScript: trustingScript}
	for name, tt := range map[string]struct {
		connection auth0test.Connection
		faults     []auth0test.Fault
	}{
		"it hangs":                          {trusting, []auth0test.Fault{{Kind: auth0test.Hang}}},
		"its Login script never calls back": {silent, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tenant := startTenantWith(t, tt.connection)
			issuer := issuerFor(t, tenant)
			inject(tenant, tt.faults...)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, err := issuer.Issue(ctx, grantFor(t))
			if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable || !strings.Contains(err.Error(), "never calls back") {
				t.Errorf("err = %v, want unavailable, and to say that the Login script may never call back", err)
			}
		})
	}
}

func TestWhatAuth0EchoesIsNotTold(t *testing.T) {
	grant := grantFor(t)
	issuer, _ := plainAuth0(t, answering(403, fmt.Sprintf(`{"error":"access_denied","error_description":"password %s of %s"}`, grant.Token.Reveal(), clientSecret)))
	_, err := issuer.Issue(t.Context(), grant)
	if err == nil || strings.Contains(err.Error(), grant.Token.Reveal()) || strings.Contains(err.Error(), clientSecret) {
		t.Errorf("err = %v, want neither token nor secret in it", err)
	}
}

func TestTheScopeIsWhatWasGranted(t *testing.T) {
	tenant := startTenant(t)
	session, err := issuerFor(t, tenant).Issue(t.Context(), grantFor(t, "openid", "email", "admin:everything"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(session.Scope, " "); strings.Contains(got, "admin") || !strings.Contains(got, "openid") {
		t.Errorf("scope = %q, want what Auth0 granted", got)
	}
}

func TestWhatTheBridgeIsToldOfTheTenant(t *testing.T) {
	config := configFor(t, "https://example.eu.auth0.com", func(c *auth0.Config) {
		c.ScopeAllowed = settings.Scope{"openid", "profile", "email", "read"}
		c.AudiencesAllowed = settings.Audiences{audience, "https://other.example.com"}
		c.OrganizationsAllowed = auth0.Organizations{"org_1a2B3c"}
	})
	offer := config.Offer()
	if !slices.Equal(offer.Default.Scope, []string{"openid", "profile", "email"}) || offer.Default.Audience != audience ||
		!slices.Equal(offer.Scopes, []string{"openid", "profile", "email", "read"}) ||
		!slices.Equal(offer.Audiences, []string{audience, "https://other.example.com"}) ||
		!slices.Equal(offer.Organizations, []string{"org_1a2B3c"}) {
		t.Errorf("offer = %+v", offer)
	}
	if config.ClientID() != clientID || config.IssuerURL() != "https://example.eu.auth0.com/" || config.IssueTime() != auth0.IssueTimeout {
		t.Errorf("client %q, issuer %q, issuing takes %s", config.ClientID(), config.IssuerURL(), config.IssueTime())
	}
}

func TestDomainIsAHostOrAURL(t *testing.T) {
	for text, issuer := range map[string]string{
		"example.eu.auth0.com":          "https://example.eu.auth0.com/",
		"https://example.eu.auth0.com":  "https://example.eu.auth0.com/",
		"https://example.eu.auth0.com/": "https://example.eu.auth0.com/",
		"127.0.0.1:8403":                "https://127.0.0.1:8403/",
		"http://127.0.0.1:7102":         "http://127.0.0.1:7102/",
		"http://localhost:7102/":        "http://localhost:7102/",
		"http://example.eu.auth0.com":   "",
		"https://example.com/tenant":    "",
		"example.com/tenant":            "",
		"https://u:p@example.com":       "",
		"https://example.com?x=1":       "",
		"ftp://example.com":             "",
		"://":                           "",
	} {
		var domain auth0.Domain
		err := domain.UnmarshalText([]byte(text))
		if (err == nil) != (issuer != "") || err == nil && domain.Issuer() != issuer {
			t.Errorf("%q: issuer %q, %v; want %q", text, domain.Issuer(), err, issuer)
		}
	}
}

func TestScopeWantsOpenID(t *testing.T) {
	for text, want := range map[string]string{
		"openid": "openid", " openid  profile ": "openid profile", "profile email": "", "openid \"x\"": "", "openid\x00": "", "OpenID": "",
	} {
		var scope settings.Scope
		err := scope.UnmarshalText([]byte(text))
		if (err == nil) != (want != "") || err == nil && strings.Join(scope, " ") != want {
			t.Errorf("%q: %q, %v; want %q", text, scope, err, want)
		}
	}
}

func TestTheLoginScriptsDeadlineIsTheOneThatIsDocumented(t *testing.T) {
	if want := fmt.Sprintf("DEADLINE_MS = %d", auth0.LoginScriptTimeout.Milliseconds()); !strings.Contains(auth0.LoginScript, want) {
		t.Errorf("login.js does not say %q", want)
	}
	if auth0.LoginScriptTimeout >= auth0.IssueTimeout {
		t.Error("the Login script may take longer than Auth0 is given")
	}
}

func TestTheLoginScriptsOutagesBeginAsTheErrorTableExpects(t *testing.T) {
	if !strings.Contains(auth0.LoginScript, "`"+auth0.CannotTell+": ${why}`") {
		t.Errorf("login.js does not begin its outages with %q", auth0.CannotTell)
	}
}

// Readiness tells that the bridge is refused, and not that a user is.
func TestARefusalOfTheBridgeIsAuth0sTrouble(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   string // "" means no trouble
	}{
		"our secret is wrong":        {401, `{"error":"invalid_client"}`, "refuses the bridge (401)"},
		"the same in other words":    {401, `{"error":"access_denied","error_description":"Unauthorized"}`, "refuses the bridge (401)"},
		"the grant is not turned on": {403, `{"error":"unauthorized_client"}`, "refuses the bridge (403)"},
		"the domain is wrong":        {404, "<html>not found</html>", "refuses the bridge (404)"},
		"it takes no POST":           {405, "", "refuses the bridge (405)"},
		"the user is refused":        {403, `{"error":"invalid_grant"}`, ""},
		"an Action refuses the user": {403, `{"error":"access_denied"}`, ""},
		"the user is blocked":        {401, `{"error":"unauthorized","error_description":"user is blocked"}`, ""},
		"the limit is reached":       {429, `{"error":"too_many_requests"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answering(tt.status, tt.body))
			t.Cleanup(server.Close)
			client := upstream.New(upstream.Options{Name: "auth0", Now: time.Now})
			for kind, issuer := range map[string]ports.TokenIssuer{
				"password": auth0.NewIssuer(client, configFor(t, server.URL), 0, time.Now),
				"exchange": auth0.NewTokenExchangeIssuer(client, configFor(t, server.URL), 0, time.Now),
			} {
				_, _ = issuer.Issue(t.Context(), grantFor(t))
				if trouble := client.Trouble(); (trouble == nil) != (tt.want == "") || trouble != nil && trouble.What != tt.want {
					t.Errorf("%s: trouble = %+v, want %q", kind, trouble, tt.want)
				}
			}
		})
	}
}
