package auth0_test

import (
	"testing"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/internal/limitstest"
)

func TestTheTimesOfASessionAreAsDocumented(t *testing.T) {
	limitstest.Documented(t, "auth0.IssueTimeout", auth0.IssueTimeout)
	limitstest.Documented(t, "auth0.LoginScriptTimeout", auth0.LoginScriptTimeout)
	limitstest.Documented(t, "auth0.ExchangeActionTimeout", auth0.ExchangeActionTimeout)
}
