package idtoken

import (
	"testing"

	"nativebridge/adapters/internal/limitstest"
)

func TestTheTimeOfAFetchIsAsDocumented(t *testing.T) {
	limitstest.Documented(t, "idtoken.fetchTimeout", fetchTimeout)
}
