package redis_test

import (
	"fmt"
	"strings"
	"testing"

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
			config := redis.Config{Store: domain.NewSecret(tt.store), Password: domain.NewSecret(tt.password)}
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
			config := redis.Config{Store: domain.NewSecret(tt.store), Password: domain.NewSecret(tt.password)}
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
		"a database with a name":         {"redis://cache/claims", "", "REPLAY_STORE names a database that is no number"},
		"a negative database":            {"redis://cache/-1", "", "REPLAY_STORE names a database that is no number"},
		"a database of a cluster":        {"redis+cluster://cache/1", "", "REPLAY_STORE names a database, which a cluster has not"},
		"Sentinels without a master":     {"redis+sentinel://s1", "", "REPLAY_STORE names no master"},
		"a check of TLS switched off":    {"rediss://cache?skip_verify=true", "", "REPLAY_STORE has a parameter that means nothing here"},
		"a bound lifted":                 {"redis://cache?read_timeout=1h", "", "REPLAY_STORE has a parameter that means nothing here"},
		"a parameter of another kind":    {"redis+cluster://cache?master_name=main", "", "REPLAY_STORE has a parameter that means nothing here"},
		"parameters that cannot be read": {"redis+cluster://cache?addr=%zz", "", "REPLAY_STORE has parameters that cannot be read"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config := redis.Config{Store: domain.NewSecret(tt.store), Password: domain.NewSecret(tt.password)}
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
