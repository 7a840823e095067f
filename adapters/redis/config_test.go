package redis_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/redis"
	"nativebridge/domain"
)

const password = "s3cr3t"

func TestAStoreThatIsWellNamed(t *testing.T) {
	tests := map[string]struct{ store, password, where string }{
		"memory":              {"memory", "", ""},
		"a host":              {"redis://cache.internal", "", "redis://cache.internal"},
		"a database":          {"redis://cache.internal:6379/3", "", "redis://cache.internal:6379/3"},
		"an IPv6 address":     {"redis://[::1]", "", "redis://[::1]"},
		"TLS":                 {"rediss://cache.internal:6380", "", "rediss://cache.internal:6380"},
		"a user":              {"rediss://bridge@cache.internal", password, "rediss://cache.internal"},
		"a password":          {"redis://:" + password + "@cache.internal", "", "redis://cache.internal"},
		"a user and password": {"redis://bridge:" + password + "@cache.internal", "", "redis://cache.internal"},
		"Sentinels":           {"redis+sentinel://s1:26379/2?master_name=main&addr=s2:26379&addr=s3", password, "redis+sentinel://s1:26379/2"},
		"a cluster with TLS":  {"rediss+cluster://bridge@n1?addr=n2:6379", password, "rediss+cluster://n1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config := redis.Config{Store: domain.NewSecret(tt.store), Password: settings.NewSecret(tt.password)}
			if faults := config.Check(); faults != nil {
				t.Errorf("faults = %v, want none", faults)
			}
			if config.Chosen() != (tt.store != "memory") {
				t.Errorf("chosen = %t", config.Chosen())
			}
			if config.Chosen() && config.Where() != tt.where {
				t.Errorf("where = %q, want %q", config.Where(), tt.where)
			}
		})
	}
}

func TestAPasswordInTheClearIsWarnedAbout(t *testing.T) {
	tests := map[string]struct {
		store, password string
		warned          bool
	}{
		"memory":                               {"memory", "", false},
		"no password":                          {"redis://cache.internal", "", false},
		"a password":                           {"redis://cache.internal", password, true},
		"a password in the URL":                {"redis://:" + password + "@cache.internal", "", true},
		"a password over TLS":                  {"rediss://cache.internal", password, false},
		"a password to a private address":      {"redis://10.0.0.7:6379", password, true},
		"a password to a name like loopback's": {"redis://127.0.0.1.example.com", password, true},
		"a password to loopback":               {"redis://127.0.0.1", password, false},
		"a password to IPv6's loopback":        {"redis://[::1]:6380", password, false},
		"a password to localhost":              {"redis://localhost", password, false},
		"a password to a cluster":              {"redis+cluster://127.0.0.1?addr=cache.internal", password, true},
		"a password to Sentinels":              {"redis+sentinel://s1?master_name=main&sentinel_password=" + password, "", true},
		"a password to Sentinels over TLS":     {"rediss+sentinel://s1?master_name=main&sentinel_password=" + password, "", false},
		"a password to a Sentinel on loopback": {"redis+sentinel://localhost?master_name=main&sentinel_password=" + password, "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config := redis.Config{Store: domain.NewSecret(tt.store), Password: settings.NewSecret(tt.password)}
			if faults := config.Check(); faults != nil {
				t.Fatalf("faults = %v, want none", faults)
			}
			got := strings.Join(config.Warnings(), "\n")
			if (got != "") != tt.warned || tt.warned && (!strings.Contains(got, "REPLAY_STORE") || !strings.Contains(got, "rediss://")) || strings.Contains(got, password) {
				t.Errorf("warnings = %q, want any: %t", got, tt.warned)
			}
		})
	}
}

func TestAStoresUsualPortNeedNotBeNamed(t *testing.T) {
	tests := map[string]string{
		"redis://cache":      "cache:6379",
		"rediss://cache":     "cache:6379",
		"redis://cache:7000": "cache:7000",
		"redis://[::1]":      "[::1]:6379",
		"redis://[::1]:7000": "[::1]:7000",
		"redis+sentinel://s1?master_name=m&addr=s2":   "s1:26379 s2:26379",
		"redis+sentinel://s1:1?master_name=m&addr=s2": "s1:1 s2:26379",
		"redis+cluster://n1?addr=n2:7000&addr=n3":     "n1:6379 n2:7000 n3:6379",
	}
	for store, want := range tests {
		config := redis.Config{Store: domain.NewSecret(store)}
		addrs, err := config.Addrs()
		if got := strings.Join(addrs, " "); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", store, got, err, want)
		}
	}
}

func TestTheClientGoesWhereTheURLSays(t *testing.T) {
	for store, want := range map[string]goredis.UniversalOptions{
		"redis://cache":                        {},
		"redis://:" + password + "@cache/7":    {Password: password, DB: 7},
		"rediss://bridge:" + password + "@a/0": {Username: "bridge", Password: password, TLSConfig: &tls.Config{}},
		"redis+sentinel://bridge:" + password + "@s1/2?master_name=main&addr=s2&sentinel_username=watch&sentinel_password=m4n": {
			Username: "bridge", Password: password, DB: 2, MasterName: "main", SentinelUsername: "watch", SentinelPassword: "m4n"},
		"rediss+cluster://:" + password + "@n1?addr=n2": {Password: password, IsClusterMode: true, TLSConfig: &tls.Config{}},
	} {
		config := redis.Config{Store: domain.NewSecret(store)}
		got, err := config.ClientOptions(nil)
		if err != nil {
			t.Fatalf("%s: %v", store, err)
		}
		if got.Username != want.Username || got.Password != want.Password || got.DB != want.DB || got.MasterName != want.MasterName ||
			got.SentinelUsername != want.SentinelUsername || got.SentinelPassword != want.SentinelPassword ||
			got.IsClusterMode != want.IsClusterMode || (got.TLSConfig != nil) != (want.TLSConfig != nil) {
			t.Errorf("%s becomes %+v", store, got)
		}
	}
}

// By default, go-redis waits longer and opens more than a sign-in can use, and sends
// commands that an ACL user need not be allowed.
func TestTheClientIsBounded(t *testing.T) {
	roots := x509.NewCertPool()
	config := redis.Config{Store: domain.NewSecret("rediss://cache")}
	o, err := config.ClientOptions(roots)
	if err != nil {
		t.Fatal(err)
	}
	const half, most = 500 * time.Millisecond, 750 * time.Millisecond
	if !o.ContextTimeoutEnabled || o.DialTimeout != half || o.WriteTimeout != half || o.PoolTimeout != half || o.ReadTimeout != most {
		t.Errorf("times: dial %s, write %s, pool %s, read %s, the context's: %t", o.DialTimeout, o.WriteTimeout, o.PoolTimeout, o.ReadTimeout, o.ContextTimeoutEnabled)
	}
	if o.DialerRetries != 1 || o.MaxRetries != 3 || o.MinRetryBackoff != 8*time.Millisecond || o.MaxRetryBackoff != 64*time.Millisecond {
		t.Errorf("repetitions: dial %d, commands %d, after %s to %s", o.DialerRetries, o.MaxRetries, o.MinRetryBackoff, o.MaxRetryBackoff)
	}
	if o.PoolSize != 512 || o.PipelinePoolSize != -1 || o.ReadBufferSize != 4096 || o.WriteBufferSize != 4096 {
		t.Errorf("sizes: %d connections, %d for pipelines, buffers of %d and %d", o.PoolSize, o.PipelinePoolSize, o.ReadBufferSize, o.WriteBufferSize)
	}
	if o.Protocol != 2 || !o.DisableIdentity || o.MaintNotificationsConfig == nil || o.MaintNotificationsConfig.Mode != maintnotifications.ModeDisabled {
		t.Errorf("asked for: protocol %d, no identity %t, notifications %+v", o.Protocol, o.DisableIdentity, o.MaintNotificationsConfig)
	}
	if o.TLSConfig == nil || o.TLSConfig.MinVersion != tls.VersionTLS12 || o.TLSConfig.RootCAs != roots || o.TLSConfig.InsecureSkipVerify {
		t.Errorf("TLS: %+v", o.TLSConfig)
	}
}

func TestOnlyAClaimInRedisTakesTime(t *testing.T) {
	for store, want := range map[string]time.Duration{"memory": 0, "redis://cache": redis.Patience} {
		config := redis.Config{Store: domain.NewSecret(store)}
		if got := config.ClaimTime(); got != want {
			t.Errorf("%s: a claim takes %s at most, want %s", store, got, want)
		}
	}
}

// Where is only called if the URL is right. Even if it is not, no credential is told.
func TestThePlaceOfAStoreTellsNoCredential(t *testing.T) {
	for _, store := range []string{"redis://bridge:s3cr3t@cache:port", "s3cr3t", "redis:s3cr3t", "redis:///s3cr3t"} {
		config := redis.Config{Store: domain.NewSecret(store)}
		if got := config.Where(); got != "redis" {
			t.Errorf("%q is at %q, want redis alone", store, got)
		}
		if got := config.Warnings(); got != nil {
			t.Errorf("%q: warnings = %q, want none, because there is a fault", store, got)
		}
	}
}

func TestAStoreThatIsIllNamed(t *testing.T) {
	tests := map[string]struct{ store, password, want string }{
		"nothing":                        {"", "", "REPLAY_STORE is neither memory nor a URL of Redis"},
		"a host alone":                   {"cache.internal:6379", "", "REPLAY_STORE is neither memory nor a URL of Redis"},
		"another scheme":                 {"postgres://bridge:s3cr3t@db", "", "REPLAY_STORE is neither memory nor a URL of Redis"},
		"another kind":                   {"redis+proxy://cache", "", "REPLAY_STORE is neither memory nor a URL of Redis"},
		"no URL":                         {"redis://bridge:s3cr3t@cache:port", "", "REPLAY_STORE is neither memory nor a URL"},
		"no host":                        {"redis:///1", "", "REPLAY_STORE names no host"},
		"a # in the password":            {"redis://cache/#s3cr3t", "", "REPLAY_STORE has a part after #"},
		"a user without a password":      {"redis://bridge@cache", "", "REPLAY_STORE names a user, but there is no password"},
		"two passwords":                  {"redis://:s3cr3t@cache", password, "REPLAY_STORE holds a password, and REPLAY_STORE_PASSWORD is set too"},
		"a password for memory":          {"memory", password, "REPLAY_STORE_PASSWORD is set, but REPLAY_STORE is memory"},
		"a part that is no host":         {"redis:s3cr3t", "", "REPLAY_STORE is neither memory nor a URL of Redis"},
		"a database with a name":         {"redis://cache/claims", "", "REPLAY_STORE names a database that is not a number"},
		"a negative database":            {"redis://cache/-1", "", "REPLAY_STORE names a database that is not a number"},
		"a database of a cluster":        {"redis+cluster://cache/1", "", "REPLAY_STORE names a database, but a cluster has no databases"},
		"Sentinels without a master":     {"redis+sentinel://s1", "", "REPLAY_STORE names no master"},
		"a check of TLS switched off":    {"rediss://cache?skip_verify=true", "", "REPLAY_STORE has an unknown parameter"},
		"a bound lifted":                 {"redis://cache?read_timeout=1h", "", "REPLAY_STORE has an unknown parameter"},
		"a parameter of another kind":    {"redis+cluster://cache?master_name=main", "", "REPLAY_STORE has an unknown parameter"},
		"parameters that cannot be read": {"redis+cluster://cache?addr=%zz", "", "REPLAY_STORE has parameters that cannot be read"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config := redis.Config{Store: domain.NewSecret(tt.store), Password: settings.NewSecret(tt.password)}
			faults := config.Check()
			if len(faults) != 1 {
				t.Fatalf("faults = %v, want one", faults)
			}
			text := faults[0].Name + " " + faults[0].Problem
			if !strings.HasPrefix(text, tt.want) || faults[0].Fix == "" {
				t.Errorf("fault = %q, want %q", text, tt.want)
			}
			if printed := fmt.Sprintf("%+v %#v %+v", faults, config, config); strings.Contains(printed, password) {
				t.Errorf("it tells the password: %s", printed)
			}
		})
	}
}
