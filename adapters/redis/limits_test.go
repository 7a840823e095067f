package redis_test

import (
	"testing"

	"nativebridge/adapters/internal/limitstest"
	"nativebridge/adapters/redis"
)

func TestPatienceIsAsDocumented(t *testing.T) {
	limitstest.Documented(t, "redis.Patience", redis.Patience)
}
