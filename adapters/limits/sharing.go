package limits

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"
)

const (
	// workers share counts side by side. Those of one key go to the same one, so that a
	// replica never gets in its own way.
	workers = 8
	// waiting is how many counts may wait for each of them.
	waiting = 512
	// pause is how long a worker waits before it tries again what it could not share.
	pause = time.Second
)

// sharing repeats in the store that replicas share what was counted in this process. No
// request waits for it. While the store does not answer, each replica counts by itself.
type sharing struct {
	queues [workers]chan counted
	seed   maphash.Seed
	log    *slog.Logger
	stop   context.CancelFunc
	all    sync.WaitGroup

	mu    sync.Mutex
	left  int  // counts that are not shared yet
	local bool // since a count could not be shared
}

// counted is one of a key that a limit has counted in this process.
type counted struct {
	by  *limit
	key string
}

func newSharing(log *slog.Logger) *sharing {
	ctx, stop := context.WithCancel(context.Background())
	s := &sharing{seed: maphash.MakeSeed(), log: log, stop: stop}
	for i := range s.queues {
		queue := make(chan counted, waiting)
		s.queues[i] = queue
		s.all.Go(func() { s.work(ctx, queue) })
	}
	return s
}

// add has one be shared soon. What finds no room is counted in this process only.
func (s *sharing) add(one counted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.queues[maphash.String(s.seed, one.key)%workers] <- one:
		s.left++
	default:
		s.turnLocal("more is counted than the store takes")
	}
}

func (s *sharing) work(ctx context.Context, queue <-chan counted) {
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-queue:
			if !s.share(ctx, one) {
				return
			}
		}
	}
}

// share shares one, however long that takes. It returns false if ctx ends before.
func (s *sharing) share(ctx context.Context, one counted) bool {
	for {
		err := one.by.share(ctx, one.key)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			s.shared()
			return true
		}
		s.failed(err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

func (s *sharing) shared() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left--
	if s.local && s.left == 0 {
		s.local = false
		s.log.Info("rate limits are shared with the other replicas again")
	}
}

func (s *sharing) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnLocal(err.Error())
}

// turnLocal logs the first of several failures. s.mu must be held.
func (s *sharing) turnLocal(cause string) {
	if s.local {
		return
	}
	s.local = true
	s.log.Warn("rate limits count in this process only until the store of REPLAY_STORE takes counts again: "+
		"whoever asks several replicas has a quota at each", "cause", cause)
}

// isLocal reports whether counts cannot be shared at present.
func (s *sharing) isLocal() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.local
}

// close ends the workers. What they have not shared is lost.
func (s *sharing) close() {
	s.stop()
	s.all.Wait()
}
