package docs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/auth0"
	"nativebridge/adapters/oidc"
	"nativebridge/adapters/redis"
	"nativebridge/domain"
)

// The packages themselves test the table of limits in architecture.md; these
// are the sentences elsewhere.
func TestEveryDocumentTellsTheTimeLimitsOfTheCode(t *testing.T) {
	config, err := adapters.LoadConfig(map[string]string{
		"AUTHSIGNAL_API_URL": "https://eu.api.authsignal.com/v1", "AUTHSIGNAL_SECRET": "s3cr3t-authsignal",
		"AUTH0_DOMAIN": "example.eu.auth0.com", "AUTH0_CLIENT_ID": "client-1", "AUTH0_CLIENT_SECRET": "s3cr3t-auth0",
	})
	if err != nil {
		t.Fatal(err)
	}
	request := time.Duration(adapters.NewDeadline(config))
	kept := adapters.NewSignInPolicies(config)[0].ClaimFor(domain.Identity{}, domain.Owner{}, request).Keep
	seconds := func(limit time.Duration) string { return fmt.Sprint(limit.Seconds()) }

	for sentence, document := range map[string]string{
		"script gives all its calls " + seconds(auth0.LoginScriptTimeout) + " seconds together. The bridge waits " + seconds(auth0.IssueTimeout) + ".": "tenant.md",
		"`503` after " + seconds(auth0.IssueTimeout) + " s": "tenant.md",
		"Action gives all its calls " + seconds(auth0.ExchangeActionTimeout) + " seconds together; the bridge waits " + seconds(auth0.IssueTimeout) + ",": "tenant-token-exchange.md",
		"answer within " + seconds(redis.Patience) + " s, repetitions included":                                                                           "operate.md",
		"an assertion lives " + seconds(oidc.AssertionLifetime) + " s and is used once":                                                                   "oidc.md",
		"longer than `REQUEST_TIMEOUT` (" + seconds(request) + " s)":                                                                                      "run.md",
		"`REQUEST_TIMEOUT`, " + seconds(request) + " s":                                                                                                   "api.md",
		"`REQUEST_TIMEOUT`, " + seconds(request) + " s;":                                                                                                  "architecture.md",
		"`REQUEST_TIMEOUT`: " + seconds(kept) + " s":                                                                                                      "operate.md",
		fmt.Sprintf("`REQUEST_TIMEOUT`: %d min %d s", int(kept.Minutes()), int(kept.Seconds())%60):                                                        "architecture.md",
	} {
		if !strings.Contains(read(t, document), sentence) {
			t.Errorf("%s does not say %q", document, sentence)
		}
	}
}
