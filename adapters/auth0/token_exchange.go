package auth0

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"nativebridge/adapters/internal/oauth"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
)

const (
	grantTokenExchange   = "urn:ietf:params:oauth:grant-type:token-exchange"
	tokenTypeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
)

// TokenExchangeIssuer opens sessions with Custom Token Exchange (RFC 8693; Auth0,
// "Custom Token Exchange"): the passkey token is the subject token, which an
// Action judges. There is no password and no username, and a session can be for an
// organization. Auth0 serves 4 exchanges in a second, 15 on Enterprise ("Rate Limit
// Configurations", auth0.com/docs). Everything else is as with an Issuer.
type TokenExchangeIssuer struct{ *Issuer }

var _ ports.TokenIssuer = (*TokenExchangeIssuer)(nil)

// NewTokenExchangeIssuer takes what NewIssuer takes.
func NewTokenExchangeIssuer(client *upstream.Client, config Config, skew time.Duration, now func() time.Time) *TokenExchangeIssuer {
	return &TokenExchangeIssuer{NewIssuer(client, config, skew, now)}
}

// Issue implements ports.TokenIssuer.
func (t *TokenExchangeIssuer) Issue(ctx context.Context, grant domain.Grant) (domain.Session, error) {
	return t.open(ctx, grant, t.tokenExchange(grant), func(reply upstream.Reply) error {
		return t.exchangeRefusal(reply, grant.Token.Secret)
	})
}

func (t *TokenExchangeIssuer) tokenExchange(grant domain.Grant) url.Values {
	form := t.form()
	form.Set("grant_type", grantTokenExchange)
	form.Set("subject_token_type", string(t.config.SubjectTokenType))
	form.Set("subject_token", grant.Token.Reveal())
	form.Set("requested_token_type", tokenTypeAccessToken)
	form.Set("scope", strings.Join(grant.Access.Scope, " "))
	if grant.Access.Audience != "" {
		form.Set("audience", grant.Access.Audience)
	}
	if grant.Access.Organization != "" {
		form.Set("organization", grant.Access.Organization)
	}
	return form
}

// exchangeRefusal returns what Auth0's error reply to an exchange means. What an Action
// says arrives in error_description, under invalid_request or the code it chose; a 500 is
// server_error, from Auth0 or from an Action that cannot tell.
func (t *TokenExchangeIssuer) exchangeRefusal(reply upstream.Reply, token domain.Secret) error {
	p := problemOf(reply)
	said := t.said(reply, p, token)
	if err := t.passing(reply, p, said); err != nil {
		return err
	}
	row := t.exchangeMeaning(reply.Status, p)
	if row.OfUs {
		t.client.Refused(reply)
	}
	err := row.Err(said, true)
	if row.Reason == domain.ErrBusy {
		return domain.WithRetryAfter(err, upstream.RetryAfter(reply.Header, t.now()))
	}
	return err
}

// exchangeMeaning is the table of Auth0's error codes in an exchange. Those that it does
// not have mean the same as in a password grant.
func (t *TokenExchangeIssuer) exchangeMeaning(status int, p problem) oauth.Refusal {
	switch p.Error {
	case "too_many_attempts":
		return oauth.Refusal{Reason: domain.ErrBusy, Hint: "attack protection throttles the address because the Action rejected too many tokens: " +
			"turn on Trust Token Endpoint IP Header in the application's settings"}
	case "unauthorized_client", "unsupported_grant_type":
		return oauth.OfUs("set token_exchange.allow_any_profile_of_type of the application to [\"custom_authentication\"], " +
			"and NATIVE_BRIDGE_CLIENT_ID in the Action's secrets to AUTH0_CLIENT_ID")
	case "invalid_request":
		return exchangeInvalid(p)
	case "invalid_target", "invalid_scope":
		return oauth.Ours("check AUTH0_AUDIENCE, AUTH0_SCOPE_ALLOWED, AUTH0_AUDIENCES_ALLOWED and AUTH0_ORGANIZATIONS_ALLOWED")
	case "", "mfa_required", "unauthorized", "requires_verification", "access_denied", "invalid_client":
		return t.meaning(status, p, domain.ErrAccessDenied)
	}
	if status != http.StatusBadRequest && status != http.StatusForbidden {
		return oauth.OfUs("check that AUTH0_DOMAIN is the tenant's domain")
	}
	return oauth.Refusal{Reason: domain.ErrAccessDenied, Hint: "look for an Action that denies with this code"}
}

// exchangeInvalid tells the kinds of invalid_request apart: the Action rejected
// the token, the person has no user, or the request can never work.
func exchangeInvalid(p problem) oauth.Refusal {
	switch {
	case strings.Contains(p.ErrorDescription, actionRefuses):
		return oauth.Refusal{Reason: domain.ErrAccessDenied, Hint: "the Action refused a token that Authsignal had just accepted. " +
			"Either its secrets differ from the bridge's settings (AUTHSIGNAL_SECRET, AUTHSIGNAL_API_URL, AUTHSIGNAL_ACTION, AUTHSIGNAL_SUBJECTS), " +
			"or Authsignal has refused the second validation of the same token"}
	case missingUser.MatchString(p.ErrorDescription):
		return oauth.Refusal{Reason: domain.ErrAccessDenied, Hint: "the person has no user at Auth0: make one, or name a connection in the Action's secret CREATE_USERS_IN"}
	}
	return oauth.Ours("check that AUTH0_SUBJECT_TOKEN_TYPE names a token exchange profile, that the Action's connection is enabled for the application " +
		"and does not import users, and that the application allows organizations if AUTH0_ORGANIZATIONS_ALLOWED names some")
}

// actionRefuses begins the reasons with which the Action rejects a token. It must
// be the text in exchange.js.
const actionRefuses = "native-bridge refuses"

// missingUser matches how Auth0 may say that the Action set a user who does not exist.
// Auth0 documents that this fails, but not its words.
var missingUser = regexp.MustCompile(`(?i)\buser\b.*\b(not exist|not found|not be found)|\b(no such|unknown) user\b`)

// SubjectTokenType is the URI of a token exchange profile.
type SubjectTokenType string

// UnmarshalText keeps Auth0's rules ("Custom Token Exchange Profile"): https:// or
// urn:, and none of the namespaces that Auth0 reserves.
func (s *SubjectTokenType) UnmarshalText(text []byte) error {
	uri := strings.ToLower(string(text))
	if !strings.HasPrefix(uri, "https://") && !strings.HasPrefix(uri, "urn:") {
		return errors.New("that is no URI of the scheme https or urn")
	}
	for _, reserved := range []string{"https://auth0.com", "https://okta.com", "urn:ietf", "urn:auth0", "urn:okta"} {
		if strings.HasPrefix(uri, reserved) {
			return fmt.Errorf("Auth0 reserves %s", reserved)
		}
	}
	if parsed, err := url.Parse(uri); err != nil || strings.ContainsAny(uri, " \t\r\n") || parsed.Host+parsed.Opaque == "" {
		return errors.New("that is no URI")
	}
	*s = SubjectTokenType(text)
	return nil
}

// Organizations is a list of ids of Auth0 organizations. Names are not accepted: they
// change, and tokens have them only if the tenant is set so.
type Organizations []string

var organizationID = regexp.MustCompile(`^org_[A-Za-z0-9]+$`)

// UnmarshalText splits at commas.
func (o *Organizations) UnmarshalText(text []byte) error {
	var list settings.Audiences
	if err := list.UnmarshalText(text); err != nil {
		return err
	}
	for i, id := range list {
		if !organizationID.MatchString(id) {
			return fmt.Errorf("its item %d is no organization's id", i+1)
		}
	}
	*o = Organizations(list)
	return nil
}

// CheckPasswordRealm returns the faults that c has for an Issuer besides Check's.
func (c *Config) CheckPasswordRealm() []settings.Fault {
	if len(c.OrganizationsAllowed) == 0 {
		return nil
	}
	return []settings.Fault{{
		Name:    "AUTH0_ORGANIZATIONS_ALLOWED",
		Problem: "is set, but Auth0's password grants know no organizations",
		Fix:     "unset it, or set TOKEN_ISSUER to auth0-token-exchange",
	}}
}

// CheckTokenExchange returns the faults that c has for a TokenExchangeIssuer
// besides Check's.
func (c *Config) CheckTokenExchange() []settings.Fault {
	if c.Proof != ProofSigned {
		return nil
	}
	return []settings.Fault{{
		Name:    "AUTH0_PROOF",
		Problem: "is signed, but the Action of token exchange takes tokens only",
		Fix:     "unset it, and AUTH0_PROOF_KEY, or set TOKEN_ISSUER to auth0",
	}}
}
