package oidc_test

import (
	"testing"

	"nativebridge/adapters/internal/limitstest"
	"nativebridge/adapters/oidc"
)

func TestTheTimeOfASessionIsAsDocumented(t *testing.T) {
	limitstest.Documented(t, "oidc.IssueTimeout", oidc.IssueTimeout)
}
