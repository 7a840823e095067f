package auth0

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"nativebridge/adapters/internal/checks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// probeTimeout bounds each request of a probe. A Login script has 20 s at Auth0, ours
// takes LoginScriptTimeout at most.
const probeTimeout = IssueTimeout

// madeUp is a refresh token that Auth0 has given to nobody.
const madeUp = "native-bridge-doctor-made-this-up"

const (
	noSession = "no session can be opened, and every sign-in is answered 500"
	noRenewal = "sessions cannot be renewed, and users must use the passkey again when the access token expires"
)

// NewProbe returns the checks of what the bridge's own credentials can tell without a
// try to sign in: the way to the tenant, its issuer identifier, its keys, the client's
// secret and the Refresh Token grant. It sends made-up refresh tokens, which change nothing.
func (i *Issuer) NewProbe() checks.Probe {
	way := upstream.Way{Party: "Auth0", Setting: "AUTH0_DOMAIN", Address: i.config.Domain.Issuer(), Codes: "NB12", Skew: i.idTokens.Skew}
	return func() []checks.Step {
		e := &examination{issuer: i}
		return append(i.client.Steps(way),
			checks.Step{Check: domain.Check{
				Code: "NB401", Asks: "AUTH0_DOMAIN is the domain that the tenant's tokens name as their issuer",
				Why:    "the ID token's issuer is not the one expected, and every sign-in is answered 500",
				Remedy: "set AUTH0_DOMAIN to the tenant's domain, or to its custom domain if it has one (Auth0 dashboard, the application, Settings, Domain)",
			}, After: []string{way.Last()}, Make: e.issuerIdentifier},
			checks.Step{Check: domain.Check{
				Code: "NB402", Asks: "the tenant publishes a key for RS256",
				Why:    "no ID token can be verified, and every sign-in is answered 503",
				Remedy: "choose RS256: Auth0 dashboard, the application, Settings, Advanced Settings, OAuth, JSON Web Token Signature Algorithm",
			}, After: []string{"NB401"}, Make: e.keys},
			checks.Step{Check: domain.Check{
				Code: "NB403", Asks: "Auth0 accepts AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET", Why: noSession,
				Remedy: "set both to those of the bridge's application (Auth0 dashboard, Applications, Settings), " +
					"and its authentication method to Client Secret (Post) (Credentials)",
			}, After: []string{"NB401"}, Make: e.client},
			checks.Step{Check: domain.Check{
				Code: "NB404", Asks: "the application may use the Refresh Token grant, if sessions may have a refresh token", Why: noRenewal,
				Remedy: "turn Refresh Token on: " + dashboardGrants + "; or take offline_access out of AUTH0_SCOPE and AUTH0_SCOPE_ALLOWED",
			}, After: []string{"NB403"}, Make: e.refreshGrant},
			checks.Step{Check: domain.Check{
				Code: "NB405", Asks: "AUTH0_AUDIENCE names the API that access tokens are for", Grade: domain.Warning,
				Why:    "access tokens are no JWTs, and good for /userinfo only: your API cannot check them",
				Remedy: "set AUTH0_AUDIENCE to the API's identifier (Auth0 dashboard, Applications, APIs), unless apps only want to know who signed in",
			}, Make: e.audience},
		)
	}
}

// examination is one run of a probe.
type examination struct{ issuer *Issuer }

func (e *examination) issuerIdentifier(ctx context.Context) (f domain.Finding) {
	reply, err := e.get(ctx, "/.well-known/openid-configuration")
	if err != nil {
		return cannotReach(err)
	}
	var found struct {
		Issuer string `json:"issuer"`
	}
	switch want := e.issuer.config.Domain.Issuer(); {
	case isPassing(reply):
		return f.CannotTell(e.said(reply), "run it again in a minute; see Auth0's status page")
	case reply.Status != http.StatusOK || json.Unmarshal(reply.Body, &found) != nil || found.Issuer == "":
		return f.Fail(e.said(reply)+" to the question for its OpenID configuration: that is no tenant of Auth0", "")
	case found.Issuer != want:
		return f.Fail(fmt.Sprintf("the tokens' issuer is %q, and AUTH0_DOMAIN makes it %q", upstream.Words(found.Issuer), want),
			"set AUTH0_DOMAIN to the host of the first: the custom domain, if the tenant has one")
	}
	return f.Pass()
}

func (e *examination) keys(ctx context.Context) (f domain.Finding) {
	reply, err := e.get(ctx, "/.well-known/jwks.json")
	if err != nil {
		return cannotReach(err)
	}
	var set struct {
		Keys []struct {
			Type string `json:"kty"`
			Alg  string `json:"alg"`
		} `json:"keys"`
	}
	switch {
	case isPassing(reply):
		return f.CannotTell(e.said(reply), "run it again in a minute; see Auth0's status page")
	case reply.Status != http.StatusOK || json.Unmarshal(reply.Body, &set) != nil:
		return f.Fail(e.said(reply)+" to the question for its keys", "check AUTH0_DOMAIN, and whether a proxy changes what Auth0 answers")
	}
	for _, key := range set.Keys {
		if key.Type == "RSA" && (key.Alg == "" || key.Alg == "RS256") {
			return f.Pass()
		}
	}
	return f.Fail("none of its keys is for RS256", "")
}

func (e *examination) audience(context.Context) (f domain.Finding) {
	if e.issuer.config.Audience == "" {
		return f.Fail("it is not set", "")
	}
	return f.Pass()
}

// client asks to revoke a token that does not exist, which Auth0 answers 200 to whoever
// authenticates (RFC 7009, section 2.2). No attack protection counts it.
func (e *examination) client(ctx context.Context) (f domain.Finding) {
	form := e.issuer.form()
	form.Set("token", madeUp)
	reply, err := e.post(ctx, "/oauth/revoke", form)
	switch {
	case err != nil:
		return cannotReach(err)
	case reply.Status == http.StatusOK:
		return f.Pass()
	case isPassing(reply):
		return f.CannotTell(e.said(reply), "run it again in a minute; see Auth0's status page")
	}
	return f.Fail(e.said(reply), "")
}

// refreshGrant sends a refresh token that does not exist. Whether the grant is allowed
// is asked first.
func (e *examination) refreshGrant(ctx context.Context) (f domain.Finding) {
	offer := e.issuer.config.Offer()
	if !slices.Contains(offer.Default.Scope, "offline_access") && !slices.Contains(offer.Scopes, "offline_access") {
		return f.Pass() // nobody is given one
	}
	form := e.issuer.form()
	form.Set("grant_type", "refresh_token")
	form.Set("refresh_token", madeUp)
	reply, err := e.post(ctx, "/oauth/token", form)
	if err != nil {
		return cannotReach(err)
	}
	switch problemOf(reply).Error {
	case "invalid_grant":
		return f.Pass()
	case "unauthorized_client", "unsupported_grant_type":
		return f.Fail(e.said(reply), "")
	}
	return f.CannotTell(e.said(reply), "run it again in a minute; see Auth0's status page")
}

func (e *examination) get(ctx context.Context, path string) (upstream.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.issuer.config.Domain.URL(path), nil)
	if err != nil {
		return upstream.Reply{}, err
	}
	req.Header.Set("Accept", "application/json")
	return e.issuer.client.Do(req)
}

func (e *examination) post(ctx context.Context, path string, form url.Values) (upstream.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return e.issuer.post(ctx, path, form, netip.Addr{})
}

func (e *examination) said(reply upstream.Reply) string {
	return e.issuer.said(reply, problemOf(reply), domain.Secret{})
}

// isPassing reports whether the same question may have an answer in a while.
func isPassing(reply upstream.Reply) bool {
	return isRateLimit(reply) || reply.Status >= http.StatusInternalServerError || reply.Status == http.StatusRequestTimeout
}

func cannotReach(err error) (f domain.Finding) {
	return f.CannotTell(upstream.Words(err.Error()), "run it again; see Auth0's status page")
}
