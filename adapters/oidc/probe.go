package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"nativebridge/adapters/internal/checks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// probeSubject is whom a trial's assertion is about.
const probeSubject = "native-bridge-doctor"

// keycloakForbids is what Keycloak 26.7 says of a client that may not use the grant, or not
// with the bridge's assertions, and how to mend it; "" means the check's own remedy. Its code
// is invalid_grant, and a sign-in goes by the code alone (ADR 0058).
var keycloakForbids = map[string]string{
	"JWT Authorization Grant is not supported for the requested client": "",
	"Identity Provider is not allowed for the client": "allow the client the identity provider of the bridge: " +
		"Clients, Capability config, Allowed Identity Providers (docs/oidc.md)",
	"No Identity Provider for provided issuer": "have an identity provider at Keycloak that is enabled and whose issuer is OIDC_ASSERTION_ISSUER, " +
		"or the client id if that is not set (docs/oidc.md)",
}

// NewProbe returns the checks of what the provider publishes: the way to it, its
// configuration and its keys.
func (i *Issuer) NewProbe() checks.Probe {
	way := upstream.Way{Party: "the OpenID provider", Setting: "OIDC_ISSUER", Address: string(i.config.Issuer), Codes: "NB13", Skew: i.skew}
	return func() []checks.Step {
		return append(i.client.Steps(way), checks.Step{Check: domain.Check{
			Code: "NB811", Asks: "the provider's configuration is that of OIDC_ISSUER, and names its keys",
			Why:    "no session can be opened, and every sign-in is answered 500 or 503",
			Remedy: "set OIDC_ISSUER to the provider's issuer identifier, to the letter as its tokens have it in iss",
		}, After: []string{way.Last()}, Make: i.examineConfiguration})
	}
}

func (i *Issuer) examineConfiguration(ctx context.Context) (f domain.Finding) {
	if err := i.Warm(ctx); err != nil {
		return f.Fail(upstream.Words(err.Error()), "")
	}
	return f.Pass()
}

// NewTrial returns the checks that one assertion tells which must be refused, because it
// has expired. It opens no session and makes no account. Whether the provider trusts the
// key cannot be told so: it says invalid_grant in either case, and only Keycloak's words
// tell some cases apart.
func (i *Issuer) NewTrial() checks.Probe {
	const why = "no session can be opened, and every sign-in is answered 500"
	list := []domain.Check{
		{Code: "NB812", Asks: "the provider accepts the bridge's client and its credential", Why: why,
			Remedy: "check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET or OIDC_CLIENT_KEY, that the provider has that key's public half, and that the client may authenticate in this way"},
		{Code: "NB813", Asks: "the client may use the JWT bearer grant", Why: why,
			Remedy: "allow the client the grant " + grantJWTBearer + ", and turn it on at the provider (docs/oidc.md)"},
		{Code: "NB921", Asks: "the provider refuses an assertion that has expired", Why: "an assertion that was copied opens sessions for ever",
			Remedy: "have the provider check exp (RFC 7523, section 3), or use another one"},
	}
	return checks.Layers(list, i.try)
}

func (i *Issuer) try(ctx context.Context) (code string, f domain.Finding) {
	ctx, cancel := context.WithTimeout(ctx, IssueTimeout)
	defer cancel()
	provider, err := i.discovery.provider(ctx)
	if err != nil {
		return "NB812", f.CannotTell(upstream.Words(err.Error()), "see NB811 first")
	}
	expired := *i.assertions
	expired.now = func() time.Time { return i.now().Add(-time.Hour) }
	assertion, err := expired.about(probeSubject)
	if err != nil {
		return "NB812", f.CannotTell(err.Error(), howToMakeAKey)
	}
	grant := domain.Grant{Access: domain.Access{Scope: i.config.Scope, Audience: i.config.Audience}}
	form := i.jwtBearer(assertion, grant.Access)
	reply, err := i.secrets.Try(func(secret domain.Secret) (upstream.Reply, error) {
		return i.post(ctx, provider, provider.TokenEndpoint, form, secret)
	}, refusesClient)
	if err != nil {
		return "NB812", f.CannotTell(upstream.Words(err.Error(), i.credentials(form)...), "run it again; see the provider's status page")
	}
	var p problem
	_ = json.Unmarshal(reply.Body, &p) // plain text and HTML leave it empty
	said := strings.TrimSpace(fmt.Sprintf("the provider answered %d %s", reply.Status, reply.Words(strings.Trim(p.Error+": "+p.Description, ": "), i.credentials(form)...)))
	if reply.Status == http.StatusOK {
		return "NB921", f.Fail("it was accepted", "")
	}
	switch p.code(reply.Status) {
	case "invalid_client":
		return "NB812", f.Fail(said, "")
	case "unauthorized_client", "unsupported_grant_type":
		return "NB813", f.Fail(said, "")
	case "invalid_grant":
		for words, fix := range keycloakForbids {
			if strings.Contains(p.Description, words) {
				return "NB813", f.Fail(said, fix)
			}
		}
		return "", f
	}
	return "NB812", f.CannotTell(said, "look the answer up in docs/oidc.md, and in the provider's log")
}
