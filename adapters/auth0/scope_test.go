package auth0_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// bridge is the use cases with an issuer that has a tenant behind it, and stand-ins for the rest.
type bridge struct {
	issuer interface {
		ports.TokenIssuer
		ports.SessionRenewer
		ports.SessionRevoker
	}
	access domain.AccessPolicy
}

type jane struct{}

func (jane) Verify(context.Context, domain.PasskeyToken) (domain.Identity, error) {
	return domain.Identity{
		Authority: "test", Subject: "auth0|jane", Action: "signIn", Method: domain.MethodPasskey, ProofID: "1", AuthenticatedAt: time.Now(),
	}, nil
}

type forgetful struct{}

func (forgetful) Admit(context.Context, domain.Identity) error { return nil }
func (forgetful) Claim(context.Context, domain.Claim) error    { return nil }
func (forgetful) Release(context.Context, domain.Claim) error  { return nil }
func (forgetful) Record(context.Context, domain.Attempt) error { return nil }

func (b bridge) exchange(t *testing.T, scope ...string) (domain.Session, error) {
	t.Helper()
	exchange := &app.ExchangePasskeyForSession{
		Verifier: jane{}, Admission: forgetful{}, Issuer: b.issuer, Revoker: b.issuer, Guard: forgetful{}, Audit: forgetful{},
		SignIn:   domain.SignInPolicies{{Authority: "test", Action: "signIn", MaxAge: time.Hour, Subjects: wholeIDs}},
		Access:   b.access,
		Deadline: 10 * time.Second, Now: time.Now, NewOwner: func() domain.Owner { return domain.Owner{1} },
	}
	token := grantFor(t).Token
	return exchange.Execute(t.Context(), app.Exchange{
		Token: token, Access: domain.Access{Scope: scope}, Client: domain.Client{Addr: netip.MustParseAddr("203.0.113.7")},
	})
}

func (b bridge) renew(t *testing.T, refresh domain.Secret, scope ...string) (domain.Session, error) {
	t.Helper()
	renew := &app.RenewSession{Renewer: b.issuer, Revoker: b.issuer, Audit: forgetful{}, Access: b.access, Deadline: 10 * time.Second, Now: time.Now}
	return renew.Execute(t.Context(), app.Renewal{Refresh: refresh, Access: domain.Access{Scope: scope}})
}

// scoped is a configuration with the given scopes, those of AUTH0_SCOPE and of AUTH0_SCOPE_ALLOWED.
func scoped(scope, allowed string) func(*auth0.Config) {
	return func(c *auth0.Config) {
		c.Scope, c.ScopeAllowed, c.SubjectTokenType = strings.Fields(scope), strings.Fields(allowed), subjectTokenType
	}
}

// way is a tenant whose API has the scopes read:a and admin:a, and how a bridge opens sessions there.
type way struct {
	tenant *auth0test.Server
	bridge func(change func(*auth0.Config)) bridge
}

func ways(t *testing.T) map[string]way {
	t.Helper()
	api := auth0test.API{Identifier: audience, AllowOfflineAccess: true, Scopes: []string{"read:a", "admin:a"}}
	password := startTenantWith(t, auth0test.Connection{Name: "authsignal", LoginScript: trustingScript}, api)
	exchange := startExchangeTenant(t, proves("userId", "auth0|jane"), api)
	return map[string]way{
		"password-realm": {password, func(change func(*auth0.Config)) bridge {
			config := configFor(t, password.URL(), change)
			return bridge{issuerFor(t, password, change), config.Offer()}
		}},
		"token exchange": {exchange, func(change func(*auth0.Config)) bridge {
			config := configFor(t, exchange.URL(), change)
			client := upstream.New(upstream.Options{Name: "auth0", RootCAs: exchange.CertPool(), Now: time.Now})
			return bridge{auth0.NewTokenExchangeIssuer(client, config, 30*time.Second, time.Now), config.Offer()}
		}},
	}
}

// Auth0 grants all scopes of an API to a request that names none of them, and all standard ones to openid alone.
func TestACallerWhoAsksForLessNeverGetsMore(t *testing.T) {
	ways := ways(t)
	for name, tt := range map[string]struct {
		scope, allowed string
		asked, want    string // want "" is refused as scope_invalid
	}{
		"nothing":                         {"openid profile read:a", "", "", "openid profile read:a"},
		"openid alone":                    {"openid profile read:a", "", "openid", "openid read:a"},
		"no scope of the API":             {"openid profile read:a", "", "openid profile", "openid profile read:a"},
		"a scope of the API":              {"openid profile read:a", "", "read:a", "openid read:a"},
		"what is not allowed, alone":      {"openid profile read:a", "", "admin:a", ""},
		"what is not allowed":             {"openid profile read:a", "", "openid admin:a", "openid read:a"},
		"another standard scope":          {"openid profile read:a", "", "openid phone", "openid read:a"},
		"what an SDK asks for by default": {"openid profile read:a", "", "openid profile email offline_access", "openid profile read:a"},
		"a refresh token":                 {"openid profile read:a", "openid profile read:a offline_access", "openid offline_access", "openid offline_access read:a"},
		"one of several scopes":           {"openid profile read:a admin:a", "", "openid profile read:a", "openid profile read:a"},
		"what may be asked for besides":   {"openid profile read:a", "openid profile read:a admin:a", "openid admin:a", "openid admin:a"},
		"openid beside one that may come": {"openid profile read:a", "openid profile read:a admin:a", "openid", "openid read:a"},
	} {
		for by, way := range ways {
			t.Run(name+" by "+by, func(t *testing.T) {
				session, err := way.bridge(scoped(tt.scope, tt.allowed)).exchange(t, strings.Fields(tt.asked)...)
				if tt.want == "" {
					if reason, _ := domain.ReasonOf(err); reason != domain.ErrScopeInvalid {
						t.Errorf("scope %q, err = %v, want scope_invalid", session.Scope, err)
					}
					return
				}
				if err != nil || !sameScope(session.Scope, strings.Fields(tt.want)) {
					t.Errorf("scope = %q, err = %v, want %q", session.Scope, err, tt.want)
				}
				if got := accessTokenScope(t, session.AccessToken); !sameScope(got, session.Scope) {
					t.Errorf("the access token is good for %q, the session says %q", got, session.Scope)
				}
			})
		}
	}
}

func TestOpenIDAloneIsRefusedWhereNothingCanBeAddedToIt(t *testing.T) {
	for by, way := range ways(t) {
		t.Run(by, func(t *testing.T) {
			bridge := way.bridge(scoped("openid offline_access", ""))
			_, err := bridge.exchange(t, "openid")
			if reason, _ := domain.ReasonOf(err); reason != domain.ErrScopeInvalid {
				t.Errorf("err = %v, want scope_invalid", err)
			}
			if asked := len(way.tenant.Exchanges()); asked != 0 {
				t.Errorf("auth0 was asked %d times", asked)
			}
		})
	}
}

// The API's scopes are not named in AUTH0_SCOPE, so that Auth0 grants them all.
func TestASessionWithMoreThanIsAllowedIsNotDelivered(t *testing.T) {
	for by, way := range ways(t) {
		t.Run(by, func(t *testing.T) {
			bridge := way.bridge(scoped("openid profile offline_access", ""))
			session, err := bridge.exchange(t)
			wantTooMuch(t, session, err, "read:a admin:a")
			if !revoked(way.tenant) {
				t.Error("its refresh token was not revoked")
			}
		})
	}
}

func TestARenewalWithMoreThanIsAllowedIsNotDelivered(t *testing.T) {
	for by, way := range ways(t) {
		for name, tt := range map[string]struct {
			faults auth0test.Faults
			beyond string
			asked  string
		}{
			"Auth0 adds a scope":                           {auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.MoreScope}}}, "admin:everything", ""},
			"Auth0 adds a scope and does not say it":       {auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.MoreScopeUntold}}}, "admin:everything", ""},
			"a narrowed renewal is granted all of the API": {auth0test.Faults{Variants: auth0test.Variants{WidenRefresh: true}}, "admin:a", "openid profile"},
		} {
			t.Run(name+" by "+by, func(t *testing.T) {
				bridge := way.bridge(scoped("openid profile offline_access read:a", ""))
				session, err := bridge.exchange(t)
				if err != nil || session.RefreshToken.IsZero() {
					t.Fatalf("no refresh token: %v", err)
				}
				way.tenant.SetFaults(tt.faults)
				renewed, err := bridge.renew(t, session.RefreshToken, strings.Fields(tt.asked)...)
				wantTooMuch(t, renewed, err, tt.beyond)
				way.tenant.SetFaults(auth0test.Faults{})
				if refreshes(t, way.tenant, session.RefreshToken) {
					t.Error("the session goes on")
				}
			})
		}
	}
}

func TestASessionThatDoesNotTellItsScopeIsJudgedByItsAccessToken(t *testing.T) {
	for by, way := range ways(t) {
		t.Run(by, func(t *testing.T) {
			bridge := way.bridge(scoped("openid profile read:a", ""))
			inject(way.tenant, auth0test.Fault{Kind: auth0test.MoreScopeUntold})
			session, err := bridge.exchange(t)
			wantTooMuch(t, session, err, "admin:everything")
		})
	}
}

// Whether token exchange is granted more than it asks for is not documented: both must do.
func TestATokenExchangeThatIsGrantedWhatItAsksForIsDelivered(t *testing.T) {
	exchange := ways(t)["token exchange"]
	exchange.tenant.SetFaults(auth0test.Faults{Variants: auth0test.Variants{ExchangeScopeAsAsked: true}})
	for config, want := range map[string]string{"openid profile": "openid profile", "openid profile read:a": "openid profile read:a"} {
		session, err := exchange.bridge(scoped(config, "")).exchange(t, "openid", "profile")
		if err != nil || !sameScope(session.Scope, strings.Fields(want)) {
			t.Errorf("%s: scope = %q, err = %v, want %q", config, session.Scope, err, want)
		}
	}
}

func TestARenewalMayAskForLess(t *testing.T) {
	for by, way := range ways(t) {
		t.Run(by, func(t *testing.T) {
			bridge := way.bridge(scoped("openid profile offline_access read:a", ""))
			session, err := bridge.exchange(t)
			if err != nil {
				t.Fatal(err)
			}
			renewed, err := bridge.renew(t, session.RefreshToken, "openid", "profile")
			if err != nil || !sameScope(renewed.Scope, []string{"openid", "profile"}) {
				t.Errorf("scope = %q, err = %v, want openid profile", renewed.Scope, err)
			}
		})
	}
}

func TestAScopeThatAuth0IsCertainToWidenStopsTheStart(t *testing.T) {
	const other = "https://other.example.com"
	for name, tt := range map[string]struct {
		scope, allowed, audience string
		audiences                settings.Audiences
		want                     string // the setting at fault
	}{
		"openid alone":                          {"openid", "", audience, nil, "AUTH0_SCOPE"},
		"openid twice":                          {"openid openid", "", "", nil, "AUTH0_SCOPE"},
		"openid alone, though more is allowed":  {"openid", "openid profile", audience, nil, "AUTH0_SCOPE"},
		"openid and a standard scope":           {"openid email", "", audience, nil, ""},
		"openid and a scope of the API":         {"openid read:a", "", audience, nil, ""},
		"a scope of the API that is asked for":  {"openid profile", "openid profile read:a", audience, nil, "AUTH0_SCOPE"},
		"another scope of the API by default":   {"openid write:a", "openid write:a read:a", audience, nil, ""},
		"a scope that may be another API's":     {"openid profile", "openid profile read:b", audience, settings.Audiences{other}, ""},
		"the same audience by another setting":  {"openid profile", "openid profile read:a", audience, settings.Audiences{audience}, "AUTH0_SCOPE"},
		"a scope without an audience":           {"openid profile", "openid profile read:a", "", nil, ""},
		"only standard scopes may be asked for": {"openid profile", "openid profile email phone address offline_access", audience, nil, ""},
		"a scope of the default is not allowed": {"openid profile read:a", "openid profile", audience, nil, "AUTH0_SCOPE_ALLOWED"},
		"the API's scopes are not known":        {"openid profile", "", audience, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := auth0.Config{Scope: strings.Fields(tt.scope), ScopeAllowed: strings.Fields(tt.allowed), Audience: tt.audience, AudiencesAllowed: tt.audiences}
			got := ""
			for _, fault := range config.Check() {
				got += fault.Name
			}
			if got != tt.want {
				t.Errorf("faults: %q, want %q", got, tt.want)
			}
		})
	}
}

func wantTooMuch(t *testing.T, session domain.Session, err error, beyond string) {
	t.Helper()
	reason, known := domain.ReasonOf(err)
	if err == nil || known {
		t.Fatalf("scope %q, err = %v (reason %q), want a fault", session.Scope, err, reason)
	}
	for _, word := range []string{beyond, "in AUTH0_SCOPE,", "AUTH0_SCOPE_ALLOWED"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("err = %v, want %q in it", err, word)
		}
	}
	if !session.AccessToken.IsZero() || !session.RefreshToken.IsZero() {
		t.Error("a session was returned")
	}
}

func revoked(tenant *auth0test.Server) bool {
	return slices.ContainsFunc(tenant.Exchanges(), func(x auth0test.Exchange) bool { return x.Path == "/oauth/revoke" && x.Status == 200 })
}

func sameScope(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// accessTokenScope reads the scope that the API will see.
func accessTokenScope(t *testing.T, token domain.Secret) []string {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token.Reveal(), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Scope string }
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return strings.Fields(claims.Scope)
}
