// Package auth0 opens and ends sessions at Auth0.
package auth0

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/idtoken"
	"nativebridge/adapters/internal/jwks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
)

// IssueTimeout bounds the opening of a session, its one retry included. It is
// longer than LoginScriptTimeout and ExchangeActionTimeout, because otherwise a slow
// Authsignal would look like a slow Auth0.
const IssueTimeout = 6 * time.Second

// grantPasswordRealm is Auth0's password grant for a named connection ("Resource
// Owner Password Flow", auth0.com/docs).
const grantPasswordRealm = "http://auth0.com/oauth/grant-type/password-realm" // #nosec G101 -- a name, no credential

// Issuer opens sessions with the password-realm grant: the subject is the
// username and a Proof the password, which the connection's Login script judges.
// It also renews and revokes them, because their refresh tokens belong to its client, and
// it knows the keys that sign them.
type Issuer struct {
	client   *upstream.Client
	config   Config
	secrets  *upstream.Overlap
	idTokens *idtoken.Verifier
	now      func() time.Time
}

var (
	_ ports.TokenIssuer    = (*Issuer)(nil)
	_ ports.SessionRenewer = (*Issuer)(nil)
	_ ports.SessionRevoker = (*Issuer)(nil)
	_ ports.IssuerKeys     = (*Issuer)(nil)
)

// NewIssuer returns an issuer for the tenant that config describes. Skew is how
// far Auth0's clock may differ.
func NewIssuer(client *upstream.Client, config Config, skew time.Duration, now func() time.Time) *Issuer {
	return &Issuer{
		client:  client,
		config:  config,
		secrets: upstream.NewOverlap(config.ClientSecret, config.ClientSecretOther),
		now:     now,
		idTokens: &idtoken.Verifier{
			Keys:       jwks.New(client, config.Domain.URL("/.well-known/jwks.json"), now),
			Issuer:     config.Domain.Issuer(),
			ClientID:   config.Client,
			Skew:       skew,
			Now:        now,
			Algorithms: config.IDTokenAlgorithms(),
		},
	}
}

// Warm fetches the tenant's keys, which also opens a connection to it.
func (i *Issuer) Warm(ctx context.Context) error { return i.idTokens.Keys.Fetch(ctx) }

// JWKS implements ports.IssuerKeys.
func (i *Issuer) JWKS(ctx context.Context) ([]byte, error) { return i.idTokens.Keys.JWKS(ctx) }

// FindKeys returns the tenant's keys with the given id, which a stranger may have made up. No
// keys and no error means that it has none; the error is that of jwks.Keys.
func (i *Issuer) FindKeys(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	return i.idTokens.Keys.FindSparingly(ctx, id)
}

// SubjectOf writes the "sub" of an access token as Authsignal writes its user ids. A sub that
// stands for nobody there becomes one that the subject rule does not accept.
func (i *Issuer) SubjectOf(sub string) string { return subjectOf(i.config.Subjects.Rule(), sub) }

// Issue implements ports.TokenIssuer.
func (i *Issuer) Issue(ctx context.Context, grant domain.Grant) (domain.Session, error) {
	proof, err := i.proofOf(grant)
	if err != nil {
		return domain.Session{}, err
	}
	return i.open(ctx, grant, i.passwordRealm(grant, proof), func(reply upstream.Reply) error {
		return i.refusal(reply, domain.ErrAccessDenied, proof, grant.Identity.Email)
	})
}

// open asks for a session with a form and checks the answer. Refusal is the table that
// says what an error reply means.
func (i *Issuer) open(ctx context.Context, grant domain.Grant, form url.Values, refusal func(upstream.Reply) error) (domain.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, IssueTimeout)
	defer cancel()

	reply, err := i.ask(ctx, form, grant.Client.Addr)
	if err != nil {
		return domain.Session{}, unanswered(err)
	}
	if reply.Status != http.StatusOK {
		return domain.Session{}, refusal(reply)
	}
	session, err := i.session(ctx, reply.Body, grant.Access)
	if err == nil && session.IDToken.IsZero() {
		return domain.Session{}, errors.New("auth0 sent no ID token although openid was asked for: check the application's post-login Actions")
	}
	return session, err
}

// ask posts a form to the token endpoint. It repeats the request once if that cannot open
// a second session: the first request was not sent, or Auth0 refused it at its rate limit
// and says that the limit ends in time. After any other outcome the Login script or the
// Action may have run, or a refresh token may be used up.
func (i *Issuer) ask(ctx context.Context, form url.Values, client netip.Addr) (upstream.Reply, error) {
	reply, err := i.post(ctx, "/oauth/token", form, client)
	switch {
	case errors.Is(err, upstream.ErrNotSent) && ctx.Err() == nil:
		return i.post(ctx, "/oauth/token", form, client)
	case err == nil && isRateLimit(reply) && i.waitForLimit(ctx, reply):
		return i.post(ctx, "/oauth/token", form, client)
	}
	return reply, err
}

// waitForLimit waits until Auth0's rate limit ends. It returns false at once if less than
// a second of the deadline would be left for the answer then.
func (i *Issuer) waitForLimit(ctx context.Context, reply upstream.Reply) bool {
	wait := upstream.RetryAfter(reply.Header, i.now())
	deadline, ok := ctx.Deadline()
	if wait <= 0 || !ok || time.Until(deadline) < wait+time.Second {
		return false
	}
	return upstream.Wait(ctx, wait) == nil
}

func (i *Issuer) passwordRealm(grant domain.Grant, proof domain.Secret) url.Values {
	form := i.form()
	form.Set("grant_type", grantPasswordRealm)
	form.Set("realm", i.config.Connection)
	form.Set("username", grant.Identity.Subject)
	form.Set("password", proof.Reveal())
	form.Set("scope", strings.Join(grant.Access.Scope, " "))
	if grant.Access.Audience != "" {
		form.Set("audience", grant.Access.Audience)
	}
	return form
}

// form returns a form of the bridge's client, for post.
func (i *Issuer) form() url.Values { return url.Values{"client_id": {i.config.Client}} }

// post sends a form, with a client secret that Auth0 takes. It authenticates the bridge by
// client_secret_post, the method for which Auth0 trusts auth0-forwarded-for ("Avoid common
// issues with the Resource Owner Password Flow", auth0.com/docs).
func (i *Issuer) post(ctx context.Context, path string, form url.Values, client netip.Addr) (upstream.Reply, error) {
	return i.secrets.Try(func(secret domain.Secret) (upstream.Reply, error) {
		form.Set("client_secret", secret.Reveal())
		return i.send(ctx, path, form, client)
	}, refusesClient)
}

func (i *Issuer) send(ctx context.Context, path string, form url.Values, client netip.Addr) (upstream.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.config.Domain.URL(path), strings.NewReader(form.Encode()))
	if err != nil {
		return upstream.Reply{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if onTheInternet(client) {
		req.Header.Set("auth0-forwarded-for", client.String())
	}
	return i.client.Do(req)
}
