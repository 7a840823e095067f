package redis

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"nativebridge/adapters/internal/upstream"
)

// trouble is an outage of the store.
type trouble struct {
	upstream.Trouble
	unfit bool // the server was found unfit in it, and that has been logged
}

// unfitError says that a server answers but must not be relied on.
type unfitError struct{ what, why string }

func (e unfitError) Error() string { return e.why }

// Name returns "redis", as readiness calls the store.
func (s *Store) Name() string { return "redis" }

// Trouble returns what keeps the store from being relied on, or nil. Since is when that
// began. It ends when a look succeeds, which the store tries once a second.
func (s *Store) Trouble() *upstream.Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble == nil {
		return nil
	}
	told := s.trouble.Trouble
	return &told
}

// note keeps a failure for Trouble. It logs an outage once, and once more if the server
// turns out to be unfit. A failure of a command that was sent before the last outage
// ended belongs to that outage.
func (s *Store) note(err error, asked time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked.Before(s.mended) {
		return
	}
	_, unfit := errors.AsType[unfitError](err)
	before := s.trouble
	s.trouble = &trouble{upstream.Trouble{Since: s.now(), What: what(err)}, unfit}
	if before != nil {
		s.trouble.Since, s.trouble.unfit = before.Since, unfit || before.unfit
	}
	if before == nil || s.trouble.unfit && !before.unfit {
		s.log.Error("the replay store cannot be relied on: no session is opened until it can",
			"store", s.where, "cause", err.Error())
	}
}

// mend ends an outage after a look that succeeded. A look that began before the outage
// says nothing about it.
func (s *Store) mend(began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble == nil || began.Before(s.trouble.Since) {
		return
	}
	s.trouble, s.mended = nil, s.now()
	s.log.Info("the replay store answers again", "store", s.where)
}

// what puts an error into the few words that readiness shows.
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
