// Package redis keeps claims in Redis or Valkey, so that any number of replicas
// share them.
//
// Each command is one script, which the server executes as a whole. Claims carry
// their owner, so go-redis may repeat a command that it got no answer to: the
// owner that claims again has won, and a late release frees nobody else's claim.
// Whatever is not an answer means "cannot tell" and never "not used".
package redis

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Patience is how long a claim or a release may take with all its repetitions, so
// that an exchange still has time for the issuer. One try has three quarters of that.
const Patience = time.Second

// Connections is how many a guard opens at most. Each sign-in needs one for the
// length of a round trip, so at 400 ms, where Patience ends, it is good for a thousand
// sign-ins a second.
const Connections = 512

// Keys of all replicas. The tag in braces puts them into one slot of a cluster,
// as scripts need it.
const (
	memoryKey   = "native-bridge:{replay}:memory"
	claimPrefix = "native-bridge:{replay}:claim:"
)

var (
	//go:embed claim.lua
	claimText string
	//go:embed release.lua
	releaseText string
)

// ReplayGuard is a ports.ReplayGuard that any number of processes share. Its
// memory begins when a server is first asked, and again after each restart,
// failover and flush: proofs from before are refused as used. Make one with Open.
type ReplayGuard struct {
	client         redis.UniversalClient
	claim, release *redis.Script
	where          string
	log            *slog.Logger
	now            func() time.Time
	probe          domain.Claim // of a proof that nobody has
	stop           context.CancelFunc
	stopped        chan struct{}

	mu      sync.Mutex
	clock   clock
	trouble *trouble
	mended  time.Time // when there was trouble last
}

// trouble is an outage of the store.
type trouble struct {
	upstream.Trouble
	unfit bool // and that has been logged
}

var _ ports.ReplayGuard = (*ReplayGuard)(nil)

// Options for Open.
type Options struct {
	RootCAs *x509.CertPool // trusted for TLS; nil means the system's
	Log     *slog.Logger
	Now     func() time.Time // for how long there has been trouble; claims go by the server's clock
}

// Open returns the guard in the store that config names, which must be a Redis.
// A store that cannot be reached is no error: the guard answers unavailable, logs
// it, and goes on trying until Close. The error says that the store is unfit
// because it evicts keys, and how to mend that.
func Open(ctx context.Context, config Config, o Options) (*ReplayGuard, error) {
	target, err := config.parse()
	if err != nil {
		return nil, fmt.Errorf("REPLAY_STORE %w", err)
	}
	logging.Disable() // go-redis writes to standard error what the guard logs anyway
	g := &ReplayGuard{
		client:  redis.NewUniversalClient(target.bounded(o.RootCAs)),
		claim:   redis.NewScript(claimText),
		release: redis.NewScript(releaseText),
		where:   config.Where(),
		log:     o.Log,
		now:     o.Now,
		probe:   domain.Claim{ProvenAt: o.Now().AddDate(100, 0, 0), Keep: time.Millisecond},
		stopped: make(chan struct{}),
	}
	_, _ = rand.Read(g.probe.Key[:]) // it never fails
	_, _ = rand.Read(g.probe.Owner[:])
	if unfit, ok := errors.AsType[unfitError](g.look(ctx)); ok {
		_ = g.client.Close()
		return nil, fmt.Errorf("REPLAY_STORE: %w", unfit)
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stop = stop
	go g.watch(watching)
	return g, nil
}

// bounded returns the options of a client that gives up before the request does.
func (t target) bounded(roots *x509.CertPool) *redis.UniversalOptions {
	o := t.UniversalOptions
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.WriteTimeout, o.PoolTimeout = Patience/2, Patience/2, Patience/2
	o.ReadTimeout = Patience * 3 / 4 // a store that is 400 ms away has time, and one that lost a connection is asked again
	o.DialerRetries = 1
	o.MaxRetries, o.MinRetryBackoff, o.MaxRetryBackoff = 3, 8*time.Millisecond, 64*time.Millisecond
	o.PoolSize = Connections
	o.ReadBufferSize, o.WriteBufferSize = 4<<10, 4<<10 // ten times what a command and its answer take
	// What is not needed is not sent: an ACL user can then be allowed little.
	o.Protocol = 2
	o.PipelinePoolSize = -1
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if t.tls {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	return &o
}

// Close ends the connections. No command may be given after it.
func (g *ReplayGuard) Close() {
	g.stop()
	<-g.stopped
	_ = g.client.Close()
}

// Claim implements ports.ReplayGuard. It may be sent a second time, because the times
// in it are by a server's clock, which is known from its last answers only.
func (g *ReplayGuard) Claim(ctx context.Context, claim domain.Claim) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, errPatience)
	defer cancel()
	verdict, err := g.sendClaim(ctx, claim)
	if verdict == "stranger" || verdict == "late" {
		verdict, err = g.sendClaim(ctx, claim)
	}
	switch {
	case err != nil:
		return err
	case verdict == "won":
		return nil
	case verdict == "held":
		return fmt.Errorf("%w: another attempt has claimed the proof", domain.ErrTokenReplayed)
	case verdict == "older":
		return fmt.Errorf("%w: the proof is from before the replay store's memory, which remembers no earlier claims", domain.ErrTokenReplayed)
	case verdict == "late":
		return fmt.Errorf("%w: redis: the claim arrived when its time was over, and was not made", domain.ErrUnavailable)
	}
	return fmt.Errorf("%w: redis: the claim was answered %q", domain.ErrUnavailable, verdict)
}

// sendClaim sends a claim that the server refuses once ctx has ended: it was given
// up then, and would spend a proof whose owner is told that it works later.
func (g *ReplayGuard) sendClaim(ctx context.Context, claim domain.Claim) (verdict string, err error) {
	g.mu.Lock()
	clock := g.clock
	g.mu.Unlock()
	ends, _ := ctx.Deadline()
	leaves := g.now().Add(time.Until(ends))
	return g.ask(ctx, g.claim, []string{memoryKey, claimKey(claim)}, hex.EncodeToString(claim.Owner[:]),
		clock.earliest(claim.ProvenAt).UnixMilli(), claim.Keep.Milliseconds(), clock.earliest(leaves).UnixMilli(), clock.run)
}

// Release implements ports.ReplayGuard.
func (g *ReplayGuard) Release(ctx context.Context, claim domain.Claim) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, errPatience)
	defer cancel()
	_, err := g.ask(ctx, g.release, []string{claimKey(claim)}, hex.EncodeToString(claim.Owner[:]))
	return err
}

func claimKey(claim domain.Claim) string { return claimPrefix + claim.Key.String() }

// look makes a claim and releases it. It sees to the memory and to the server's
// settings, learns the server's clock, and alone proves that there is no trouble.
func (g *ReplayGuard) look(ctx context.Context) error {
	err := g.Claim(ctx, g.probe)
	if err == nil {
		err = g.Release(ctx, g.probe)
	}
	if err == nil {
		g.mend()
	}
	return err
}

// errPatience is why a command was given up whose caller is still there.
var errPatience = fmt.Errorf("no answer within %s", Patience)

// ask runs a script and returns its verdict. Every error wraps
// domain.ErrUnavailable, unless the caller has left.
func (g *ReplayGuard) ask(ctx context.Context, script *redis.Script, keys []string, args ...any) (verdict string, err error) {
	asked := g.now()
	reply, err := script.Run(ctx, g.client, keys, args...).StringSlice()
	if err == nil {
		err = g.judge(reply, asked)
	}
	if err == nil {
		return reply[0], nil
	}
	if left := context.Cause(ctx); left != nil && !errors.Is(left, errPatience) {
		return "", fmt.Errorf("redis: %w", ctx.Err()) // it says nothing about the server
	}
	g.note(err, asked)
	return "", fmt.Errorf("%w: redis: %w", domain.ErrUnavailable, err)
}

// judge returns what makes a server unfit, by its own word. It logs that a memory
// has begun, and reads the server's clock.
func (g *ReplayGuard) judge(reply []string, asked time.Time) error {
	switch {
	case len(reply) == 0:
		return errors.New("an empty answer")
	case reply[0] == "evicts":
		return unfitError{"evicts keys", fmt.Sprintf("its maxmemory-policy is %s, so that it may forget a used proof: "+
			"set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in redis.conf)", reply[1])}
	case reply[0] == "nameless":
		return unfitError{"has no run_id", "INFO server tells no run_id, so that a restart cannot be told: use Redis or Valkey itself"}
	case len(reply) < 5: // a release
		return nil
	}
	if reply[2] != "" {
		born, _ := strconv.ParseInt(reply[1], 10, 64)
		g.log.Warn("the replay store begins its memory: proofs from before are refused as used",
			"store", g.where, "since", time.UnixMilli(born).UTC(), "cause", reply[2])
	}
	shown, err := strconv.ParseInt(reply[3], 10, 64)
	if err != nil {
		return errors.New("an answer without the time")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clock = g.clock.then(clock{run: reply[4], shown: time.UnixMicro(shown), at: g.now()}, asked)
	return nil
}

// unfitError says that a server answers but must not be relied on.
type unfitError struct{ what, why string }

func (e unfitError) Error() string { return e.why }

// Name returns "redis".
func (g *ReplayGuard) Name() string { return "redis" }

// Trouble returns what keeps claims from being made, or nil. Since is when that
// began, and it ends when the guard has claimed and released something by itself,
// which it tries once a second.
func (g *ReplayGuard) Trouble() *upstream.Trouble {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.trouble == nil {
		return nil
	}
	told := g.trouble.Trouble
	return &told
}

// note keeps what Trouble tells after a failure, and logs an outage once, and once
// more if the server turns out to be unfit in it. What was asked before an outage
// ended still belongs to it.
func (g *ReplayGuard) note(err error, asked time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if asked.Before(g.mended) {
		return
	}
	_, unfit := errors.AsType[unfitError](err)
	before := g.trouble
	g.trouble = &trouble{upstream.Trouble{Since: g.now(), What: what(err)}, unfit}
	if before != nil {
		g.trouble.Since, g.trouble.unfit = before.Since, unfit || before.unfit
	}
	if before == nil || g.trouble.unfit && !before.unfit {
		g.log.Error("the replay store cannot be relied on: no session is opened until it can",
			"store", g.where, "cause", err.Error())
	}
}

// mend ends an outage.
func (g *ReplayGuard) mend() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.trouble == nil {
		return
	}
	g.trouble, g.mended = nil, g.now()
	g.log.Info("the replay store answers again", "store", g.where)
}

// what puts an error into the few words that readiness tells.
func what(err error) string {
	if unfit, ok := errors.AsType[unfitError](err); ok {
		return unfit.what
	}
	if said, ok := errors.AsType[redis.Error](err); ok {
		code, _, _ := strings.Cut(said.Error(), " ")
		return fmt.Sprintf("error %.32s", code)
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Op == "dial" {
		return upstream.ErrNotSent.Error()
	}
	if errors.Is(err, redis.ErrPoolTimeout) {
		return "no free connection"
	}
	return upstream.ErrNoReply.Error()
}
