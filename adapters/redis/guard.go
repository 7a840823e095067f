package redis

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"nativebridge/domain"
	"nativebridge/ports"
)

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
// failover and flush: proofs from before are refused as used.
type ReplayGuard struct {
	store          *Store
	claim, release *redis.Script
	probe          domain.Claim // of a proof that nobody has
}

var _ ports.ReplayGuard = (*ReplayGuard)(nil)

// NewReplayGuard returns a guard that keeps its claims in the store, and looks at it
// whenever the store is watched.
func NewReplayGuard(store *Store) *ReplayGuard {
	g := &ReplayGuard{
		store:   store,
		claim:   redis.NewScript(claimText),
		release: redis.NewScript(releaseText),
		probe:   domain.Claim{ProvenAt: store.now().AddDate(100, 0, 0), Keep: time.Millisecond},
	}
	_, _ = rand.Read(g.probe.Key[:]) // it never fails
	_, _ = rand.Read(g.probe.Owner[:])
	store.looks = append(store.looks, g.look)
	return g
}

// Claim implements ports.ReplayGuard. It may be sent a second time, because the times
// in it are by a server's clock, which is known from its last answers only.
func (g *ReplayGuard) Claim(ctx context.Context, claim domain.Claim) error {
	ctx, cancel := patient(ctx)
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
	clock := g.store.serverClock()
	ends, _ := ctx.Deadline()
	leaves := g.store.now().Add(time.Until(ends))
	answer, err := g.store.ask(ctx, g.claim, []string{memoryKey, claimKey(claim)}, []any{
		hex.EncodeToString(claim.Owner[:]), clock.earliest(claim.ProvenAt).UnixMilli(), claim.Keep.Milliseconds(), clock.earliest(leaves).UnixMilli(), clock.run,
	}, g.judge)
	if err != nil {
		return "", err
	}
	return answer[0], nil
}

// Release implements ports.ReplayGuard.
func (g *ReplayGuard) Release(ctx context.Context, claim domain.Claim) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	released := func([]string, time.Time) error { return nil }
	_, err := g.store.ask(ctx, g.release, []string{claimKey(claim)}, []any{hex.EncodeToString(claim.Owner[:])}, released)
	return err
}

func claimKey(claim domain.Claim) string { return claimPrefix + claim.Key.String() }

// look makes a claim and releases it. So the memory begins, the server's settings are
// judged, and its clock is read.
func (g *ReplayGuard) look(ctx context.Context) error {
	if err := g.Claim(ctx, g.probe); err != nil {
		return err
	}
	return g.Release(ctx, g.probe)
}

// judge returns what makes a server unfit, by its own word. It logs that a memory
// has begun, and reads the server's clock.
func (g *ReplayGuard) judge(answer []string, asked time.Time) error {
	switch {
	case len(answer) > 1 && answer[0] == "evicts":
		return unfitError{"evicts keys", fmt.Sprintf("its maxmemory-policy is %s, so that it may forget a used proof: "+
			"set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in redis.conf)", answer[1])}
	case answer[0] == "nameless":
		return unfitError{"has no run_id", "INFO server shows no run_id, so that a restart cannot be noticed: use Redis or Valkey itself"}
	case len(answer) < 5:
		return fmt.Errorf("an answer with %d parts", len(answer))
	}
	if anew := answer[2]; anew != "" {
		born, _ := strconv.ParseInt(answer[1], 10, 64)
		g.store.log.Warn("the replay store begins its memory: proofs from before are refused as used",
			"store", g.store.where, "since", time.UnixMilli(born).UTC(), "cause", anew)
	}
	return g.store.learnClock(answer[3], answer[4], asked)
}
