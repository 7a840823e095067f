package redis

import (
	"context"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"regexp"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"nativebridge/adapters/internal/checks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

//go:embed probe.lua
var probeText string

// NewProbe returns the checks of the store: whether it answers, evicts nothing, allows
// what the scripts do, and saves what it is told. It opens a connection of its own for
// each run, and writes and deletes one key that nobody uses. Config must name a Redis.
func NewProbe(config Config, roots *x509.CertPool) checks.Probe {
	const why = "no proof can be claimed, and every sign-in is answered 503"
	return func() []checks.Step {
		e := &examination{config: config, roots: roots}
		return []checks.Step{
			{Check: domain.Check{
				Code: "NB701", Asks: "Redis answers, and accepts the user and the password", Why: why,
				Remedy: "check REPLAY_STORE and REPLAY_STORE_PASSWORD, rediss:// if the server wants TLS, and the firewall in between",
			}, Make: e.connected(e.answers)},
			{Check: domain.Check{
				Code: "NB702", Asks: "Redis evicts no keys", Why: "a used proof may be forgotten and used again, so the bridge does not start",
				Remedy: "set maxmemory-policy to noeviction: CONFIG SET maxmemory-policy noeviction, and in redis.conf",
			}, After: []string{"NB701"}, Make: e.connected(e.policy)},
			{Check: domain.Check{
				Code: "NB703", Asks: "the user of Redis may do what the bridge's scripts do", Why: why,
				Remedy: "give the user the rights that docs/configuration.md lists under Redis, and name a server that takes writes, not a replica",
			}, After: []string{"NB701"}, Make: e.connected(e.rights)},
			{Check: domain.Check{
				Code: "NB704", Asks: "Redis saves its data to disk", Grade: domain.Warning,
				Why:    "a restart loses all claims, and then the server's clock alone keeps used proofs out",
				Remedy: "set appendonly yes, or make sure that the server's clock never goes back",
			}, After: []string{"NB701"}, Make: e.connected(e.persistence)},
		}
	}
}

// examination is one run of a probe.
type examination struct {
	config Config
	roots  *x509.CertPool
}

// connected returns a step that has a client for its time.
func (e *examination) connected(step func(context.Context, redis.UniversalClient) domain.Finding) func(context.Context) domain.Finding {
	return func(ctx context.Context) (f domain.Finding) {
		target, err := e.config.parse()
		if err != nil {
			return f.Fail("REPLAY_STORE "+err.Error(), "")
		}
		logging.Disable()
		client := target.client(e.roots)
		defer client.Close()
		return step(ctx, client)
	}
}

// answers asks for the time, which every user of the bridge's may.
func (e *examination) answers(ctx context.Context, client redis.UniversalClient) (f domain.Finding) {
	if err := client.Time(ctx).Err(); err != nil && !isDenied(err) {
		return f.Fail(e.said(err), "")
	}
	return f.Pass()
}

var policyForm = regexp.MustCompile(`(?m)^maxmemory_policy:([a-z-]+)`)

func (e *examination) policy(ctx context.Context, client redis.UniversalClient) (f domain.Finding) {
	info, err := client.Info(ctx, "memory").Result()
	found := policyForm.FindStringSubmatch(info)
	switch {
	case err != nil:
		return f.CannotTell(e.said(err), "allow the user INFO, which the bridge needs as well (docs/configuration.md, Redis)")
	case found == nil:
		return f.CannotTell("INFO memory tells no maxmemory_policy", "use Redis or Valkey itself")
	case found[1] != "noeviction":
		return f.Fail("its maxmemory-policy is "+found[1], "")
	}
	return f.Pass()
}

func (e *examination) rights(ctx context.Context, client redis.UniversalClient) (f domain.Finding) {
	if err := newScript(probeText).Run(ctx, client, []string{keyPrefix + "doctor"}).Err(); err != nil {
		return f.Fail(e.said(err), "")
	}
	return f.Pass()
}

func (e *examination) persistence(ctx context.Context, client redis.UniversalClient) (f domain.Finding) {
	nothing, err := savesNothing(ctx, client)
	switch {
	case err != nil:
		return f.CannotTell(e.said(err), "allow the user +config|get, or look for appendonly yes in redis.conf")
	case nothing:
		return f.Fail("it saves nothing: appendonly is no, and save is empty", "")
	}
	return f.Pass()
}

// isDenied reports whether the server answered that the user may not do that.
func isDenied(err error) bool {
	said, ok := errors.AsType[redis.Error](err)
	return ok && redis.HasErrorPrefix(said, "NOPERM")
}

// said returns an error without credentials.
func (e *examination) said(err error) string {
	target, _ := e.config.parse()
	return upstream.Words(fmt.Sprintf("redis: %v", err), domain.NewSecret(target.Password), domain.NewSecret(target.SentinelPassword))
}
