package byissuer_test

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/byissuer"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/jwt"
	"nativebridge/adapters/jwt/jwttest"
	"nativebridge/domain"
	"nativebridge/ports"
	"nativebridge/ports/portstest"
)

const (
	action = "signInWithPasskey"
	skew   = 30 * time.Second
)

// world is Authsignal and a passkey provider, and a verifier for both.
type world struct {
	tenant   *authsignaltest.Server
	phone    *authsignaltest.Phone
	provider *jwttest.Provider
	verifier *byissuer.Verifier
	ahead    atomic.Int64                // of the clocks of both
	passed   atomic.Int64                // besides what passes by itself
	renew    func(context.Context) error // fetches the provider's keys
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.passed.Load())) }

// setAhead sets the clocks of both ahead, and lets the verifier hear of it once its
// keys are old enough to be fetched anew.
func (w *world) setAhead(t *testing.T, d time.Duration) {
	w.ahead.Store(int64(d))
	w.passed.Add(int64(time.Minute))
	if err := w.renew(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	now := func() time.Time { return w.now().Add(time.Duration(w.ahead.Load())) }
	tenant, err := authsignaltest.Start(authsignaltest.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	provider, err := jwttest.Start(jwttest.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	phone := tenant.Phone(authsignaltest.IOS)
	if _, err := tenant.Enrol(t.Context(), phone, authsignaltest.User{ID: "auth0|jane", Username: "jane"}); err != nil {
		t.Fatal(err)
	}
	client := func(name string) *upstream.Client {
		return upstream.New(upstream.Options{Name: name, Now: w.now})
	}
	old := authsignal.NewVerifier(client("authsignal"), authsignal.Config{
		APIURL: settings.BaseURL(tenant.APIURL()), Secret: settings.NewSecret(tenant.Secret()), Action: action,
		MaxAge: 10 * time.Minute,
	}, skew, w.now)
	replacement := jwt.NewVerifier(client("provider"), jwt.Config{
		Issuer: jwt.Issuer(provider.Issuer()), Audience: jwt.List{jwttest.Audience}, Algorithms: jwt.Algorithms{jose.ES256},
		SubjectClaim: "sub", TimeClaim: "auth_time", PasskeyAMR: jwt.List{"hwk"},
		MaxAge: 10 * time.Minute,
	}, skew, w.now)
	w.tenant, w.phone, w.provider, w.renew = tenant, phone, provider, replacement.Warm
	w.verifier = byissuer.NewVerifier(map[string]ports.IdentityVerifier{provider.Issuer(): replacement}, old)
	return w
}

func parse(t *testing.T, text string) domain.PasskeyToken {
	t.Helper()
	token, err := domain.ParsePasskeyToken(text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestVerifierKeepsTheContract(t *testing.T) {
	t.Run("with tokens of an issuer", func(t *testing.T) {
		portstest.IdentityVerifier(t, func(t *testing.T) portstest.VerifierHarness {
			w := newWorld(t)
			return portstest.VerifierHarness{
				Verifier: w.verifier,
				Ahead:    w.setAhead,
				Prove: func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
					return parse(t, w.provider.Sign(w.provider.Claims("auth0|jane"))),
						domain.Identity{Subject: "auth0|jane", Method: domain.MethodPasskey, AuthenticatedAt: w.now()}
				},
				Other: func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
					other := domain.Identity{Subject: "auth0|john", Method: `amr ["pwd"], acr ""`, AuthenticatedAt: w.now().Add(-time.Hour)}
					claims := w.provider.Claims(other.Subject)
					claims["amr"], claims["auth_time"] = []string{"pwd"}, other.AuthenticatedAt.Unix()
					return parse(t, w.provider.Sign(claims)), other
				},
				Bad:    w.bad,
				Garble: func(*testing.T) { w.provider.Garble() },
				Hang:   func(*testing.T) { w.provider.Hang() },
				Stop:   func(*testing.T) { _ = w.provider.Close() },
			}
		})
	})
	t.Run("with tokens of nobody in particular", func(t *testing.T) {
		portstest.IdentityVerifier(t, func(t *testing.T) portstest.VerifierHarness {
			w := newWorld(t)
			return portstest.VerifierHarness{
				Verifier: w.verifier,
				Ahead:    w.setAhead,
				Prove: func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
					signedIn, err := w.phone.SignIn(t.Context(), action)
					if err != nil {
						t.Fatal(err)
					}
					return parse(t, signedIn.Token), domain.Identity{Subject: "auth0|jane", Action: action, Method: domain.MethodPasskey, AuthenticatedAt: w.now()}
				},
				Other: func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
					other := domain.Identity{Subject: "auth0|john", Action: "withdraw", Method: "SMS", AuthenticatedAt: w.now().Add(-time.Hour)}
					return parse(t, w.tenant.Mint(authsignaltest.TokenSpec{
						UserID: other.Subject, Action: other.Action, Method: other.Method, StateUpdatedAt: other.AuthenticatedAt,
					})), other
				},
				Bad:     w.bad,
				Secrets: []string{w.tenant.Secret()},
				Lock: func(*testing.T) {
					w.tenant.RotateSecret()
					w.tenant.RotateSecret()
				},
				Limit:  w.meets(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: http.StatusTooManyRequests}),
				Garble: w.meets(authsignaltest.Fault{Kind: authsignaltest.FaultMalformed}),
				Hang:   w.meets(authsignaltest.Fault{Kind: authsignaltest.FaultHang}),
				Stop:   func(*testing.T) { _ = w.tenant.Close() },
			}
		})
	})
}

// meets returns a knob that makes Authsignal misbehave.
func (w *world) meets(fault authsignaltest.Fault) func(*testing.T) {
	return func(*testing.T) { w.tenant.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{fault}}) }
}

// bad returns tokens that one verifier might take for the other's.
func (w *world) bad(t *testing.T) map[string]domain.PasskeyToken {
	without := w.provider.Claims("auth0|jane")
	delete(without, "iss")
	with := func(issuer any) map[string]any {
		claims := maps.Clone(without)
		claims["iss"] = issuer
		return claims
	}
	return map[string]domain.PasskeyToken{
		"the provider's token without its iss":    parse(t, w.provider.Sign(without)),
		"the provider's token with another iss":   parse(t, w.provider.Sign(with("https://other.example.com"))),
		"somebody else's with the provider's iss": parse(t, jwttest.SignWith(jwttest.NewKey(), jose.ES256, []byte(`{"iss":"`+w.provider.Issuer()+`"}`), nil)),
		"another tenant's token without an iss":   parse(t, w.tenant.Mint(authsignaltest.TokenSpec{UserID: "auth0|jane", Action: action, Foreign: true})),
	}
}

// told is a verifier that remembers whether it was asked.
type told struct{ asked int }

var errAsked = errors.New("asked")

func (v *told) Verify(context.Context, domain.PasskeyToken) (domain.Identity, error) {
	v.asked++
	return domain.Identity{Subject: "somebody"}, errAsked
}

func TestTheIssuerSaysWhoIsAsked(t *testing.T) {
	payload := func(text string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(text)) + ".c2ln"
	}
	tests := map[string]struct{ text, want string }{
		"one issuer":                {payload(`{"iss":"https://one.example.com"}`), "one"},
		"the other issuer":          {payload(`{"iss":"https://two.example.com/"}`), "two"},
		"none":                      {payload(`{"sub":"auth0|jane"}`), "none"},
		"none, in capitals":         {payload(`{"ISS":"https://one.example.com"}`), "none"},
		"none, but in depth":        {payload(`{"other":{"iss":"https://one.example.com"}}`), "none"},
		"spelt with an escape":      {payload(`{"\u0069ss":"https://one.example.com"}`), "one"},
		"an unknown issuer":         {payload(`{"iss":"https://three.example.com"}`), ""},
		"an issuer with a slash":    {payload(`{"iss":"https://one.example.com/"}`), ""},
		"an issuer without a slash": {payload(`{"iss":"https://two.example.com"}`), ""},
		"an issuer in capitals":     {payload(`{"iss":"HTTPS://ONE.EXAMPLE.COM"}`), ""},
		"an empty issuer":           {payload(`{"iss":""}`), ""},
		"an issuer of null":         {payload(`{"iss":null}`), ""},
		"an issuer that is a list":  {payload(`{"iss":["https://one.example.com"]}`), ""},
		"two issuers":               {payload(`{"iss":"https://one.example.com","iss":"https://two.example.com/"}`), ""},
		"a payload of null":         {payload(`null`), ""},
		"a payload that is a list":  {payload(`[]`), ""},
		"a payload that is no JSON": {payload(`{`), ""},
		"an empty payload":          {"e30..c2ln", ""},
		"padding":                   {"e30.e30=.c2ln", ""},
		"bits after the end":        {"e30.e31.c2ln", ""},
		"a sign that is no base64":  {"e30.eyB9+.c2ln", ""}, // behind a whole object
		"no JWT":                    {"opaque", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			one, two, none := &told{}, &told{}, &told{}
			verifier := byissuer.NewVerifier(map[string]ports.IdentityVerifier{
				"https://one.example.com": one, "https://two.example.com/": two,
			}, none)
			identity, err := verifier.Verify(t.Context(), parse(t, tt.text))
			asked := strings.Repeat("one", one.asked) + strings.Repeat("two", two.asked) + strings.Repeat("none", none.asked)
			if asked != tt.want {
				t.Errorf("asked %q, want %q", asked, tt.want)
			}
			if tt.want != "" && (!errors.Is(err, errAsked) || identity.Subject != "somebody") {
				t.Errorf("identity = %+v, err = %v, want what the verifier said", identity, err)
			}
			if tt.want == "" && (!errors.Is(err, domain.ErrTokenRejected) || identity != (domain.Identity{})) {
				t.Errorf("identity = %+v, err = %v, want token_rejected", identity, err)
			}
		})
	}
}

func TestWithoutAVerifierForThemTokensWithoutAnIssuerAreRejected(t *testing.T) {
	verifier := byissuer.NewVerifier(map[string]ports.IdentityVerifier{"https://one.example.com": &told{}}, nil)
	if _, err := verifier.Verify(t.Context(), parse(t, "e30.e30.c2ln")); !errors.Is(err, domain.ErrTokenRejected) {
		t.Errorf("err = %v, want token_rejected", err)
	}
}
