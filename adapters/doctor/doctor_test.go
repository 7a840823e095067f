package doctor_test

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/domain"
)

func TestWhereAllIsWellNothingIsToBeMended(t *testing.T) {
	for name, prepare := range map[string]func(*world){
		"with the password grant":               func(*world) {},
		"with proofs that are signed":           func(w *world) { w.Environ["AUTH0_PROOF"] = "signed" },
		"with token exchange":                   withTokenExchange,
		"with refresh tokens":                   withRefreshTokens,
		"where Auth0 passes on what is refused": func(*world) {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			prepare(w)
			w.begin(t)
			w.auth0.SetFaults(auth0test.Faults{Variants: auth0test.Variants{ScriptMessage: strings.Contains(name, "passes on")}})
			wantFirst(t, w.diagnose(t), "")
		})
	}
}

func withTokenExchange(w *world) {
	w.Environ["TOKEN_ISSUER"] = "auth0-token-exchange"
	w.client().TokenExchange = true
	w.Auth0.TokenExchangeProfiles = []auth0test.TokenExchangeProfile{{SubjectTokenType: "urn:native-bridge:authsignal:challenge", Action: auth0.ExchangeAction}}
}

func withRefreshTokens(w *world) {
	w.Environ["AUTH0_SCOPE"] += " offline_access"
	w.client().GrantTypes = append(w.client().GrantTypes, auth0test.GrantRefreshToken)
}

// row is a way to break the world, and the code that doctor must name first.
type row struct {
	code   string
	before func(*world) // breaks it before it begins
	after  func(*world) // and after
}

// tenantRows are the rows of "What goes wrong" in docs/tenant.md: each begins as its
// symptom does, or its cause if symptoms are alike.
func tenantRows() map[string]row {
	return map[string]row{
		"Grant type '…password-realm' not allowed": {"NB411", func(w *world) { w.client().GrantTypes = []string{auth0test.GrantPassword} }, nil},
		"`invalid_client`, or `access_denied` with 401": {"NB403", func(w *world) {
			w.Environ["AUTH0_CLIENT_SECRET"] = "s3cr3t-of-another-application"
		}, nil},
		"Unknown realm":                                {"NB413", func(w *world) { w.Environ["AUTH0_CONNECTION"] = "another" }, nil},
		"`403 access_denied` for everybody":            {"NB413", func(w *world) { w.client().Connections = nil }, nil},
		"Service not found":                            {"NB412", func(w *world) { w.Environ["AUTH0_AUDIENCE"] = "https://other.example.com" }, nil},
		"never calls back or takes too long":           {"NB901", func(w *world) { w.connection().LoginScript = "function login(u, p, callback) {}" }, nil},
		"\"authsignal answered 401 unauthorized\"":     {"NB202", func(w *world) { w.Environ["AUTHSIGNAL_SECRET"] = "s3cr3t-of-another-tenant" }, nil},
		"\"native-bridge cannot tell: …\"":             {"NB902", func(w *world) { w.Settings["AUTHSIGNAL_SECRET"] = "s3cr3t-of-another-tenant" }, nil},
		"`403 account_blocked`, `too_many_attempts`":   {"NB410", nil, func(w *world) { w.inject(auth0test.TooManyAttempts) }},
		"`403 access_denied`, `requires_verification`": {"NB410", nil, func(w *world) { w.inject(auth0test.RequiresVerification) }},
		"is not the domain that the tokens name as issuer": {"NB401", func(w *world) {}, func(w *world) {
			w.Environ["AUTH0_DOMAIN"] = strings.Replace(w.auth0.Domain(), "127.0.0.1", "localhost", 1)
		}},
		"a renewal is a `500`": {"NB404", func(w *world) { w.Environ["AUTH0_SCOPE"] += " offline_access" }, nil},
	}
}

func (w *world) inject(kind auth0test.FaultKind) {
	w.auth0.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: kind, Grant: "password"}}})
}

func (r row) try(t *testing.T) {
	w := newWorld()
	if r.before != nil {
		r.before(w)
	}
	w.begin(t)
	if r.after != nil {
		r.after(w)
	}
	diagnosis := w.diagnose(t)
	wantFirst(t, diagnosis, r.code)
	for _, finding := range diagnosis {
		for _, secret := range []string{"s3cr3t", proofKey, w.authsignal.Secret()} {
			if strings.Contains(fmt.Sprintf("%+v", finding), secret) {
				t.Errorf("%s tells a credential", finding.Code)
			}
		}
	}
}

// Each row of the table of docs/tenant.md that can be told is a case here. It prints how
// many there are, and how many doctor names.
func TestDoctorNamesWhatGoesWrongAtATenant(t *testing.T) {
	text, err := os.ReadFile("../../docs/tenant.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "## What goes wrong\n")
	table, _, _ = strings.Cut(table, "\n# ")
	documented := regexp.MustCompile(`(?m)^\| .* \|$`).FindAllString(table, -1)
	if !found || len(documented) < 20 {
		t.Fatalf("the table has %d rows", len(documented))
	}
	documented = documented[1:] // its head
	rows := tenantRows()
	for symptom, row := range rows {
		t.Run(symptom, row.try)
		if !strings.Contains(strings.Join(documented, "\n"), symptom) {
			t.Errorf("docs/tenant.md has no row with %s", symptom)
		}
	}
	const clock = 1 // TestDoctorNamesAWrongClock
	fmt.Printf("doctor: names %d of the %d rows of what goes wrong in docs/tenant.md\n", len(rows)+len(managedRows())+clock, len(documented))
}

// What else can be wrong, by the bridge's own credentials.
func TestDoctorNamesWhatIsWrong(t *testing.T) {
	for name, r := range map[string]row{
		"an API URL without /v1": {"NB201", nil, func(w *world) {
			w.Environ["AUTHSIGNAL_API_URL"] = strings.TrimSuffix(w.authsignal.APIURL(), "/v1")
		}},
		"an API URL where a web server answers": {"NB201", nil, func(w *world) {
			w.authsignal.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Kind: authsignaltest.FaultHTML, Status: 404}}})
		}},
		"an address that is not on the allow-list": {"NB203", nil, func(w *world) {
			w.authsignal.SetFaults(authsignaltest.Faults{AllowedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
		}},
		"a tenant without passkeys":        {"NB204", func(w *world) { w.Authsignal.Empty = true }, nil},
		"nobody listens at Authsignal":     {"NB111", func(w *world) { w.Environ["AUTHSIGNAL_API_URL"] = "http://127.0.0.1:1/v1" }, nil},
		"a host that does not exist":       {"NB120", func(w *world) { w.Environ["AUTH0_DOMAIN"] = "nobody.invalid" }, nil},
		"a certificate that nobody trusts": {"NB122", nil, func(w *world) { w.trusted = x509.NewCertPool() }},
		"a domain that is no tenant":       {"NB401", nil, func(w *world) { w.Environ["AUTH0_DOMAIN"] = strings.TrimSuffix(w.authsignal.APIURL(), "/v1") }},
		"a connection for organizations": {"NB413", nil, func(w *world) {
			w.auth0.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.InvalidRequest, Grant: "password", Text: "parameter organization is required for this client"}}})
		}},
		"no Login script": {"NB901", func(w *world) { w.connection().LoginScript = "" }, nil},
		"a script that accepts everything": {"NB903", func(w *world) {
			w.connection().LoginScript = `function login(u, p, callback) { callback(null, {user_id: "x"}); }`
		}, nil},
		"a script that accepts, and MFA": {"NB903", func(w *world) {
			w.connection().LoginScript = `function login(u, p, callback) { callback(null, {user_id: "x"}); }`
		}, func(w *world) { w.inject(auth0test.MFARequired) }},
		"a script without a setting": {"NB902", func(w *world) { w.Settings["AUTHSIGNAL_ACTION"] = "" }, nil},
		"proxies that are not named": {"NB801", func(w *world) {
			w.Environ["TRUSTED_PROXIES"], w.Environ["LISTEN_ADDR"] = "", "10.0.0.1:8080"
		}, nil},
		"a proof that is signed with another key": {"NB904", func(w *world) {
			w.Environ["AUTH0_PROOF"] = "signed"
			w.Settings["NATIVE_BRIDGE_KEY"] = strings.ToUpper(reversed(proofKey))
		}, passOn},
		"a script for another action": {"NB904", func(w *world) {
			w.Environ["AUTH0_PROOF"] = "signed"
			w.Settings["AUTHSIGNAL_ACTION"] = "pay"
		}, passOn},
		"a script that wants signed proofs": {"NB904", func(w *world) {
			w.Settings["NATIVE_BRIDGE_KEY"] = proofKey
			w.Settings["NATIVE_BRIDGE_CONNECTION"], w.Settings["NATIVE_BRIDGE_CLIENT_ID"] = "authsignal", "client-1"
			w.Settings["AUTHSIGNAL_SECRET"] = ""
		}, passOn},
		"an application that may exchange no tokens":    {"NB421", func(w *world) { withTokenExchange(w); w.client().TokenExchange = false }, nil},
		"a type without a profile":                      {"NB422", func(w *world) { withTokenExchange(w); w.Environ["AUTH0_SUBJECT_TOKEN_TYPE"] = "urn:example:other" }, nil},
		"an audience that token exchange does not know": {"NB423", func(w *world) { withTokenExchange(w); w.Environ["AUTH0_AUDIENCE"] = "https://other.example.com" }, nil},
		"an Action without its secrets":                 {"NB912", func(w *world) { withTokenExchange(w); w.Settings["AUTHSIGNAL_SECRET"] = "" }, nil},
		"an Action of another application":              {"NB912", func(w *world) { withTokenExchange(w); w.Settings["NATIVE_BRIDGE_CLIENT_ID"] = "another" }, nil},
		"an Action that accepts everything": {"NB913", func(w *world) {
			withTokenExchange(w)
			w.Auth0.TokenExchangeProfiles[0].Action = `exports.onExecuteCustomTokenExchange = async (event, api) => { api.authentication.setUserByConnection("authsignal", {user_id: "x", email: "x@example.com"}, {creationBehavior: "create_if_not_exists", updateBehavior: "none"}); };`
		}, nil},
		"an Action that does nothing": {"NB911", func(w *world) {
			withTokenExchange(w)
			w.Auth0.TokenExchangeProfiles[0].Action = `exports.onExecuteCustomTokenExchange = async () => {};`
		}, nil},
	} {
		t.Run(name, r.try)
	}
}

func passOn(w *world) {
	w.auth0.SetFaults(auth0test.Faults{Variants: auth0test.Variants{ScriptMessage: true}})
}

func reversed(text string) string {
	var b strings.Builder
	for i := len(text) - 1; i >= 0; i-- {
		b.WriteByte(text[i])
	}
	return b.String()
}

func TestWhatCannotBeToldIsNoFailure(t *testing.T) {
	for name, after := range map[string]func(*world){
		"Authsignal is over its limit": func(w *world) {
			w.authsignal.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Kind: authsignaltest.FaultError, Status: 429}}})
		},
		"Auth0 is over its limit": func(w *world) {
			w.auth0.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.RateLimited, At: auth0test.Everywhere}}})
		},
		"Auth0 has a fault": func(w *world) {
			w.auth0.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.ServerError, At: auth0test.AtDiscovery}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.begin(t)
			after(w)
			diagnosis := w.diagnose(t)
			wantFirst(t, diagnosis, "")
			notMade := 0
			for _, finding := range diagnosis {
				if finding.Outcome == domain.NotMade {
					notMade++
				}
			}
			if notMade < 3 {
				t.Errorf("%d checks are not made", notMade)
			}
		})
	}
}
