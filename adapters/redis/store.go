// Package redis is a Redis or Valkey that any number of replicas share, and those who
// keep something in it.
//
// A Store is the server and the connection to it. It gives its users:
//
//   - Commands that end. Each is one script, which the server executes as a whole, and is
//     given up after Patience. A server that hangs may execute it later all the same, so
//     a script has its deadline with it, by the server's clock, and does nothing after it
//     (docs/decisions/0027). go-redis repeats a command that got no answer: a script must
//     change no more the second time.
//   - A memory with a beginning. The server may lose what it has confirmed, and after each
//     restart, failover and flush the memory begins anew. A script is told when it began
//     and vouches for nothing older (docs/decisions/0017). A server that evicts keys is
//     never used.
//   - An answer, or domain.ErrUnavailable. What is no answer means "cannot tell". The
//     store tells such trouble, and its end, to the log and to readiness.
//
// ReplayGuard is its user. Another one is a file and its script: it takes a Store, as
// NewReplayGuard does, and runs the script with runInTime.
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
)

// Patience is how long a command may take with all its repetitions, so that an exchange
// still has time for the issuer. One try has three quarters of that.
const Patience = time.Second

// Connections is how many a store opens at most. Each sign-in needs one for the
// length of a round trip, so at 400 ms, where Patience ends, it is good for a thousand
// sign-ins a second.
const Connections = 512

// Store is a Redis or Valkey. It is safe for concurrent use. Make one with Open.
type Store struct {
	client  redis.UniversalClient
	where   string
	log     *slog.Logger
	now     func() time.Time
	stop    context.CancelFunc
	stopped chan struct{}

	mu      sync.Mutex
	clock   clock
	born    time.Time // when the memory began, by our clock; zero before the first answer
	trouble *trouble
	mended  time.Time // when there was trouble last
}

// Options for Open. Log and Now must be set.
type Options struct {
	RootCAs *x509.CertPool // trusted for TLS; nil means the system's
	Log     *slog.Logger
	Now     func() time.Time // our clock; what the scripts compare is translated to the server's

	// Watch, if it is set, is given the client before its first command, to add hooks that
	// watch commands.
	Watch func(redis.UniversalClient)
}

// Open returns the store that config names, which must be a Redis. It asks the server
// within Patience, and looks at it once a second until Close; ctx bounds the opening
// alone. A server that cannot be reached is no error: Trouble tells it, and commands are
// answered domain.ErrUnavailable until it can. The error says that the server is unfit,
// because it evicts keys or does not tell its restarts, and how to mend that.
func Open(ctx context.Context, config Config, o Options) (*Store, error) {
	target, err := config.parse()
	if err != nil {
		return nil, fmt.Errorf("REPLAY_STORE %w", err)
	}
	logging.Disable() // go-redis writes to standard error what the store logs anyway
	s := &Store{
		client:  target.client(o.RootCAs),
		where:   config.Where(),
		log:     o.Log,
		now:     o.Now,
		stopped: make(chan struct{}),
	}
	if o.Watch != nil {
		o.Watch(s.client)
	}
	if unfit, ok := errors.AsType[unfitError](s.look(ctx)); ok {
		_ = s.client.Close()
		return nil, fmt.Errorf("REPLAY_STORE: %w", unfit)
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go s.watch(watching)
	return s, nil
}

// client returns a client that gives up before the request does.
func (t target) client(roots *x509.CertPool) redis.UniversalClient {
	o := t.bounded(roots)
	if !o.IsClusterMode {
		return redis.NewUniversalClient(o)
	}
	cluster := o.Cluster()
	cluster.ClusterStateReloadInterval = lookEvery // or a master that died is asked until a minute is over
	cluster.DisableRoutingPolicies = true          // or COMMAND is sent, for each command of a user who may not
	return redis.NewClusterClient(cluster)
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

// Close ends the watch and the connections. No command may be given after it.
func (s *Store) Close() {
	s.stop()
	<-s.stopped
	_ = s.client.Close()
}
