package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
)

// Apps, bridges and Redis are killed (SIGKILL) at each point of a renewal. Then the app comes
// again with the refresh token that it has. The issuer sees the reuse of a token, and ends
// the session for it.

// point is where a renewal has come to.
type point string

const (
	beforeTurn  point = "before the turn is taken"
	beforeAsked point = "before the issuer is asked"
	whileAsked  point = "while the issuer is asked"
	afterActed  point = "after the issuer has renewed, before it answers"
	beforeKept  point = "before the answer is kept"
	afterKept   point = "before the app gets the answer"
)

// victim is who dies.
type victim string

const (
	anApp   victim = "the app"
	aBridge victim = "the bridge"
	theirs  victim = "Redis"
)

// death is a row of what docs/run.md promises. Same means that the answer is given again;
// doubt, that the issuer is not asked again, and the app keeps its token.
type death struct {
	of    victim
	at    point
	same  bool
	doubt bool
}

// With a leeway of zero at the issuer, each second use of a token ends the session. Redis
// forgets nothing that it has confirmed.
func TestNoSessionIsLostToADeathThoughTheIssuerHasNoLeeway(t *testing.T) {
	t.Parallel()
	s := newRenewalSite(t, "appendonly yes\nappendfsync always", 0)
	s.meet(t, []death{
		{of: anApp, at: beforeTurn, same: true},
		{of: anApp, at: beforeAsked, same: true},
		{of: anApp, at: afterActed, same: true},
		{of: anApp, at: beforeKept, same: true},
		{of: anApp, at: afterKept, same: true},
		{of: aBridge, at: beforeTurn},
		{of: aBridge, at: beforeAsked, doubt: true},
		{of: aBridge, at: afterActed, doubt: true},
		{of: aBridge, at: beforeKept, doubt: true},
		{of: aBridge, at: afterKept, same: true},
		{of: theirs, at: beforeTurn},
		{of: theirs, at: afterKept, same: true},
	})
	s.opensNothing(t)
}

// With the issuer's leeway known to the bridge, and a Redis that forgets everything.
func TestNoSessionIsLostToADeathWithinTheIssuersLeeway(t *testing.T) {
	t.Parallel()
	s := newRenewalSite(t, "", time.Minute)
	s.meet(t, []death{
		{of: aBridge, at: beforeAsked},
		{of: aBridge, at: whileAsked},
		{of: aBridge, at: afterActed},
		{of: aBridge, at: beforeKept},
		{of: theirs, at: beforeAsked},
		{of: theirs, at: afterActed},
		{of: theirs, at: beforeKept},
		{of: theirs, at: afterKept},
	})
}

// renewalSite is a site whose sessions are renewed, by a replica that dies, or by one that
// survives all.
type renewalSite struct {
	*site
	whole    *testing.T // what its processes live as long as
	survivor *replica
	mortal   *replica  // reaches Redis by the crossing
	crossing *crossing // of the mortal replica
	acted    atomic.Pointer[func()]
	given    map[string]renewed // all that apps got, by refresh token that they got it for
}

func newRenewalSite(t *testing.T, redisConfig string, leeway time.Duration) *renewalSite {
	t.Helper()
	s := &renewalSite{whole: t, given: map[string]renewed{}}
	s.site = newSite(t, redisConfig, func(o *auth0test.Options) {
		o.APIs[0].AllowOfflineAccess = true
		o.Clients[0].GrantTypes = append(o.Clients[0].GrantTypes, auth0test.GrantRefreshToken)
		o.Clients[0].RefreshToken = auth0test.RefreshToken{Rotating: true, Leeway: leeway}
		o.Observe = func(e auth0test.Exchange) {
			if do := s.acted.Load(); do != nil && e.GrantType == auth0test.GrantRefreshToken {
				s.acted.Store(nil)
				(*do)()
			}
		}
	})
	s.environ = append(s.environ, "AUTH0_SCOPE=openid profile offline_access", fmt.Sprintf("AUTH0_REFRESH_LEEWAY=%s", leeway))
	s.survivor = s.replica(t)
	s.newMortal()
	return s
}

func (s *renewalSite) newMortal() {
	s.whole.Helper()
	s.crossing = startCrossing(s.whole, s.redis.Addr())
	s.mortal = s.replica(s.whole, "REPLAY_STORE=redis://"+s.crossing.addr)
}

// meet opens a session for each death, and then lets them come.
func (s *renewalSite) meet(t *testing.T, deaths []death) {
	t.Helper()
	tokens := make([]string, len(deaths))
	for i := range deaths {
		tokens[i] = s.open(t)
	}
	s.renew(t, s.survivor, s.open(t)) // from now on Redis knows the scripts
	lost := 0
	for i, death := range deaths {
		if !t.Run(fmt.Sprintf("%s dies %s", death.of, death.at), func(t *testing.T) { s.survives(t, death, tokens[i]) }) {
			lost++
		}
	}
	t.Logf("%d of %d families lost", lost, len(deaths))
}

func (s *renewalSite) survives(t *testing.T, death death, token string) {
	before := s.renewals()
	s.die(t, death, token)
	if death.doubt {
		asked := s.renewals()
		got := s.renew(t, s.survivor, token)
		if got.status != http.StatusServiceUnavailable || got.Error != "temporarily_unavailable" || got.retryAfter == "5" || s.renewals() != asked {
			t.Errorf("answered %d %s after %d more asks, want 503 temporarily_unavailable until the grace is over, and none", got.status, got.Error, s.renewals()-asked)
		}
		return
	}
	again := s.untilRenewed(t, token)
	if asked := s.renewals() - before; death.same && asked != 1 {
		t.Errorf("the issuer was asked %d times, want once", asked)
	}
	s.untilRenewed(t, again.RefreshToken) // so the session lives
}

// die has a renewal with the token reach the point, and the victim die there.
func (s *renewalSite) die(t *testing.T, death death, token string) {
	t.Helper()
	app, told := newApp(s.mortal.url, token), &strings.Builder{}
	app.Stdout = told
	kill := map[victim]func(){
		anApp:   func() { _ = app.Process.Kill() },
		aBridge: s.mortal.kill,
		theirs:  func() { _ = s.redis.Kill() },
	}[death.of]
	dead := make(chan struct{})
	s.arm(t, death.at, func() (cut bool) {
		kill()
		close(dead)
		return death.of != anApp
	})
	must(t, app.Start())
	if death.at == whileAsked {
		until(t, "the issuer is asked", func() bool { return len(s.auth0.Faults().Inject) == 0 })
		kill()
		close(dead)
	}
	until(t, "the renewal has come so far", closed(dead))
	_ = app.Wait() // whatever it got gets lost
	switch death.of {
	case aBridge:
		s.newMortal()
	case theirs:
		if want := map[point]string{beforeTurn: "503", beforeAsked: "503"}[death.at]; told.String() != cmp.Or(want, "200") {
			t.Errorf("the app was answered %s, want %s", told, cmp.Or(want, "200"))
		}
		must(t, s.redis.Restart())
		for _, r := range []*replica{s.survivor, s.mortal} {
			until(t, "Redis is back", func() bool { redis, _ := r.health(t); return redis == "ok" })
		}
	}
}

// arm has do called when a renewal comes to the point. It returns whether what was on its
// way gets lost.
func (s *renewalSite) arm(t *testing.T, at point, do func() (cut bool)) {
	t.Helper()
	switch at {
	case whileAsked:
		s.auth0.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.Hang, Grant: auth0test.GrantRefreshToken, Times: 1}}})
	case afterActed:
		s.acted.Store(new(func() { do() }))
	default:
		s.crossing.arm(at, do)
	}
}

// renewals counts the renewals that the issuer was asked for.
func (s *renewalSite) renewals() (n int) {
	for _, e := range s.auth0.Exchanges() {
		if e.GrantType == auth0test.GrantRefreshToken {
			n++
		}
	}
	return n
}

// renewed is what an app gets for a passkey token or a refresh token.
type renewed struct {
	status       int
	retryAfter   string
	AccessToken  string `json:"access_token"`
	IDToken      string `json:"id_token"`
	RefreshToken string `json:"refresh_token"`
	Error        string `json:"error"`
}

func (s *renewalSite) open(t *testing.T) (refresh string) {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"token": signIn(t, s.somebody(t))})
	resp, err := http.Post(s.survivor.url+"/v1/sessions", "application/json", bytes.NewReader(body))
	must(t, err)
	got := s.got(t, "", resp)
	if got.RefreshToken == "" {
		t.Fatalf("answered %d, want a session that can be renewed\n%s", got.status, s.survivor.log)
	}
	return got.RefreshToken
}

func (s *renewalSite) renew(t *testing.T, r *replica, token string) renewed {
	t.Helper()
	resp, err := http.PostForm(r.url+"/oauth/token", refreshForm(token))
	must(t, err)
	return s.got(t, token, resp)
}

func (s *renewalSite) got(t *testing.T, token string, resp *http.Response) (got renewed) {
	t.Helper()
	defer resp.Body.Close()
	must(t, json.NewDecoder(resp.Body).Decode(&got))
	got.status, got.retryAfter = resp.StatusCode, resp.Header.Get("Retry-After")
	if got.status == http.StatusOK {
		s.given[token] = got
	}
	return got
}

// untilRenewed does as an app that wants fresh tokens. A session that is over is lost.
func (s *renewalSite) untilRenewed(t *testing.T, token string) (got renewed) {
	t.Helper()
	until(t, "the app has fresh tokens", func() bool {
		got = s.renew(t, s.survivor, token)
		if got.status != http.StatusOK && got.status != http.StatusServiceUnavailable {
			t.Fatalf("the session is lost: answered %d %s\n%s", got.status, got.Error, s.survivor.log)
		}
		return got.status == http.StatusOK
	})
	return got
}

// opensNothing looks for all tokens in all that Redis has, and tries to open the kept
// answers with whatever else is there.
func (s *renewalSite) opensNothing(t *testing.T) {
	t.Helper()
	dump := s.dump(t)
	var everything strings.Builder
	for key, value := range dump {
		everything.WriteString(key + "\n" + value + "\n")
	}
	var tokens []string
	for token, got := range s.given {
		tokens = append(tokens, token, got.AccessToken, got.IDToken, got.RefreshToken)
	}
	for _, token := range tokens {
		for _, spelling := range spellings(token) {
			if token != "" && strings.Contains(everything.String(), spelling) {
				t.Errorf("Redis has a token: %s…", token[:8])
			}
		}
	}
	opened := 0
	for key, value := range dump {
		sealed, kept := strings.CutPrefix(value, "kept ")
		if !kept {
			continue
		}
		for _, clue := range slices.Concat(slices.Collect(maps.Keys(dump)), slices.Collect(maps.Values(dump)), []string{key[strings.LastIndex(key, ":")+1:], ""}) {
			if text, ok := unsealed(clue, sealed); ok {
				t.Errorf("a kept answer opens with what is in Redis: %s", text)
			}
		}
		for token, got := range s.given {
			text, ok := unsealed(token, sealed)
			if ok {
				opened++
			}
			if ok && !strings.Contains(text, got.RefreshToken) {
				t.Error("a kept answer opens with a token that it was not given for")
			}
		}
	}
	if opened < 5 {
		t.Errorf("%d kept answers open with the old refresh tokens, want those of this test: was anything looked at?", opened)
	}
}

// unsealed opens a kept answer with a refresh token, as ADR 0051 says: AES-256-GCM, the
// nonce before the rest, with a key by HKDF of the token's SHA-256.
func unsealed(refresh, sealed string) (text string, ok bool) {
	hashed := sha256.Sum256([]byte(refresh))
	key, err := hkdf.Key(sha256.New, hashed[:], nil, "native-bridge renewal, key, version 1", 32)
	if err != nil {
		return "", false
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", false
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return "", false
	}
	plain, err := aead.Open(nil, nil, []byte(sealed), []byte("\n")) // the mark of RENEWAL_GRACE_BIND=off
	return string(plain), err == nil
}

// dump returns all that Redis has.
func (s *renewalSite) dump(t *testing.T) map[string]string {
	t.Helper()
	keys, err := s.redis.Do(t.Context(), "KEYS", "*")
	must(t, err)
	dump := map[string]string{}
	for _, key := range keys.([]any) {
		read := map[any]string{"string": "GET", "hash": "HGETALL"}
		kind, err := s.redis.Do(t.Context(), "TYPE", key)
		must(t, err)
		if read[kind] == "" {
			t.Fatalf("%s is of type %s, which this test cannot read", key, kind)
		}
		value, err := s.redis.Do(t.Context(), read[kind], key)
		must(t, err)
		dump[fmt.Sprint(key)] = fmt.Sprint(value)
	}
	return dump
}

// spellings are the ways in which a secret could be written.
func spellings(secret string) []string {
	return []string{
		secret, url.QueryEscape(secret), hex.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
}

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// newApp returns a process that renews a session.
func newApp(at, token string) *exec.Cmd {
	app := exec.Command("renewing-app", at)
	app.Stdin = strings.NewReader(token)
	return app
}

// renewingApp is what that process does. It tells the status.
func renewingApp() {
	token, err := io.ReadAll(os.Stdin)
	if err != nil {
		os.Exit(1)
	}
	resp, err := http.PostForm(os.Args[1]+"/oauth/token", refreshForm(string(token)))
	if err != nil {
		os.Exit(1)
	}
	_ = resp.Body.Close()
	fmt.Print(resp.StatusCode)
}

// crossing is a proxy in front of Redis. It does something when a renewal comes to a point.
type crossing struct {
	addr, redis string

	mu sync.Mutex
	at point
	do func() (cut bool)
}

func startCrossing(t *testing.T, redis string) *crossing {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	c := &crossing{addr: listener.Addr().String(), redis: redis}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c
}

func (c *crossing) arm(at point, do func() (cut bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.do = at, do
}

// come is called when a renewal has come to a point, and returns whether it goes no further.
// What was armed is done once.
func (c *crossing) come(at point) (cut bool) {
	c.mu.Lock()
	do := c.do
	if c.at != at {
		do = nil
	} else {
		c.do = nil
	}
	c.mu.Unlock()
	return do != nil && do()
}

func (c *crossing) serve(bridge net.Conn) {
	defer bridge.Close()
	redis, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", c.redis)
	if err != nil {
		return
	}
	defer redis.Close()
	var next atomic.Value // the point that is reached with the next answer
	next.Store(point(""))
	go func() {
		defer redis.Close()
		passOn(redis, bridge, func(command []byte) (cut bool) {
			before, after := pointsOf(command)
			next.Store(after)
			return c.come(before)
		})
	}()
	passOn(bridge, redis, func(answer []byte) (cut bool) {
		return !bytes.HasPrefix(answer, []byte("-NOSCRIPT")) && c.come(next.Load().(point))
	})
}

// passOn gives each part to look, and passes it on unless that cuts the connection.
func passOn(to, from net.Conn, look func([]byte) (cut bool)) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil || look(buffer[:n]) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// pointsOf tells what a command to Redis and its answer are to a renewal, by how many parts
// the command has (renewal_begin.lua, renewal_keep.lua).
func pointsOf(command []byte) (before, after point) {
	switch {
	case !bytes.Contains(command, []byte("native-bridge:{replay}:renewal:")):
		return "", ""
	case bytes.HasPrefix(command, []byte("*13\r\n")):
		return beforeTurn, beforeAsked
	case bytes.HasPrefix(command, []byte("*9\r\n")):
		return beforeKept, afterKept
	}
	return "", ""
}
