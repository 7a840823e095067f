package jwks

import (
	"testing"

	"nativebridge/adapters/internal/limitstest"
)

func TestTheTimeOfAFetchIsAsDocumented(t *testing.T) {
	limitstest.Documented(t, "jwks.fetchTimeout", fetchTimeout)
}
