package authsignal_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

var wholeIDs = domain.SubjectRule{Prefix: "auth0|"}

func TestVerifierKeepsTheContractWithEmail(t *testing.T) {
	portstest.IdentityVerifier(t, emailHarness)
}

// emailHarness is harness with a verifier that tells e-mail addresses, and two people who have one.
func emailHarness(t *testing.T) portstest.VerifierHarness {
	tenant, h := startHarness(t, false)
	tenant.PutUser(authsignaltest.User{ID: "auth0|jane", Username: "jane", Email: "jane@example.com", EmailVerified: true})
	tenant.PutUser(authsignaltest.User{ID: "auth0|john", Username: "john", Email: "jöhn@exämple.com"})
	h.Verifier = newVerifier(tenant.APIURL(), tenant.Secret()).WithEmail(wholeIDs)
	prove, other := h.Prove, h.Other
	h.Prove = func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
		token, identity := prove(t)
		identity.Email, identity.EmailVerified = domain.NewSecret("jane@example.com"), true
		return token, identity
	}
	h.Other = func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
		token, identity := other(t)
		identity.Email = domain.NewSecret("jöhn@exämple.com")
		return token, identity
	}
	return h
}

// asking serves a good validation and one answer about users. It returns the verifier and what was asked of it.
func asking(t *testing.T, user http.HandlerFunc, edits ...string) (verifier *authsignal.Verifier, client *upstream.Client, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var requests []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests = append(requests, r.Method+" "+r.URL.EscapedPath())
		mu.Unlock()
		if name, _, _ := r.BasicAuth(); name != secret {
			t.Errorf("%s came without the key", r.URL)
		}
		if r.Method == http.MethodPost {
			answering(200, good(edits...))(w, r)
			return
		}
		user(w, r)
	}))
	t.Cleanup(server.Close)
	client = upstream.New(upstream.Options{Name: "authsignal", Now: time.Now})
	verifier = authsignal.NewVerifier(client, authsignal.Config{
		APIURL: settings.BaseURL(server.URL + "/v1"), Secret: settings.NewSecret(secret), Action: action,
	}, 30*time.Second, time.Now).WithEmail(wholeIDs)
	return verifier, client, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return requests
	}
}

func TestTheEmailIsReadAsTheLoginScriptReadsIt(t *testing.T) {
	for name, tt := range map[string]struct {
		user     string
		email    string
		verified bool
	}{
		"a verified address":                      {`{"isEnrolled":true,"email":"jane@example.com","emailVerified":true}`, "jane@example.com", true},
		"an address that is not verified":         {`{"email":"jane@example.com","emailVerified":false}`, "jane@example.com", false},
		"an address without a flag":               {`{"email":"jane@example.com"}`, "jane@example.com", false},
		"a flag that is a text":                   {`{"email":"jane@example.com","emailVerified":"true"}`, "jane@example.com", false},
		"a flag that is a number":                 {`{"email":"jane@example.com","emailVerified":1}`, "jane@example.com", false},
		"no address":                              {`{"isEnrolled":true,"emailVerified":false}`, "", false},
		"no address beside a flag":                {`{"emailVerified":true}`, "", false},
		"an empty address":                        {`{"email":"","emailVerified":true}`, "", false},
		"an address that is null":                 {`{"email":null,"emailVerified":true}`, "", false},
		"an address that is a list":               {`{"email":["jane@example.com"],"emailVerified":true}`, "", false},
		"an address under a name in another case": {`{"Email":"jane@example.com","emailVerified":true}`, "", false},
		"letters that are not ASCII":              {`{"email":"jöhn@exämple.com","emailVerified":true}`, "jöhn@exämple.com", true},
		"letters that are escaped":                {`{"email":"j\u00f6hn@example.com","emailVerified":true}`, "jöhn@example.com", true},
		"a character of two code units":           {`{"email":"\ud83d\ude00@example.com","emailVerified":true}`, "😀@example.com", true},
		"a user of whom nothing is known":         {`{}`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			verifier, _, _ := asking(t, answering(200, tt.user))
			identity, err := verifier.Verify(t.Context(), live(t))
			if err != nil {
				t.Fatal(err)
			}
			if identity.Email.Reveal() != tt.email || identity.EmailVerified != tt.verified || identity.Subject != "auth0|jane" {
				t.Errorf("%s has %q, verified: %t; want %q, %t", identity.Subject, identity.Email.Reveal(), identity.EmailVerified, tt.email, tt.verified)
			}
		})
	}
}

// The token was accepted before: nothing that is said of the user may reject it.
func TestEveryAnswerAboutAUserHasItsVerdict(t *testing.T) {
	const mine = "jane@example.com"
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   domain.Error
		says   string
	}{
		"200 in HTML":                         {answering(200, `<html>`+mine), domain.ErrUnavailable, "not a user"},
		"200 without a body":                  {answering(200, ``), domain.ErrUnavailable, "not a user"},
		"200 with null":                       {answering(200, `null`), domain.ErrUnavailable, "not a user"},
		"200 with a list":                     {answering(200, `[{"email":"`+mine+`"}]`), domain.ErrUnavailable, "not a user"},
		"200 with two addresses":              {answering(200, `{"email":"`+mine+`","email":"john@example.com"}`), domain.ErrUnavailable, "not a user"},
		"an address with half a character":    {answering(200, `{"email":"`+mine+`\ud800"}`), domain.ErrUnavailable, "could not be decoded"},
		"an address in another encoding":      {answering(200, "{\"email\":\"j\xf6hn@example.com\"}"), domain.ErrUnavailable, "could not be decoded"},
		"204":                                 {answering(204, ``), domain.ErrUnavailable, "answered 204"},
		"400 that speaks of a token":          {answering(400, problem("invalid_token", mine)), fault, "answered 400 when it was asked for the user: invalid_token: check that AUTHSIGNAL_API_URL"},
		"401 that speaks of a token":          {answering(401, problem("expired_token", mine)), fault, "expired_token: check AUTHSIGNAL_SECRET"},
		"401: our key may not read users":     {answering(401, problem("unauthorized", mine)), fault, "unauthorized: check AUTHSIGNAL_SECRET"},
		"403 with a text in the code's place": {answering(403, `{"error":"no right to read `+mine+`"}`), fault, "the user: check AUTHSIGNAL_SECRET"},
		"404":                                 {answering(404, problem("not_found", mine)), fault, "not_found: check that AUTHSIGNAL_API_URL"},
		"a redirect":                          {answering(307, ``, "Location", "/elsewhere"), fault, "answered 307"},
		"429":                                 {answering(429, problem("too_many_requests", mine), "Retry-After", "17"), domain.ErrBusy, "answered 429"},
		"500":                                 {answering(500, problem("internal_error", mine)), domain.ErrUnavailable, "answered 500"},
		"503 in HTML":                         {answering(503, `<html>`+mine), domain.ErrUnavailable, "answered 503"},
		"an answer over 1 MiB":                {answering(200, strings.Repeat(" ", 1<<20)+`{}`), domain.ErrUnavailable, "longer than"},
		"no answer":                           {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, domain.ErrUnavailable, "authsignal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifier, client, _ := asking(t, tt.answer)
			identity, err := verifier.Verify(t.Context(), live(t))
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v (reason %q), want reason %q that says %q", err, reason, tt.want, tt.says)
			}
			if !identity.Equal(domain.Identity{}) {
				t.Errorf("identity = %+v, want none", identity)
			}
			for _, kept := range []string{mine, "hn@example.com", secret, "/users/"} {
				if err != nil && strings.Contains(err.Error(), kept) {
					t.Errorf("err = %v, want no %q in it", err, kept)
				}
			}
			if wait := domain.RetryAfterOf(err); (wait == 17*time.Second) != (tt.want == domain.ErrBusy) {
				t.Errorf("retry after %s", wait)
			}
			if trouble := client.Trouble(); trouble != nil && strings.Contains(trouble.What, "refuses") {
				t.Errorf("trouble = %+v, which would last until the same person came again", trouble)
			}
		})
	}
}

// A subject is a part of the path of its own, whatever characters it has.
func TestTheUserIsAskedForByTheWholeSubject(t *testing.T) {
	for subject, path := range map[string]string{
		"auth0|jane":           "/v1/users/auth0%7Cjane",
		"auth0|a/b?c#d é%7C":   "/v1/users/auth0%7Ca%2Fb%3Fc%23d%20%C3%A9%257C",
		"auth0|../../validate": "/v1/users/auth0%7C..%2F..%2Fvalidate",
		"auth0|..":             "", // the policy refuses it
		"google-oauth2|1":      "",
		"..":                   "",
		"jane":                 "",
	} {
		t.Run(subject, func(t *testing.T) {
			verifier, _, asked := asking(t, answering(200, `{"email":"jane@example.com"}`), fmt.Sprintf(`"userId":%q`, subject))
			identity, err := verifier.Verify(t.Context(), live(t))
			if err != nil || identity.Subject != subject || identity.Email.IsZero() != (path == "") {
				t.Errorf("identity = %+v, err = %v", identity, err)
			}
			want := "POST /v1/validate"
			if path != "" {
				want += ", GET " + path
			}
			if got := strings.Join(asked(), ", "); got != want {
				t.Errorf("asked %s, want %s", got, want)
			}
		})
	}
}

// Asking for a user is a read: it is asked again if no answer came, and only then.
func TestAUserIsAskedForAgainIfNoAnswerCame(t *testing.T) {
	var once sync.Once
	verifier, _, asked := asking(t, func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { panic(http.ErrAbortHandler) })
		answering(200, `{"email":"jane@example.com"}`)(w, r)
	})
	identity, err := verifier.Verify(t.Context(), live(t))
	if err != nil || identity.Email.Reveal() != "jane@example.com" || len(asked()) != 3 {
		t.Errorf("identity = %+v, err = %v, asked %v", identity, err, asked())
	}
}

func TestWithoutNeedNobodyIsAskedForAnEmail(t *testing.T) {
	verifier, asked := upstreamWith(t, answering(200, good(`"email":"jane@example.com"`)))
	verifier.WithEmail(wholeIDs) // changes another verifier, not this one
	identity, err := verifier.Verify(t.Context(), live(t))
	if err != nil || !identity.Email.IsZero() || asked.Load() != 1 {
		t.Errorf("identity = %+v, err = %v, asked %d times, want no e-mail and one question", identity, err, asked.Load())
	}
}
