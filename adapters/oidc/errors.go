package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// problem is the body of an error reply (RFC 6749, section 5.2).
type problem struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// refusal is the one table of the provider's error replies to form: RFC 6749
// section 5.2, RFC 7523 section 3 and OpenID Connect Core 1.0 section 3.1.2.6. It
// goes by the code, as vendors disagree about statuses. Invalid is the reason that
// invalid_grant stands for, which speaks of whatever credential was sent; "" means
// that nobody is there to be refused, and that a refusal is a fault of ours.
func (i *Issuer) refusal(reply upstream.Reply, form url.Values, invalid domain.Error) error {
	var p problem
	_ = json.Unmarshal(reply.Body, &p) // plain text and HTML leave it empty
	words := strings.Trim(p.Error+": "+p.Description, ": ")
	said := fmt.Sprintf("the provider answered %d %s", reply.Status, reply.Words(words, i.credentials(form)...))
	said = strings.TrimSpace(said)
	refused := func(reason domain.Error, hint string) error {
		if invalid == "" {
			return errors.New(said + hint)
		}
		return fmt.Errorf("%w: %s%s", reason, said, hint)
	}
	later := func(reason domain.Error) error {
		return domain.WithRetryAfter(fmt.Errorf("%w: %s", reason, said), upstream.RetryAfter(reply.Header, i.now()))
	}
	ours := func(fix string) error { return errors.New(said + ": " + fix) }
	refusesUs := func(fix string) error {
		i.client.Refused(reply)
		return ours(fix)
	}

	switch {
	case reply.Status == http.StatusTooManyRequests:
		return later(domain.ErrBusy)
	case reply.Status >= http.StatusInternalServerError, reply.Status == http.StatusRequestTimeout, reply.Status < http.StatusMultipleChoices:
		return later(domain.ErrUnavailable)
	}
	switch p.Error {
	case "invalid_grant":
		if invalid == domain.ErrAccessDenied {
			return refused(invalid, i.refusedAssertion())
		}
		return refused(invalid, "")
	case "access_denied":
		return refused(domain.ErrAccessDenied, "")
	case "interaction_required", "login_required", "consent_required":
		return refused(domain.ErrAccessDenied, ": the provider wants to see the person, which this flow cannot do: exempt the bridge's client from it")
	case "temporarily_unavailable", "server_error":
		return later(domain.ErrUnavailable)
	case "invalid_client":
		return refusesUs("check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET or OIDC_CLIENT_KEY, " +
			"that the provider has that key's public half, and that the client may authenticate in this way")
	case "unauthorized_client", "unsupported_grant_type":
		return refusesUs("allow the client the grants " + grantJWTBearer + " and refresh_token, and turn the first on at the provider")
	case "invalid_scope":
		return ours("check that OIDC_SCOPE and OIDC_SCOPE_ALLOWED hold only what the client may have, and the bridge's key may ask for")
	case "invalid_target":
		return ours("check OIDC_AUDIENCE, OIDC_AUDIENCES_ALLOWED and OIDC_AUDIENCE_PARAMETER")
	}
	return refusesUs("check that OIDC_ISSUER is a provider with the JWT bearer grant (RFC 7523), and docs/oidc.md for what it must be told")
}

// refusedAssertion is the hint for a refused assertion. Providers say invalid_grant
// for all that can be wrong with one, and for a person they do not know.
func (i *Issuer) refusedAssertion() string {
	return fmt.Sprintf(": if everybody is refused, check that the provider trusts issuer %q with the keys of GET /assertion/jwks.json, "+
		"that it takes its issuer identifier %q for the audience, and that the clocks agree; "+
		"if only some are, that it knows them by the subject they have at the verifier", i.config.assertionIssuer(), i.config.Issuer)
}

// credentials lists what must not be told, should the provider echo it.
func (i *Issuer) credentials(form url.Values) []domain.Secret {
	secrets := []domain.Secret{i.config.ClientSecret}
	for _, name := range []string{"assertion", "client_assertion", "refresh_token", "token"} {
		secrets = append(secrets, domain.NewSecret(form.Get(name)))
	}
	return secrets
}
