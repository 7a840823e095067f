// Package redis is a Redis or Valkey that any number of replicas share, and what keeps
// its facts there.
//
// A Store is the connection: it gives commands up in time, watches the server, and
// tells of trouble. A ReplayGuard keeps claims in one.
//
// Each command is one script, which the server executes as a whole. go-redis may repeat
// a command that it got no answer to, and the server may execute a command that was
// given up. So a script that changes something takes an owner, and the time by the
// server's clock after which it must do nothing. Whatever is not an answer means
// "cannot tell".
package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"nativebridge/domain"
)

// Patience is how long a command may take with all its repetitions, so that an exchange
// still has time for the issuer. One try has three quarters of that.
const Patience = time.Second

// Connections is how many a store opens at most. Each sign-in needs one for the
// length of a round trip, so at 400 ms, where Patience ends, it is good for a thousand
// sign-ins a second.
const Connections = 512

// Store is a Redis or Valkey. It is safe for concurrent use. Make one with Open, give
// it to those who keep something there, and then call Watch.
type Store struct {
	client  redis.UniversalClient
	where   string
	log     *slog.Logger
	now     func() time.Time
	looks   []func(context.Context) error // of those who use the store
	stop    context.CancelFunc
	stopped chan struct{}

	mu      sync.Mutex
	clock   clock
	trouble *trouble
	mended  time.Time // when there was trouble last
}

// Options for Open.
type Options struct {
	RootCAs *x509.CertPool // trusted for TLS; nil means the system's
	Log     *slog.Logger
	Now     func() time.Time // for how long there has been trouble; claims go by the server's clock
}

// Open returns the store that config names, which must be a Redis. It sends nothing.
func Open(config Config, o Options) (*Store, error) {
	target, err := config.parse()
	if err != nil {
		return nil, fmt.Errorf("REPLAY_STORE %w", err)
	}
	logging.Disable() // go-redis writes to standard error what the store logs anyway
	return &Store{
		client:  redis.NewUniversalClient(target.bounded(o.RootCAs)),
		where:   config.Where(),
		log:     o.Log,
		now:     o.Now,
		stopped: make(chan struct{}),
	}, nil
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
func (s *Store) Close() {
	if s.stop != nil {
		s.stop()
		<-s.stopped
	}
	_ = s.client.Close()
}

// Name returns "redis".
func (s *Store) Name() string { return "redis" }

// errPatience is why a command was given up whose caller is still there.
var errPatience = fmt.Errorf("no answer within %s", Patience)

// patient bounds a command.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, Patience, errPatience)
}

// ask runs a script and returns its answer. judge says what makes a server unfit by
// that answer; it is given the time at which the script was sent. Every error wraps
// domain.ErrUnavailable, unless the caller has left. ctx must come from patient.
func (s *Store) ask(ctx context.Context, script *redis.Script, keys []string, args []any, judge func(answer []string, asked time.Time) error) ([]string, error) {
	asked := s.now()
	answer, err := script.Run(ctx, s.client, keys, args...).StringSlice()
	if err == nil && len(answer) == 0 {
		err = errors.New("an empty answer")
	}
	if err == nil {
		err = judge(answer, asked)
	}
	if err == nil {
		return answer, nil
	}
	if left := context.Cause(ctx); left != nil && !errors.Is(left, errPatience) {
		return nil, fmt.Errorf("redis: %w", ctx.Err()) // it says nothing about the server
	}
	s.note(err, asked)
	return nil, fmt.Errorf("%w: redis: %w", domain.ErrUnavailable, err)
}
