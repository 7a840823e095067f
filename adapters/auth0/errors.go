package auth0

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"nativebridge/adapters/internal/oauth"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// cannotTell begins the messages of the Login script and the Action that are no verdict.
// It is not documented which status and code Auth0 then answers with; where it passes the
// message on, this text tells an outage from a refusal. It must be the text in login.js
// and exchange.js.
const cannotTell = "native-bridge cannot tell"

// problem is the body of an error reply: OAuth's form (RFC 6749, section 5.2) or
// Auth0's older one. It does not read mfa_token, which is a credential.
type problem struct {
	Error            string `json:"error"`
	ErrorDescription string `json:"error_description"`
	Code             string `json:"code"`
	Description      string `json:"description"`
}

func problemOf(reply upstream.Reply) problem {
	var p problem
	_ = json.Unmarshal(reply.Body, &p) // plain text and HTML leave it empty
	if p.Error == "" {
		p.Error, p.ErrorDescription = p.Code, p.Description
	}
	return p
}

// isRateLimit reports whether a reply is a 429 that ends by itself. The 429 of attack
// protection does not: it blocks an account or an address until somebody lifts the block.
func isRateLimit(reply upstream.Reply) bool {
	return reply.Status == http.StatusTooManyRequests && problemOf(reply).Error != "too_many_attempts"
}

// refusesClient reports whether a reply refuses the bridge's client secret. Auth0 looks at
// that before anything else: no script and no Action has run, and no refresh token is used
// up (RFC 6749, section 5.2).
func refusesClient(reply upstream.Reply) bool {
	p := problemOf(reply)
	return reply.Status == http.StatusUnauthorized && (p.Error == "invalid_client" || p.Error == "access_denied")
}

// said returns the beginning of an error: the reply's status and words, without the client
// secrets and the other secrets that were sent.
func (i *Issuer) said(reply upstream.Reply, p problem, sent ...domain.Secret) string {
	words := strings.Trim(p.Error+": "+p.ErrorDescription, ": ")
	return strings.TrimSpace(fmt.Sprintf("auth0 answered %d %s", reply.Status,
		reply.Words(words, append(i.secrets.Secrets(), sent...)...)))
}

// unanswered is the error for a request for a session that got no answer. Auth0 gives a
// script 20 s, which is longer than the bridge waits. So a script that never calls back
// looks like an Auth0 that hangs.
func unanswered(err error) error {
	err = fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: if Auth0 is up, the Login script or the Action never calls back or takes too long: "+
			"look for script time-outs in the tenant's logs, and compare the script with ours", err)
	}
	return err
}

// passing returns the error of a reply that is no verdict: the same request could
// succeed later. For any other reply it returns nil.
func (i *Issuer) passing(reply upstream.Reply, p problem, said string) error {
	reason := domain.ErrUnavailable
	switch {
	case isRateLimit(reply):
		reason = domain.ErrBusy
	case oauth.SaysNothing(reply.Status):
	case strings.Contains(p.ErrorDescription, cannotTell):
	default:
		return nil
	}
	return domain.WithRetryAfter(fmt.Errorf("%w: %s", reason, said), upstream.RetryAfter(reply.Header, i.now()))
}

// refusal returns what an error reply to a password, a refresh token or a revocation
// means. Invalid is the reason that invalid_grant stands for, since that code is about
// whatever credential was sent. If it is "", no person is involved, and a refusal is a
// fault of ours.
func (i *Issuer) refusal(reply upstream.Reply, invalid domain.Error, sent ...domain.Secret) error {
	p := problemOf(reply)
	said := i.said(reply, p, sent...)
	if err := i.passing(reply, p, said); err != nil {
		return err
	}
	row := i.meaning(reply.Status, p, invalid)
	if row.OfUs {
		i.client.Refused(reply)
	}
	return row.Err(said, invalid != "")
}

// meaning is the one table of Auth0's error codes. It looks at the code first, because
// Auth0's documents disagree about some statuses.
func (i *Issuer) meaning(status int, p problem, invalid domain.Error) oauth.Refusal {
	switch p.Error {
	case "mfa_required":
		return oauth.Refusal{Reason: domain.ErrMFARequired, Hint: "exempt the bridge's application from MFA in a post-login Action, the passkey is the second factor"}
	case "invalid_grant", "invalid_user_password":
		return oauth.Refusal{Reason: invalid, Hint: i.refusedProof(invalid)}
	case "too_many_attempts":
		return oauth.Refusal{Reason: domain.ErrAccountBlocked, Hint: "attack protection has blocked the account, or the bridge's address: " +
			"unblock the user, and turn on Trust Token Endpoint IP Header in the application's settings"}
	case "unauthorized":
		return oauth.Refusal{Reason: blockedOrDenied(p)}
	case "password_leaked":
		return oauth.Refusal{Reason: domain.ErrAccessDenied, Hint: "turn breached password detection off (Security, Attack Protection): it takes tokens for passwords"}
	case "requires_verification":
		return oauth.Refusal{Reason: domain.ErrAccessDenied, Hint: "turn bot detection off for this flow, it cannot show a CAPTCHA"}
	case "access_denied":
		return denied(status, p)
	case "invalid_client":
		return oauth.OfUs("check AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET, and that the application authenticates by client_secret_post")
	case "unauthorized_client", "unsupported_grant_type":
		return oauth.OfUs("turn the Password and Refresh Token grants on in the application's advanced settings " +
			"(by the API: password, " + grantPasswordRealm + " and refresh_token)")
	case "invalid_request":
		if invalid != domain.ErrAccessDenied {
			return oauth.Ours("check AUTH0_SCOPE_ALLOWED and AUTH0_AUDIENCES_ALLOWED")
		}
		return oauth.Ours("check that AUTH0_CONNECTION names the connection and that it is enabled for the application")
	}
	return oauth.OfUs("check that AUTH0_DOMAIN is the tenant's domain")
}

func blockedOrDenied(p problem) domain.Error {
	if p.ErrorDescription == "user is blocked" {
		return domain.ErrAccountBlocked
	}
	return domain.ErrAccessDenied
}

// denied tells three kinds of access_denied apart: Auth0 also says it for a wrong client
// secret and for an unknown audience.
func denied(status int, p problem) oauth.Refusal {
	switch {
	case status == http.StatusUnauthorized:
		return oauth.OfUs("check AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET")
	case strings.HasPrefix(p.ErrorDescription, "Service not found"):
		return oauth.Ours("check that AUTH0_AUDIENCE is the identifier of an API of the tenant")
	}
	return oauth.Refusal{Reason: domain.ErrAccessDenied, Hint: "look for an Action that denies access, and check that the connection, AUTH0_CONNECTION, is enabled for the application"}
}

// refusedProof is the hint for a proof that the Login script refuses, although Authsignal
// has just accepted the token, or the bridge has just signed the proof. There is none for
// a refresh token.
func (i *Issuer) refusedProof(invalid domain.Error) string {
	if invalid != domain.ErrAccessDenied {
		return ""
	}
	if i.config.Proof == ProofSigned {
		return "the Login script refused a proof that the bridge had just signed. " +
			"Either its settings differ from the bridge's (NATIVE_BRIDGE_KEY, NATIVE_BRIDGE_CLIENT_ID, NATIVE_BRIDGE_CONNECTION, AUTHSIGNAL_API_URL, AUTHSIGNAL_ACTION, AUTHSIGNAL_SUBJECTS), " +
			"or it is the login.js of another release, or the bridge's clock is wrong"
	}
	return "the Login script refused a token that Authsignal had just accepted. " +
		"Either its settings differ from the bridge's (AUTHSIGNAL_SECRET, AUTHSIGNAL_API_URL, AUTHSIGNAL_ACTION, AUTHSIGNAL_SUBJECTS; with NATIVE_BRIDGE_KEY it takes no tokens), " +
		"or Authsignal has refused the second validation of the same token"
}
