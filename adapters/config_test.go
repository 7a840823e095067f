package adapters_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/auth0"
	"nativebridge/adapters/authsignal"
)

// minimal returns the least that the bridge can be configured with.
func minimal() map[string]string {
	return map[string]string{
		"AUTHSIGNAL_API_URL":  "https://eu.api.authsignal.com/v1",
		"AUTHSIGNAL_SECRET":   "s3cr3t-authsignal",
		"AUTH0_DOMAIN":        "example.eu.auth0.com",
		"AUTH0_CLIENT_ID":     "client-1",
		"AUTH0_CLIENT_SECRET": "s3cr3t-auth0",
	}
}

func TestAMinimalEnvironmentIsEnough(t *testing.T) {
	c, err := adapters.LoadConfig(minimal())
	if err != nil {
		t.Fatal(err)
	}
	if c.Authsignal.APIURL != "https://eu.api.authsignal.com/v1" || c.Authsignal.Secret.Reveal() != "s3cr3t-authsignal" ||
		c.Auth0.Domain.Issuer() != "https://example.eu.auth0.com/" || c.Auth0.Client != "client-1" || c.Auth0.ClientSecret.Reveal() != "s3cr3t-auth0" {
		t.Errorf("config = %+v, want what the environment says", c)
	}
}

func TestDefaults(t *testing.T) {
	c, err := adapters.LoadConfig(minimal())
	if err != nil {
		t.Fatal(err)
	}
	policy := adapters.NewSignInPolicies(c)[0]
	if policy.Action != "signInWithPasskey" || policy.MaxAge != 10*time.Minute || policy.Skew != 30*time.Second || policy.Subjects.Prefix != "auth0|" {
		t.Errorf("sign-in policy = %+v", policy)
	}
	offered := adapters.NewAccessPolicy(c).Default
	if !slices.Equal(offered.Scope, []string{"openid", "profile", "email"}) || offered.Audience != "" || offered.Organization != "" {
		t.Errorf("offered access = %+v", offered)
	}
	if adapters.NewDeadline(c) != adapters.Deadline(10*time.Second) || c.HTTP.ListenAddr != ":8080" || len(c.HTTP.TrustedProxies) != 0 || c.Auth0.Connection != "authsignal" {
		t.Errorf("config = %+v", c)
	}
}

// Compose files and charts hand on variables that nobody has filled in.
func TestASettingThatIsEmptyHasItsDefault(t *testing.T) {
	env := minimal()
	for _, s := range adapters.Settings() {
		if !s.Required {
			env[s.Name] = ""
		}
	}
	got, err := adapters.LoadConfig(env)
	if err != nil {
		t.Fatal(err)
	}
	want, err := adapters.LoadConfig(minimal())
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.HTTP, got.Shared, got.Authsignal.Action, got.Auth0.Subjects, got.Authsignal.MaxAge, got.Auth0.Connection, got.Auth0.Scope) !=
		fmt.Sprint(want.HTTP, want.Shared, want.Authsignal.Action, want.Auth0.Subjects, want.Authsignal.MaxAge, want.Auth0.Connection, want.Auth0.Scope) {
		t.Errorf("config = %+v, want the defaults %+v", got, want)
	}
}

func TestEverySettingArrives(t *testing.T) {
	env := minimal()
	for name, value := range map[string]string{
		"RELYING_PARTY_ID": "example.com", "APPLE_APP_IDS": "A1B2C3D4E5.com.example.app",
		"ANDROID_APPS": "com.example.app/14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42:E6:1D:BE:A8:8A:04:96:B2:3F:CF:44:E5",
		"LISTEN_ADDR":  "127.0.0.1:9090", "REQUEST_TIMEOUT": "20s", "TRUSTED_PROXIES": "10.0.0.0/8", "CLOCK_SKEW": "5s",
		"AUTHSIGNAL_ACTION": "login", "AUTHSIGNAL_SUBJECTS": "plain", "AUTHSIGNAL_MAX_AGE": "1m",
		"AUTH0_CONNECTION": "passkeys", "AUTH0_AUDIENCE": "https://api.example.com", "AUTH0_SCOPE": "openid offline_access",
	} {
		env[name] = value
	}
	c, err := adapters.LoadConfig(env)
	if err != nil {
		t.Fatal(err)
	}
	policy := adapters.NewSignInPolicies(c)[0]
	if policy.Action != "login" || policy.MaxAge != time.Minute || policy.Skew != 5*time.Second || policy.Subjects.Prefix != "" {
		t.Errorf("sign-in policy = %+v", policy)
	}
	offered := adapters.NewAccessPolicy(c).Default
	if !slices.Equal(offered.Scope, []string{"openid", "offline_access"}) || offered.Audience != "https://api.example.com" {
		t.Errorf("offered access = %+v", offered)
	}
	if adapters.NewDeadline(c) != adapters.Deadline(20*time.Second) || c.HTTP.ListenAddr != "127.0.0.1:9090" || len(c.HTTP.TrustedProxies) != 1 || c.Auth0.Connection != "passkeys" {
		t.Errorf("config = %+v", c)
	}
}

func TestEachFaultIsNamed(t *testing.T) {
	tests := map[string]struct{ name, value string }{
		"no Authsignal URL":                {"AUTHSIGNAL_API_URL", ""},
		"an Authsignal URL without TLS":    {"AUTHSIGNAL_API_URL", "http://api.authsignal.com/v1"},
		"no Authsignal secret":             {"AUTHSIGNAL_SECRET", ""},
		"an action with a blank":           {"AUTHSIGNAL_ACTION", "sign in"},
		"an action that is too long":       {"AUTHSIGNAL_ACTION", strings.Repeat("a", 65)},
		"a third kind of subject":          {"AUTHSIGNAL_SUBJECTS", "email"},
		"one action for two purposes":      {"AUTHSIGNAL_ENROL_ACTION", "signInWithPasskey"},
		"an audience that is the client":   {"ENROL_AUDIENCE", minimal()["AUTH0_CLIENT_ID"]},
		"a scope of two words":             {"ENROL_SCOPE", "manage passkeys"},
		"an old sign-in that is too old":   {"ENROL_MAX_AGE", "25h"},
		"an old sign-in that is too young": {"ENROL_MAX_AGE", "59s"},
		"clients that nobody asks about":   {"ENROL_CLIENT_IDS", "the-app"},
		"webhooks that are perhaps":        {"AUTHSIGNAL_WEBHOOKS", "yes"},
		"a third kind of loss":             {"REVOKE_ON", "first"},
		"any loss, of which nobody tells":  {"REVOKE_ON", "any"},
		"marks that are soon forgotten":    {"REVOKE_KEEP", "59m59s"},
		"marks for days":                   {"REVOKE_KEEP", "30d"},
		"a recheck at another time":        {"RECHECK_PASSKEY", "always"},
		"files that are perhaps":           {"ASSOCIATION_FILES", "yes"},
		"files about nothing":              {"ASSOCIATION_FILES", "on"},
		"a page that nobody is told of":    {"PASSKEY_ENROLL_URL", "https://example.com/passkeys"},
		"another one":                      {"PASSKEY_MANAGE_URL", "https://example.com/passkeys"},
		"a page without TLS":               {"PASSKEY_ENROLL_URL", "http://example.com/passkeys"},
		"a domain with a scheme":           {"RELYING_PARTY_ID", "https://example.com"},
		"an app without a team":            {"APPLE_APP_IDS", "com.example.app"},
		"an app without a certificate":     {"ANDROID_APPS", "com.example.app"},
		"an ender's pace that is none":     {"AUTH0_SESSION_ENDER_RATE_LIMIT", "fast"},
		"an ender's domain with a path":    {"AUTH0_SESSION_ENDER_DOMAIN", "example.auth0.com/api"},
		"an age that is too short":         {"AUTHSIGNAL_MAX_AGE", "9s"},
		"an age that is too long":          {"AUTHSIGNAL_MAX_AGE", "61m"},
		"an age without a unit":            {"AUTHSIGNAL_MAX_AGE", "600"},
		"no Auth0 domain":                  {"AUTH0_DOMAIN", ""},
		"an Auth0 domain with a path":      {"AUTH0_DOMAIN", "example.auth0.com/oauth"},
		"an Auth0 domain with a password":  {"AUTH0_DOMAIN", "https://jane:s3cr3t@example.auth0.com"},
		"no client id":                     {"AUTH0_CLIENT_ID", ""},
		"no client secret":                 {"AUTH0_CLIENT_SECRET", ""},
		"a scope without openid":           {"AUTH0_SCOPE", "profile email"},
		"a scope that is none":             {"AUTH0_SCOPE", `openid "x"`},
		"a default scope not allowed":      {"AUTH0_SCOPE_ALLOWED", "openid profile"},
		"an address without a port":        {"LISTEN_ADDR", "127.0.0.1"},
		"probes without a port":            {"OPS_ADDR", "127.0.0.1"},
		"probes where apps come":           {"OPS_ADDR", ":8080"},
		"probes within where apps come":    {"OPS_ADDR", "127.0.0.1:8080"},
		"metrics without a port":           {"METRICS_ADDR", "9464"},
		"metrics where apps come":          {"METRICS_ADDR", "127.0.0.1:8080"},
		"metrics where the probes are":     {"METRICS_ADDR", ":8081"},
		"profiles without an address":      {"METRICS_PPROF", "on"},
		"profiles that are perhaps":        {"METRICS_PPROF", "yes"},
		"a proxy that is a name":           {"TRUSTED_PROXIES", "10.0.0.0/8,proxy"},
		"every address as a proxy":         {"TRUSTED_PROXIES", "0.0.0.0/0"},
		"every IPv6 address as a proxy":    {"TRUSTED_PROXIES", "10.0.0.0/8, ::/0"},
		"half of the internet":             {"TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1"},
		"IPv6's public addresses":          {"TRUSTED_PROXIES", "2000::/3"},
		"every IPv4 address in IPv6 form":  {"TRUSTED_PROXIES", "::ffff:0:0/96"},
		"more than those in IPv6 form":     {"TRUSTED_PROXIES", "::ffff:0:0/80"},
		"a proxy with a password":          {"TRUSTED_PROXIES", "http://jane:s3cr3t@proxy:3128"},
		"a skew that is negative":          {"CLOCK_SKEW", "-1s"},
		"a skew that is too large":         {"CLOCK_SKEW", "5m1s"},
		"nothing in flight":                {"MAX_IN_FLIGHT", "0"},
		"fewer connections than in flight": {"MAX_CONNECTIONS", "256"},
		"a drain before the end":           {"DRAIN_DELAY", "-1s"},
		"a drain that takes too long":      {"DRAIN_DELAY", "61s"},
		"answers kept for too long":        {"RENEWAL_GRACE", "61m"},
		"answers for whoever is alike":     {"RENEWAL_GRACE_BIND", "phone"},
		"a leeway without a unit":          {"AUTH0_REFRESH_LEEWAY", "60"},
		"a leeway of no time to ask in":    {"AUTH0_REFRESH_LEEWAY", "5s"},
		"a leeway that is not remembered":  {"AUTH0_REFRESH_LEEWAY", "11m"},
		"a request that waits too long":    {"REQUEST_TIMEOUT", "61s"},
		"a request as short as an issue":   {"REQUEST_TIMEOUT", auth0.IssueTimeout.String()},
		"a request as short as before":     {"REQUEST_TIMEOUT", "6.001s"},
		"a request of no time":             {"REQUEST_TIMEOUT", "0s"},
		"a request of less than no time":   {"REQUEST_TIMEOUT", "-10s"},
		"a request time that is a word":    {"REQUEST_TIMEOUT", "long"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			env := minimal()
			env[tt.name] = tt.value
			_, err := adapters.LoadConfig(env)
			faults, ok := errors.AsType[adapters.Faults](err)
			if !ok || len(faults) != 1 || faults[0].Name != tt.name || faults[0].Fix == "" {
				t.Errorf("err = %v, want one fault, of %s, with its fix", err, tt.name)
			}
			if err != nil && strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("err = %v, which tells a secret", err)
			}
			if !adapters.IsFaults(err) {
				t.Error("IsFaults is false")
			}
		})
	}
}

// Only Authsignal can add a passkey; a bridge that could not would answer 404 to everybody.
func TestWhereNobodyCanAddAPasskeyToAskForItIsAFault(t *testing.T) {
	for name, tt := range map[string]struct {
		environ map[string]string
		fault   bool
	}{
		"authsignal":         {minimal(), false},
		"an OpenID provider": {openID(), false},
		"jwt alone":          {withJWT(openID(), "IDENTITY_VERIFIER", "jwt"), true},
		"both":               {withJWT(openID(), "IDENTITY_VERIFIER", "authsignal,jwt"), false},
	} {
		tt.environ["ENROL_AUDIENCE"] = "https://bridge.example.com/passkeys"
		_, err := adapters.LoadConfig(tt.environ)
		if (err != nil) != tt.fault || tt.fault && !strings.Contains(err.Error(), "ENROL_AUDIENCE") {
			t.Errorf("%s: %v, want a fault: %t", name, err, tt.fault)
		}
	}
}

// A leeway must be remembered, and must leave time to ask.
func TestALeewayFitsTheGraceAndTheIssuersTime(t *testing.T) {
	for name, tt := range map[string]struct {
		environ       map[string]string
		leeway, grace string
		fault         string // what it names; "" if there is none
	}{
		"at Auth0":                         {minimal(), "6s", "6s", ""},
		"as long as it is remembered":      {minimal(), "10m", "10m", ""},
		"longer":                           {minimal(), "60s", "59s", "RENEWAL_GRACE to 1m0s"},
		"shorter than an answer may take":  {minimal(), "5999ms", "10m", "such as 60s"},
		"nothing is kept":                  {minimal(), "1s", "0", ""},
		"nothing rotates":                  {minimal(), "no-rotation", "10m", ""},
		"at an OpenID provider":            {openID(), "60s", "10m", ""},
		"longer, at an OpenID provider":    {openID(), "60s", "30s", "RENEWAL_GRACE to 1m0s"},
		"too short, at an OpenID provider": {openID(), "1s", "10m", "such as 60s"},
	} {
		setting := "AUTH0_REFRESH_LEEWAY"
		if tt.environ["TOKEN_ISSUER"] == "oidc" {
			setting = "OIDC_REFRESH_LEEWAY"
		}
		tt.environ[setting], tt.environ["RENEWAL_GRACE"] = tt.leeway, tt.grace
		_, err := adapters.LoadConfig(tt.environ)
		if (err != nil) != (tt.fault != "") || err != nil && (!strings.Contains(err.Error(), setting) || !strings.Contains(err.Error(), tt.fault)) {
			t.Errorf("%s: %v, want a fault of %s with %q", name, err, setting, tt.fault)
		}
	}
}

// What does not go together is told at the start, with what to set: it would else look as if it
// did something.
func TestWhatEndsSessionsAndWhatAddsPasskeysMustGoTogether(t *testing.T) {
	const other, ender = "s3cr3t-of-before", "s3cr3t-of-the-ender"
	with := func(environ map[string]string, more ...string) map[string]string {
		for i := 0; i+1 < len(more); i += 2 {
			environ[more[i]] = more[i+1]
		}
		return environ
	}
	both := func(more ...string) map[string]string {
		return with(withJWT(openID(), "IDENTITY_VERIFIER", "authsignal,jwt"), more...)
	}
	for name, tt := range map[string]struct {
		environ map[string]string
		fault   string // the setting that is named; "" if nothing is wrong
		says    string
	}{
		"all of it at Auth0": {with(minimal(), "AUTHSIGNAL_WEBHOOKS", "on", "AUTHSIGNAL_SECRET_OTHER", other, "REVOKE_ON", "any", "REVOKE_KEEP", "1h", "RECHECK_PASSKEY", "renewal",
			"AUTH0_SESSION_ENDER_CLIENT_ID", "ender", "AUTH0_SESSION_ENDER_CLIENT_SECRET", ender, "AUTH0_SESSION_ENDER_RATE_LIMIT", "0.5", "AUTH0_SESSION_ENDER_DOMAIN", "tenant.auth0.com",
			"ENROL_AUDIENCE", "https://bridge.example.com/passkeys", "ENROL_SCOPE", "passkeys", "ENROL_MAX_AGE", "1m", "ENROL_AUTH_TIME_CLAIM", "https://x.example/auth_time", "ENROL_CLIENT_IDS", "a,b"), "", ""},
		"webhooks at an OpenID provider":        {openID("AUTHSIGNAL_WEBHOOKS", "on", "RECHECK_PASSKEY", "renewal"), "", ""},
		"webhooks while users move":             {both("AUTHSIGNAL_WEBHOOKS", "on", "REVOKE_ON", "any"), "", ""},
		"a recheck of people of another kind":   {both("RECHECK_PASSKEY", "renewal"), "RECHECK_PASSKEY", "set it to off"},
		"the same beside webhooks":              {both("RECHECK_PASSKEY", "renewal", "AUTHSIGNAL_WEBHOOKS", "on"), "RECHECK_PASSKEY", "set it to off"},
		"any passkey, by rechecks alone":        {with(minimal(), "RECHECK_PASSKEY", "renewal", "REVOKE_ON", "any"), "REVOKE_ON", "AUTHSIGNAL_WEBHOOKS to on"},
		"an ender that nobody tells":            {with(minimal(), "AUTH0_SESSION_ENDER_CLIENT_ID", "ender", "AUTH0_SESSION_ENDER_CLIENT_SECRET", ender), "AUTH0_SESSION_ENDER_CLIENT_ID", "AUTHSIGNAL_WEBHOOKS to on"},
		"an ender without an id":                {with(minimal(), "AUTHSIGNAL_WEBHOOKS", "on", "AUTH0_SESSION_ENDER_CLIENT_SECRET", ender), "AUTH0_SESSION_ENDER_CLIENT_ID", "client id"},
		"an ender whose secret has a blank":     {with(minimal(), "AUTHSIGNAL_WEBHOOKS", "on", "AUTH0_SESSION_ENDER_CLIENT_ID", "ender", "AUTH0_SESSION_ENDER_CLIENT_SECRET", " "+ender), "AUTH0_SESSION_ENDER_CLIENT_SECRET", "client secret"},
		"an ender without a secret":             {with(minimal(), "AUTHSIGNAL_WEBHOOKS", "on", "AUTH0_SESSION_ENDER_CLIENT_ID", "ender"), "AUTH0_SESSION_ENDER_CLIENT_SECRET", "client secret"},
		"an ender that waits for ever":          {with(minimal(), "AUTHSIGNAL_WEBHOOKS", "on", "AUTH0_SESSION_ENDER_CLIENT_ID", "ender", "AUTH0_SESSION_ENDER_CLIENT_SECRET", ender, "AUTH0_SESSION_ENDER_RATE_LIMIT", "0.4"), "AUTH0_SESSION_ENDER_RATE_LIMIT", "0.5 or more"},
		"files, and only pages":                 {with(minimal(), "ASSOCIATION_FILES", "on", "PASSKEY_MANAGE_URL", "https://example.com/passkeys"), "", ""},
		"files for an app":                      {with(minimal(), "ASSOCIATION_FILES", "on", "APPLE_APP_IDS", "A1B2C3D4E5.com.example.app", "RELYING_PARTY_ID", "example.com"), "", ""},
		"files for an app of no domain":         {with(minimal(), "ASSOCIATION_FILES", "on", "APPLE_APP_IDS", "A1B2C3D4E5.com.example.app"), "RELYING_PARTY_ID", "example.com"},
		"enrolment with the action of sign-ins": {with(minimal(), "ENROL_AUDIENCE", "https://x.example", "AUTHSIGNAL_ENROL_ACTION", "signInWithPasskey"), "AUTHSIGNAL_ENROL_ACTION", "enrolPasskey"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := adapters.LoadConfig(tt.environ)
			faults, _ := errors.AsType[adapters.Faults](err)
			switch {
			case tt.fault == "" && err != nil:
				t.Errorf("err = %v, want no fault", err)
			case tt.fault != "" && (len(faults) != 1 || faults[0].Name != tt.fault || !strings.Contains(faults[0].Fix, tt.says)):
				t.Errorf("err = %v, want one fault, of %s, whose fix says %q", err, tt.fault, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("err = %v, which tells a secret", err)
			}
		})
	}
}

func TestBoundsAreWithin(t *testing.T) {
	for name, values := range map[string][]string{
		"AUTHSIGNAL_MAX_AGE": {"10s", "1h"},
		"AUTHSIGNAL_ACTION":  {"a", strings.Repeat("a", 64)},
		"ENROL_MAX_AGE":      {"1m", "24h"},
		"REVOKE_KEEP":        {"1h", "9000h"},
		"CLOCK_SKEW":         {"0s", "5m"},
		"REQUEST_TIMEOUT":    {(authsignal.VerifyTimeout + auth0.IssueTimeout).String(), "1m"},
		"DRAIN_DELAY":        {"0s", "1m"},
		"MAX_IN_FLIGHT":      {"1", "2047"},
		"MAX_CONNECTIONS":    {"257", "100000"},
	} {
		for _, value := range values {
			env := minimal()
			env[name] = value
			if _, err := adapters.LoadConfig(env); err != nil {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		}
	}
}

func TestEveryFaultIsToldAtOnce(t *testing.T) {
	_, err := adapters.LoadConfig(map[string]string{
		"AUTH0_SCOPE": "profile", "AUTHSIGNAL_MAX_AGE": "1s", "CLOCK_SKEW": "1h", "REQUEST_TIMEOUT": "1s", "LISTEN_ADDR": "here",
	})
	faults, _ := errors.AsType[adapters.Faults](err)
	var names []string
	for _, fault := range faults {
		names = append(names, fault.Name)
	}
	slices.Sort(names)
	want := []string{
		"AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET", "AUTH0_DOMAIN", "AUTH0_SCOPE", "AUTHSIGNAL_API_URL", "AUTHSIGNAL_MAX_AGE",
		"AUTHSIGNAL_SECRET", "CLOCK_SKEW", "LISTEN_ADDR", "REQUEST_TIMEOUT",
	}
	if !slices.Equal(names, want) {
		t.Errorf("faults of %q, want %q", names, want)
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	env := minimal()
	directory := t.TempDir()
	for _, name := range []string{"AUTHSIGNAL_SECRET", "AUTH0_CLIENT_SECRET"} {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte("from the file of "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		delete(env, name)
		env[name+"_FILE"] = path
	}
	c, err := adapters.LoadConfig(env)
	if err != nil {
		t.Fatal(err)
	}
	if c.Authsignal.Secret.Reveal() != "from the file of AUTHSIGNAL_SECRET" || c.Auth0.ClientSecret.Reveal() != "from the file of AUTH0_CLIENT_SECRET" {
		t.Errorf("the secrets are %q and %q", c.Authsignal.Secret.Reveal(), c.Auth0.ClientSecret.Reveal())
	}
}

func TestUnknownSettings(t *testing.T) {
	env := minimal()
	for _, name := range []string{"AUTH0_SCOPES", "AUTHSIGNAL_REGION", "AUTHSIGNAL_SECRET_FILE", "PATH", "LISTEN_ADDR"} {
		env[name] = "s3cr3t"
	}
	want := []string{
		"AUTH0_SCOPES is set, but it is no setting of native-bridge: is it meant to be AUTH0_SCOPE?",
		"AUTHSIGNAL_REGION is set, but it is no setting of native-bridge",
	}
	if got := adapters.UnknownSettings(env); !slices.Equal(got, want) {
		t.Errorf("UnknownSettings = %q, want %q", got, want)
	}
}

func TestSettingsAreComplete(t *testing.T) {
	names := map[string]bool{}
	for _, s := range adapters.Settings() {
		if names[s.Name] {
			t.Errorf("%s is there twice", s.Name)
		}
		names[s.Name] = true
		if s.Help == "" {
			t.Errorf("%s has no help", s.Name)
		}
		if strings.Contains(s.Name, "SECRET") && !s.Secret {
			t.Errorf("%s is no secret, and so may be printed", s.Name)
		}
	}
	for _, name := range append(slices.Collect(maps.Keys(minimal())), "AUTH0_SESSION_ENDER_CLIENT_ID", "AUTH0_SESSION_ENDER_CLIENT_SECRET", "AUTH0_SESSION_ENDER_RATE_LIMIT") {
		if !names[name] {
			t.Errorf("%s is not among the settings", name)
		}
	}
}

func TestOnlyFaultsAreFaults(t *testing.T) {
	if adapters.IsFaults(nil) || adapters.IsFaults(errors.New("the port is taken")) {
		t.Error("another failure is taken for a faulty configuration")
	}
}

// proofKey has the form of a good key.
const proofKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// withJWT adds what the verifier jwt needs.
func withJWT(environ map[string]string, more ...string) map[string]string {
	environ["JWT_ISSUER"], environ["JWT_AUDIENCE"], environ["JWT_PASSKEY_ONLY"] = "https://login.example.com", "bridge", "true"
	for i := 0; i+1 < len(more); i += 2 {
		environ[more[i]] = more[i+1]
	}
	return environ
}

// openID returns the least that the bridge can be configured with before an OpenID
// provider, and more.
func openID(more ...string) map[string]string {
	environ := minimal()
	maps.Copy(environ, map[string]string{
		"TOKEN_ISSUER": "oidc", "OIDC_ISSUER": "https://id.example.com", "OIDC_CLIENT_ID": "bridge", "OIDC_CLIENT_SECRET": "s3cr3t-oidc",
		"OIDC_ASSERTION_KEY": assertionKey(),
	})
	for i := 0; i+1 < len(more); i += 2 {
		environ[more[i]] = more[i+1]
	}
	return environ
}

// The issuer's rule for user ids is the policy of every verifier, and a refusal names
// the settings that can mend it.
func TestTheIssuerChoosesTheRuleForUserIDs(t *testing.T) {
	for name, tt := range map[string]struct {
		environ  map[string]string
		prefix   string
		settings []string
	}{
		"auth0, by default":  {minimal(), "auth0|", []string{"AUTHSIGNAL_SUBJECTS"}},
		"auth0, bare ids":    {withJWT(minimal(), "AUTHSIGNAL_SUBJECTS", "plain"), "", []string{"AUTHSIGNAL_SUBJECTS"}},
		"the token exchange": {withJWT(minimal(), "TOKEN_ISSUER", "auth0-token-exchange"), "auth0|", []string{"AUTHSIGNAL_SUBJECTS"}},
		"oidc, by default":   {openID(), "", []string{"OIDC_SUBJECT_PREFIX"}},
		"oidc, two verifiers": {withJWT(openID("IDENTITY_VERIFIER", "authsignal,jwt", "OIDC_SUBJECT_PREFIX", "auth0|")), "auth0|",
			[]string{"OIDC_SUBJECT_PREFIX", "OIDC_SUBJECT_PREFIX and JWT_SUBJECT_CLAIM"}},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := adapters.LoadConfig(tt.environ)
			if err != nil {
				t.Fatal(err)
			}
			policies := adapters.NewSignInPolicies(config)
			if len(policies) != len(tt.settings) {
				t.Fatalf("there are %d policies, want %d", len(policies), len(tt.settings))
			}
			for i, policy := range policies {
				if policy.Subjects.Prefix != tt.prefix || policy.From.Subject != tt.settings[i] {
					t.Errorf("%s wants the prefix %q by %q, want %q by %q", policy.Authority, policy.Subjects.Prefix, policy.From.Subject, tt.prefix, tt.settings[i])
				}
			}
		})
	}
}

func TestAnImpossibleChoiceStopsTheStart(t *testing.T) {
	tests := map[string]struct {
		environ map[string]string
		says    []string
	}{
		"an unknown verifier":                    {withJWT(minimal(), "IDENTITY_VERIFIER", "authsignall"), []string{"IDENTITY_VERIFIER has a name that the bridge does not know", "authsignal or jwt"}},
		"an unknown issuer":                      {withJWT(minimal(), "TOKEN_ISSUER", "okta"), []string{"TOKEN_ISSUER has a name that the bridge does not know", "auth0 or auth0-token-exchange or oidc"}},
		"no verifier":                            {withJWT(minimal(), "IDENTITY_VERIFIER", ","), []string{"IDENTITY_VERIFIER has no name in it"}},
		"a verifier that the issuer cannot ask":  {withJWT(minimal(), "IDENTITY_VERIFIER", "jwt"), []string{"TOKEN_ISSUER is auth0, which cannot open sessions", "IDENTITY_VERIFIER=jwt"}},
		"signed proofs do not change that":       {withJWT(minimal(), "IDENTITY_VERIFIER", "jwt", "AUTH0_PROOF", "signed", "AUTH0_PROOF_KEY", proofKey), []string{"cannot open sessions"}},
		"organizations with the password grant":  {withJWT(minimal(), "AUTH0_ORGANIZATIONS_ALLOWED", "org_1a2B3c"), []string{"AUTH0_ORGANIZATIONS_ALLOWED is set", "auth0-token-exchange"}},
		"a signed proof with the token exchange": {withJWT(minimal(), "TOKEN_ISSUER", "auth0-token-exchange", "AUTH0_PROOF", "signed", "AUTH0_PROOF_KEY", proofKey), []string{"AUTH0_PROOF is signed", "token exchange"}},
		"two, one of which it cannot ask":        {withJWT(minimal(), "IDENTITY_VERIFIER", "authsignal,jwt"), []string{"cannot open sessions"}},
		"a verifier half configured":             {map[string]string{"IDENTITY_VERIFIER": "jwt"}, []string{"JWT_ISSUER is not set", "JWT_AUDIENCE is not set", "AUTH0_DOMAIN is not set"}},
		"a rule for ids that oidc does not read": {openID("AUTHSIGNAL_SUBJECTS", "auth0"), []string{"AUTHSIGNAL_SUBJECTS is set, but with TOKEN_ISSUER=oidc", "set OIDC_SUBJECT_PREFIX to auth0|"}},
		"a verifier's own rule for ids":          {withJWT(openID("IDENTITY_VERIFIER", "jwt", "JWT_SUBJECTS", "plain")), []string{"JWT_SUBJECTS is set, but with TOKEN_ISSUER=oidc", "unset it"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := adapters.LoadConfig(tt.environ)
			if !adapters.IsFaults(err) {
				t.Fatalf("err = %v, want faults", err)
			}
			for _, says := range tt.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%v does not say %q", err, says)
				}
			}
		})
	}
}

func TestWhatIsNotChosenIsNotRead(t *testing.T) {
	environ := minimal()
	environ["JWT_ISSUER"] = "not a URL at all ://"
	if _, err := adapters.LoadConfig(environ); err != nil {
		t.Errorf("err = %v, want the settings of a verifier that is not chosen left alone", err)
	}
}

func TestServeWarnsOfCredentialsThatItDoesNotNeed(t *testing.T) {
	environ := map[string]string{"AUTH0_MANAGEMENT_CLIENT_SECRET": "s3cr3t", "AUTHSIGNAL_MANAGEMENT_SECRET": "", "AUTH0_CLIENT_SECRET": "s3cr3t"}
	warnings := adapters.NeedlessCredentials(environ)
	if len(warnings) != 1 || !strings.HasPrefix(warnings[0], "AUTH0_MANAGEMENT_CLIENT_SECRET is set") || strings.Contains(warnings[0], "s3cr3t") {
		t.Errorf("the warnings are %q, want one about AUTH0_MANAGEMENT_CLIENT_SECRET, without its value", warnings)
	}
	if unknown := adapters.UnknownSettings(environ); len(unknown) > 0 {
		t.Errorf("settings of setup and doctor are unknown: %q", unknown)
	}
}
