//go:build cluster

package main

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters/redis/redistest"
)

// These need more servers and more time than go test should take: .ci/witnesses/redis runs
// them, with Redis and with Valkey.

// nodeTimeout is for how long a master may be silent before its replica takes its place.
const nodeTimeout = 2 * time.Second

// TestAClusterThatChangesUnderLoadLetsNoTokenThroughTwice changes a cluster in one way after
// the other, while every token is presented to every bridge at once.
func TestAClusterThatChangesUnderLoadLetsNoTokenThroughTwice(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cluster, err := redistest.StartCluster(ctx, 3, nodeTimeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Close() })
	s := newSite(t, "")
	store := "REPLAY_STORE=" + cluster.URL()
	replicas := []*replica{s.replica(t, store), s.replica(t, store), s.replica(t, store)}
	c := &changing{Cluster: cluster, ctx: ctx, crowd: startCrowd(t, s, replicas)}
	t.Cleanup(func() {
		for _, r := range replicas {
			if t.Failed() {
				t.Logf("a bridge said:\n%s", r.log)
			}
		}
	})
	c.crowd.flows(t)

	t.Run("a slot that moves to another master and back", c.moves)
	t.Run("a failover that was asked for", c.failsOver)
	t.Run("a master that is killed", c.losesMaster)
	t.Run("a master that hangs until its replica has its place", c.waitsInVain)
	t.Run("a master that is killed with claims that its replica lacks", c.losesClaims)

	t.Run("no token gets a second session afterwards", func(t *testing.T) {
		c.crowd.end()
		c.crowd.tryAgain(t)
		if sessions := c.crowd.sessions.Load(); sessions < 60 {
			t.Errorf("there were %d sessions, want 60 at least", sessions)
		}
	})
}

// changing is a cluster with a crowd that signs in.
type changing struct {
	*redistest.Cluster
	ctx   context.Context
	crowd *crowd
}

func (c *changing) moves(t *testing.T) {
	home, _ := c.holders(t)
	away := c.Nodes[0]
	if away == home {
		away = c.Nodes[1]
	}
	for _, way := range [][2]*redistest.Server{{home, away}, {away, home}} {
		tell := c.crowd.account(t)
		end, err := c.Move(c.ctx, redistest.BridgeKey, way[0], way[1])
		if err != nil {
			t.Fatal(err)
		}
		waits := c.crowd.waits.Load()
		until(t, "callers are told to come back while the slot moves", func() bool { return c.crowd.waits.Load() >= waits+5 })
		if err := end(); err != nil {
			t.Fatal(err)
		}
		c.leads(t, way[1])
		tell()
	}
}

func (c *changing) failsOver(t *testing.T) {
	_, follower := c.holders(t)
	tell := c.crowd.account(t)
	if _, err := follower.Do(c.ctx, "CLUSTER", "FAILOVER"); err != nil {
		t.Fatal(err)
	}
	c.leads(t, follower)
	tell()
}

func (c *changing) losesMaster(t *testing.T) {
	master, follower := c.holders(t)
	tell := c.crowd.account(t)
	c.must(t, master.Kill())
	c.leads(t, follower)
	tell()
	c.must(t, master.Restart())
}

// waitsInVain ends the hang when the others have gone on, so that there are two masters
// until the old one has noticed.
func (c *changing) waitsInVain(t *testing.T) {
	master, follower := c.holders(t)
	tell := c.crowd.account(t)
	c.must(t, master.Pause())
	c.leads(t, follower)
	c.must(t, master.Resume())
	c.leads(t, follower)
	tell()
}

// losesClaims cuts the replica off before the last claims, so that nobody has them once
// their master is killed.
func (c *changing) losesClaims(t *testing.T) {
	master, follower := c.holders(t)
	c.must(t, follower.Pause())
	if _, err := master.Do(c.ctx, "CLIENT", "KILL", "TYPE", "replica"); err != nil {
		t.Fatal(err)
	}
	c.crowd.flows(t)
	made := c.keys(t, master)
	tell := c.crowd.account(t)
	c.must(t, master.Kill())
	c.must(t, follower.Resume())
	lost := made - c.keys(t, follower)
	t.Logf("%d keys are lost", lost)
	if lost < 1 {
		t.Error("the replica had the last claims, so nothing was tried")
	}
	c.leads(t, follower)
	tell()
	c.must(t, master.Restart())
}

func (c *changing) keys(t *testing.T, server *redistest.Server) int64 {
	t.Helper()
	count, err := server.Do(c.ctx, "DBSIZE")
	c.must(t, err)
	return count.(int64)
}

func (c *changing) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holders waits until all agree who holds the bridge's slot, and that one is followed.
func (c *changing) holders(t *testing.T) (master, follower *redistest.Server) {
	t.Helper()
	c.must(t, c.Whole(c.ctx))
	until(t, "all agree who holds the slot, and somebody follows", func() (agreed bool) {
		master, follower, agreed = c.Holders(c.ctx, redistest.BridgeKey)
		return agreed && follower != nil
	})
	return master, follower
}

// leads waits until all agree that a server holds the slot, and sessions flow.
func (c *changing) leads(t *testing.T, server *redistest.Server) {
	t.Helper()
	until(t, "another server holds the slot", func() bool {
		master, _, agreed := c.Holders(c.ctx, redistest.BridgeKey)
		return agreed && master == server
	})
	c.crowd.flows(t)
}

// crowd is a load in which each token is presented at all bridges at once, and at each
// again for as long as it answers 503.
type crowd struct {
	*load
	replicas []*replica

	mu      sync.Mutex
	last    time.Time     // when somebody got a session
	pause   time.Duration // the longest time in which nobody did
	refused int           // tokens for which nobody did
}

func startCrowd(t *testing.T, s *site, replicas []*replica) *crowd {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	c := &crowd{load: &load{stop: stop, tokens: map[string]int{}}, replicas: replicas, last: time.Now()}
	t.Cleanup(c.end)
	for range 4 {
		phone := s.somebody(t)
		c.all.Go(func() {
			pace := time.NewTicker(200 * time.Millisecond) // or this takes all the CPU there is
			defer pace.Stop()
			for ; ctx.Err() == nil; <-pace.C {
				signedIn, err := phone.SignIn(t.Context(), action)
				if err != nil {
					t.Error(err)
					return
				}
				c.present(t, ctx, signedIn.Token)
			}
		})
	}
	return c
}

func (c *crowd) present(t *testing.T, ctx context.Context, token string) {
	var all sync.WaitGroup
	for _, r := range c.replicas {
		all.Go(func() {
			again := time.NewTicker(50 * time.Millisecond)
			defer again.Stop()
			for {
				got := r.exchange(t.Context(), token)
				c.note(t, token, got)
				if got.status == http.StatusOK {
					c.delivered()
				}
				if got.status != http.StatusServiceUnavailable || ctx.Err() != nil {
					return
				}
				<-again.C
			}
		})
	}
	all.Wait()
	c.load.mu.Lock()
	defer c.load.mu.Unlock()
	switch c.tokens[token] {
	case 0:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refused++
	case 1:
	default:
		t.Errorf("a token got %d sessions", c.tokens[token])
	}
}

// tryAgain presents all tokens once more.
func (c *crowd) tryAgain(t *testing.T) {
	for _, token := range slices.Collect(maps.Keys(c.tokens)) {
		c.present(t, t.Context(), token)
	}
}

func (c *crowd) delivered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause = max(c.pause, time.Since(c.last))
	c.last = time.Now()
}

func (c *crowd) flows(t *testing.T) {
	t.Helper()
	before := c.sessions.Load()
	until(t, "sessions flow", func() bool { return c.sessions.Load() >= before+10 })
}

// account returns what tells, in the log of the test, what callers met since.
func (c *crowd) account(t *testing.T) (tell func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause = 0
	waits, refused := c.waits.Load(), c.refused
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		t.Logf("nobody got a session for %s; %d answers 503; %d tokens of no use",
			c.pause.Round(time.Millisecond), c.waits.Load()-waits, c.refused-refused)
	}
}
