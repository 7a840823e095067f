package jwt_test

import (
	"testing"

	"nativebridge/adapters/internal/limitstest"
	"nativebridge/adapters/jwt"
)

func TestTheTimeOfAVerificationIsAsDocumented(t *testing.T) {
	limitstest.Documented(t, "jwt.VerifyTimeout", jwt.VerifyTimeout)
}
