//go:build !race

package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/adapters/cannedtest"
)

const (
	// committedAllocations is how many allocations one exchange may make in the whole
	// process, from the request to the answer. TestAnExchangeAllocatesNoMoreThanCommitted
	// prints the count of today: when that has shrunk, write it here.
	committedAllocations = 363

	// allocationSlack is the share by which the count may be above the committed one. The
	// count itself differs by one or two between runs; another patch release of Go may
	// change it by a few.
	allocationSlack = 0.03
)

// TestAnExchangeAllocatesNoMoreThanCommitted counts the allocations of whole exchanges, with
// metrics, the audit log and every check, and without the limits. Vendors and caller are in
// this process, speak HTTP/1.1 without TLS, and allocate nothing. 'make check' runs it;
// the race detector allocates, too, so there it is left out.
func TestAnExchangeAllocatesNoMoreThanCommitted(t *testing.T) {
	caller := newCannedBridge(t)
	for range 50 { // buffers that are pooled are made once
		caller.Call()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	got := testing.AllocsPerRun(300, caller.Call)
	most := committedAllocations * (1 + allocationSlack)
	t.Logf("%.0f allocations for an exchange, %d are committed, %.0f the most", got, committedAllocations, most)
	switch {
	case got > most:
		t.Errorf("an exchange makes %.0f allocations, and %d are committed: find what makes more, by "+
			"'go test ./cmd/native-bridge -run '^$' -bench AnExchange -memprofile mem -memprofilerate 1' and 'go tool pprof -sample_index=alloc_objects mem'",
			got, committedAllocations)
	case got < committedAllocations*(1-allocationSlack):
		t.Logf("it has shrunk: set committedAllocations to %.0f", got)
	}
}

// BenchmarkAnExchange is a whole exchange, from the request to the answer, by a caller and
// with vendors that take no time of their own to speak of.
func BenchmarkAnExchange(b *testing.B) {
	caller := newCannedBridge(b)
	b.ReportAllocs()
	for b.Loop() {
		caller.Call()
	}
}

// newCannedBridge returns a caller of a whole bridge in this process, between two vendors
// who answer from memory.
func newCannedBridge(tb testing.TB) *cannedtest.Caller {
	authsignal, auth0 := cannedVendors(tb)
	api, ops := startHere(tb, map[string]string{
		"LISTEN_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0", "DRAIN_DELAY": "0s", "STARTUP_CHECK": "off",
		"AUTHSIGNAL_API_URL": authsignal, "AUTHSIGNAL_SECRET": "s3cr3t-authsignal", "RATE_LIMITS": "off", "MAX_CPU_WAIT": "0",
		"AUTH0_DOMAIN": auth0, "AUTH0_CLIENT_ID": "client-1", "AUTH0_CLIENT_SECRET": "s3cr3t-auth0",
	}, nil)
	untilReady(tb, ops)
	claims := `{"iat":1769853600,"exp":` + strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10) + `,"sub":"auth0|jane","other":{` +
		`"tenantId":"5d1f0a52-4a0a-4c2f-9a3c-0d8d3d3b1a11","userId":"auth0|jane","actionCode":"signInWithPasskey",` +
		`"idempotencyKey":"b6b6d21c-9d0c-4f3a-8a36-3f0d9b1f2c55","publishableKey":"5d1f0a52-4a0a-4c2f-9a3c-0d8d3d3b1a11"}}`
	token := strings.Join([]string{encoded(`{"alg":"HS256","typ":"JWT"}`), encoded(claims), encoded(strings.Repeat("s", 32))}, ".")
	address, _ := strings.CutPrefix(api, "http://")
	return cannedtest.NewCaller(tb, address, "/v1/sessions", `{"token":"`+token+`"}`)
}

// untilReady waits until the bridge whose probes answer at url is ready.
func untilReady(tb testing.TB, url string) {
	tb.Helper()
	for tb.Context().Err() == nil {
		resp, err := http.Get(url + "/readyz")
		if err != nil {
			tb.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
}

// cannedVendors answer each token with a sign-in of its own and a session of the usual size.
func cannedVendors(tb testing.TB) (authsignal, auth0 string) {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		tb.Fatal(err)
	}
	var proofs atomic.Int64
	ended := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	validation := func(body []byte) []byte {
		body = append(body, `{"isValid":true,"state":"CHALLENGE_SUCCEEDED","stateUpdatedAt":"`...)
		body = append(append(body, ended...), `","userId":"auth0|jane","actionCode":"signInWithPasskey","verificationMethod":"PASSKEY","idempotencyKey":"`...)
		return append(strconv.AppendInt(body, proofs.Add(1), 10), `"}`...)
	}
	session := "" // known once the vendor's address is
	auth0 = cannedtest.Serve(tb, map[string]cannedtest.Answer{
		"POST /v1/validate":          validation,
		"POST /oauth/token":          func(body []byte) []byte { return append(body, session...) },
		"GET /.well-known/jwks.json": cannedtest.Text(string(keys)),
	})
	session = `{"access_token":"` + strings.Repeat("a", 733) + `","id_token":"` + idTokenOf(tb, key, auth0+"/") +
		`","scope":"openid profile email","expires_in":86400,"token_type":"Bearer"}`
	return auth0 + "/v1", auth0
}

// idTokenOf returns an ID token of Jane's with the claims of Auth0's.
func idTokenOf(tb testing.TB, key *rsa.PrivateKey, issuer string) string {
	tb.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": issuer, "aud": "client-1", "sub": "auth0|jane", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"email": "jane@example.com", "email_verified": true, "name": "jane@example.com", "nickname": "jane",
		"picture": "https://s.gravatar.com/avatar/9e26471d35a78862c17e467d87cddedf?s=480", "updated_at": time.Now().UTC(),
	}).Serialize()
	if err != nil {
		tb.Fatal(err)
	}
	return text
}
