package redis

import (
	"context"
	"crypto/fips140"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"nativebridge/domain"
)

// keyPrefix begins every key in the store. All replicas share the keys. The tag in braces
// puts them into one slot of a cluster, as scripts need it.
const (
	keyPrefix = "native-bridge:{replay}:"
	memoryKey = keyPrefix + "memory"
)

//go:embed store.lua
var storeText string

// timedScript is a script that changes nothing after its caller has left. Make one with
// newTimedScript, and run it with runInTime.
type timedScript struct{ *redis.Script }

// newTimedScript returns the script with that text, which follows store.lua. That file
// says what the text is given and how it ends. GET, SET and DEL are the commands that it
// may call: an operator allows no more, and look tries no others.
func newTimedScript(text string) timedScript {
	return timedScript{newScript(storeText + text)}
}

// newScript returns the script with that text. Redis names a script by its SHA-1, which
// protects nothing, so FIPS 140-3 does not mind it: without this, fips140=only would.
func newScript(text string) (script *redis.Script) {
	fips140.WithoutEnforcement(func() { script = redis.NewScript(text) })
	return script
}

// runInTime runs a script and returns its verdict and what else it gave to answer. The
// server refuses to run it once ctx has ended or Patience is over. The keys must begin
// with keyPrefix.
//
// Args returns the script's arguments, with all times by the server's clock. It may be
// called a second time: the clock is known from the server's last answers only, so it
// may be a clock of yesterday's server.
//
// An error wraps domain.ErrUnavailable and means "cannot tell", unless the caller has
// left: then it wraps ctx.Err().
func (s *Store) runInTime(ctx context.Context, script timedScript, keys []string, args func(clock) []any) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, errPatience)
	defer cancel()
	answer, err := s.sendInTime(ctx, script, keys, args)
	if err == nil && (answer[0] == "stranger" || answer[0] == "late") {
		answer, err = s.sendInTime(ctx, script, keys, args)
	}
	switch {
	case err != nil:
		return nil, err
	case answer[0] == "stranger":
		return nil, fmt.Errorf("%w: redis: the server changed twice while it was asked", domain.ErrUnavailable)
	case answer[0] == "late":
		return nil, fmt.Errorf("%w: redis: the command arrived after its deadline, so it was not executed", domain.ErrUnavailable)
	}
	return append(answer[:1], answer[5:]...), nil
}

// sendInTime sends a script once, with ctx's deadline by the server's clock.
func (s *Store) sendInTime(ctx context.Context, script timedScript, keys []string, args func(clock) []any) ([]string, error) {
	clock := s.serverClock()
	ends, _ := ctx.Deadline()
	leaves := s.now().Add(time.Until(ends))
	return s.send(ctx, script.Script, append(keys[:len(keys):len(keys)], memoryKey),
		append(args(clock), clock.earliest(leaves).UnixMilli(), clock.run), s.judge)
}

// runAnytime runs a script that does no harm however late the server executes it, and
// whatever the server has forgotten. Its answer is ignored. The error is as that of
// runInTime.
func (s *Store) runAnytime(ctx context.Context, script *redis.Script, keys []string, args ...any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, errPatience)
	defer cancel()
	_, err := s.send(ctx, script, keys, args, func([]string, time.Time) error { return nil })
	return err
}

// errPatience is why a command was given up whose caller is still there.
var errPatience = fmt.Errorf("no answer within %s", Patience)

// send runs a script and returns its answer, which judge accepts. Judge is also given the
// time at which the script was sent.
func (s *Store) send(ctx context.Context, script *redis.Script, keys []string, args []any, judge func(answer []string, asked time.Time) error) ([]string, error) {
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
	if ends, bounded := ctx.Deadline(); bounded && time.Until(ends) <= 0 {
		<-ctx.Done() // it is over, and on a busy machine the connection may have noticed that first
	}
	if left := context.Cause(ctx); left != nil && !errors.Is(left, errPatience) {
		return nil, fmt.Errorf("redis: %w", ctx.Err()) // it says nothing about the server
	}
	s.note(err, asked)
	return nil, fmt.Errorf("%w: redis: %w", domain.ErrUnavailable, err)
}

// judge returns an unfitError if the answer of store.lua says that the server is unfit.
// It logs that a memory begins, and learns the server's clock.
func (s *Store) judge(answer []string, asked time.Time) error {
	switch {
	case len(answer) > 1 && answer[0] == "evicts":
		return unfitError{"evicts keys", fmt.Sprintf("its maxmemory-policy is %s, so that it may forget a used proof: "+
			"set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in redis.conf)", answer[1])}
	case answer[0] == "nameless":
		return unfitError{"has no run_id", "INFO server shows no run_id, so that a restart cannot be noticed: use Redis or Valkey itself"}
	case len(answer) < 5:
		return fmt.Errorf("an answer with %d parts", len(answer))
	}
	born, _ := strconv.ParseInt(answer[1], 10, 64)
	if anew := answer[2]; anew != "" {
		s.log.Warn("the replay store begins its memory: proofs from before are refused as used",
			"store", s.where, "since", time.UnixMilli(born).UTC(), "cause", anew)
	}
	if err := s.learnClock(answer[3], answer[4], asked); err != nil {
		return err
	}
	s.learnBirth(time.UnixMilli(born))
	return nil
}
