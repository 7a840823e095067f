package portstest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
	"nativebridge/ports/portstest"
)

const room = 4096

// guard remembers claims in a map, by a clock that only the suite moves.
type guard struct {
	trouble

	mu     sync.Mutex
	born   time.Time
	now    time.Time
	claims map[domain.ProofKey]held
}

type held struct {
	owner domain.Owner
	ends  time.Time
}

// Claim is what a good guard does.
func (g *guard) Claim(ctx context.Context, claim domain.Claim) error {
	if err := g.err(ctx); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if claim.ProvenAt.Before(g.born) {
		return fmt.Errorf("%w: it is from before the guard's memory", domain.ErrTokenReplayed)
	}
	winner, found := g.live(claim.Key)
	switch {
	case found && winner.owner == claim.Owner:
		return nil
	case found:
		return fmt.Errorf("%w: somebody else holds it", domain.ErrTokenReplayed)
	case len(g.claims) >= room:
		return fmt.Errorf("%w: the guard is full", domain.ErrUnavailable)
	}
	g.claims[claim.Key] = held{claim.Owner, g.now.Add(claim.Keep)}
	return nil
}

// Release is what a good guard does.
func (g *guard) Release(ctx context.Context, claim domain.Claim) error {
	if err := g.err(ctx); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if winner, found := g.live(claim.Key); found && winner.owner == claim.Owner {
		delete(g.claims, claim.Key)
	}
	return nil
}

func (g *guard) live(key domain.ProofKey) (held, bool) {
	winner, found := g.claims[key]
	return winner, found && g.now.Before(winner.ends)
}

// holds reports whether claim's owner holds the proof, or whether anybody does.
func (g *guard) holds(claim domain.Claim) (owner, anybody bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	winner, found := g.live(claim.Key)
	return found && winner.owner == claim.Owner, found
}

// drop forgets a claim, whoever holds it.
func (g *guard) drop(key domain.ProofKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.claims, key)
}

// brokenGuard is a guard whose methods can be replaced.
type brokenGuard struct {
	*guard
	claim, release func(context.Context, domain.Claim) error
}

func (b brokenGuard) Claim(ctx context.Context, claim domain.Claim) error {
	if b.claim == nil {
		return b.guard.Claim(ctx, claim)
	}
	return b.claim(ctx, claim)
}

func (b brokenGuard) Release(ctx context.Context, claim domain.Claim) error {
	if b.release == nil {
		return b.guard.Release(ctx, claim)
	}
	return b.release(ctx, claim)
}

func startGuard() (portstest.GuardHarness, map[string]flaw[portstest.GuardHarness]) {
	now := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	g := &guard{born: now, now: now, claims: map[domain.ProofKey]held{}}
	return portstest.GuardHarness{
		Guard: g,
		Born:  g.born,
		Advance: func(d time.Duration) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.now = g.now.Add(d)
		},
		Fill: func(t *testing.T) {
			for n := range uint64(room) {
				claim := domain.Claim{ProvenAt: now, Keep: time.Hour}
				binary.BigEndian.PutUint64(claim.Key[:], 1<<40+n)
				_ = g.Claim(t.Context(), claim) // the last finds no room
			}
		},
		Hang: g.meet(silent), Stop: g.meet(stopped),
	}, guardFlaws(g)
}

func guardFlaws(g *guard) map[string]flaw[portstest.GuardHarness] {
	claims := func(caughtBy string, claim func(context.Context, domain.Claim) error) flaw[portstest.GuardHarness] {
		return flaw[portstest.GuardHarness]{caughtBy, func(h *portstest.GuardHarness) { h.Guard = brokenGuard{guard: g, claim: claim} }}
	}
	releases := func(caughtBy string, release func(context.Context, domain.Claim) error) flaw[portstest.GuardHarness] {
		return flaw[portstest.GuardHarness]{caughtBy, func(h *portstest.GuardHarness) { h.Guard = brokenGuard{guard: g, release: release} }}
	}
	// reads changes a claim before both methods see it.
	reads := func(caughtBy string, change func(*domain.Claim)) flaw[portstest.GuardHarness] {
		return flaw[portstest.GuardHarness]{caughtBy, func(h *portstest.GuardHarness) {
			h.Guard = brokenGuard{g,
				func(ctx context.Context, c domain.Claim) error { change(&c); return g.Claim(ctx, c) },
				func(ctx context.Context, c domain.Claim) error { change(&c); return g.Release(ctx, c) }}
		}}
	}
	says := func(instead error, when string) func(context.Context, domain.Claim) error {
		return func(ctx context.Context, c domain.Claim) error {
			err := g.Claim(ctx, c)
			if g.met() == when && errors.Is(err, domain.ErrUnavailable) {
				return instead
			}
			return err
		}
	}
	deaf := func(ctx context.Context, c domain.Claim) error { return g.Claim(context.WithoutCancel(ctx), c) }
	const (
		full = "a full guard forgets no live claim to make room"
		away = "a guard whose store is away vouches for nothing"
	)
	flaws := map[string]flaw[portstest.GuardHarness]{
		"lets nobody win": claims("a fresh proof is won", func(context.Context, domain.Claim) error { return domain.ErrTokenReplayed }),
		"lets everybody win": claims("a claimed proof is refused to every other owner", func(ctx context.Context, c domain.Claim) error {
			_ = g.Claim(ctx, c)
			return nil
		}),
		"refuses the winner's repetition": claims("the winner may repeat its claim", func(ctx context.Context, c domain.Claim) error {
			if owner, _ := g.holds(c); owner {
				return domain.ErrTokenReplayed
			}
			return g.Claim(ctx, c)
		}),
		"takes all proofs for one":                   reads("different proofs do not touch each other", func(c *domain.Claim) { c.Key = domain.ProofKey{} }),
		"looks at half of a key":                     reads("proofs that differ in one byte are two", func(c *domain.Claim) { clear(c.Key[16:]) }),
		"looks at half of an owner":                  reads("owners that differ in one byte are two", func(c *domain.Claim) { clear(c.Owner[8:]) }),
		"remembers every claim for a quarter hour":   reads("each claim is remembered for its own time", func(c *domain.Claim) { c.Keep = 15 * time.Minute }),
		"remembers a claim for a minute":             reads("a claim is remembered until its time is over", func(c *domain.Claim) { c.Keep = time.Minute }),
		"never forgets":                              reads("a claim is forgotten after its time", func(c *domain.Claim) { c.Keep = 1000 * time.Hour }),
		"vouches for what it cannot know":            reads("a proof from before the guard's memory is refused", func(c *domain.Claim) { c.ProvenAt = g.born }),
		"refuses the first moment of its memory":     reads("a proof from the first moment of the guard's memory is won", func(c *domain.Claim) { c.ProvenAt = c.ProvenAt.Add(-time.Millisecond) }),
		"never releases":                             releases("a released proof can be claimed again", func(context.Context, domain.Claim) error { return nil }),
		"releases for whoever asks":                  releases("a release by another owner does nothing", func(_ context.Context, c domain.Claim) error { g.drop(c.Key); return nil }),
		"fails at releasing what is not held":        releases("a release of an unknown proof does nothing", failsUnlessHeld(g)),
		"releases for whoever held it once":          twoFaced("a release that arrives twice frees nobody else's claim", g, heldOnce(g)),
		"loses a claim that its release overtook":    twoFaced("a release that overtakes its claim leaves the proof held", g, overtaken(g)),
		"lets a former owner in after its time":      twoFaced("commands that are delayed past a claim's end do no harm", g, formerOwner(g)),
		"gives in at the second stranger's release":  twoFaced("commands in any order, and repeated, never make two owners", g, worn(g)),
		"measures time from the last repetition":     claims("repeating a claim does not shorten it", measuredAnew(g)),
		"looks first and takes afterwards":           claims("of 1,000 concurrent owners exactly one wins", inTwoSteps(g)),
		"is out of patience at the third repetition": claims("of owners who repeat themselves one wins, each time", impatient(g)),
		"calls a caller's leaving a replay":          claims("a cancelled caller is not told that the proof is used", says(domain.ErrTokenReplayed, "")),
		"keeps the end of a claim that was released": twoFaced("claims, releases and ends in any order are as in a model", g, lingering(g)),
		"forgets a live claim to make room":          claims(full, evicting(g)),
		"calls a proof used for want of room":        claims(full, says(domain.ErrTokenReplayed, "")),
		"lets everybody win while its store is away": claims(away, says(nil, stopped)),
		"calls a proof used while its store is away": claims(away, says(domain.ErrTokenReplayed, stopped)),
		"takes an absence for a fault of ours":       claims(away, says(errors.New("cannot connect"), stopped)),
		"says that it released without its store":    releases(away, func(ctx context.Context, c domain.Claim) error { _ = g.Release(ctx, c); return nil }),
		"calls its own patience a replay":            claims("a store that is silent is given up in time", says(domain.ErrTokenReplayed, silent)),
		"waits for its store whatever happens":       claims("a store that is silent is given up in time", deaf),
	}
	return flaws
}

// twoFaced breaks both methods.
func twoFaced(caughtBy string, g *guard, broken brokenGuard) flaw[portstest.GuardHarness] {
	broken.guard = g
	return flaw[portstest.GuardHarness]{caughtBy, func(h *portstest.GuardHarness) { h.Guard = broken }}
}

func failsUnlessHeld(g *guard) func(context.Context, domain.Claim) error {
	return func(ctx context.Context, c domain.Claim) error {
		if owner, _ := g.holds(c); !owner {
			return errors.New("it is not held")
		}
		return g.Release(ctx, c)
	}
}

func heldOnce(g *guard) brokenGuard {
	once := map[domain.Owner]bool{}
	return brokenGuard{
		claim: func(ctx context.Context, c domain.Claim) error {
			err := g.Claim(ctx, c)
			once[c.Owner] = once[c.Owner] || err == nil
			return err
		},
		release: func(_ context.Context, c domain.Claim) error {
			if once[c.Owner] {
				g.drop(c.Key)
			}
			return nil
		},
	}
}

func overtaken(g *guard) brokenGuard {
	early := map[domain.Owner]bool{}
	return brokenGuard{
		claim: func(ctx context.Context, c domain.Claim) error {
			if early[c.Owner] {
				return nil // it is over already, and so nobody remembers it
			}
			return g.Claim(ctx, c)
		},
		release: func(ctx context.Context, c domain.Claim) error {
			owner, _ := g.holds(c)
			early[c.Owner] = !owner
			return g.Release(ctx, c)
		},
	}
}

func formerOwner(g *guard) brokenGuard {
	owners := map[domain.Owner]bool{} // those that have won and released nothing
	return brokenGuard{
		claim: func(ctx context.Context, c domain.Claim) error {
			if owners[c.Owner] {
				return nil
			}
			err := g.Claim(ctx, c)
			owners[c.Owner] = err == nil
			return err
		},
		release: func(ctx context.Context, c domain.Claim) error {
			if owner, _ := g.holds(c); owner {
				delete(owners, c.Owner)
			}
			return g.Release(ctx, c)
		},
	}
}

func worn(g *guard) brokenGuard {
	strangers := map[domain.ProofKey]int{}
	return brokenGuard{
		release: func(ctx context.Context, c domain.Claim) error {
			if owner, anybody := g.holds(c); anybody && !owner {
				if strangers[c.Key]++; strangers[c.Key] == 2 {
					g.drop(c.Key)
				}
			}
			return g.Release(ctx, c)
		},
	}
}

// lingering forgets a claim when it ends, and whoever has won the proof meanwhile.
func lingering(g *guard) brokenGuard {
	ends := map[domain.ProofKey][]time.Time{}
	return brokenGuard{
		claim: func(ctx context.Context, c domain.Claim) error {
			for _, end := range ends[c.Key] {
				if !g.now.Before(end) {
					g.drop(c.Key)
				}
			}
			ends[c.Key] = slices.DeleteFunc(ends[c.Key], func(end time.Time) bool { return !g.now.Before(end) })
			if _, anybody := g.holds(c); !anybody {
				ends[c.Key] = append(ends[c.Key], g.now.Add(c.Keep))
			}
			return g.Claim(ctx, c)
		},
	}
}

func measuredAnew(g *guard) func(context.Context, domain.Claim) error {
	return func(ctx context.Context, c domain.Claim) error {
		if owner, _ := g.holds(c); owner {
			g.drop(c.Key)
		}
		return g.Claim(ctx, c)
	}
}

func inTwoSteps(g *guard) func(context.Context, domain.Claim) error {
	mixed := newMixUp[int]()
	return func(ctx context.Context, c domain.Claim) error {
		if owner, anybody := g.holds(c); anybody && !owner {
			return domain.ErrTokenReplayed
		}
		mixed.through(0)
		g.drop(c.Key)
		return g.Claim(ctx, c)
	}
}

func impatient(g *guard) func(context.Context, domain.Claim) error {
	var mu sync.Mutex
	times := map[domain.Owner]int{}
	return func(ctx context.Context, c domain.Claim) error {
		mu.Lock()
		times[c.Owner]++
		n := times[c.Owner]
		mu.Unlock()
		if owner, _ := g.holds(c); owner && n > 2 {
			return domain.ErrTokenReplayed
		}
		return g.Claim(ctx, c)
	}
}

func evicting(g *guard) func(context.Context, domain.Claim) error {
	return func(ctx context.Context, c domain.Claim) error {
		err := g.Claim(ctx, c)
		if !errors.Is(err, domain.ErrUnavailable) || ctx.Err() != nil || g.met() != "" {
			return err
		}
		g.mu.Lock()
		for key := range g.claims {
			delete(g.claims, key)
			break
		}
		g.mu.Unlock()
		return g.Claim(ctx, c)
	}
}

var _ ports.ReplayGuard = (*guard)(nil)
