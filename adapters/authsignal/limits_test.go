package authsignal_test

import (
	"testing"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/internal/limitstest"
)

func TestTheTimeOfAVerificationIsAsDocumented(t *testing.T) {
	limitstest.Documented(t, "authsignal.VerifyTimeout", authsignal.VerifyTimeout)
}
