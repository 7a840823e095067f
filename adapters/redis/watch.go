package redis

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// lookEvery is how often the store is looked at while nobody signs in.
const lookEvery = time.Second

//go:embed look.lua
var lookText string

var lookScript = newTimedScript(lookText)

// look tries what the store's users do, and learns the server's settings and clock. It
// alone proves that there is no trouble: a read may succeed in a server that is full.
func (s *Store) look(ctx context.Context) error {
	began := s.now()
	_, err := s.runInTime(ctx, lookScript, []string{keyPrefix + "look"}, func(clock) []any { return nil })
	if err == nil {
		s.mend(began)
	}
	return err
}

// watch looks at the store until ctx ends. So a memory begins soon after a restart, and
// not with the next sign-in, which would then be refused. And trouble and its end are
// logged when they come.
func (s *Store) watch(ctx context.Context) {
	defer close(s.stopped)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	checked := false // since the last trouble: it may be another server now
	for {
		checked = s.look(ctx) == nil && (checked || s.checkPersistence(ctx))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// checkPersistence warns of a server that writes nothing to disk, and reports
// whether it could ask.
func (s *Store) checkPersistence(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	nothing, err := savesNothing(ctx, s.client)
	if _, answered := errors.AsType[redis.Error](err); answered {
		s.log.Warn("it could not be checked whether the replay store saves its data: CONFIG GET is not allowed",
			"store", s.where, "cause", err.Error())
		return true
	}
	if nothing {
		s.log.Warn("the replay store saves nothing to disk: a restart loses all claims, and then its clock alone keeps used proofs out. "+
			"Set appendonly yes, or make sure that its clock never goes back", "store", s.where)
	}
	return err == nil
}

// savesNothing reports whether the server writes nothing to disk. The error says that it
// could not be asked.
func savesNothing(ctx context.Context, client redis.UniversalClient) (bool, error) {
	appends, err := client.ConfigGet(ctx, "appendonly").Result()
	if err != nil {
		return false, err
	}
	saves, err := client.ConfigGet(ctx, "save").Result()
	return err == nil && appends["appendonly"] == "no" && saves["save"] == "", err
}
