package auth0_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// signs makes a configuration one of AUTH0_PROOF=signed.
func signs(c *auth0.Config) {
	c.Proof, c.ProofKey = auth0.ProofSigned, settings.NewRotating(keyOf(proofKey))
}

// keyOf returns the key of a good text.
func keyOf(text string) settings.HMACKey {
	var key settings.HMACKey
	if err := key.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return key
}

// startSignedTenant is a tenant with the Login script as it ships, no key of Authsignal's, and an Authsignal that must not
// be asked: the bridge has asked already. It returns the authority of Authsignal's users.
func startSignedTenant(t *testing.T) (tenant *auth0test.Server, authority string) {
	t.Helper()
	authsignal := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("Authsignal was asked %s %s", r.Method, r.URL)
	}))
	t.Cleanup(authsignal.Close)
	apiURL := authsignal.URL + "/v1"

	settings := configFor(t, "https://unused.example.com", signs).LoginSettings()
	settings["AUTHSIGNAL_API_URL"], settings["AUTHSIGNAL_ACTION"] = apiURL, pinnedAction
	return startTenantWith(t, auth0test.Connection{Name: "authsignal", LoginScript: auth0.LoginScript, Configuration: settings}), "authsignal " + apiURL
}

func signedGrant(t *testing.T, authority string) domain.Grant {
	grant := grantFor(t)
	grant.Identity.Authority, grant.Identity.Action = authority, pinnedAction
	return grant
}

func TestIssuerKeepsTheContractWithSignedProofs(t *testing.T) {
	portstest.TokenIssuer(t, func(t *testing.T) portstest.IssuerHarness {
		tenant, authority := startSignedTenant(t)
		return issuerHarness(tenant, issuerFor(t, tenant, signs), func(t *testing.T) domain.Grant { return signedGrant(t, authority) })
	})
}

// Each proof is good for the person, connection and key it was made for, and for no other.
func TestTheScriptTakesTheBridgesWordAndNobodyElses(t *testing.T) {
	tests := map[string]struct {
		config  func(*auth0.Config)
		grant   func(*domain.Grant)
		refused bool
	}{
		"as it should be":             {},
		"another key":                 {config: func(c *auth0.Config) { c.ProofKey = settings.NewRotating(keyOf(previousKey)) }, refused: true},
		"the token itself":            {config: func(c *auth0.Config) { c.Proof = auth0.ProofToken }, refused: true},
		"another authority":           {grant: func(g *domain.Grant) { g.Identity.Authority = "authsignal elsewhere" }, refused: true},
		"another action":              {grant: func(g *domain.Grant) { g.Identity.Action = "signUp" }, refused: true},
		"another method":              {grant: func(g *domain.Grant) { g.Identity.Method = "SMS" }, refused: true},
		"a ceremony at no known time": {grant: func(g *domain.Grant) { g.Identity.AuthenticatedAt = time.Time{} }, refused: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant, authority := startSignedTenant(t)
			changes := []func(*auth0.Config){signs}
			if tt.config != nil {
				changes = append(changes, tt.config)
			}
			grant := signedGrant(t, authority)
			if tt.grant != nil {
				tt.grant(&grant)
			}
			_, err := issuerFor(t, tenant, changes...).Issue(t.Context(), grant)
			if reason, _ := domain.ReasonOf(err); tt.refused != (reason == domain.ErrAccessDenied) || !tt.refused && err != nil {
				t.Errorf("err = %v, refused: want %t", err, tt.refused)
			}
		})
	}
}

func TestASignedProofLeavesTheTokenAtTheBridge(t *testing.T) {
	issuer, requests := plainAuth0(t, answering(403, `{"error":"invalid_grant"}`), signs)
	grant := grantFor(t)
	_, err := issuer.Issue(t.Context(), grant)
	if err == nil || !strings.Contains(err.Error(), "NATIVE_BRIDGE_KEY") {
		t.Errorf("err = %v, want a hint at the settings", err)
	}
	sent := requests()[0].form
	if strings.Contains(sent.Encode(), grant.Token.Reveal()) {
		t.Error("the token was sent")
	}
	if parts := strings.Split(sent.Get("password"), "."); len(parts) != 3 || sent.Get("username") != "auth0|jane" {
		t.Errorf("username %q, password of %d parts, want a JWT", sent.Get("username"), len(parts))
	}
}

// The script reads what it needs. The rest is there for a stricter script.
func TestASignedProofSaysAllThatIsProven(t *testing.T) {
	var password string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		password = r.PostFormValue("password")
		answering(403, `{"error":"invalid_grant"}`)(w, r)
	}))
	t.Cleanup(server.Close)
	now := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	at := func() time.Time { return now }
	client := upstream.New(upstream.Options{Name: "auth0", Now: at})
	grant := grantFor(t)
	grant.Identity = domain.Identity{
		Authority: "authsignal https://api.authsignal.com/v1", Subject: "auth0|jane", Action: "signIn", Method: domain.MethodPasskey,
		ProofID: "0b0f2f0e-6f2b-4a0e-9d59-2f2f9a5d7a11", AuthenticatedAt: now.Add(-5 * time.Second),
		Email: domain.NewSecret("jöhn@example.com"), EmailVerified: true,
	}
	_, _ = auth0.NewIssuer(client, configFor(t, server.URL, signs), 0, at).Issue(t.Context(), grant)

	parts := strings.Split(password, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"aud":"authsignal","client_id":%q,"authority":"authsignal https://api.authsignal.com/v1","sub":"auth0|jane",`+
		`"action":"signIn","method":"PASSKEY","proof_id":"0b0f2f0e-6f2b-4a0e-9d59-2f2f9a5d7a11","auth_time":%d,"iat":%d,"exp":%d,"email":"jöhn@example.com","email_verified":true}`,
		clientID, now.Unix()-5, now.Unix(), now.Unix()+60)
	if string(payload) != want {
		t.Errorf("the proof says\n%s, want\n%s", payload, want)
	}
}

func TestWithoutAKeyNothingIsSentToAuth0(t *testing.T) {
	issuer, requests := plainAuth0(t, answering(403, `{"error":"invalid_grant"}`), signs, func(c *auth0.Config) { c.ProofKey = settings.Rotating[settings.HMACKey]{} })
	_, err := issuer.Issue(t.Context(), grantFor(t))
	if reason, _ := domain.ReasonOf(err); err == nil || reason != fault || !strings.Contains(err.Error(), "AUTH0_PROOF_KEY") {
		t.Errorf("err = %v, want a fault of ours that names AUTH0_PROOF_KEY", err)
	}
	if sent := requests(); len(sent) != 0 {
		t.Errorf("%d requests were sent, want none", len(sent))
	}
}

func TestASignedProofThatAuth0EchoesIsNotTold(t *testing.T) {
	var echoed string
	issuer, _ := plainAuth0(t, func(w http.ResponseWriter, r *http.Request) {
		echoed = r.PostForm.Get("password")
		answering(400, fmt.Sprintf(`{"error":"invalid_request","error_description":"no: %s"}`, echoed))(w, r)
	}, signs)
	_, err := issuer.Issue(t.Context(), grantFor(t))
	if err == nil || echoed == "" || strings.Contains(err.Error(), echoed) {
		t.Errorf("err = %v, want none of the proof in it", err)
	}
}

func TestTheScriptAcceptsProofsForNoLongerThanTheBridgeMakesThem(t *testing.T) {
	for _, want := range []string{
		fmt.Sprintf("SIGNED_LIFETIME_S = %d;", int(auth0.SignedLifetime.Seconds())),
		fmt.Sprintf("SIGNED_TYPE = %q;", auth0.SignedType),
	} {
		if !strings.Contains(auth0.LoginScript, want) {
			t.Errorf("login.js does not say %s", want)
		}
	}
	if auth0.SignedLifetime <= auth0.IssueTimeout {
		t.Error("a proof may expire before Auth0 has been given up")
	}
}

func TestTheKeyIsWholeAndThereIfProofsAreSigned(t *testing.T) {
	tests := map[string]struct {
		proof auth0.Proof
		key   string
		says  string // "" means right
	}{
		"tokens need no key":                      {auth0.ProofToken, "", ""},
		"signed with a key":                       {auth0.ProofSigned, proofKey, ""},
		"signed with a longer key":                {auth0.ProofSigned, proofKey + "AB", ""},
		"signed without a key":                    {auth0.ProofSigned, "", "is not set"},
		"signed with a key of 31 bytes":           {auth0.ProofSigned, proofKey[2:], "hexadecimal"},
		"signed with zeros":                       {auth0.ProofSigned, strings.Repeat("0", 64), "can be guessed"},
		"signed with one byte repeated":           {auth0.ProofSigned, strings.Repeat("a7", 48), "can be guessed"},
		"signed with a pattern":                   {auth0.ProofSigned, strings.Repeat("0123456789abcdef", 4), "can be guessed"},
		"signed with 16 different bytes":          {auth0.ProofSigned, strings.Repeat(proofKey[:32], 2), ""},
		"signed with 15 different bytes":          {auth0.ProofSigned, strings.Repeat(proofKey[:30], 3), "can be guessed"},
		"signed with half a digit":                {auth0.ProofSigned, proofKey + "A", "hexadecimal"},
		"signed with a key in base64":             {auth0.ProofSigned, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAECAwQFBgcICQoLDA0ODxAREhMU=", "hexadecimal"},
		"a key that tokens would not need":        {auth0.ProofToken, proofKey, "AUTH0_PROOF is not signed"},
		"a broken key, which is not quoted":       {auth0.ProofSigned, "hunter2", "hexadecimal"},
		"a broken key that tokens would not need": {auth0.ProofToken, "hunter2", "hexadecimal"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var config auth0.Config
			faults, _ := errors.AsType[settings.Faults](settings.Load(environ("AUTH0_PROOF", string(tt.proof), "AUTH0_PROOF_KEY", tt.key), &config))
			if tt.says == "" {
				if len(faults) != 0 || config.ProofKey.Reveal() != tt.key {
					t.Errorf("the key is read: %t, faults = %v, want none", config.ProofKey.Reveal() == tt.key, faults)
				}
				return
			}
			if len(faults) != 1 || faults[0].Name != "AUTH0_PROOF_KEY" || !strings.Contains(faults[0].Problem, tt.says) {
				t.Fatalf("faults = %v, want one of AUTH0_PROOF_KEY that says %q", faults, tt.says)
			}
			if tt.key != "" && strings.Contains(fmt.Sprint(faults), tt.key) {
				t.Error("the fault quotes the key")
			}
		})
	}
}

func TestAProofIsATokenOrSigned(t *testing.T) {
	for text, ok := range map[string]bool{"token": true, "signed": true, "": false, "Signed": false, "both": false} {
		var proof auth0.Proof
		err := proof.UnmarshalText([]byte(text))
		if (err == nil) != ok || string(proof) != text && ok || proof != "" && !ok {
			t.Errorf("%q is read as %q, %v; want accepted: %t", text, proof, err, ok)
		}
	}
}

func TestOnlySignedProofsNeedSettingsOfTheirOwn(t *testing.T) {
	if got := configFor(t, "https://example.com").LoginSettings(); len(got) != 0 {
		t.Errorf("settings = %v, want none", got)
	}
}

// The word of the bridge makes the same profile as Authsignal's own answer.
func TestTheProfileHasTheEmailThatTheBridgeVouchesFor(t *testing.T) {
	for name, tt := range map[string]struct {
		email    string
		verified bool
		want     map[string]any
	}{
		"a verified address":              {"jane@example.com", true, map[string]any{"email": "jane@example.com", "email_verified": true}},
		"an address that is not verified": {"jane@example.com", false, map[string]any{"email": "jane@example.com", "email_verified": false}},
		"an address that is not ASCII":    {"jöhn@exämple.com", true, map[string]any{"email": "jöhn@exämple.com", "email_verified": true}},
		"no address":                      {"", false, map[string]any{"email": nil, "email_verified": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant, authority := startSignedTenant(t)
			grant := signedGrant(t, authority)
			grant.Access.Scope = []string{"openid", "email"}
			grant.Identity.Email, grant.Identity.EmailVerified = domain.NewSecret(tt.email), tt.verified
			session, err := issuerFor(t, tenant, signs).Issue(t.Context(), grant)
			if err != nil {
				t.Fatal(err)
			}
			claims := claimsOf(t, session.IDToken.Reveal())
			for name, want := range tt.want {
				if claims[name] != want {
					t.Errorf("%s = %v, want %v", name, claims[name], want)
				}
			}
		})
	}
}

// Auth0 may repeat the password in what it says. The address in it is personal data.
func TestTheEmailInASignedProofIsNotTold(t *testing.T) {
	const email = "jane.doe@example.com"
	for name, echo := range map[string]func(password string) string{
		"the password":     func(password string) string { return password },
		"its payload":      func(password string) string { return strings.Split(password, ".")[1] },
		"the address":      func(string) string { return email },
		"a part of it all": func(password string) string { return password[40:] },
	} {
		t.Run(name, func(t *testing.T) {
			issuer, _ := plainAuth0(t, func(w http.ResponseWriter, r *http.Request) {
				answering(403, fmt.Sprintf(`{"error":"invalid_grant","error_description":"no: %s"}`, echo(r.PostForm.Get("password"))))(w, r)
			}, signs)
			grant := grantFor(t)
			grant.Identity.Email, grant.Identity.EmailVerified = domain.NewSecret(email), true
			_, err := issuer.Issue(t.Context(), grant)
			encoded := base64.RawURLEncoding.EncodeToString([]byte(`"email":"` + email))
			if err == nil || strings.Contains(err.Error(), email) || strings.Contains(err.Error(), encoded[4:20]) {
				t.Errorf("err = %v, want no address in it", err)
			}
		})
	}
}

// claimsOf returns the claims of a JWT, unverified.
func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		t.Fatalf("the payload of %d bytes cannot be read: %v", len(payload), err)
	}
	return claims
}

// environ is a whole configuration, and what follows, name and value in turn.
func environ(changes ...string) map[string]string {
	environ := map[string]string{"AUTH0_DOMAIN": "example.eu.auth0.com", "AUTH0_CLIENT_ID": clientID, "AUTH0_CLIENT_SECRET": "hidden-client-secret"}
	for change := range slices.Chunk(changes, 2) {
		environ[change[0]] = change[1]
	}
	return environ
}

func TestTheProofKeyMayComeFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for name, tt := range map[string]struct{ content, says string }{
		"a good key":              {proofKey + "\n", ""},
		"a key that is too short": {proofKey[2:], "AUTH0_PROOF_KEY is wrong: it is not 32 or more pairs of hexadecimal digits"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			var config auth0.Config
			err := settings.Load(environ("AUTH0_PROOF", "signed", "AUTH0_PROOF_KEY_FILE", path), &config)
			if tt.says == "" && (err != nil || config.ProofKey.Reveal() != proofKey) {
				t.Errorf("err = %v, the key is read: %t", err, config.ProofKey.Reveal() == proofKey)
			}
			if tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), tt.content)) {
				t.Errorf("err = %v, want one that says %q and nothing of the key", err, tt.says)
			}
		})
	}
}

func TestNoVerbPrintsAProofKey(t *testing.T) {
	key := keyOf(proofKey)
	setting := settings.NewRotating(key)
	config := auth0.Config{Proof: auth0.ProofSigned, ProofKey: setting}
	for _, printed := range []any{setting, &setting, struct {
		inside settings.Rotating[settings.HMACKey]
	}{setting}, key, &key, config, &config, struct{ inside settings.HMACKey }{key}, struct{ inside *auth0.Config }{&config}, []settings.HMACKey{key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if text := fmt.Sprintf(verb, printed); strings.Contains(text, proofKey) || strings.Contains(text, "303030313032") || strings.Contains(text, "0 1 2 3 4") {
				t.Errorf("printed with %s: %s", verb, text)
			}
		}
		text, err := json.Marshal(printed)
		if err != nil || strings.Contains(string(text), proofKey) {
			t.Errorf("as JSON: %s, %v", text, err)
		}
	}
}

// Reading the settings reads the key: there is nothing left for Check to do but to judge.
func TestCheckChangesNothing(t *testing.T) {
	var config auth0.Config
	if err := settings.Load(environ("AUTH0_PROOF", "signed", "AUTH0_PROOF_KEY", proofKey), &config); err != nil {
		t.Fatal(err)
	}
	before := config
	config.Check()
	if !reflect.DeepEqual(before, config) {
		t.Errorf("the configuration became %+v, want %+v", config, before)
	}
}
