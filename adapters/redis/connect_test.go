package redis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/redis"
	"nativebridge/adapters/redis/redistest"
	"nativebridge/domain"
)

// tryOut claims a proof and releases it, so that both scripts have run.
func tryOut(t *testing.T, g guard) {
	t.Helper()
	if err := g.Claim(t.Context(), claim(1, 1)); err != nil {
		t.Fatalf("claim: %v", err)
	}
	if err := g.Claim(t.Context(), claim(1, 2)); reason(err) != domain.ErrTokenReplayed {
		t.Fatalf("the second claim: %v, want it refused", err)
	}
	if err := g.Release(t.Context(), claim(1, 1)); err != nil {
		t.Fatalf("release: %v", err)
	}
}

func TestDatabasesDoNotTouchEachOther(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{})
	for _, database := range []string{"", "/0", "/1"} {
		tryOut(t, open(t, server.URL()+database))
	}
	if err := open(t, server.URL()+"/1").Claim(t.Context(), claim(2, 1)); err != nil {
		t.Fatal(err)
	}
	if err := open(t, server.URL()+"/2").Claim(t.Context(), claim(2, 2)); err != nil {
		t.Errorf("the same proof in another database: %v, want it won", err)
	}
}

// leastACL is what a user must be allowed.
const leastACL = "resetchannels ~native-bridge:* -@all +eval +evalsha +info +time +hmget +hset +get +set +del"

func TestAUserNeedsLittle(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{Config: "user default off\nuser bridge on >pass#word " + leastACL})
	for name, config := range map[string]redis.Config{
		"the password in its own setting": {Store: domain.NewSecret("redis://bridge@" + server.Addr()), Password: settings.NewSecret("pass#word")},
		"the password in the URL":         {Store: domain.NewSecret("redis://bridge:pass%23word@" + server.Addr())},
	} {
		t.Run(name, func(t *testing.T) {
			g := openAs(t, config, redis.Options{})
			tryOut(t, g)
			if strings.Contains(g.log.String(), "pass") {
				t.Errorf("the log tells the password: %s", g.log)
			}
		})
	}
}

func TestAPasswordWithoutAUserIsTheDefaultUsers(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{Config: "requirepass s3cr3t"})
	tryOut(t, openAs(t, redis.Config{Store: domain.NewSecret(server.URL()), Password: settings.NewSecret("s3cr3t")}, redis.Options{}))
	wrong := openAs(t, redis.Config{Store: domain.NewSecret(server.URL()), Password: settings.NewSecret("wr0ng")}, redis.Options{})
	if trouble := wrong.Trouble(); trouble == nil || trouble.What != "error WRONGPASS" || strings.Contains(wrong.log.String(), "wr0ng") {
		t.Errorf("with a wrong password, trouble = %+v, log: %s", trouble, wrong.log)
	}
}

func TestTLSIsVerified(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{TLS: true})
	config := redis.Config{Store: domain.NewSecret(server.URL())}
	tryOut(t, openAs(t, config, redis.Options{RootCAs: server.CertPool()}))

	stranger := startRedis(t, redistest.Options{TLS: true})
	g := openAs(t, config, redis.Options{RootCAs: stranger.CertPool()})
	if err := g.Claim(t.Context(), claim(1, 1)); reason(err) != domain.ErrUnavailable || !strings.Contains(err.Error(), "x509") {
		t.Errorf("under an authority that is not trusted: %v, want unavailable because of x509", err)
	}
}

func TestAMasterIsFoundByTLS(t *testing.T) {
	t.Parallel()
	master := startRedis(t, redistest.Options{TLS: true})
	sentinel := startRedis(t, redistest.Options{TLS: true, Like: master, Sentinel: true, Config: "sentinel monitor main 127.0.0.1 " + port(master) + " 1"})
	cluster := startRedis(t, redistest.Options{TLS: true, Like: master, Config: "cluster-enabled yes\ncluster-announce-ip 127.0.0.1"})
	do(t, cluster, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	for _, store := range []string{
		"rediss+sentinel://" + sentinel.Addr() + "?master_name=main",
		"rediss+cluster://" + cluster.Addr(),
	} {
		g := openAs(t, redis.Config{Store: domain.NewSecret(store)}, redis.Options{RootCAs: master.CertPool()})
		until(t, "the master of "+store+" is found", func() bool { return g.Trouble() == nil })
		tryOut(t, g)
	}
}

func TestSentinelLeadsToTheNewMaster(t *testing.T) {
	t.Parallel()
	master := startRedis(t, redistest.Options{Password: "s3cr3t", Config: "masterauth s3cr3t\nrequirepass s3cr3t\nrepl-diskless-sync-delay 0"})
	replica := startRedis(t, redistest.Options{Password: "s3cr3t", Config: "masterauth s3cr3t\nrequirepass s3cr3t\nreplicaof 127.0.0.1 " + port(master)})
	sentinel := startRedis(t, redistest.Options{Sentinel: true, Password: "watchm4n", Config: strings.Join([]string{
		"requirepass watchm4n",
		"sentinel monitor main 127.0.0.1 " + port(master) + " 1",
		"sentinel auth-pass main s3cr3t",
		"sentinel down-after-milliseconds main 500",
		"sentinel failover-timeout main 2000",
	}, "\n")})

	g := openAs(t, redis.Config{
		Store:    domain.NewSecret("redis+sentinel://" + sentinel.Addr() + "?master_name=main&sentinel_password=watchm4n"),
		Password: settings.NewSecret("s3cr3t"),
	}, redis.Options{})
	until(t, "the master is found", func() bool { return g.Trouble() == nil })
	tryOut(t, g)
	used := claim(3, 1)
	used.ProvenAt = time.Now()
	if err := g.Claim(t.Context(), used); err != nil {
		t.Fatal(err)
	}
	until(t, "the sentinel knows a replica that can take over", func() bool {
		return strings.Contains(fmt.Sprint(do(t, sentinel, "INFO", "sentinel")), "slaves=1") &&
			strings.Contains(fmt.Sprint(do(t, replica, "INFO", "replication")), "master_link_status:up")
	})
	if err := master.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, "the replica is the master", func() bool {
		return strings.Contains(fmt.Sprint(do(t, replica, "INFO", "replication")), "role:master")
	})
	until(t, "the guard has found it", func() bool { return g.Claim(t.Context(), claim(4, 1)) == nil })
	used.Owner = domain.Owner{2}
	if err := g.Claim(t.Context(), used); reason(err) != domain.ErrTokenReplayed {
		t.Errorf("the used proof at the new master: %v, want it refused", err)
	}
}

// TestAClusterOfOneNode tries the cluster client, its keys and its user's rights.
// .ci/witnesses/redis tries more servers.
func TestAClusterOfOneNode(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{Config: "cluster-enabled yes\nuser bridge on >s3cr3t " + leastACL + " +cluster|slots"})
	config := redis.Config{Store: domain.NewSecret("redis+cluster://bridge@" + server.Addr()), Password: settings.NewSecret("s3cr3t")}
	g := openAs(t, config, redis.Options{})
	if err := g.Claim(t.Context(), claim(1, 1)); reason(err) != domain.ErrUnavailable {
		t.Errorf("in a cluster without slots: %v, want unavailable", err)
	}
	do(t, server, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	until(t, "the cluster is up", func() bool { return g.Trouble() == nil })
	tryOut(t, g)
	if stats := fmt.Sprint(do(t, server, "INFO", "commandstats")); strings.Contains(stats, "cmdstat_command:") {
		t.Errorf("COMMAND is sent, which the user may not: %s", stats)
	}
}

// The servers that are left do not tell who holds a dead master's slots until they are asked.
func TestADeadMasterOfAClusterIsLeft(t *testing.T) {
	t.Parallel()
	cluster, err := redistest.StartCluster(t.Context(), 1, time.Minute) // nobody takes its place by itself
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustDo(t, cluster.Close) })
	g := open(t, cluster.URL())
	tryOut(t, g)
	mustDo(t, cluster.Nodes[0].Kill)
	until(t, "there is trouble", func() bool { return g.Trouble() != nil })
	do(t, cluster.Nodes[1], "CLUSTER", "FAILOVER", "TAKEOVER")
	until(t, "the other server is found", func() bool { return g.Trouble() == nil })
	if err := g.Claim(t.Context(), claim(2, 1)); err != nil {
		t.Errorf("at the other server: %v", err)
	}
}

func TestANewConnectionLogsInWithThePasswordOfNow(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{Config: "user bridge on >one " + leastACL})
	config := redis.Config{Store: domain.NewSecret("redis://bridge@" + server.Addr()), Password: settings.NewSecret("one")}
	g := openAs(t, config, redis.Options{})
	tryOut(t, g)
	for _, command := range [][]any{{"ACL", "SETUSER", "bridge", "resetpass", ">two"}, {"CLIENT", "KILL", "USER", "bridge"}} {
		if _, err := server.Do(t.Context(), command...); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Claim(t.Context(), claim(7, 1)); reason(err) != domain.ErrUnavailable {
		t.Errorf("with the old password: %v, want that the store is unavailable", err)
	}
	fresh := redis.Config{Store: config.Store, Password: settings.NewSecret("two")}
	if adopted, _ := settings.Adopt(&config, &fresh); len(adopted) != 1 {
		t.Fatalf("adopted %v, want the password", adopted)
	}
	if err := g.Claim(t.Context(), claim(8, 1)); err != nil {
		t.Errorf("with the new password: %v", err)
	}
}
