package jwt_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/jwt"
	"nativebridge/domain"
)

// load returns the config of the least environment with changes; an empty value
// takes one out.
func load(changes map[string]string) (jwt.Config, error) {
	environ := map[string]string{
		"JWT_ISSUER": "https://login.example.com/", "JWT_AUDIENCE": "mobile-app", "JWT_PASSKEY_AMR": "webauthn",
	}
	maps.Copy(environ, changes)
	maps.DeleteFunc(environ, func(_, value string) bool { return value == "" })
	var c jwt.Config
	return c, settings.Load(environ, &c)
}

func TestDefaults(t *testing.T) {
	c, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Issuer != "https://login.example.com/" || c.SubjectClaim != "sub" || c.TimeClaim != "auth_time" || c.ProofClaim != "" ||
		!slices.Equal(c.Algorithms, jwt.Algorithms{jose.RS256, jose.ES256}) {
		t.Errorf("config = %+v", c)
	}
	want := domain.SignInPolicy{
		Authority: "jwt https://login.example.com/", MaxAge: 10 * time.Minute, Skew: skew,
	}
	want.From = c.Policy(skew).From
	if got := c.Policy(skew); got != want {
		t.Errorf("policy = %+v, want %+v", got, want)
	}
}

func TestSettings(t *testing.T) {
	c, err := load(map[string]string{
		"JWT_ISSUER": "P2abcdefgh", "JWT_JWKS_URL": "https://keys.example.com/v2/keys/P2abcdefgh", "JWT_AUDIENCE": " one, two,",
		"JWT_ALGORITHMS": "EdDSA, PS256", "JWT_ACTION_CLAIM": "use", "JWT_ACTION": "login", "JWT_MAX_AGE": "1m",
		"JWT_PASSKEY_AMR": "", "JWT_PASSKEY_ACR": "phr,phrh",
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Audience, jwt.List{"one", "two"}) || !slices.Equal(c.Algorithms, jwt.Algorithms{jose.EdDSA, jose.PS256}) ||
		!slices.Equal(c.PasskeyACR, jwt.List{"phr", "phrh"}) || c.JWKSURL != "https://keys.example.com/v2/keys/P2abcdefgh" {
		t.Errorf("config = %+v", c)
	}
	want := domain.SignInPolicy{Authority: "jwt P2abcdefgh", Action: "login", MaxAge: time.Minute, Skew: skew}
	want.From = c.Policy(skew).From
	if got := c.Policy(skew); got != want {
		t.Errorf("policy = %+v, want %+v", got, want)
	}
}

func TestEachFaultIsNamed(t *testing.T) {
	tests := map[string]struct {
		changes map[string]string
		name    string
	}{
		"no issuer":                       {map[string]string{"JWT_ISSUER": ""}, "JWT_ISSUER"},
		"an issuer with a space":          {map[string]string{"JWT_ISSUER": "https://login.example.com/ ", "JWT_JWKS_URL": "https://x"}, "JWT_ISSUER"},
		"an issuer that is no URL":        {map[string]string{"JWT_ISSUER": "P2abcdefgh"}, "JWT_JWKS_URL"},
		"an issuer in plain http":         {map[string]string{"JWT_ISSUER": "http://login.example.com"}, "JWT_JWKS_URL"},
		"keys in plain http":              {map[string]string{"JWT_JWKS_URL": "http://login.example.com/jwks"}, "JWT_JWKS_URL"},
		"no audience":                     {map[string]string{"JWT_AUDIENCE": ""}, "JWT_AUDIENCE"},
		"an audience of commas":           {map[string]string{"JWT_AUDIENCE": " ,"}, "JWT_AUDIENCE"},
		"alg none":                        {map[string]string{"JWT_ALGORITHMS": "RS256,none"}, "JWT_ALGORITHMS"},
		"a shared secret":                 {map[string]string{"JWT_ALGORITHMS": "RS256,HS256"}, "JWT_ALGORITHMS"},
		"an algorithm in another case":    {map[string]string{"JWT_ALGORITHMS": "rs256"}, "JWT_ALGORITHMS"},
		"no algorithm":                    {map[string]string{"JWT_ALGORITHMS": ","}, "JWT_ALGORITHMS"},
		"an action without its claim":     {map[string]string{"JWT_ACTION": "login"}, "JWT_ACTION_CLAIM"},
		"an action's claim alone":         {map[string]string{"JWT_ACTION_CLAIM": "use"}, "JWT_ACTION"},
		"nothing that proves a passkey":   {map[string]string{"JWT_PASSKEY_AMR": ""}, "JWT_PASSKEY_AMR"},
		"passkeys only, said to be false": {map[string]string{"JWT_PASSKEY_AMR": "", "JWT_PASSKEY_ONLY": "false"}, "JWT_PASSKEY_AMR"},
		"passkeys only, and a method":     {map[string]string{"JWT_PASSKEY_ONLY": "true"}, "JWT_PASSKEY_ONLY"},
		"an age of nothing":               {map[string]string{"JWT_MAX_AGE": "0s"}, "JWT_MAX_AGE"},
		"an age of a day":                 {map[string]string{"JWT_MAX_AGE": "24h"}, "JWT_MAX_AGE"},
		"an age too short by a moment":    {map[string]string{"JWT_MAX_AGE": "9999ms"}, "JWT_MAX_AGE"},
		"an age too long by a moment":     {map[string]string{"JWT_MAX_AGE": "3600001ms"}, "JWT_MAX_AGE"},
		"an issuer that is not ASCII":     {map[string]string{"JWT_ISSUER": "projekt-ä", "JWT_JWKS_URL": "https://x"}, "JWT_ISSUER"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(tt.changes)
			faults, _ := errors.AsType[settings.Faults](err)
			if len(faults) != 1 || faults[0].Name != tt.name || faults[0].Problem == "" || faults[0].Fix == "" {
				t.Errorf("err = %v, want one fault of %s with its fix", err, tt.name)
			}
		})
	}
	for name, changes := range map[string]map[string]string{
		"a provider on loopback": {"JWT_ISSUER": "http://127.0.0.1:8080"},
		"passkeys only":          {"JWT_PASSKEY_AMR": "", "JWT_PASSKEY_ONLY": "true"},
		"method and class":       {"JWT_PASSKEY_ACR": "phr"},
		"the shortest age":       {"JWT_MAX_AGE": "10s"},
		"the longest age":        {"JWT_MAX_AGE": "1h"},
		"an issuer's last sign":  {"JWT_ISSUER": "https://login.example.com/~"},
	} {
		if _, err := load(changes); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFaultSaysWhatIsSet(t *testing.T) {
	_, err := load(map[string]string{"JWT_MAX_AGE": "24h"})
	if err == nil || !strings.Contains(err.Error(), "JWT_MAX_AGE is 24h0m0s") {
		t.Errorf("err = %v, want the age in it", err)
	}
}

func TestTheConfigDeclaresWhatTokensSay(t *testing.T) {
	c, err := load(nil)
	if err != nil || c.TokenIssuer() != "https://login.example.com/" {
		t.Errorf("its tokens are from %q, %v, want the issuer as tokens have it", c.TokenIssuer(), err)
	}
}

func TestEverySettingHasItsPrefixAndHelp(t *testing.T) {
	for _, s := range settings.Describe(new(jwt.Config)) {
		if !strings.HasPrefix(s.Name, "JWT_") || s.Help == "" {
			t.Errorf("%s: help %q", s.Name, s.Help)
		}
	}
}

func TestEachRuleNamesItsSettings(t *testing.T) {
	c, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range [][2]string{
		{c.Policy(skew).From.Action, "JWT_ACTION"}, {c.Policy(skew).From.Method, "JWT_PASSKEY_AMR"},
		{c.Policy(skew).From.Time, "JWT_MAX_AGE"}, {c.Policy(skew).From.Subject, "JWT_SUBJECT_CLAIM"},
	} {
		if !strings.Contains(names[0], names[1]) {
			t.Errorf("%q does not name %s", names[0], names[1])
		}
	}
}
