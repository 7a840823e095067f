package oidc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"nativebridge/adapters/internal/oauth"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// problem is the body of an error reply (RFC 6749, section 5.2).
type problem struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// refusesClient reports whether a reply refuses the client's authentication, so that the
// provider looked at nothing else (RFC 6749, section 5.2).
func refusesClient(reply upstream.Reply) bool {
	var p problem
	_ = json.Unmarshal(reply.Body, &p)
	return reply.Status >= http.StatusBadRequest && reply.Status < http.StatusInternalServerError && p.code(reply.Status) == "invalid_client"
}

// code returns the error code of a reply with this status. Keycloak says unauthorized_client
// of a wrong secret, but with 401, which is for failed authentication alone (RFC 6749, section 5.2).
func (p problem) code(status int) string {
	if p.Error == "unauthorized_client" && status == http.StatusUnauthorized {
		return "invalid_client"
	}
	return p.Error
}

// refusal returns what the provider's error reply to form means. Invalid is the reason
// that invalid_grant stands for, since that code is about whatever credential was sent. If
// it is "", no person is involved, and a refusal is a fault of ours.
func (i *Issuer) refusal(reply upstream.Reply, form url.Values, invalid domain.Error) error {
	var p problem
	_ = json.Unmarshal(reply.Body, &p) // plain text and HTML leave it empty
	words := strings.Trim(p.Error+": "+p.Description, ": ")
	said := strings.TrimSpace(fmt.Sprintf("the provider answered %d %s", reply.Status, reply.Words(words, i.credentials(form)...)))
	later := func(reason domain.Error) error {
		return domain.WithRetryAfter(fmt.Errorf("%w: %s", reason, said), upstream.RetryAfter(reply.Header, i.now()))
	}
	switch {
	case reply.Status == http.StatusTooManyRequests:
		return later(domain.ErrBusy)
	case oauth.SaysNothing(reply.Status), p.Error == "temporarily_unavailable", p.Error == "server_error":
		return later(domain.ErrUnavailable)
	}
	row := i.meaning(p.code(reply.Status), invalid)
	if row.OfUs {
		i.client.Refused(reply)
	}
	return row.Err(said, invalid != "")
}

// meaning is the one table of the provider's error codes: RFC 6749 section 5.2, RFC 7523
// section 3 and OpenID Connect Core 1.0 section 3.1.2.6. It goes by the code, as vendors
// disagree about statuses.
func (i *Issuer) meaning(code string, invalid domain.Error) oauth.Refusal {
	switch code {
	case "invalid_grant":
		return oauth.Refusal{Reason: invalid, Hint: i.refusedAssertion(invalid)}
	case "access_denied":
		return oauth.Refusal{Reason: domain.ErrAccessDenied}
	case "interaction_required", "login_required", "consent_required":
		return oauth.Refusal{Reason: domain.ErrAccessDenied, Hint: "the provider wants to see the person, which this flow cannot do: exempt the bridge's client from it"}
	case "invalid_client":
		return oauth.OfUs("check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET or OIDC_CLIENT_KEY, " +
			"that the provider has that key's public half, and that the client may authenticate in this way")
	case "unauthorized_client", "unsupported_grant_type":
		return oauth.OfUs("allow the client the grants " + grantJWTBearer + " and refresh_token, and turn the first on at the provider")
	case "invalid_scope":
		return oauth.Ours("check that OIDC_SCOPE and OIDC_SCOPE_ALLOWED hold only what the client may have, and the bridge's key may ask for")
	case "invalid_target":
		return oauth.Ours("check OIDC_AUDIENCE, OIDC_AUDIENCES_ALLOWED and OIDC_AUDIENCE_PARAMETER")
	}
	return oauth.OfUs("check that OIDC_ISSUER is a provider with the JWT bearer grant (RFC 7523), and docs/oidc.md for what it must be told")
}

// refusedAssertion is the hint for a refused assertion. Providers say invalid_grant
// for all that can be wrong with one, and for a person they do not know. There is none
// for a refresh token.
func (i *Issuer) refusedAssertion(invalid domain.Error) string {
	if invalid != domain.ErrAccessDenied {
		return ""
	}
	return fmt.Sprintf("if everybody is refused, check that the provider trusts issuer %q with the keys of GET /assertion/jwks.json, "+
		"that it allows the client this grant and this issuer, that it takes its issuer identifier %q for the audience, and that the clocks agree; "+
		"if only some are, that it knows them by the subject they have at the verifier", i.config.assertionIssuer(), i.config.Issuer)
}

// credentials lists what must not be shown if the provider echoes it.
func (i *Issuer) credentials(form url.Values) []domain.Secret {
	secrets := i.secrets.Secrets()
	for _, name := range []string{"assertion", "client_assertion", "refresh_token", "token"} {
		secrets = append(secrets, domain.NewSecret(form.Get(name)))
	}
	return secrets
}
