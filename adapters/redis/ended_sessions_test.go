package redis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/redis"
	"nativebridge/adapters/redis/redistest"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const keepEnded = 30 * 24 * time.Hour

func openEnded(t *testing.T, server *redistest.Server) *redis.EndedSessions {
	t.Helper()
	return redis.NewEndedSessions(open(t, server.URL()).Store, keepEnded)
}

func TestEndedSessionsKeepTheContract(t *testing.T) {
	portstest.EndedSessions(t, func(t *testing.T) portstest.EndedHarness {
		server := startRedis(t, redistest.Options{})
		return portstest.EndedHarness{
			Sessions: openEnded(t, server), Keep: keepEnded,
			Advance: func(d time.Duration) { ageKeys(t, server, "native-bridge:{replay}:[eb]*", d) },
			Fill:    func(t *testing.T) { do(t, server, "CONFIG", "SET", "maxmemory", "1") },
			Hang:    func(t *testing.T) { mustDo(t, server.Pause) },
			Stop:    func(t *testing.T) { mustDo(t, server.Kill) },
		}
	})
}

// What an operator reads in docs/signing-out.md: marks are as durable as the server's data.
func TestMarksOutliveAReplicaOfTheBridgeAndARestartFromADisk(t *testing.T) {
	server := startRedis(t, redistest.Options{Config: "appendonly yes\nappendfsync always"})
	at := time.Now()
	if err := openEnded(t, server).Mark(t.Context(), "auth0|jane", at); err != nil {
		t.Fatal(err)
	}
	mustDo(t, server.Restart)
	other := openEnded(t, server)
	until(t, "the server answers", func() bool {
		ended, err := other.Ended(t.Context(), domain.Lineage{Subject: "auth0|jane", Began: at.Add(-time.Second)})
		return err == nil && ended
	})
}

func TestMarksHoldNoNameAndNoRefreshToken(t *testing.T) {
	server := startRedis(t, redistest.Options{})
	sessions, at := openEnded(t, server), time.Now()
	if err := sessions.Mark(t.Context(), "auth0|jane", at); err != nil {
		t.Fatal(err)
	}
	if ended, err := sessions.Ended(t.Context(), domain.Lineage{Subject: "auth0|jane", Began: at, To: domain.NewSecret("refresh-token")}); ended || err != nil {
		t.Fatalf("ended: %t, %v", ended, err)
	}
	keys := do(t, server, "KEYS", "*").([]any)
	if len(keys) != 3 {
		t.Errorf("keys = %v, want the mark, the beginning and the memory", keys)
	}
	for _, key := range keys {
		text := fmt.Sprint(key)
		if !strings.HasSuffix(text, ":memory") {
			text += fmt.Sprint(do(t, server, "GET", key))
		}
		if strings.Contains(text, "jane") || strings.Contains(text, "refresh") {
			t.Errorf("%s tells who or what it is about", text)
		}
	}
}
