package redis_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"nativebridge/adapters/internal/logtest"
	"nativebridge/adapters/redis"
	"nativebridge/adapters/redis/redistest"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

func startRedis(t *testing.T, o redistest.Options) *redistest.Server {
	t.Helper()
	server, err := redistest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func do(t *testing.T, server *redistest.Server, command ...any) any {
	t.Helper()
	reply, err := server.Do(t.Context(), command...)
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return reply
}

// guard is a ReplayGuard with its store and its log.
type guard struct {
	*redis.ReplayGuard
	*redis.Store
	log *logtest.Log
}

// openStore opens a store and a guard that uses it.
func openStore(ctx context.Context, config redis.Config, o redis.Options) (*redis.ReplayGuard, *redis.Store, error) {
	store, err := redis.Open(ctx, config, o)
	if err != nil {
		return nil, nil, err
	}
	return redis.NewReplayGuard(store), store, nil
}

func open(t *testing.T, store string) guard {
	t.Helper()
	return openAs(t, redis.Config{Store: domain.NewSecret(store)}, redis.Options{})
}

func openAs(t *testing.T, config redis.Config, o redis.Options) guard {
	t.Helper()
	log := &logtest.Log{}
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	if o.Now == nil {
		o.Now = time.Now
	}
	g, store, err := openStore(t.Context(), config, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return guard{g, store, log}
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

const keep = 11 * time.Minute

// claim returns a claim of a proof that is younger than the memory of every store that
// the test has opened so far.
func claim(proof, owner uint64) domain.Claim {
	c := domain.Claim{ProvenAt: time.Now().Add(time.Second), Keep: keep}
	binary.BigEndian.PutUint64(c.Key[:], proof)
	binary.BigEndian.PutUint64(c.Owner[:], owner)
	return c
}

func reason(err error) domain.Error {
	reason, _ := domain.ReasonOf(err)
	return reason
}

// born returns when the memory of a database begins.
func born(t *testing.T, server *redistest.Server) time.Time {
	t.Helper()
	ms, err := strconv.ParseInt(fmt.Sprint(do(t, server, "HGET", "native-bridge:{replay}:memory", "born")), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(ms)
}

func TestReplayGuardKeepsTheContract(t *testing.T) {
	portstest.ReplayGuard(t, func(t *testing.T) portstest.GuardHarness {
		server := startRedis(t, redistest.Options{})
		return portstest.GuardHarness{
			Guard:   open(t, server.URL()).ReplayGuard,
			Born:    born(t, server),
			Blurred: redis.Patience, // an answer that takes longer is not waited for
			Advance: func(d time.Duration) { age(t, server, d) },
			Fill:    func(t *testing.T) { do(t, server, "CONFIG", "SET", "maxmemory", "1") },
			Hang:    func(t *testing.T) { mustDo(t, server.Pause) },
			Stop:    func(t *testing.T) { mustDo(t, server.Kill) },
		}
	})
}

func mustDo(t *testing.T, act func() error) {
	t.Helper()
	if err := act(); err != nil {
		t.Fatal(err)
	}
}

// age lets every claim end sooner by d, as if that time had passed.
func age(t *testing.T, server *redistest.Server, d time.Duration) {
	t.Helper()
	ageKeys(t, server, "native-bridge:{replay}:claim:*", d)
}

// ageKeys lets the keys of a pattern end sooner by d.
func ageKeys(t *testing.T, server *redistest.Server, pattern string, d time.Duration) {
	t.Helper()
	for _, key := range do(t, server, "KEYS", pattern).([]any) {
		left := do(t, server, "PTTL", key).(int64) - d.Milliseconds()
		do(t, server, "PEXPIRE", key, left) // which deletes it if there is none left
	}
}

func TestMemoryThatWasLostLetsNothingThroughTwice(t *testing.T) {
	restart := func(t *testing.T, s *redistest.Server) {
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		config string
		before func(t *testing.T, s *redistest.Server) // the memory has begun, the proof is not claimed
		after  func(t *testing.T, s *redistest.Server) // it is claimed
	}{
		"a restart without persistence": {after: restart},
		"a restart from an append-only file": {
			config: "appendonly yes\nappendfsync always", after: restart},
		"a restart from a snapshot with the claim": {
			after: func(t *testing.T, s *redistest.Server) { do(t, s, "SAVE"); restart(t, s) }},
		"a restart from a snapshot before the claim": {
			before: func(t *testing.T, s *redistest.Server) { do(t, s, "SAVE") }, after: restart},
		"FLUSHALL":                   {after: func(t *testing.T, s *redistest.Server) { do(t, s, "FLUSHALL") }},
		"scripts that are forgotten": {after: func(t *testing.T, s *redistest.Server) { do(t, s, "SCRIPT", "FLUSH") }},
		"keys that were evicted": {after: func(t *testing.T, s *redistest.Server) {
			do(t, s, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
			until(t, "the guard sees it", func() bool { return do(t, s, "EXISTS", "native-bridge:{replay}:memory").(int64) == 0 })
			do(t, s, "DEL", "native-bridge:{replay}:claim:"+claim(1, 1).Key.String())
			do(t, s, "CONFIG", "SET", "maxmemory-policy", "noeviction")
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t, redistest.Options{Config: tt.config})
			g := open(t, server.URL())
			if tt.before != nil {
				tt.before(t, server)
			}
			used := claim(1, 1)
			used.ProvenAt = time.Now() // which is later than the memory's beginning
			until(t, "the proof is young enough", func() bool {
				used.ProvenAt = time.Now()
				return g.Claim(t.Context(), used) == nil
			})
			tt.after(t, server)

			again := used
			again.Owner = domain.Owner{2}
			var err error
			until(t, "the store answers", func() bool {
				err = g.Claim(t.Context(), again)
				return reason(err) != domain.ErrUnavailable
			})
			if reason(err) != domain.ErrTokenReplayed {
				t.Errorf("the used proof: %v, want it refused", err)
			}
			until(t, "a new proof is won without a restart of the guard", func() bool {
				fresh := claim(2, 2)
				fresh.ProvenAt = time.Now()
				return g.Claim(t.Context(), fresh) == nil
			})
		})
	}
}

func TestAReplicaThatMissedTheClaimLetsNothingThroughTwice(t *testing.T) {
	t.Parallel()
	master, replica := startRedis(t, redistest.Options{}), startRedis(t, redistest.Options{})
	proxy := startProxy(t, master.Addr())
	g := open(t, "redis://"+proxy.addr)
	do(t, replica, "REPLICAOF", "127.0.0.1", port(master))
	until(t, "the replica has the memory", func() bool { return do(t, replica, "EXISTS", "native-bridge:{replay}:memory").(int64) == 1 })
	do(t, replica, "REPLICAOF", "NO", "ONE") // what is written from now on is lost in the failover

	used := claim(1, 1)
	until(t, "the proof is young enough", func() bool {
		used.ProvenAt = time.Now()
		return g.Claim(t.Context(), used) == nil
	})
	proxy.failOver(replica.Addr())

	again := used
	again.Owner = domain.Owner{2}
	var err error
	until(t, "the replica answers", func() bool {
		err = g.Claim(t.Context(), again)
		return reason(err) != domain.ErrUnavailable
	})
	if reason(err) != domain.ErrTokenReplayed {
		t.Errorf("the used proof: %v, want it refused", err)
	}
	if got := do(t, replica, "EXISTS", "native-bridge:{replay}:claim:"+used.Key.String()).(int64); got != 0 {
		t.Error("the replica had the claim, so nothing was tried")
	}
}

func TestAnAnswerThatIsLostIsAskedForAgain(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{})
	proxy := startProxy(t, server.Addr())
	g := open(t, "redis://"+proxy.addr)

	proxy.loseAnswer("won")
	if err := g.Claim(t.Context(), claim(1, 1)); err != nil {
		t.Errorf("a claim whose answer was lost: %v, want it won", err)
	}
	if err := g.Claim(t.Context(), claim(1, 2)); reason(err) != domain.ErrTokenReplayed {
		t.Errorf("the next owner: %v, want it refused", err)
	}
	proxy.loseAnswer("released")
	if err := g.Release(t.Context(), claim(1, 1)); err != nil {
		t.Errorf("a release whose answer was lost: %v", err)
	}
	if err := g.Claim(t.Context(), claim(1, 2)); err != nil {
		t.Errorf("after the release: %v, want it won", err)
	}
	if lost := proxy.lost.Load(); lost != 2 {
		t.Errorf("%d answers were lost, want 2", lost)
	}
}

func TestWhatIsNoAnswerIsNeverAVerdict(t *testing.T) {
	set := func(name, value string) func(*testing.T, *redistest.Server) {
		return func(t *testing.T, s *redistest.Server) { do(t, s, "CONFIG", "SET", name, value) }
	}
	must := func(act func(*redistest.Server) error) func(*testing.T, *redistest.Server) {
		return func(t *testing.T, s *redistest.Server) {
			if err := act(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := map[string]struct {
		lose, mend func(*testing.T, *redistest.Server)
		trouble    string // how readiness begins to tell it; one of several, split by "|"
	}{
		"nobody listens":      {must((*redistest.Server).Kill), must((*redistest.Server).Restart), "no connection|no reply"},
		"nothing is answered": {must((*redistest.Server).Pause), must((*redistest.Server).Resume), "no reply"},
		"claims alone are not allowed": {
			func(t *testing.T, s *redistest.Server) { do(t, s, "ACL", "SETUSER", "bridge", "-set") },
			func(t *testing.T, s *redistest.Server) { do(t, s, "ACL", "SETUSER", "bridge", "+set") }, "error ERR|error NOPERM"},
		"memory is full":        {set("maxmemory", "1"), set("maxmemory", "0"), "error OOM"},
		"too few replicas":      {set("min-replicas-to-write", "1"), set("min-replicas-to-write", "0"), "error NOREPLICAS"},
		"keys may be evicted":   {set("maxmemory-policy", "volatile-lru"), set("maxmemory-policy", "noeviction"), "evicts keys"},
		"a script runs forever": {runForever, killScript, "error BUSY|no reply"},
		"it became a replica": {
			func(t *testing.T, s *redistest.Server) { do(t, s, "REPLICAOF", "127.0.0.1", "1") },
			func(t *testing.T, s *redistest.Server) { do(t, s, "REPLICAOF", "NO", "ONE") }, "error READONLY"},
		"the user may do nothing": {
			func(t *testing.T, s *redistest.Server) { do(t, s, "ACL", "SETUSER", "bridge", "-evalsha", "-eval") },
			func(t *testing.T, s *redistest.Server) { do(t, s, "ACL", "SETUSER", "bridge", "+evalsha", "+eval") }, "error NOPERM"},
		"the password was changed": {
			func(t *testing.T, s *redistest.Server) {
				do(t, s, "ACL", "SETUSER", "bridge", "resetpass", ">other")
				dropUser(t, s)
			},
			func(t *testing.T, s *redistest.Server) { do(t, s, "ACL", "SETUSER", "bridge", "resetpass", ">s3cr3t") }, "error WRONGPASS"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t, redistest.Options{Config: "user bridge on >s3cr3t ~* &* +@all\nbusy-reply-threshold 50"})
			g := open(t, strings.Replace(server.URL(), "://", "://bridge:s3cr3t@", 1))
			if trouble := g.Trouble(); trouble != nil {
				t.Fatalf("trouble from the start: %+v", trouble)
			}
			tt.lose(t, server)
			if err := g.Claim(t.Context(), claim(1, 1)); reason(err) != domain.ErrUnavailable {
				t.Errorf("claim: %v, want unavailable", err)
			}
			trouble := g.Trouble()
			if trouble == nil || !beginsWithOne(trouble.What, tt.trouble) || time.Since(trouble.Since) > time.Hour {
				t.Errorf("trouble = %+v, want %q", trouble, tt.trouble)
			}
			if log := g.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "no session is opened until it can") {
				t.Errorf("the log does not tell it: %s", log)
			}
			// A release that succeeds does not end the trouble, and neither does a look.
			for n := range uint64(3) {
				_ = g.Release(t.Context(), claim(1, 1))
				if g.Trouble() == nil {
					t.Error("after a release the trouble is said to be over")
				}
				if err := g.Claim(t.Context(), claim(n+3, 1)); reason(err) != domain.ErrUnavailable {
					t.Errorf("another claim: %v, want unavailable", err)
				}
			}
			tt.mend(t, server)
			until(t, "the trouble is over", func() bool { return g.Trouble() == nil })
			if err := g.Claim(t.Context(), claim(2, 2)); err != nil {
				t.Errorf("claim after it: %v, want it won", err)
			}
			log := g.log.String()
			if strings.Contains(log, "s3cr3t") {
				t.Errorf("the log tells a credential: %s", log)
			}
			if began, ended := strings.Count(log, "level=ERROR"), strings.Count(log, "the replay store answers again"); began != 1 || ended != 1 {
				t.Errorf("the log tells %d beginnings and %d ends, want one of each: %s", began, ended, log)
			}
		})
	}
}

func beginsWithOne(text, of string) bool {
	for _, prefix := range strings.Split(of, "|") {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// A look tries each command that the scripts of the store's users call. Otherwise it would
// end a trouble that goes on.
func TestALookFindsEachCommandThatIsRefused(t *testing.T) {
	for _, command := range []string{"set", "get", "del"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t, redistest.Options{Config: "user bridge on >s3cr3t ~* &* +@all"})
			g := open(t, strings.Replace(server.URL(), "://", "://bridge:s3cr3t@", 1))
			do(t, server, "ACL", "SETUSER", "bridge", "-"+command)
			until(t, "there is trouble", func() bool { return g.Trouble() != nil })
			do(t, server, "ACL", "SETUSER", "bridge", "+"+command)
			until(t, "the trouble is over", func() bool { return g.Trouble() == nil })
		})
	}
}

// dropUser closes the guard's connections.
func dropUser(t *testing.T, s *redistest.Server) { do(t, s, "CLIENT", "KILL", "USER", "bridge") }

func runForever(t *testing.T, s *redistest.Server) {
	go func() { _, _ = s.Do(context.WithoutCancel(t.Context()), "EVAL", "while true do end", 0) }()
	until(t, "it runs", func() bool {
		_, err := s.Do(t.Context(), "PING")
		return err != nil && strings.HasPrefix(err.Error(), "BUSY")
	})
}

func killScript(t *testing.T, s *redistest.Server) { do(t, s, "SCRIPT", "KILL") }

func TestAServerThatIsAwayAtTheStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{})
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	g := open(t, server.URL())
	if trouble := g.Trouble(); trouble == nil || !beginsWithOne(trouble.What, "no connection|no reply") {
		t.Errorf("trouble = %+v, want no connection, or on a busy machine no reply", trouble)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	until(t, "it is found", func() bool { return g.Trouble() == nil })
	if err := g.Claim(t.Context(), claim(1, 1)); err != nil {
		t.Error(err)
	}
}

func TestAnUnfitServerRefusesTheStart(t *testing.T) {
	for _, policy := range []string{"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t, redistest.Options{Config: "maxmemory-policy " + policy})
			_, store, err := openStore(t.Context(), redis.Config{Store: domain.NewSecret(server.URL())},
				redis.Options{Log: slog.New(slog.DiscardHandler), Now: time.Now})
			if err == nil {
				store.Close()
				t.Fatal("it was opened")
			}
			if text := err.Error(); !strings.Contains(text, policy) || !strings.Contains(text, "CONFIG SET maxmemory-policy noeviction") {
				t.Errorf("err = %v, want the policy and its fix", err)
			}
		})
	}
}

func TestAnUnfitServerThatComesLaterIsNotUsed(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{Config: "maxmemory-policy allkeys-lru"})
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	g := open(t, server.URL())
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	until(t, "it is looked at", func() bool { return g.Trouble().What == "evicts keys" })
	if err := g.Claim(t.Context(), claim(1, 1)); reason(err) != domain.ErrUnavailable {
		t.Errorf("claim: %v, want unavailable", err)
	}
	if log := g.log.String(); !strings.Contains(log, "CONFIG SET maxmemory-policy noeviction") {
		t.Errorf("the log does not tell the fix: %s", log)
	}
}

// refusal is an error that a server answered.
type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) RedisError()     {}

func TestReadinessTellsATroubleInAFewWords(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a dial that failed":          {&net.OpError{Op: "dial", Err: errors.New("refused")}, "no connection"},
		"a read that failed":          {&net.OpError{Op: "read", Err: errors.New("reset")}, "no reply"},
		"a deadline":                  {context.DeadlineExceeded, "no reply"},
		"no connection to be had":     {goredis.ErrPoolTimeout, "no free connection"},
		"what a server answered":      {refusal("OOM command not allowed when used memory > 'maxmemory'."), "error OOM"},
		"a server that answered much": {refusal(strings.Repeat("x", 99)), "error " + strings.Repeat("x", 32)},
	} {
		for wrapping, err := range map[string]error{"bare": tt.err, "wrapped": fmt.Errorf("redis: %w", tt.err)} {
			if got := redis.What(err); got != tt.want {
				t.Errorf("%s, %s: %q, want %q", name, wrapping, got, tt.want)
			}
		}
	}
}

func TestMissingPersistenceIsToldOnce(t *testing.T) {
	tests := map[string]struct {
		config string
		want   string // part of the warning; "" for none
	}{
		"nothing is saved":            {"", "saves nothing to disk"},
		"an append-only file":         {"appendonly yes", ""},
		"snapshots":                   {"save 60 1", ""},
		"nobody may ask for settings": {`user default on nopass ~* &* +@all -config`, "it could not be checked"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t, redistest.Options{Config: tt.config})
			g := open(t, server.URL())
			// It asks for settings after its first look, and looks again when it knows.
			until(t, "it has looked often", func() bool { return looks(t, server) >= 5 })
			if began := strings.Count(g.log.String(), "begins its memory"); began != 1 {
				t.Errorf("the log tells %d times that the memory begins, want once: %s", began, g.log)
			}
			warnings := strings.Count(g.log.String(), "to disk") + strings.Count(g.log.String(), "could not be checked")
			if tt.want == "" && warnings != 0 || tt.want != "" && (warnings != 1 || !strings.Contains(g.log.String(), tt.want)) {
				t.Errorf("log: %s, want %q", g.log, tt.want)
			}
		})
	}
}

// A server that was asked and did not answer is asked again, and not warned about.
func TestUnknownPersistenceIsNotWarnedAbout(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{Config: "save 60 1"})
	proxy := startProxy(t, server.Addr())
	proxy.dropCommands("\r\nsave\r\n")
	g := open(t, "redis://"+proxy.addr)
	until(t, "it has asked again", func() bool { return proxy.lost.Load() >= 4 }) // a check asks twice at most
	if log := g.log.String(); strings.Contains(log, "to disk") || strings.Contains(log, "could not be checked") {
		t.Errorf("log: %s, want no warning", log)
	}
}

var lookCalls = regexp.MustCompile(`cmdstat_evalsha:calls=(\d+)`)

// looks counts the store's commands so far: a look is one, and the first is more.
func looks(t *testing.T, server *redistest.Server) int {
	t.Helper()
	found := lookCalls.FindStringSubmatch(fmt.Sprint(do(t, server, "INFO", "commandstats")))
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// TestAClaimThatComesLateIsNotMade makes a server hang for longer than the callers
// wait. The commands that it then finds must not spend their proofs: the callers were
// told that the same token works later.
func TestAClaimThatComesLateIsNotMade(t *testing.T) {
	t.Parallel()
	const proofs = 12
	server := startRedis(t, redistest.Options{})
	g := open(t, server.URL())
	mustDo(t, server.Pause)
	var all sync.WaitGroup
	for proof := range uint64(proofs) {
		all.Go(func() {
			if err := g.Claim(t.Context(), claim(proof, 1)); reason(err) != domain.ErrUnavailable {
				t.Errorf("claim: %v, want unavailable", err)
			}
			if err := g.Release(t.Context(), claim(proof, 1)); reason(err) != domain.ErrUnavailable {
				t.Errorf("release: %v, want unavailable", err)
			}
		})
	}
	all.Wait()
	mustDo(t, server.Resume)
	until(t, "it has found what was sent", func() bool { return g.Trouble() == nil })
	for proof := range uint64(proofs) {
		if err := g.Claim(t.Context(), claim(proof, 2)); err != nil {
			t.Errorf("the same proof later: %v, want it won", err)
		}
	}
}

// TestTheMachinesClockMayBeAnother holds that two clocks are told apart: the end of a
// ceremony is by the machine's clock, the beginning of the memory by the server's.
func TestTheMachinesClockMayBeAnother(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"right": 0, "behind": -time.Hour, "ahead": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t, redistest.Options{})
			now := func() time.Time { return time.Now().Add(ahead) }
			g := openAs(t, redis.Config{Store: domain.NewSecret(server.URL())}, redis.Options{Now: now})
			old, young := claim(1, 1), claim(2, 1)
			old.ProvenAt, young.ProvenAt = now().Add(-time.Minute), now().Add(redis.Patience)
			if err := g.Claim(t.Context(), old); reason(err) != domain.ErrTokenReplayed {
				t.Errorf("a proof from before the memory: %v, want it refused", err)
			}
			if err := g.Claim(t.Context(), young); err != nil {
				t.Errorf("a new proof: %v, want it won", err)
			}
		})
	}
}

func TestACallerWhoLeftIsNoTroubleOfTheStores(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{})
	proxy := startProxy(t, server.Addr())
	g := open(t, "redis://"+proxy.addr)
	lost := claim(1, 1)
	proxy.dropCommands(lost.Key.String())

	ctx, leave := context.WithCancel(t.Context())
	go func() {
		defer leave()
		until(t, "the claim is on its way", func() bool { return proxy.lost.Load() > 0 })
	}()
	if err := g.Claim(ctx, lost); !errors.Is(err, context.Canceled) || reason(err) != "" {
		t.Errorf("the caller left: %v, want context.Canceled", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := g.Claim(ctx, lost); !errors.Is(err, context.DeadlineExceeded) || reason(err) != "" {
		t.Errorf("the caller's time was over: %v, want context.DeadlineExceeded", err)
	}
	if trouble := g.Trouble(); trouble != nil || strings.Contains(g.log.String(), "level=ERROR") {
		t.Errorf("trouble = %+v, want none: %s", trouble, g.log)
	}

	if err := g.Claim(t.Context(), lost); reason(err) != domain.ErrUnavailable || !strings.Contains(err.Error(), "redis: ") {
		t.Errorf("the guard's own time was over: %v, want unavailable", err)
	}
	if g.Trouble() == nil {
		t.Error("a caller waited in vain, and there is no trouble")
	}
}

// tardy is a context that ends later than its deadline says, as on a busy machine.
type tardy struct {
	context.Context
	deadline time.Time
}

func (t tardy) Deadline() (time.Time, bool) { return t.deadline, true }

func TestAConnectionThatNoticesTheCallersDeadlineFirstIsNoTroubleOfTheStores(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{})
	proxy := startProxy(t, server.Addr())
	g := open(t, "redis://"+proxy.addr)
	lost := claim(1, 1)
	proxy.dropCommands(lost.Key.String())

	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err := g.Claim(tardy{ctx, time.Now().Add(50 * time.Millisecond)}, lost)
	if !errors.Is(err, context.DeadlineExceeded) || reason(err) != "" {
		t.Errorf("the caller's time was over: %v, want context.DeadlineExceeded", err)
	}
	if trouble := g.Trouble(); trouble != nil {
		t.Errorf("trouble = %+v, want none: %s", trouble, g.log)
	}
}

// TestManyMayWaitForASlowStore holds that there are enough connections to a store far
// away: each sign-in has one for the length of a round trip.
func TestManyMayWaitForASlowStore(t *testing.T) {
	t.Parallel()
	const callers = 200
	server := startRedis(t, redistest.Options{})
	proxy := startProxy(t, server.Addr())
	g := open(t, "redis://"+proxy.addr)
	proxy.dropCommands("evalsha")
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for proof := range uint64(callers) {
		all.Go(func() {
			for ctx.Err() == nil {
				_ = g.Claim(ctx, claim(proof, 1))
			}
		})
	}
	until(t, "every caller has a connection", func() bool { return proxy.connections() >= callers })
	leave()
	all.Wait()
}

// TestWhatTheClaimScriptAnswers sends a server claims that no guard sends on purpose, but
// that may arrive after a failover, a hang or a lost answer.
func TestWhatTheClaimScriptAnswers(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{})
	keys := []any{"native-bridge:{replay}:claim:1", "native-bridge:{replay}:memory"}
	claim := func(owner string, proven, leaves time.Time, run string) []string {
		command := append([]any{"EVAL", redis.ClaimScript, 2}, keys...)
		var answer []string
		for _, part := range do(t, server, append(command, owner, proven.UnixMilli(), 60_000, leaves.UnixMilli(), run)...).([]any) {
			answer = append(answer, fmt.Sprint(part))
		}
		return answer
	}
	now := time.Now()
	soon := now.Add(time.Hour)
	first := claim("one", soon, soon, "")
	run := first[4]
	if us, err := strconv.ParseInt(first[3], 10, 64); err != nil || time.UnixMicro(us).Before(now.Add(-time.Second)) || time.UnixMicro(us).After(soon) {
		t.Errorf("it shows %v, %v, want the time", us, err)
	}
	if first[2] == "" || run == "" {
		t.Errorf("the first answer is %q, want why the memory begins, and the run", first)
	}
	for _, tt := range []struct {
		name           string
		owner          string
		proven, leaves time.Time
		run            string
		want           string
	}{
		{"times by no clock", "one", soon, soon, "", "stranger"},
		{"times by another server's clock", "one", soon, soon, "another", "stranger"},
		{"a caller who has left", "one", soon, now.Add(-time.Minute), run, "late"},
		{"a proof from before the memory", "one", now.Add(-time.Minute), soon, run, "older"},
		{"nothing of this has claimed it", "two", soon, soon, run, "won"},
		{"the winner again", "two", soon, soon, run, "won"},
		{"somebody else", "one", soon, soon, run, "held"},
		{"the winner, who has left", "two", soon, now.Add(-time.Minute), run, "late"},
	} {
		if got := claim(tt.owner, tt.proven, tt.leaves, tt.run); got[0] != tt.want || got[2] != "" || got[4] != run {
			t.Errorf("%s: answered %q, want %q and nothing new", tt.name, got, tt.want)
		}
	}
}
