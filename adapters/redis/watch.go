package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// lookEvery is how often a guard looks after its store while nobody signs in.
const lookEvery = time.Second

// watch looks after the store until ctx ends. So a memory begins soon after a
// restart and not with the next sign-in, which would be refused for it; and
// trouble, and its end, are told when they come.
func (g *ReplayGuard) watch(ctx context.Context) {
	defer close(g.stopped)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	checked := false // since there was trouble: it may be another server now
	for {
		checked = g.look(ctx) == nil && (checked || g.checkPersistence(ctx))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// checkPersistence warns of a server that writes nothing to disk, and reports
// whether it could ask.
func (g *ReplayGuard) checkPersistence(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	appends, err := g.client.ConfigGet(ctx, "appendonly").Result()
	var saves map[string]string
	if err == nil {
		saves, err = g.client.ConfigGet(ctx, "save").Result()
	}
	if _, answered := errors.AsType[redis.Error](err); answered {
		g.log.Warn("it could not be checked whether the replay store saves its data: CONFIG GET is not allowed",
			"store", g.where, "cause", err.Error())
		return true
	}
	if err == nil && appends["appendonly"] == "no" && saves["save"] == "" {
		g.log.Warn("the replay store saves nothing to disk: a restart loses all claims, and then its clock alone keeps used proofs out. "+
			"Set appendonly yes, or make sure that its clock never goes back", "store", g.where)
	}
	return err == nil
}
