package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// lookEvery is how often the store is looked at while nobody signs in.
const lookEvery = time.Second

// Watch looks at the store now, and then once a second until Close. A store that cannot
// be reached is no error: it is logged, and commands are answered "unavailable" until
// it can. The error says that the store is unfit because it evicts keys, and how to
// mend that; the store is closed then.
func (s *Store) Watch(ctx context.Context) error {
	if unfit, ok := errors.AsType[unfitError](s.look(ctx)); ok {
		s.Close()
		return fmt.Errorf("REPLAY_STORE: %w", unfit)
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go s.watch(watching)
	return nil
}

// look lets everybody look who uses the store. Only that proves that there is no
// trouble.
func (s *Store) look(ctx context.Context) error {
	for _, look := range s.looks {
		if err := look(ctx); err != nil {
			return err
		}
	}
	s.mend()
	return nil
}

// watch looks at the store until ctx ends. So a memory begins soon after a restart and
// not with the next sign-in, which would be refused for it; and trouble, and its end,
// are told when they come.
func (s *Store) watch(ctx context.Context) {
	defer close(s.stopped)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	checked := false // since there was trouble: it may be another server now
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
	appends, err := s.client.ConfigGet(ctx, "appendonly").Result()
	var saves map[string]string
	if err == nil {
		saves, err = s.client.ConfigGet(ctx, "save").Result()
	}
	if _, answered := errors.AsType[redis.Error](err); answered {
		s.log.Warn("it could not be checked whether the replay store saves its data: CONFIG GET is not allowed",
			"store", s.where, "cause", err.Error())
		return true
	}
	if err == nil && appends["appendonly"] == "no" && saves["save"] == "" {
		s.log.Warn("the replay store saves nothing to disk: a restart loses all claims, and then its clock alone keeps used proofs out. "+
			"Set appendonly yes, or make sure that its clock never goes back", "store", s.where)
	}
	return err == nil
}
