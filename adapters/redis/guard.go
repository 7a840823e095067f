package redis

import (
	"context"
	_ "embed"
	"encoding/hex"
	"fmt"

	"nativebridge/domain"
	"nativebridge/ports"
)

const claimPrefix = keyPrefix + "claim:"

var (
	//go:embed claim.lua
	claimText string
	//go:embed release.lua
	releaseText string

	claimScript   = newTimedScript(claimText)
	releaseScript = newScript(releaseText)
)

// ReplayGuard is a ports.ReplayGuard that any number of processes share. Its memory is
// the store's: proofs from before its beginning are refused as used. It is safe for
// concurrent use.
//
// Claims carry their owner, so that they may be repeated: the owner that claims again
// has won, and a late release frees nobody else's claim.
type ReplayGuard struct{ store *Store }

var _ ports.ReplayGuard = (*ReplayGuard)(nil)

// NewReplayGuard returns a guard that keeps its claims in the store, which must stay open.
func NewReplayGuard(store *Store) *ReplayGuard { return &ReplayGuard{store} }

// Claim implements ports.ReplayGuard. The server refuses it once ctx has ended: the
// caller was told that the proof works later, so it must not be spent.
func (g *ReplayGuard) Claim(ctx context.Context, claim domain.Claim) error {
	answer, err := g.store.runInTime(ctx, claimScript, []string{claimKey(claim)}, func(there clock) []any {
		return []any{hex.EncodeToString(claim.Owner[:]), there.earliest(claim.ProvenAt).UnixMilli(), claim.Keep.Milliseconds()}
	})
	switch {
	case err != nil:
		return err
	case answer[0] == "won":
		return nil
	case answer[0] == "held":
		return fmt.Errorf("%w: another attempt has claimed the proof", domain.ErrTokenReplayed)
	case answer[0] == "older":
		return fmt.Errorf("%w: the proof is from before the replay store's memory, which remembers no earlier claims", domain.ErrTokenReplayed)
	}
	return fmt.Errorf("%w: redis: the claim was answered %q", domain.ErrUnavailable, answer[0])
}

// Release implements ports.ReplayGuard.
func (g *ReplayGuard) Release(ctx context.Context, claim domain.Claim) error {
	return g.store.runAnytime(ctx, releaseScript, []string{claimKey(claim)}, hex.EncodeToString(claim.Owner[:]))
}

func claimKey(claim domain.Claim) string { return claimPrefix + claim.Key.String() }
