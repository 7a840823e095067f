package redis

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Memory is the Config.Store of a bridge that remembers used proofs by itself.
const Memory = "memory"

// Config says where the store is, and how to log in.
type Config struct {
	Store    domain.Secret   `env:"REPLAY_STORE" envDefault:"memory" help:"where used proofs are remembered: memory (in the process, so run one replica only), or a Redis or Valkey that replicas share: redis://[user@]host[:port][/database], rediss:// for TLS, redis+sentinel://host[:port][/database]?master_name=name&addr=host:port or redis+cluster://host[:port]?addr=host:port, addr for each further address, and rediss+… for TLS"`
	Password settings.Secret `env:"REPLAY_STORE_PASSWORD" help:"the password of that Redis, unless it has none"`
}

// Chosen reports whether the store is a Redis.
func (c *Config) Chosen() bool { return c.Store.Reveal() != Memory }

// ClaimTime returns how long a claim may take at most: no time in memory.
func (c *Config) ClaimTime() time.Duration {
	if !c.Chosen() {
		return 0
	}
	return Patience
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	if !c.Chosen() {
		if c.Password.IsZero() {
			return nil
		}
		return []settings.Fault{{
			Name:    "REPLAY_STORE_PASSWORD",
			Problem: "is set, but REPLAY_STORE is memory, which needs no password",
			Fix:     "set REPLAY_STORE to the URL of the Redis, or unset this",
		}}
	}
	_, err := c.parse()
	if err == nil {
		return nil
	}
	return []settings.Fault{{Name: "REPLAY_STORE", Problem: err.Error(), Fix: "set it to memory, or to a URL such as redis://cache.internal:6379"}}
}

// Warnings returns what an operator should know of a configuration that is free of
// faults. A password that travels in the clear is no fault: on a private network, a
// Redis without TLS and without a password would be worse.
func (c *Config) Warnings() []string {
	if !c.Chosen() {
		return nil
	}
	target, err := c.parse()
	if err != nil || target.tls || target.Password == "" && target.SentinelPassword == "" || !slices.ContainsFunc(target.Addrs, leavesMachine) {
		return nil
	}
	return []string{"REPLAY_STORE sends the password of Redis in the clear: use rediss:// (TLS), unless nobody else can listen on that network"}
}

// leavesMachine reports whether others may see what is sent to an address.
func leavesMachine(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// Where returns the store's URL for people, without any part that may be a credential.
func (c *Config) Where() string {
	u, err := url.Parse(c.Store.Reveal())
	if err != nil || u.Host == "" {
		return "redis"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// target is what a store's URL says.
type target struct {
	redis.UniversalOptions
	tls bool
}

// parse does not use go-redis' own parsers: they quote the URL in their errors, password
// included, and they take parameters that switch off the store's time limits and the
// checks of TLS. The error of parse never quotes the URL.
func (c *Config) parse() (target, error) {
	u, err := url.Parse(c.Store.Reveal())
	if err != nil {
		return target{}, errors.New("is neither memory nor a URL")
	}
	base, kind, _ := strings.Cut(u.Scheme, "+")
	kinds := []string{"", "sentinel", "cluster"}
	switch {
	case base != "redis" && base != "rediss", !slices.Contains(kinds, kind), u.Opaque != "":
		return target{}, errors.New("is neither memory nor a URL of Redis")
	case u.Hostname() == "":
		return target{}, errors.New("names no host")
	case u.Fragment != "":
		return target{}, errors.New("has a part after #, which means nothing here: write a # in a password as %23")
	}
	t := target{tls: base == "rediss"}
	t.Addrs = []string{u.Host}
	t.IsClusterMode = kind == "cluster"
	if err := cmp.Or(c.login(&t, u), database(&t, u, kind), parameters(&t, u, kind)); err != nil {
		return target{}, err
	}
	port := "6379"
	if kind == "sentinel" {
		port = "26379"
	}
	for i, host := range t.Addrs {
		t.Addrs[i] = withPort(host, port)
	}
	return t, nil
}

// login takes user and password from the URL, and the password from its own setting. From
// there each new connection takes what it holds then: a Redis keeps connections open whose
// password has changed since.
func (c *Config) login(t *target, u *url.URL) error {
	t.Username = u.User.Username()
	password, inURL := u.User.Password()
	t.Password = password + c.Password.Reveal()
	switch {
	case inURL && !c.Password.IsZero():
		return errors.New("holds a password, and REPLAY_STORE_PASSWORD is set too")
	case t.Username != "" && t.Password == "":
		return errors.New("names a user, but there is no password: set REPLAY_STORE_PASSWORD")
	}
	if held, user := c.Password, t.Username; !held.IsZero() {
		t.CredentialsProvider = func() (username, password string) { return user, held.Reveal() }
	}
	return nil
}

func database(t *target, u *url.URL, kind string) (err error) {
	path := strings.Trim(u.Path, "/")
	if path == "" {
		return nil
	}
	if kind == "cluster" {
		return errors.New("names a database, but a cluster has no databases")
	}
	if t.DB, err = strconv.Atoi(path); err != nil || t.DB < 0 {
		return errors.New("names a database that is not a number")
	}
	return nil
}

// parameters reads the few parameters that are needed. They are named as in go-redis'
// own URLs.
func parameters(t *target, u *url.URL, kind string) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("has parameters that cannot be read")
	}
	allowed := map[string][]string{
		"sentinel": {"master_name", "addr", "sentinel_username", "sentinel_password"},
		"cluster":  {"addr"},
	}[kind]
	for name := range query {
		if !slices.Contains(allowed, name) {
			return fmt.Errorf("has an unknown parameter; known here: %s", cmp.Or(strings.Join(allowed, ", "), "none"))
		}
	}
	t.Addrs = append(t.Addrs, query["addr"]...)
	t.MasterName = query.Get("master_name")
	t.SentinelUsername, t.SentinelPassword = query.Get("sentinel_username"), query.Get("sentinel_password")
	if kind == "sentinel" && t.MasterName == "" {
		return errors.New("names no master: add ?master_name=… as the Sentinels call it")
	}
	return nil
}

func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}
