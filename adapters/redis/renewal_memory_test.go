package redis_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"nativebridge/adapters/redis"
	"nativebridge/adapters/redis/redistest"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// ageRenewals moves all that the store knows back by d, as if that time had passed: when
// its memory began, when answers end, and the times of turns.
const ageRenewals = `
redis.call('HSET', KEYS[1], 'born', string.format('%.0f', redis.call('HGET', KEYS[1], 'born') - ARGV[1]))
for _, key in ipairs(redis.call('KEYS', 'native-bridge:{replay}:renewal:*')) do
	local left, text = redis.call('PTTL', key) - ARGV[1], redis.call('GET', key)
	local kind, first, over, held, owner = string.match(text, '^(%l+) (%d+) (%d+) (%d+) (%x+)$')
	if kind then
		local function back(at) return tonumber(at) == 0 and 0 or at - ARGV[1] end
		text = string.format('%s %.0f %.0f %.0f %s', kind, back(first), back(over), back(held), owner)
	end
	if left > 0 then
		redis.call('SET', key, text, 'PX', string.format('%.0f', left))
	else
		redis.call('DEL', key)
	end
end
return 1`

func TestRenewalMemoryKeepsTheContract(t *testing.T) {
	portstest.RenewalMemory(t, func(t *testing.T) portstest.RenewalMemoryHarness {
		server := startRedis(t, redistest.Options{})
		store, err := redis.Open(t.Context(), redis.Config{Store: domain.NewSecret(server.URL())}, redis.Options{Log: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		return portstest.RenewalMemoryHarness{
			Memory: redis.NewRenewalMemory(store),
			Advance: func(d time.Duration) {
				do(t, server, "EVAL", ageRenewals, 1, "native-bridge:{replay}:memory", fmt.Sprint(d.Milliseconds()))
			},
			Fill: func(t *testing.T) { do(t, server, "CONFIG", "SET", "maxmemory", "1") },
			Hang: func(t *testing.T) { mustDo(t, server.Pause) },
			Stop: func(t *testing.T) { mustDo(t, server.Kill) },
		}
	})
}
