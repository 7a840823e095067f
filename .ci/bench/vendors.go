package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// What the vendors know an implementation by.
const (
	authsignalSecret = "bench-authsignal-secret"
	clientID         = "bench-client"
	clientSecret     = "bench-client-secret"
	connection       = "authsignal"
	audience         = "https://api.example.com"
)

// conditions are those under which vendors answer.
type conditions struct {
	tls       bool          // with HTTP/2, as both vendors have it
	handshake time.Duration // what a TLS handshake takes beyond its work: the round trips
	verifying time.Duration // what Authsignal's answer takes on average, see jitter
	granting  time.Duration // what Auth0's takes
	idleLimit time.Duration // after which a vendor closes an idle connection; 0 means 2 minutes
}

// delayOf returns how long the two vendors together wait before they answer about a token.
func (c conditions) delayOf(token string) time.Duration {
	return jitter(token, "authsignal", c.verifying) + jitter(token, "auth0", c.granting)
}

// vendors are an Authsignal and an Auth0 for one implementation, so that what they count
// is that one's. They answer requests that are in order as the real ones do, and do no
// more work than that takes.
type vendors struct {
	conditions
	authsignal, auth0 *vendor
	ca                string // a file with what their certificates are checked by; "" without TLS
}

// open starts both. The folder is for the CA's file.
func (c conditions) open(folder string) (*vendors, error) {
	v := &vendors{conditions: c, authsignal: c.start("authsignal", c.verifying), auth0: c.start("auth0", c.granting)}
	v.authsignal.routes.HandleFunc("POST /v1/validate", v.authsignal.validate)
	tenant, err := newTenant(v.auth0)
	if err != nil {
		return nil, err
	}
	v.auth0.routes.HandleFunc("POST /oauth/token", tenant.grant)
	v.auth0.routes.HandleFunc("GET /.well-known/jwks.json", tenant.keys)
	if c.tls {
		v.ca = filepath.Join(folder, "ca.pem")
		return v, os.WriteFile(v.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: v.auth0.Certificate().Raw}), 0o600)
	}
	return v, nil
}

func (v *vendors) close() {
	for _, one := range []*vendor{v.authsignal, v.auth0} {
		one.CloseClientConnections()
		one.Close()
	}
}

// vendor is one of them.
type vendor struct {
	*httptest.Server
	routes *http.ServeMux
	name   string
	delay  time.Duration

	refused atomic.Int64 // requests that the real one would not have accepted

	fault atomic.Pointer[fault]
	mu    sync.Mutex
	asked map[string]int // how often about each token, while there is a fault
}

func (c conditions) start(name string, delay time.Duration) *vendor {
	v := &vendor{routes: http.NewServeMux(), name: name, delay: delay, asked: map[string]int{}}
	v.Server = httptest.NewUnstartedServer(v.routes)
	v.Config.ErrorLog = log.New(io.Discard, "", 0)
	v.Config.IdleTimeout = cmp.Or(c.idleLimit, 2*time.Minute)
	if !c.tls {
		v.Start()
		return v
	}
	v.EnableHTTP2 = true
	v.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		time.Sleep(c.handshake)
		return nil, nil
	}}
	v.StartTLS()
	return v
}

// ahead is how far in the future the vendors date a proof, within CLOCK_SKEW: a guard
// that just began, as one in a new Redis, refuses those of its first two seconds (ADR 0026).
const ahead = 3 * time.Second

// validate answers Authsignal's "Validate challenge".
func (v *vendor) validate(w http.ResponseWriter, r *http.Request) {
	secret, _, _ := r.BasicAuth()
	var asked struct{ Token string }
	if json.NewDecoder(r.Body).Decode(&asked) != nil || secret != authsignalSecret || strings.Count(asked.Token, ".") != 2 {
		v.refuse(w, http.StatusUnauthorized, `{"errorCode":"unauthorized"}`)
		return
	}
	v.answer(w, r, asked.Token, func() []byte {
		return fmt.Appendf(nil, `{"isValid":true,"state":"CHALLENGE_SUCCEEDED","stateUpdatedAt":"%s","userId":"%s","action":"signIn","actionCode":"signIn","idempotencyKey":"%s","verificationMethod":"PASSKEY","user":{"userId":"%s","email":"jane@example.com"}}`,
			time.Now().Add(ahead).UTC().Format("2006-01-02T15:04:05.000Z"), user, proofOf(asked.Token), user)
	})
}

// proofOf returns the idempotency key of a token.
func proofOf(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	claims, _ := base64.RawURLEncoding.DecodeString(payload)
	_, key, _ := bytes.Cut(claims, []byte(`"idempotencyKey":"`))
	key, _, _ = bytes.Cut(key, []byte{'"'})
	return string(key)
}

// tenant is Auth0's part: sessions, and the key that their ID tokens are signed with.
type tenant struct {
	*vendor
	keySet   []byte
	sessions [][]byte
}

// signingKey is that of all tenants: making one takes long.
var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newTenant(v *vendor) (*tenant, error) {
	private, err := signingKey()
	if err != nil {
		return nil, err
	}
	key := jose.JSONWebKey{Key: private, KeyID: "bench-1", Algorithm: string(jose.RS256), Use: "sig"}
	keySet, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, err
	}
	t := &tenant{vendor: v, keySet: keySet}
	for i := range 32 { // so many that it would not pay to remember verdicts
		session, err := sign(signer, v.URL+"/", i)
		if err != nil {
			return nil, err
		}
		t.sessions = append(t.sessions, session)
	}
	return t, nil
}

// sign returns the answer with one session in it, of the size that Auth0's have. Nobody
// but an API looks into an access token, so it is not signed.
func sign(signer jose.Signer, issuer string, i int) ([]byte, error) {
	now := time.Now().Add(-time.Duration(i) * time.Second)
	idToken, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: issuer, Subject: user, Audience: jwt.Audience{clientID}, IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(10 * time.Hour)),
	}).Claims(map[string]any{"email": "jane@example.com", "email_verified": true, "name": "jane@example.com",
		"nickname": "jane", "picture": "https://s.gravatar.com/avatar/x.png", "updated_at": "2026-11-22T08:00:00.000Z"}).Serialize()
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"access_token": strings.Repeat("eyJhbGciOiJ", 70), "id_token": idToken,
		"scope": "openid profile email", "expires_in": 86400, "token_type": "Bearer"})
}

func (t *tenant) keys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(t.keySet)
}

// grant answers Auth0's password-realm grant. As with the vendor, a wrong secret, realm or
// audience gets no session.
func (t *tenant) grant(w http.ResponseWriter, r *http.Request) {
	asked, err := readGrant(r)
	token := asked["password"]
	switch {
	case err != nil || strings.Count(token, ".") != 2 || asked["username"] == "" || !strings.Contains(asked["scope"], "openid"):
		t.refuse(w, http.StatusBadRequest, `{"error":"invalid_request"}`)
	case asked["client_id"] != clientID || asked["client_secret"] != clientSecret:
		t.refuse(w, http.StatusUnauthorized, `{"error":"access_denied","error_description":"Unauthorized"}`)
	case asked["realm"] != connection || asked["audience"] != audience || !strings.HasSuffix(asked["grant_type"], "password-realm"):
		t.refuse(w, http.StatusForbidden, `{"error":"invalid_grant","error_description":"Wrong email or password."}`)
	default:
		t.answer(w, r, token, func() []byte { return t.sessions[int(draw(token, "session")*float64(len(t.sessions)))] })
	}
}

// readGrant reads a request of either type that Auth0 takes.
func readGrant(r *http.Request) (map[string]string, error) {
	asked := map[string]string{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return asked, json.NewDecoder(r.Body).Decode(&asked)
	}
	err := r.ParseForm()
	for name := range r.PostForm {
		asked[name] = r.PostForm.Get(name)
	}
	return asked, err
}

func (v *vendor) refuse(w http.ResponseWriter, status int, body string) {
	v.refused.Add(1)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// answer waits as the vendor would, and answers, unless a fault is drawn.
func (v *vendor) answer(w http.ResponseWriter, r *http.Request, token string, body func() []byte) {
	_, _ = io.Copy(io.Discard, r.Body) // to its end, or nobody notices that the caller left
	if v.delay > 0 {
		pause(r.Context(), jitter(token, v.name, v.delay))
	}
	text := body()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if f := v.fault.Load(); f != nil && draw(token, fmt.Sprint("fault", v.name, v.count(token))) < f.share {
		f.answer(w, r, text)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
}

// count returns how often the vendor was asked about the token, this time included.
func (v *vendor) count(token string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked[token]++
	return v.asked[token]
}

// twice returns how many tokens came more than once.
func (v *vendor) twice() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for _, times := range v.asked {
		if times > 1 {
			n++
		}
	}
	return n
}

// pause waits, but for nobody who has left.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
