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

// Patience is how long a command may take with all its repetitions, so that an
// exchange still has time for the issuer. One try has half of that.
const Patience = time.Second

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
	stop           context.CancelFunc
	stopped        chan struct{}

	mu      sync.Mutex
	trouble *upstream.Trouble
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
		stopped: make(chan struct{}),
	}
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
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = Patience/2, Patience/2, Patience/2, Patience/2
	o.DialerRetries = 1
	o.MaxRetries, o.MinRetryBackoff, o.MaxRetryBackoff = 3, 8*time.Millisecond, 64*time.Millisecond
	o.PoolSize = 64
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

// Claim implements ports.ReplayGuard.
func (g *ReplayGuard) Claim(ctx context.Context, claim domain.Claim) error {
	verdict, err := g.ask(ctx, g.claim, []string{memoryKey, claimKey(claim)},
		hex.EncodeToString(claim.Owner[:]), claim.ProvenAt.UnixMilli(), claim.Keep.Milliseconds())
	switch {
	case err != nil:
		return err
	case verdict == "won":
		return nil
	case verdict == "held":
		return fmt.Errorf("%w: another attempt has claimed the proof", domain.ErrTokenReplayed)
	case verdict == "older":
		return fmt.Errorf("%w: the proof is from before the replay store's memory, which remembers no earlier claims", domain.ErrTokenReplayed)
	}
	return fmt.Errorf("%w: redis: the claim was answered %q", domain.ErrUnavailable, verdict)
}

// Release implements ports.ReplayGuard.
func (g *ReplayGuard) Release(ctx context.Context, claim domain.Claim) error {
	_, err := g.ask(ctx, g.release, []string{claimKey(claim)}, hex.EncodeToString(claim.Owner[:]))
	return err
}

func claimKey(claim domain.Claim) string { return claimPrefix + claim.Key.String() }

// look sees to the memory and to the server's settings, and claims nothing.
func (g *ReplayGuard) look(ctx context.Context) error {
	_, err := g.ask(ctx, g.claim, []string{memoryKey})
	return err
}

// ask runs a script and returns its verdict. Every error wraps
// domain.ErrUnavailable, unless the caller has left.
func (g *ReplayGuard) ask(ctx context.Context, script *redis.Script, keys []string, args ...any) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	reply, err := script.Run(bounded, g.client, keys, args...).StringSlice()
	if err == nil {
		err = g.judge(reply)
	}
	if err != nil && ctx.Err() != nil {
		return "", fmt.Errorf("redis: %w", ctx.Err()) // it says nothing about the server
	}
	g.note(err)
	if err != nil {
		return "", fmt.Errorf("%w: redis: %w", domain.ErrUnavailable, err)
	}
	return reply[0], nil
}

// judge returns what makes a server unfit, by its own word, and logs that a
// memory has begun.
func (g *ReplayGuard) judge(reply []string) error {
	switch {
	case len(reply) == 0:
		return errors.New("an empty answer")
	case reply[0] == "evicts":
		return unfitError{"evicts keys", fmt.Sprintf("its maxmemory-policy is %s, so that it may forget a used proof: "+
			"set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in redis.conf)", reply[1])}
	case reply[0] == "nameless":
		return unfitError{"has no run_id", "INFO server tells no run_id, so that a restart cannot be told: use Redis or Valkey itself"}
	case len(reply) == 3 && reply[2] != "":
		at, _ := strconv.ParseInt(reply[1], 10, 64)
		g.log.Warn("the replay store begins its memory: proofs from before are refused as used",
			"store", g.where, "since", time.UnixMilli(at).UTC(), "cause", reply[2])
	}
	return nil
}

// unfitError says that a server answers but must not be relied on.
type unfitError struct{ what, why string }

func (e unfitError) Error() string { return e.why }

// Name returns "redis".
func (g *ReplayGuard) Name() string { return "redis" }

// Trouble returns the trouble that the last command met, or nil if it was
// answered. Since is when it began.
func (g *ReplayGuard) Trouble() *upstream.Trouble {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.trouble
}

// note keeps what Trouble tells, and logs when trouble begins and ends.
func (g *ReplayGuard) note(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.trouble
	if err == nil {
		g.trouble = nil
		if before != nil {
			g.log.Info("the replay store answers again", "store", g.where)
		}
		return
	}
	trouble := upstream.Trouble{Since: g.now(), What: what(err)}
	if before != nil {
		trouble.Since = before.Since
	}
	g.trouble = &trouble
	_, unfit := errors.AsType[unfitError](err)
	if before == nil || unfit && before.What != trouble.What {
		g.log.Error("the replay store cannot be relied on: no session is opened until it can",
			"store", g.where, "cause", err.Error())
	}
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
	return upstream.ErrNoReply.Error()
}
