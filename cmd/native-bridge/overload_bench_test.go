package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// stubVendors answer every token with a session, after a delay and with no work of their
// own to speak of, so that the bridge is what is measured.
func stubVendors(b testing.TB, authsignalTakes, auth0Takes time.Duration) (authsignal, auth0 string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	routes := http.NewServeMux()
	server := httptest.NewServer(routes)
	b.Cleanup(server.Close)
	now := time.Now()
	idToken, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: server.URL + "/", Subject: "auth0|jane", Audience: jwt.Audience{"client-1"},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Hour)),
	}).Serialize()
	if err != nil {
		b.Fatal(err)
	}
	keys, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	var proofs atomic.Int64
	answer := func(after time.Duration, body func() string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(after)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body())
		}
	}
	routes.Handle("POST /v1/validate", answer(authsignalTakes, func() string {
		return fmt.Sprintf(`{"isValid":true,"state":"CHALLENGE_SUCCEEDED","stateUpdatedAt":%q,"userId":"auth0|jane","actionCode":%q,`+
			`"idempotencyKey":"proof-%d","verificationMethod":"PASSKEY"}`, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), action, proofs.Add(1))
	}))
	routes.Handle("POST /oauth/token", answer(auth0Takes, func() string {
		return `{"access_token":"an-access-token","id_token":"` + idToken + `","scope":"openid profile email","expires_in":86400,"token_type":"Bearer"}`
	}))
	routes.Handle("GET /.well-known/jwks.json", answer(0, func() string { return string(keys) }))
	return server.URL + "/v1", server.URL
}

// arrivals is what a round of requests came to.
type arrivals struct {
	accepted, refused, failed int
	latencies                 []time.Duration // of the accepted, from the time at which each was due
	took                      time.Duration
}

func (l arrivals) rate() float64 { return float64(l.accepted) / l.took.Seconds() }

func (l arrivals) percentile(p int) float64 {
	if len(l.latencies) == 0 {
		return 0
	}
	slices.Sort(l.latencies)
	return float64(l.latencies[(len(l.latencies)-1)*p/100].Microseconds()) / 1000
}

// arrive sends requests for a while: with rate, so many a second whatever becomes of those
// before (an open loop); without, each of so many callers sends its next one when it has
// its answer.
func arrive(url string, rate float64, callers int, lasts time.Duration) arrivals {
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4096}}
	defer client.CloseIdleConnections()
	token := strings.Join([]string{encoded(`{"alg":"HS256"}`), encoded(`{"exp":` + strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10) + `}`), encoded("signature")}, ".")
	var mu sync.Mutex
	var all sync.WaitGroup
	var sum arrivals
	began := time.Now()
	send := func(due time.Time) {
		resp, err := client.Post(url+"/v1/sessions", "application/json", strings.NewReader(`{"token":"`+token+`"}`))
		status := 0
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			status = resp.StatusCode
		}
		mu.Lock()
		defer mu.Unlock()
		switch status {
		case http.StatusOK:
			sum.accepted++
			sum.latencies = append(sum.latencies, time.Since(due))
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			sum.refused++
		default:
			sum.failed++
		}
	}
	if rate == 0 {
		for range callers {
			all.Go(func() {
				for time.Since(began) < lasts {
					send(time.Now())
				}
			})
		}
	}
	for i := 0; rate > 0; i++ {
		due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if due.Sub(began) >= lasts {
			break
		}
		time.Sleep(time.Until(due))
		all.Go(func() { send(due) })
	}
	all.Wait()
	sum.took = max(time.Since(began), lasts)
	return sum
}

// BenchmarkOverload measures what becomes of twice as many requests as a process can
// answer, which arrive whatever becomes of those before, and for comparison of half as
// many: with MAX_CPU_WAIT, and with MAX_IN_FLIGHT alone. Both meet the same load.
//
//	go test ./cmd/native-bridge -run '^$' -bench Overload -benchtime 1x -count 3
func BenchmarkOverload(b *testing.B) {
	authsignal, auth0 := stubVendors(b, 20*time.Millisecond, 40*time.Millisecond)
	start := func(b *testing.B, wait string) string {
		p := startPiped(b, "audit", "AUTHSIGNAL_API_URL="+authsignal, "AUTH0_DOMAIN="+auth0, "RATE_LIMITS=off", "GOMAXPROCS=1", "MAX_CPU_WAIT="+wait)
		go func() { _, _ = io.Copy(io.Discard, p.rest) }()
		arrive(p.api, 0, 64, 3*time.Second) // warm, and ready to take proofs
		return p.api
	}
	capacity := arrive(start(b, "0"), 0, 200, 4*time.Second).rate()
	for _, wait := range []string{"0", "20ms"} {
		for name, share := range map[string]float64{"half": 0.5, "twice": 2} {
			b.Run("MAX_CPU_WAIT="+wait+"/"+name, func(b *testing.B) {
				url := start(b, wait)
				for b.Loop() {
					got := arrive(url, share*capacity, 0, 4*time.Second)
					b.ReportMetric(got.rate()/capacity, "accepted/capacity")
					b.ReportMetric(float64(got.refused)/got.took.Seconds()/capacity, "refused/capacity")
					b.ReportMetric(float64(got.failed), "failed")
					b.ReportMetric(got.percentile(50), "p50-ms")
					b.ReportMetric(got.percentile(99), "p99-ms")
				}
			})
		}
	}
}
