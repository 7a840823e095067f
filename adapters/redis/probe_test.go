package redis_test

import (
	"strings"
	"testing"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/redis"
	"nativebridge/adapters/redis/redistest"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const probePassword = "s3cr3t-of-the-probe"

func TestRedisIsProbedAsAProbeMust(t *testing.T) {
	portstest.Probe(t, func(t *testing.T) portstest.ProbeHarness {
		server := startRedis(t, redistest.Options{Config: "requirepass " + probePassword + "\nappendonly yes", Password: probePassword})
		config := redis.Config{Store: domain.NewSecret(server.URL()), Password: settings.NewSecret(probePassword)}
		return portstest.ProbeHarness{
			Probe:   redis.NewProbe(config, nil),
			Break:   func(t *testing.T) { do(t, server, "CONFIG", "SET", "requirepass", "another") },
			Hang:    func(t *testing.T) { mustDo(t, server.Pause); t.Cleanup(func() { _ = server.Resume() }) },
			Secrets: []string{probePassword},
		}
	})
}

func TestWhatIsWrongWithRedisIsNamed(t *testing.T) {
	const acl = "user bridge on >" + probePassword + " ~native-bridge:* resetchannels -@all +eval +evalsha +info +time +hmget +hset +get +set +del"
	for name, tt := range map[string]struct {
		config, user  string
		code, problem string // "" if nothing fails
	}{
		"nothing": {"appendonly yes", "", "", ""},
		"a user with no more rights than it needs": {"appendonly yes\n" + acl, "bridge", "", ""},
		"a user that may not write":                {acl + " -set", "bridge", "NB703", "command"},
		"a user for other keys":                    {strings.Replace(acl, "~native-bridge:*", "~other:*", 1), "bridge", "NB703", "key"},
		"a user that does not exist":               {"", "nobody", "NB701", "WRONGPASS"},
		"keys that are evicted":                    {"appendonly yes\nmaxmemory-policy allkeys-lru", "", "NB702", "allkeys-lru"},
		"nothing on disk":                          {`save ""`, "", "NB704", "saves nothing"},
		"a server that takes no writes":            {"appendonly yes\nreplicaof 127.0.0.1 1", "", "NB703", "READONLY"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startRedis(t, redistest.Options{Config: tt.config})
			config := redis.Config{Store: domain.NewSecret(server.URL())}
			if tt.user != "" {
				config.Store = domain.NewSecret(strings.Replace(server.URL(), "://", "://"+tt.user+"@", 1))
				config.Password = settings.NewSecret(probePassword)
			}
			var failed domain.Finding
			redis.NewProbe(config, nil).Run(t.Context(), func(finding domain.Finding) {
				if finding.Outcome == domain.Failed && failed.Code == "" {
					failed = finding
				}
			})
			if failed.Code != tt.code || !strings.Contains(failed.Problem, tt.problem) {
				t.Errorf("%q fails: %s; want %q: … %s …", failed.Code, failed.Problem, tt.code, tt.problem)
			}
		})
	}
}
