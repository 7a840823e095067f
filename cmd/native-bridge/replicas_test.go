package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nativebridge/adapters/auditlog/auditlogtest"
	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/redis/redistest"
)

// Replicas are real processes, which share a real Redis. Only the vendors are
// replaced.

const (
	action     = "signInWithPasskey"
	connection = "authsignal"
	audience   = "https://api.example.com"
)

// site is what replicas run in: both vendors, a Redis, and people with phones.
type site struct {
	ahead      atomic.Int64 // of Authsignal's clock
	authsignal *authsignaltest.Server
	auth0      *auth0test.Server
	redis      *redistest.Server
	environ    []string
	people     atomic.Int64
	audit      *os.File // where replicas write their audit lines; nil means that a test checks them
}

func newSite(t *testing.T, redisConfig string, change ...func(*auth0test.Options)) *site {
	t.Helper()
	s := &site{}
	var err error
	if s.redis, err = redistest.Start(redistest.Options{Config: redisConfig}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.redis.Close() })
	now := func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
	if s.authsignal, err = authsignaltest.Start(authsignaltest.Options{Now: now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.authsignal.Close() })
	options := emulators(s.authsignal)
	for _, change := range change {
		change(&options)
	}
	if s.auth0, err = auth0test.Start(options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.auth0.Close() })
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, s.auth0.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	s.environ = []string{
		"LISTEN_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "DRAIN_DELAY=0s", "STARTUP_CHECK=off",
		"AUTHSIGNAL_API_URL=" + s.authsignal.APIURL(), "AUTHSIGNAL_SECRET=" + s.authsignal.Secret(),
		"AUTH0_DOMAIN=" + s.auth0.Domain(), "AUTH0_CLIENT_ID=client-1", "AUTH0_CLIENT_SECRET=s3cr3t-auth0",
		"AUTH0_CONNECTION=" + connection, "AUTH0_AUDIENCE=" + audience, "SSL_CERT_FILE=" + authority,
		"GODEBUG=" + os.Getenv("GODEBUG"),                                    // the tests may run with fips140=only
		"REPLAY_STORE=" + s.redis.URL(), "RATE_LIMITS=off", "MAX_CPU_WAIT=0", // a test has few people, who sign in often, on a machine that may be busy
	}
	s.vouch(t)
	return s
}

// vouch moves the beginning of Redis' memory back by a minute, so that no test has to
// wait for a proof that is young enough. Nobody has used a proof at this site yet.
func (s *site) vouch(t *testing.T) {
	t.Helper()
	info, err := s.redis.Do(t.Context(), "INFO", "server")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(fmt.Sprint(info), "run_id:")
	run, _, _ := strings.Cut(rest, "\r")
	born := time.Now().Add(-time.Minute).UnixMilli()
	if _, err := s.redis.Do(t.Context(), "HSET", "native-bridge:{replay}:memory", "born", born, "run", run); err != nil {
		t.Fatal(err)
	}
}

// signingKeys are those of every tenant of these tests, since making them takes long.
var signingKeys auth0test.Keys

func emulators(authsignal *authsignaltest.Server) auth0test.Options {
	return auth0test.Options{
		Keys: &signingKeys,
		Clients: []auth0test.Client{{
			ID: "client-1", Secret: "s3cr3t-auth0", AuthMethod: auth0test.AuthPost,
			GrantTypes: []string{auth0test.GrantPasswordRealm}, Connections: []string{connection},
		}},
		Connections: []auth0test.Connection{{
			Name: connection, LoginScript: auth0.LoginScript,
			Configuration: map[string]string{
				"AUTHSIGNAL_SECRET": authsignal.Secret(), "AUTHSIGNAL_API_URL": authsignal.APIURL(),
				"AUTHSIGNAL_ACTION": action, "AUTHSIGNAL_SUBJECTS": "auth0",
			},
		}},
		APIs: []auth0test.API{{Identifier: audience}},
	}
}

// somebody returns the phone of a person who is new to the site.
func (s *site) somebody(t *testing.T) *authsignaltest.Phone {
	t.Helper()
	phone := s.authsignal.Phone(authsignaltest.IOS)
	if _, err := s.authsignal.Enrol(t.Context(), phone, authsignaltest.User{ID: fmt.Sprintf("auth0|person-%d", s.people.Add(1))}); err != nil {
		t.Fatal(err)
	}
	return phone
}

func signIn(t *testing.T, phone *authsignaltest.Phone) string {
	t.Helper()
	signedIn, err := phone.SignIn(t.Context(), action)
	if err != nil {
		t.Fatal(err)
	}
	return signedIn.Token
}

// askedForSessions counts the requests that reached Auth0's token endpoint.
func (s *site) askedForSessions() (n int) {
	for _, x := range s.auth0.Exchanges() {
		if x.Path == "/oauth/token" {
			n++
		}
	}
	return n
}

// replica is a "native-bridge serve" that runs.
type replica struct {
	process    *exec.Cmd
	url        string
	ops        string // where its probes answer
	metricsURL string // where its metrics are read
	client     *http.Client
	log        *logged
}

// logged is what a process has said to standard error so far.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// said is a line of the log.
type said struct {
	Msg, Address   string
	OpsAddress     string `json:"ops_address"`
	MetricsAddress string `json:"metrics_address"`
}

// read takes the lines that come and returns the first with the message.
func (l *logged) read(lines *bufio.Scanner, message string) (line said, found bool) {
	for lines.Scan() {
		l.mu.Lock()
		l.text.WriteString(lines.Text() + "\n")
		l.mu.Unlock()
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == message {
			return line, true
		}
	}
	return line, false
}

// replica starts a process and returns when it is ready.
func (s *site) replica(t *testing.T, more ...string) *replica {
	t.Helper()
	r := &replica{process: exec.Command("native-bridge", "serve"), client: http.DefaultClient, log: &logged{}}
	r.process.Env = slices.Concat(s.environ, more)
	r.process.Stdout = auditlogtest.New(t)
	if s.audit != nil {
		r.process.Stdout = s.audit
	}
	stderr, err := r.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.kill() })
	lines := bufio.NewScanner(stderr)
	line, listening := r.log.read(lines, "listening")
	if _, ready := r.log.read(lines, "ready"); !listening || !ready {
		t.Fatalf("it ended at once:\n%s", r.log)
	}
	r.url, r.ops, r.metricsURL = "http://"+line.Address, "http://"+line.OpsAddress, "http://"+line.MetricsAddress
	go r.log.read(lines, "until it ends")
	return r
}

// kill ends the process as a crash does.
func (r *replica) kill() {
	_ = r.process.Process.Kill()
	_ = r.process.Wait()
}

// answer is a session or a problem; status 0 means that there was none.
type answer struct {
	status      int
	AccessToken string `json:"access_token"`
	Code        string `json:"code"`
}

func (r *replica) exchange(ctx context.Context, token string) (got answer) {
	body, _ := json.Marshal(map[string]string{"token": token})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/v1/sessions", bytes.NewReader(body))
	if err != nil {
		return answer{}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}
	}
	defer resp.Body.Close()
	if json.NewDecoder(resp.Body).Decode(&got) != nil {
		return answer{}
	}
	got.status = resp.StatusCode
	return got
}

func (r *replica) want(t *testing.T, token string, status int, code string) {
	t.Helper()
	got := r.exchange(t.Context(), token)
	if got.status != status || got.Code != code || (got.AccessToken != "") != (status == http.StatusOK) {
		t.Errorf("answered %d %s, want %d %s\n%s", got.status, got.Code, status, code, r.log)
	}
}

// health returns what readiness says of Redis, and its status.
func (r *replica) health(t *testing.T) (redis string, status int) {
	t.Helper()
	resp, err := http.Get(r.ops + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct{ Upstreams struct{ Redis string } }
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return body.Upstreams.Redis, resp.StatusCode
}

// until waits for something that happens soon, by asking.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

func TestOfManyExchangesAtThreeReplicasOneGetsASession(t *testing.T) {
	t.Parallel()
	const exchanges = 200
	s := newSite(t, "")
	replicas := []*replica{s.replica(t), s.replica(t), s.replica(t)}
	token := signIn(t, s.somebody(t))
	var sessions, replays atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range exchanges {
		all.Go(func() {
			<-begin
			got := replicas[i%len(replicas)].exchange(t.Context(), token)
			for got.status == http.StatusServiceUnavailable { // the machine is busy: an app tries again
				got = replicas[i%len(replicas)].exchange(t.Context(), token)
			}
			switch {
			case got.status == http.StatusOK && got.AccessToken != "":
				sessions.Add(1)
			case got.status == http.StatusConflict && got.Code == "token_replayed":
				replays.Add(1)
			default:
				t.Errorf("answered %d %s", got.status, got.Code)
			}
		})
	}
	close(begin)
	all.Wait()
	if sessions.Load() != 1 || replays.Load() != exchanges-1 || s.askedForSessions() != 1 {
		t.Errorf("%d sessions and %d replays, and auth0 was asked %d times, want 1, %d and 1",
			sessions.Load(), replays.Load(), s.askedForSessions(), exchanges-1)
	}
}

func TestAReplicaKilledBetweenClaimAndIssueSpendsTheProof(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	victim := s.replica(t)
	token := signIn(t, s.somebody(t))
	s.auth0.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.Hang, Times: 1}}})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		victim.exchange(t.Context(), token)
	}()
	until(t, "auth0 is asked, so the proof is claimed", func() bool { return len(s.auth0.Faults().Inject) == 0 })
	victim.kill()
	until(t, "the caller is gone", closed(gone))

	s.replica(t).want(t, token, http.StatusConflict, "token_replayed")
	s.replica(t).want(t, signIn(t, s.somebody(t)), http.StatusOK, "")
}

func TestAProofIsReleasedForEveryReplicaWhenTheIssuerCouldNotTell(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	one, other := s.replica(t), s.replica(t)
	cutOff := s.replica(t, "AUTH0_DOMAIN=127.0.0.1:1")
	tests := map[string]struct {
		at     *replica
		fault  auth0test.Fault
		status int
		code   string
	}{
		"nobody answers":       {cutOff, auth0test.Fault{}, http.StatusServiceUnavailable, "unavailable"},
		"it hangs up":          {one, auth0test.Fault{Kind: auth0test.Reset}, http.StatusServiceUnavailable, "unavailable"},
		"it is down":           {one, auth0test.Fault{Kind: auth0test.ServerError, Status: 502, Form: auth0test.FormHTML}, http.StatusServiceUnavailable, "unavailable"},
		"its limit is reached": {one, auth0test.Fault{Kind: auth0test.RateLimited, ResetSeconds: 60}, http.StatusTooManyRequests, "busy"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			token := signIn(t, s.somebody(t))
			s.auth0.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{tt.fault}})
			tt.at.want(t, token, tt.status, tt.code)
			s.auth0.SetFaults(auth0test.Faults{})
			other.want(t, token, http.StatusOK, "")
			one.want(t, token, http.StatusConflict, "token_replayed")
		})
	}
}

func TestAProofThatTheIssuerRefusedIsSpentAtEveryReplica(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	one, other := s.replica(t), s.replica(t)
	token := signIn(t, s.somebody(t))
	s.auth0.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.AccessDenied}}})
	one.want(t, token, http.StatusForbidden, "access_denied")
	s.auth0.SetFaults(auth0test.Faults{})
	other.want(t, token, http.StatusConflict, "token_replayed")
}

func TestNothingIsIssuedWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	early := s.replica(t)
	if err := s.redis.Kill(); err != nil {
		t.Fatal(err)
	}
	late := s.replica(t) // it has never reached Redis
	for name, r := range map[string]*replica{"lost": early, "not there at the start": late} {
		r.want(t, signIn(t, s.somebody(t)), http.StatusServiceUnavailable, "unavailable")
		redis, status := r.health(t)
		if !strings.Contains(redis, " since 20") || status != http.StatusOK {
			t.Errorf("%s: readiness says %q with %d, want trouble with 200", name, redis, status)
		}
		if !strings.Contains(r.log.String(), "no session is opened until it can") {
			t.Errorf("%s: the log does not tell it: %s", name, r.log)
		}
	}
	if n := s.askedForSessions(); n != 0 {
		t.Errorf("auth0 was asked for %d sessions, want none", n)
	}

	if err := s.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	s.vouch(t)
	for _, r := range []*replica{early, late} {
		until(t, "readiness tells that it is back", func() bool { redis, _ := r.health(t); return redis == "ok" })
		r.want(t, signIn(t, s.somebody(t)), http.StatusOK, "")
	}
}

func TestRedisLostInMidLoadLetsNoTokenThroughTwice(t *testing.T) {
	const crash = "crash" // in place of a command
	tests := map[string]struct {
		config string
		before []any // a command that Redis gets before the load
		events []any // what happens to Redis under load: commands, and then perhaps a crash
	}{
		"a crash without persistence":        {"", nil, []any{crash}},
		"a crash with an append-only file":   {"appendonly yes\nappendfsync everysec", nil, []any{crash}},
		"a crash after an old snapshot":      {"", []any{"SAVE"}, []any{crash}},
		"a flush":                            {"", nil, []any{"FLUSHALL"}},
		"a flush with an append-only file":   {"appendonly yes\nappendfsync always", nil, []any{"FLUSHALL"}},
		"a flush that is saved, and a crash": {"", nil, []any{"FLUSHALL", "SAVE", crash}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, tt.config)
			replicas := []*replica{s.replica(t), s.replica(t)}
			for _, command := range tt.before {
				s.tell(t, command)
			}
			l := startLoad(t, s, replicas)
			until(t, "sessions flow", func() bool { return l.sessions.Load() >= 10 })
			for _, event := range tt.events {
				if event != crash {
					s.tell(t, event)
					continue
				}
				if err := s.redis.Kill(); err != nil {
					t.Fatal(err)
				}
				until(t, "callers are told to come back", func() bool { return l.waits.Load() >= 5 })
				if err := s.redis.Restart(); err != nil {
					t.Fatal(err)
				}
			}
			before := l.sessions.Load()
			until(t, "sessions flow again", func() bool { return l.sessions.Load() >= before+10 })
			l.end()
			l.tryAgain(t, replicas)
		})
	}
}

// TestAMemoryThatIsLostLetsNothingThroughTwiceThoughTheClocksDiffer sets Authsignal's
// clock ahead, so that its proofs look younger than the memory that begins after.
func TestAMemoryThatIsLostLetsNothingThroughTwiceThoughTheClocksDiffer(t *testing.T) {
	tests := map[string]struct {
		store string
		lose  func(t *testing.T, s *site, r *replica) *replica
	}{
		"the process ends": {"memory", func(t *testing.T, s *site, r *replica) *replica {
			r.kill()
			return s.replica(t, "REPLAY_STORE=memory")
		}},
		"Redis is flushed": {"", func(t *testing.T, s *site, r *replica) *replica {
			s.tell(t, "FLUSHALL")
			return r
		}},
		"Redis is restarted": {"", func(t *testing.T, s *site, r *replica) *replica {
			if err := s.redis.Restart(); err != nil {
				t.Fatal(err)
			}
			return r
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			s.ahead.Store(int64(20 * time.Second)) // 30 s are allowed
			var settings []string
			if tt.store != "" {
				settings = []string{"REPLAY_STORE=" + tt.store}
			}
			r, phone := s.replica(t, settings...), s.somebody(t)
			token := s.firstSession(t, r, phone)

			r = tt.lose(t, s, r)
			until(t, "the store answers", func() bool {
				got := r.exchange(t.Context(), token)
				if got.status == http.StatusOK {
					t.Fatal("a token got two sessions")
				}
				return got.status == http.StatusConflict && got.Code == "token_replayed"
			})
			s.firstSession(t, r, phone) // they need not wait for the skew
		})
	}
}

// firstSession makes somebody sign in until they get a session, and returns the token
// that they got it for.
func (s *site) firstSession(t *testing.T, r *replica, phone *authsignaltest.Phone) (token string) {
	t.Helper()
	began := time.Now()
	until(t, "a proof is young enough", func() bool {
		token = signIn(t, phone)
		return r.exchange(t.Context(), token).status == http.StatusOK
	})
	t.Logf("the first session came after %s", time.Since(began))
	return token
}

// tell gives Redis a command.
func (s *site) tell(t *testing.T, command any) {
	t.Helper()
	if _, err := s.redis.Do(t.Context(), command); err != nil {
		t.Fatal(err)
	}
}

// load makes people sign in again and again, at all replicas.
type load struct {
	sessions, waits atomic.Int64
	stop            context.CancelFunc
	all             sync.WaitGroup

	mu     sync.Mutex
	tokens map[string]int // how many sessions each got
}

func startLoad(t *testing.T, s *site, replicas []*replica) *load {
	t.Helper()
	return startLoadAt(t, s, func(i int) *replica { return replicas[i%len(replicas)] })
}

// startLoadAt is startLoad, and at says at which replica the i-th exchange is tried.
func startLoadAt(t *testing.T, s *site, at func(i int) *replica) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop, tokens: map[string]int{}}
	t.Cleanup(l.end)
	for i := range 4 {
		phone := s.somebody(t)
		l.all.Go(func() {
			for ; ctx.Err() == nil; i++ {
				signedIn, err := phone.SignIn(t.Context(), action)
				if err != nil {
					t.Error(err)
					return
				}
				l.note(t, signedIn.Token, at(i).exchange(t.Context(), signedIn.Token))
			}
		})
	}
	return l
}

func (l *load) note(t *testing.T, token string, got answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sessions := 0
	switch {
	case got.status == http.StatusOK:
		sessions = 1
		l.sessions.Add(1)
	case got.status == http.StatusServiceUnavailable && got.Code == "unavailable":
		l.waits.Add(1)
	case got.status == http.StatusConflict && got.Code == "token_replayed":
	default:
		t.Errorf("answered %d %s", got.status, got.Code)
	}
	l.tokens[token] += sessions
}

func (l *load) end() {
	l.stop()
	l.all.Wait()
}

// endWithNothingLost ends it, and wants a session for each token, at the first try.
func (l *load) endWithNothingLost(t *testing.T) {
	t.Helper()
	l.end()
	for _, sessions := range l.tokens {
		if sessions != 1 {
			t.Errorf("a token got %d sessions; %d callers were told to come back later", sessions, l.waits.Load())
		}
	}
}

// tryAgain exchanges every token once more at each replica. None may have got more
// than one session in the end.
func (l *load) tryAgain(t *testing.T, replicas []*replica) {
	t.Helper()
	for token, before := range l.tokens {
		for _, r := range replicas {
			got := r.exchange(t.Context(), token)
			if before > 0 && (got.status != http.StatusConflict || got.Code != "token_replayed") {
				t.Errorf("a token that had a session: answered %d %s, want 409 token_replayed", got.status, got.Code)
			}
			l.note(t, token, got)
		}
		if n := l.tokens[token]; n > 1 {
			t.Errorf("a token got %d sessions", n)
		}
	}
}

func TestARedisThatEvictsRefusesTheStart(t *testing.T) {
	t.Parallel()
	s := newSite(t, "maxmemory-policy allkeys-lru")
	process := exec.CommandContext(t.Context(), "native-bridge", "serve")
	process.Env = s.environ
	var said bytes.Buffer
	process.Stdout, process.Stderr = io.Discard, &said
	err := process.Run()
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok || failed.ExitCode() != exitFailed {
		t.Errorf("it ended with %v, want exit status %d", err, exitFailed)
	}
	if !strings.Contains(said.String(), "native-bridge: REPLAY_STORE: its maxmemory-policy is allkeys-lru") ||
		!strings.Contains(said.String(), "CONFIG SET maxmemory-policy noeviction") {
		t.Errorf("it said\n%s\nwant the policy and the fix", said.String())
	}
}

func TestThePasswordOfRedisComesFromAFileAndIsNotTold(t *testing.T) {
	t.Parallel()
	s := newSite(t, "user bridge on >s3cr3t-redis "+redisACL)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("s3cr3t-redis\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.replica(t, "REPLAY_STORE=redis://bridge@"+s.redis.Addr(), "REPLAY_STORE_PASSWORD_FILE="+password)
	token := signIn(t, s.somebody(t))
	r.want(t, token, http.StatusOK, "")
	r.want(t, token, http.StatusConflict, "token_replayed")
	log := r.log.String()
	if !strings.Contains(log, "used proofs are remembered in Redis") || strings.Contains(log, "run one replica only") {
		t.Errorf("the log does not say where used proofs are: %s", log)
	}
	if strings.Contains(log, "s3cr3t") {
		t.Error("the log tells a secret")
	}
}

// With the audit log gone, the first to sign in finds it out, and nobody pays for it
// after that.
func TestWithTheAuditLogGoneNobodyGetsASessionIfItIsRequired(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	reader, writer := newPipe(t)
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	s.audit = writer
	broken := s.replica(t, "AUDIT_REQUIRED=true")
	first, second := signIn(t, s.somebody(t)), signIn(t, s.somebody(t))
	for _, token := range []string{first, second, second} {
		broken.want(t, token, http.StatusServiceUnavailable, "unavailable")
	}
	if opened := s.askedForSessions(); opened != 1 {
		t.Errorf("Auth0 was asked for %d sessions, want one, before the bridge knew", opened)
	}

	s.audit = nil
	mended := s.replica(t, "AUDIT_REQUIRED=true")
	mended.want(t, first, http.StatusConflict, "token_replayed")
	mended.want(t, second, http.StatusOK, "")
}

// closed reports whether a channel is.
func closed(channel <-chan struct{}) func() bool {
	return func() bool {
		select {
		case <-channel:
			return true
		default:
			return false
		}
	}
}
