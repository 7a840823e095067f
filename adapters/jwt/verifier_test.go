package jwt_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/clocktest"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/jwt"
	"nativebridge/adapters/jwt/jwttest"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const skew = 30 * time.Second

var start = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

// clock is the verifier's. The provider's shows the same time, or one that is ahead.
type clock struct {
	*clocktest.Clock
	ahead atomic.Int64 // nanoseconds
}

func (c *clock) providers() time.Time { return c.Now().Add(time.Duration(c.ahead.Load())) }

// bench is a provider and a verifier for it, both by the same clock.
type bench struct {
	*jwttest.Provider
	*clock
	verifier *jwt.Verifier
	policy   domain.SignInPolicy
}

// newBench returns a bench whose verifier knows of the provider what config says
// besides issuer and audience.
func newBench(t testing.TB, change ...func(*jwt.Config)) *bench {
	t.Helper()
	c := &clock{Clock: clocktest.At(start)}
	provider, err := jwttest.Start(jwttest.Options{Now: c.providers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	config := jwt.Config{
		Issuer: jwt.Issuer(provider.Issuer()), JWKSURL: settings.BaseURL(provider.JWKSURL()), Audience: jwt.List{jwttest.Audience},
		Algorithms: jwt.Algorithms{jose.RS256, jose.ES256}, SubjectClaim: "sub", TimeClaim: "auth_time",
		PasskeyAMR: jwt.List{"hwk"}, MaxAge: 10 * time.Minute,
	}
	for _, change := range change {
		change(&config)
	}
	client := upstream.New(upstream.Options{Name: "provider", Now: c.Now})
	return &bench{
		Provider: provider, clock: c, policy: policyOf(config),
		verifier: jwt.NewVerifier(client, config, skew, c.Now),
	}
}

// policyOf is the policy of config with a rule for user ids, which is the issuer's in a bridge.
func policyOf(config jwt.Config) domain.SignInPolicy {
	policy := config.Policy(skew)
	policy.Subjects = domain.SubjectRule{Prefix: "auth0|"}
	return policy
}

// claims returns those of jane's sign-in, with changes; nil takes one out.
func (b *bench) claims(changes map[string]any) map[string]any {
	claims := b.Claims("auth0|jane")
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// verify verifies text and fails the test if the error tells it.
func (b *bench) verify(t testing.TB, text string) (domain.Identity, error) {
	t.Helper()
	identity, err := b.verifier.Verify(t.Context(), parse(t, text))
	if err != nil {
		for part := range strings.SplitSeq(text, ".") {
			if len(part) > 16 && strings.Contains(err.Error(), part) {
				t.Errorf("err = %v, which quotes the token", err)
			}
		}
		if identity != (domain.Identity{}) {
			t.Errorf("identity = %+v with an error, want none", identity)
		}
	}
	identity.AuthenticatedAfter = time.Time{} // the contract tries it
	return identity, err
}

// wantReason fails the test unless err wraps reason and says so.
func wantReason(t testing.TB, err error, reason domain.Error, says string) {
	t.Helper()
	if got, _ := domain.ReasonOf(err); got != reason || !strings.Contains(err.Error(), says) {
		t.Errorf("err = %v, want %s because of %q", err, reason, says)
	}
}

func parse(t testing.TB, text string) domain.PasskeyToken {
	t.Helper()
	token, err := domain.ParsePasskeyToken(text)
	if err != nil {
		t.Fatalf("parse %.40q: %v", text, err)
	}
	return token
}

func TestVerifierKeepsTheContract(t *testing.T) {
	for name, change := range map[string]func(*jwt.Config){
		"with the keys' address":        func(*jwt.Config) {},
		"with discovery":                func(c *jwt.Config) { c.JWKSURL = "" },
		"with an action":                func(c *jwt.Config) { c.ActionClaim, c.Action = "use", "login" },
		"with another name for a proof": func(c *jwt.Config) { c.ProofClaim = "sid" },
	} {
		t.Run(name, func(t *testing.T) {
			portstest.IdentityVerifier(t, func(t *testing.T) portstest.VerifierHarness { return harness(t, change) })
		})
	}
}

// harness has no Lock and no Limit: the provider is shown no credential, and asked
// for its keys only.
func harness(t *testing.T, change func(*jwt.Config)) portstest.VerifierHarness {
	b := newBench(t, change)
	claims := func(changes map[string]any) map[string]any {
		claims := b.claims(changes)
		claims["use"], claims["sid"] = "login", claims["jti"]
		return claims
	}
	return portstest.VerifierHarness{
		Verifier: patient{b},
		Prove: func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
			return parse(t, b.Sign(claims(nil))), domain.Identity{
				Subject: "auth0|jane", Action: b.policy.Action, Method: domain.MethodPasskey, AuthenticatedAt: b.Now(),
			}
		},
		Other: func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
			other := domain.Identity{Subject: "auth0|john", Method: `amr ["pwd"], acr ""`, AuthenticatedAt: b.Now().Add(-time.Hour)}
			if b.policy.Action != "" {
				other.Action = "withdraw"
			}
			claims := claims(map[string]any{"sub": other.Subject, "amr": []string{"pwd"}, "auth_time": other.AuthenticatedAt.Unix()})
			claims["use"] = "withdraw"
			return parse(t, b.Sign(claims)), other
		},
		Bad: func(t *testing.T) map[string]domain.PasskeyToken {
			payload, err := json.Marshal(claims(nil))
			if err != nil {
				t.Fatal(err)
			}
			return map[string]domain.PasskeyToken{
				"no JWT":                      parse(t, "not-a-jwt"),
				"a token nobody issued":       parse(t, jwttest.SignWith(jwttest.NewKey(), jose.ES256, payload, nil)),
				"an expired token":            parse(t, b.Sign(claims(map[string]any{"exp": start.Add(-time.Minute).Unix()}))),
				"a token of another issuer":   parse(t, b.Sign(claims(map[string]any{"iss": "https://other.example.com"}))),
				"a token for another app":     parse(t, b.Sign(claims(map[string]any{"aud": "another-app"}))),
				"a token about nobody":        parse(t, b.Sign(claims(map[string]any{"sub": nil}))),
				"a token that was not signed": parse(t, unsigned(payload)),
			}
		},
		Ahead: func(t *testing.T, d time.Duration) {
			b.ahead.Store(int64(d))
			if err := b.verifier.Warm(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		Garble: func(*testing.T) { b.Garble() },
		Hang:   func(*testing.T) { b.Hang() },
		Stop:   func(*testing.T) { _ = b.Close() },
	}
}

// patient verifies a token when the keys may be fetched for it, since an unknown
// key id is no verdict before.
type patient struct{ b *bench }

func (p patient) Verify(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	p.b.Advance(time.Second)
	return p.b.verifier.Verify(ctx, token)
}

func TestClaims(t *testing.T) {
	seconds := func(d time.Duration) int64 { return start.Add(d).Unix() }
	const ok = ""
	tests := map[string]struct {
		changes map[string]any // nil: taken out
		says    string         // part of the error
	}{
		"a good token":                      {nil, ok},
		"another issuer":                    {map[string]any{"iss": "https://other.example.com"}, "(iss)"},
		"the issuer with a slash":           {map[string]any{"iss": "ISSUER/"}, "(iss)"},
		"no issuer":                         {map[string]any{"iss": nil}, "(iss)"},
		"an issuer that is a list":          {map[string]any{"iss": []string{"ISSUER"}}, "not those of a JWT"},
		"another audience":                  {map[string]any{"aud": "another-app"}, "(aud)"},
		"an audience that begins alike":     {map[string]any{"aud": "mobile-app2"}, "(aud)"},
		"the audience in capitals":          {map[string]any{"aud": "MOBILE-APP"}, "(aud)"},
		"no audience":                       {map[string]any{"aud": nil}, "(aud)"},
		"no audience in the list":           {map[string]any{"aud": []string{}}, "(aud)"},
		"a list with the audience":          {map[string]any{"aud": []string{"api", "mobile-app"}}, ok},
		"a list with a number":              {map[string]any{"aud": []any{"mobile-app", 1}}, "not those of a JWT"},
		"expired within the skew":           {map[string]any{"exp": seconds(-skew)}, ok},
		"expired a second longer":           {map[string]any{"exp": seconds(-skew - time.Second)}, "(exp)"},
		"no expiry":                         {map[string]any{"exp": nil}, "no exp"},
		"an expiry that is text":            {map[string]any{"exp": "1893456000"}, "not those of a JWT"},
		"an expiry beyond all numbers":      {map[string]any{"exp": json.RawMessage("1e400")}, "not those of a JWT"},
		"an expiry beyond all times":        {map[string]any{"exp": 1e300}, "not those of a JWT"},
		"not valid yet, within the skew":    {map[string]any{"nbf": seconds(skew)}, ok},
		"not valid yet, a second more":      {map[string]any{"nbf": seconds(skew + time.Second)}, "(nbf)"},
		"issued ahead within the skew":      {map[string]any{"iat": seconds(skew)}, ok},
		"issued a second further ahead":     {map[string]any{"iat": seconds(skew + time.Second)}, "(iat)"},
		"no time of issue":                  {map[string]any{"iat": nil}, "no iat"},
		"a ceremony after the token":        {map[string]any{"iat": seconds(-skew - time.Second)}, "before its ceremony ended"},
		"a ceremony after it by the skew":   {map[string]any{"iat": seconds(-skew)}, ok},
		"no time of the ceremony":           {map[string]any{"auth_time": nil}, "no auth_time"},
		"a time of null":                    {map[string]any{"auth_time": json.RawMessage("null")}, "auth_time is no time"},
		"a time that is text":               {map[string]any{"auth_time": "1769853600"}, "auth_time is no time"},
		"a time before all others":          {map[string]any{"auth_time": -1}, "auth_time is no time"},
		"a time beyond all others":          {map[string]any{"auth_time": 1e18}, "auth_time is no time"},
		"a time in milliseconds":            {map[string]any{"auth_time": start.UnixMilli()}, "auth_time is no time"},
		"the last time of all":              {map[string]any{"auth_time": 253402300799}, "before its ceremony ended"},
		"a time a second after the last":    {map[string]any{"auth_time": 253402300800}, "auth_time is no time"},
		"a time with a fraction":            {map[string]any{"auth_time": float64(start.Unix()) + 0.25}, ok},
		"no subject":                        {map[string]any{"sub": nil}, "no sub"},
		"an empty subject":                  {map[string]any{"sub": ""}, "no sub"},
		"a subject that is a number":        {map[string]any{"sub": 42}, "not those of a JWT"},
		"a subject with half a character":   {map[string]any{"sub": json.RawMessage(`"auth0|\ud800"`)}, "sub is no text"},
		"a subject that is not UTF-8":       {map[string]any{"sub": json.RawMessage("\"auth0|\xff\"")}, "sub is no text"},
		"a proof id that is a number":       {map[string]any{"jti": 7}, "not those of a JWT"},
		"a proof id with half a character":  {map[string]any{"jti": json.RawMessage(`"\ud800"`)}, "jti is no text"},
		"methods that are one text":         {map[string]any{"amr": "hwk"}, "amr is no list"},
		"methods that are numbers":          {map[string]any{"amr": []int{1}}, "amr is no list"},
		"a class that is a number":          {map[string]any{"acr": 1}, "acr is no text"},
		"a logout token":                    {map[string]any{"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}, "events"},
		"a token bound to a key":            {map[string]any{"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, "bound to a key"},
		"claims that nobody asked for":      {map[string]any{"email": "jane@example.com", "https://x/": 1, "nonce": "n"}, ok},
		"deep ones that nobody asked for":   {map[string]any{"x": json.RawMessage(strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000))}, ok},
		"deep ones with a member twice":     {map[string]any{"x": json.RawMessage(`{"y":[{"z":1,"z":2}]}`)}, "not those of a JWT"},
		"names in capitals, beside the own": {map[string]any{"SUB": "auth0|eve", "Iss": "x", "EXP": 1}, ok},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			payload, err := encodeJSON(b.claims(tt.changes))
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(payload, `"ISSUER`, `"`+b.Issuer())
			got, err := b.verify(t, b.SignBytes([]byte(text), nil))
			if tt.says != ok {
				wantReason(t, err, domain.ErrTokenRejected, tt.says)
				return
			}
			if err != nil {
				t.Fatalf("err = %v, want an identity", err)
			}
			want := domain.Identity{
				Authority: "jwt " + b.Issuer(), Subject: "auth0|jane", Method: domain.MethodPasskey,
				ProofID: got.ProofID, AuthenticatedAt: time.Unix(start.Unix(), 0),
			}
			if got != want {
				t.Errorf("identity = %+v, want %+v", got, want)
			}
			if err := b.policy.Admit(got, b.Now()); err != nil {
				t.Errorf("the policy says %v", err)
			}
		})
	}
}

// What a wrong setting would do to every token names the setting.
func TestARefusalNamesTheSettingThatItComesFrom(t *testing.T) {
	for claim, setting := range map[string]string{
		"iss": "JWT_ISSUER", "aud": "JWT_AUDIENCE", "sub": "JWT_SUBJECT_CLAIM", "auth_time": "JWT_TIME_CLAIM", "exp": "",
	} {
		b := newBench(t)
		_, err := b.verify(t, b.Sign(b.claims(map[string]any{claim: nil})))
		if got := domain.SettingsOf(err); err == nil || !strings.Contains(got, setting) || setting == "" && got != "" {
			t.Errorf("without %s: %v, want it to name %q", claim, err, setting)
		}
	}
}

// encodeJSON writes claims as they are, also those that no encoder would write.
func encodeJSON(claims map[string]any) (string, error) {
	raw := map[string]string{}
	for name, value := range claims {
		if as, ok := value.(json.RawMessage); ok {
			raw[name], claims[name] = string(as), "RAW "+name
		}
	}
	text, err := json.Marshal(claims)
	payload := string(text)
	for name, value := range raw {
		payload = strings.Replace(payload, `"RAW `+name+`"`, value, 1)
	}
	return payload, err
}

func TestAMemberThatIsThereTwiceRejectsTheToken(t *testing.T) {
	b := newBench(t)
	payload, err := json.Marshal(b.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	good := string(payload[1:])
	for name, text := range map[string]string{
		"another subject before": `{"sub":"auth0|eve",` + good,
		"another subject after":  `{` + strings.TrimSuffix(good, "}") + `,"sub":"auth0|eve"}`,
		"spelt with an escape":   `{"s\u0075b":"auth0|eve",` + good,
		"the same value":         `{"sub":"auth0|jane",` + good,
		"what is not looked at":  `{"x":1,"x":1,` + good,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.verify(t, b.SignBytes([]byte(text), nil))
			wantReason(t, err, domain.ErrTokenRejected, "not those of a JWT")
		})
	}
	for name, text := range map[string]string{
		"no object": `["sub"]`, "null": `null`, "a text": `"sub"`, "nothing": ``, "two objects": `{` + good + `{}`, "a nested token": b.Sign(b.claims(nil)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.verify(t, b.SignBytes([]byte(text), nil))
			wantReason(t, err, domain.ErrTokenRejected, "token")
		})
	}
}

func TestClaimsAreMappedByConfiguration(t *testing.T) {
	b := newBench(t, func(c *jwt.Config) {
		c.SubjectClaim, c.TimeClaim, c.ProofClaim = "https://example.com/auth0_id", "iat", "sid"
		c.ActionClaim, c.Action, c.Audience = "token_use", "id", jwt.List{"one", "two"}
	})
	claims := b.claims(map[string]any{
		"https://example.com/auth0_id": "auth0|jane", "sub": "42", "auth_time": nil, "sid": "session-1", "token_use": "id", "aud": "two",
	})
	got, err := b.verify(t, b.Sign(claims))
	want := domain.Identity{
		Authority: "jwt " + b.Issuer(), Subject: "auth0|jane", Action: "id", Method: domain.MethodPasskey,
		ProofID: "session-1", AuthenticatedAt: time.Unix(start.Unix(), 0),
	}
	if err != nil || got != want {
		t.Fatalf("identity = %+v, %v, want %+v", got, err, want)
	}
	if err := b.policy.Admit(got, b.Now()); err != nil {
		t.Errorf("the policy says %v", err)
	}
	for name, says := range map[string]string{"https://example.com/auth0_id": "no https://example.com/auth0_id", "sid": "no sid"} {
		without := maps.Clone(claims)
		delete(without, name)
		_, err := b.verify(t, b.Sign(without))
		wantReason(t, err, domain.ErrTokenRejected, says)
	}
}

func TestAnActionThatIsNoTextRejectsTheToken(t *testing.T) {
	b := newBench(t, func(c *jwt.Config) { c.ActionClaim, c.Action = "use", "login" })
	for name, action := range map[string]any{"a number": 1, "a list": []string{"login"}, "an object": map[string]any{"login": true}} {
		t.Run(name, func(t *testing.T) {
			_, err := b.verify(t, b.Sign(b.claims(map[string]any{"use": action})))
			wantReason(t, err, domain.ErrTokenRejected, "use is no text")
		})
	}
}

// What stands in for a missing jti must be none that a provider could write.
func TestAHashInPlaceOfAProofIDSaysSo(t *testing.T) {
	b := newBench(t)
	got, err := b.verify(t, b.Sign(b.claims(map[string]any{"jti": nil})))
	if err != nil || !strings.HasPrefix(got.ProofID, "sha256:") || len(got.ProofID) != len("sha256:")+64 {
		t.Errorf("proof = %q, %v, want a hash that says what it is", got.ProofID, err)
	}
}

// The verifier reports; these are for the policy to refuse.
func TestWhatIsNoSignInIsReportedAsItIs(t *testing.T) {
	tests := map[string]struct {
		changes map[string]any
		refuse  string
	}{
		"another action":            {map[string]any{"use": "step-up"}, "its action"},
		"no action":                 {map[string]any{"use": nil}, "its action"},
		"a password":                {map[string]any{"amr": []string{"pwd"}}, "its method"},
		"a value that begins alike": {map[string]any{"amr": []string{"hwk2"}}, "its method"},
		"a value in capitals":       {map[string]any{"amr": []string{"HWK"}}, "its method"},
		"no methods":                {map[string]any{"amr": nil}, "its method"},
		"the domain's own word":     {map[string]any{"amr": []string{"PASSKEY"}, "acr": "PASSKEY"}, "its method"},
		"another class":             {map[string]any{"amr": nil, "acr": "phrx"}, "its method"},
		"an empty class":            {map[string]any{"amr": nil, "acr": ""}, "its method"},
		"an old ceremony, a new token": {
			map[string]any{"auth_time": start.Add(-10*time.Minute - skew - time.Second).Unix()}, "too long ago"},
		"a token issued long ago": {
			map[string]any{"iat": start.Add(-11 * time.Minute).Unix(), "auth_time": start.Add(-11 * time.Minute).Unix()}, "too long ago"},
		"a ceremony of 1970":    {map[string]any{"auth_time": 0}, "too long ago"},
		"another provider's id": {map[string]any{"sub": "google-oauth2|1"}, "its subject"},
	}
	b := newBench(t, func(c *jwt.Config) {
		c.ActionClaim, c.Action, c.PasskeyACR = "use", "login", jwt.List{"phr", "phrh"}
	})
	login := map[string]any{"use": "login"}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			changes := maps.Clone(login)
			maps.Copy(changes, tt.changes)
			identity, err := b.verify(t, b.Sign(b.claims(changes)))
			if err != nil {
				t.Fatal(err)
			}
			wantReason(t, b.policy.Admit(identity, b.Now()), domain.ErrTokenRejected, tt.refuse)
		})
	}
	for name, changes := range map[string]map[string]any{
		"a method": {"use": "login"}, "one class": {"use": "login", "amr": nil, "acr": "phr"}, "the other class": {"use": "login", "amr": []string{"pwd"}, "acr": "phrh"},
	} {
		t.Run(name, func(t *testing.T) {
			identity, err := b.verify(t, b.Sign(b.claims(changes)))
			if err != nil || b.policy.Admit(identity, b.Now()) != nil {
				t.Errorf("%+v, %v, want a sign-in", identity, err)
			}
		})
	}
}

func TestAProviderOfPasskeysOnlyNeedsNoMethod(t *testing.T) {
	b := newBench(t, func(c *jwt.Config) { c.PasskeyAMR, c.PasskeyOnly = nil, true })
	for name, amr := range map[string]any{"none": nil, "a list": []string{"pwd"}, "anything": 7} {
		identity, err := b.verify(t, b.Sign(b.claims(map[string]any{"amr": amr})))
		if err != nil || identity.Method != domain.MethodPasskey {
			t.Errorf("%s: method %q, %v, want a passkey", name, identity.Method, err)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	b := newBench(t)
	before := b.Sign(b.claims(nil))
	if _, err := b.verify(t, before); err != nil {
		t.Fatal(err)
	}
	b.Rotate()
	b.Advance(time.Minute)
	if _, err := b.verify(t, b.Sign(b.claims(nil))); err != nil {
		t.Errorf("err = %v, want the new key's token verified", err)
	}
	b.Advance(time.Second)
	_, err := b.verify(t, before)
	wantReason(t, err, domain.ErrTokenRejected, "does not publish")
}

func TestTheLastGoodKeysServeWhileTheProviderIsDown(t *testing.T) {
	for name, change := range map[string]func(*jwt.Config){
		"with the keys' address": func(*jwt.Config) {},
		"with discovery":         func(c *jwt.Config) { c.JWKSURL = "" },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, change)
			if err := b.verifier.Warm(t.Context()); err != nil {
				t.Fatal(err)
			}
			_ = b.Close()
			b.Advance(time.Hour)
			if _, err := b.verify(t, b.Sign(b.claims(nil))); err != nil {
				t.Errorf("err = %v, want it verified", err)
			}
			b.Rotate()
			_, err := b.verify(t, b.Sign(b.claims(nil)))
			wantReason(t, err, domain.ErrUnavailable, "keys")
		})
	}
}

// Whoever makes key ids up must neither make the bridge ask the provider each time
// nor have a token rejected whose key was published a moment ago.
func TestMadeUpKeyIDsAreAskedForOnceInACoolDown(t *testing.T) {
	b := newBench(t)
	strange := func() string { return jwttest.SignWith(jwttest.NewKey(), jose.ES256, []byte(`{}`), nil) }
	_, err := b.verify(t, strange())
	wantReason(t, err, domain.ErrTokenRejected, "does not publish")
	b.Rotate()
	for _, text := range []string{strange(), b.Sign(b.claims(nil)), strange()} {
		_, err := b.verify(t, text)
		wantReason(t, err, domain.ErrUnavailable, "keys")
		if wait := domain.RetryAfterOf(err); wait != time.Second {
			t.Errorf("told to wait %s, want a second", wait)
		}
	}
	if b.Requests() != 1 {
		t.Errorf("the provider was asked %d times, want once", b.Requests())
	}
	b.Advance(time.Second)
	if _, err := b.verify(t, b.Sign(b.claims(nil))); err != nil {
		t.Errorf("err = %v, want the new key found after the cool-down", err)
	}
	b.Break(http.StatusServiceUnavailable)
	b.Advance(time.Minute)
	for range 20 {
		_, err := b.verify(t, strange())
		wantReason(t, err, domain.ErrUnavailable, "keys")
	}
	if b.Requests() != 3 {
		t.Errorf("the provider was asked %d times, want once more while it is down", b.Requests()-2)
	}
	if _, err := b.verify(t, b.Sign(b.claims(nil))); err != nil {
		t.Errorf("err = %v, want the known key to serve", err)
	}
}

func TestACallerWhoLeftIsToldNothing(t *testing.T) {
	b := newBench(t)
	if err := b.verifier.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.verifier.Verify(ctx, parse(t, b.Sign(b.claims(nil))))
	if wantReason(t, err, domain.ErrUnavailable, "canceled"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled in it", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	b := newBench(t)
	texts := []string{b.Sign(b.claims(nil)), b.Sign(b.claims(map[string]any{"sub": "auth0|eve"})), b.Sign(b.claims(map[string]any{"aud": "x"}))}
	var done sync.WaitGroup
	for i := range 60 {
		done.Go(func() {
			identity, err := b.verify(t, texts[i%3])
			if want := []string{"auth0|jane", "auth0|eve", ""}[i%3]; identity.Subject != want || (err == nil) != (want != "") {
				t.Errorf("subject %q, %v, want %q", identity.Subject, err, want)
			}
		})
	}
	done.Wait()
	if b.Requests() != 1 {
		t.Errorf("the provider was asked %d times, want once", b.Requests())
	}
}
