// Package oidc opens and ends sessions at any OpenID provider that knows the JWT
// bearer grant (RFC 7523) and answers it with an ID token.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/idtoken"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
)

// IssueTimeout bounds the opening of a session, with the discovery of the provider
// and the one retry.
const IssueTimeout = 6 * time.Second

// Names of RFC 7523, sections 2.1 and 2.2.
const (
	grantJWTBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	assertionJWTBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// Issuer opens sessions with the JWT bearer grant: the bridge signs an assertion
// about the person whom the passkey proved, and the provider, which knows the
// bridge's key, answers with tokens. An Issuer also renews and revokes sessions, because
// the refresh tokens belong to its client, and it publishes the provider's keys.
type Issuer struct {
	client     *upstream.Client
	config     Config
	discovery  *discovery
	assertions *asserter
	login      *asserter // of the client itself; nil if it has a secret
	secrets    *upstream.Overlap
	skew       time.Duration
	now        func() time.Time
}

var (
	_ ports.TokenIssuer    = (*Issuer)(nil)
	_ ports.SessionRenewer = (*Issuer)(nil)
	_ ports.SessionRevoker = (*Issuer)(nil)
	_ ports.IssuerKeys     = (*Issuer)(nil)
	_ ports.AssertionKeys  = (*Issuer)(nil)
)

// NewIssuer returns an issuer for the provider that config describes. Skew is how
// far the provider's clock may differ; random makes the ids of assertions.
func NewIssuer(client *upstream.Client, config Config, skew time.Duration, now func() time.Time, random io.Reader) *Issuer {
	asserterOf := func(key settings.Rotating[PrivateKey], issuer string) *asserter {
		return &asserter{key: key, issuer: issuer, audience: string(config.Issuer), now: now, random: random}
	}
	issuer := &Issuer{
		client:     client,
		config:     config,
		discovery:  newDiscovery(client, config.Issuer, now),
		assertions: asserterOf(config.AssertionKey, config.assertionIssuer()),
		secrets:    upstream.NewOverlap(config.ClientSecret, config.ClientSecretOther),
		skew:       skew,
		now:        now,
	}
	if !config.ClientKey.IsZero() {
		issuer.login = asserterOf(config.ClientKey, config.Client)
	}
	return issuer
}

// Warm discovers the provider and fetches its keys, which also opens a connection
// to it.
func (i *Issuer) Warm(ctx context.Context) error {
	provider, err := i.discovery.provider(ctx)
	if err != nil {
		return err
	}
	return provider.keys.Fetch(ctx)
}

// JWKS implements ports.IssuerKeys.
func (i *Issuer) JWKS(ctx context.Context) ([]byte, error) {
	provider, err := i.discovery.provider(ctx)
	if err != nil {
		return nil, err
	}
	return provider.keys.JWKS(ctx)
}

// FindKeys returns the provider's keys with the given id, which a stranger may have made up. No
// keys and no error means that it has none.
func (i *Issuer) FindKeys(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	provider, err := i.discovery.provider(ctx)
	if err != nil {
		return nil, err
	}
	return provider.keys.FindSparingly(ctx, id)
}

// SubjectOf returns the "sub" of an access token: subjects are the same at both parties.
func (i *Issuer) SubjectOf(sub string) string { return sub }

// AssertionJWKS implements ports.AssertionKeys.
func (i *Issuer) AssertionJWKS() []byte {
	return publicSet(i.config.AssertionKey.Get().key, i.config.AssertionKeyNext.Get().key)
}

// Issue implements ports.TokenIssuer.
func (i *Issuer) Issue(ctx context.Context, grant domain.Grant) (domain.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, IssueTimeout)
	defer cancel()

	provider, err := i.discovery.provider(ctx)
	if err != nil {
		return domain.Session{}, err
	}
	body, err := i.ask(ctx, provider, provider.TokenEndpoint, domain.ErrAccessDenied, func() (url.Values, error) { return i.formOf(grant) })
	if err != nil {
		return domain.Session{}, err
	}
	session, err := i.session(ctx, provider, body, grant.Access.Scope)
	if err == nil && session.IDToken.IsZero() {
		return domain.Session{}, errors.New("the provider sent no ID token although openid was asked for: " +
			"allow its client the scope openid; a provider whose JWT bearer grant gives no ID token cannot be used")
	}
	return session, err
}

func (i *Issuer) formOf(grant domain.Grant) (url.Values, error) {
	assertion, err := i.assertions.about(grant.Identity.Subject)
	if err != nil {
		return nil, err
	}
	return i.jwtBearer(assertion, grant.Access), nil
}

func (i *Issuer) jwtBearer(assertion domain.Secret, asked domain.Access) url.Values {
	form := url.Values{
		"grant_type": {grantJWTBearer},
		"assertion":  {assertion.Reveal()},
		"scope":      {strings.Join(asked.Scope, " ")},
	}
	i.setAudience(form, asked.Audience)
	return form
}

func (i *Issuer) setAudience(form url.Values, audience string) {
	if audience != "" {
		form.Set(string(i.config.AudienceParameter), audience)
	}
}

// ask posts the form that compose makes to one of the provider's endpoints and
// returns the body of a 200. It asks once more, with fresh assertions, if the first
// request was not processed: because it was not sent, or because the provider did not take
// the client's secret and there is another one. After any other failure a session may have
// been opened, or a refresh token used up. Invalid is the reason that invalid_grant stands
// for.
func (i *Issuer) ask(ctx context.Context, provider *provider, endpoint string, invalid domain.Error, compose func() (url.Values, error)) ([]byte, error) {
	var form url.Values
	attempt := func() (upstream.Reply, error) {
		return i.secrets.Try(func(secret domain.Secret) (reply upstream.Reply, err error) {
			if form, err = compose(); err != nil {
				return reply, err
			}
			return i.post(ctx, provider, endpoint, form, secret)
		}, refusesClient)
	}
	reply, err := attempt()
	if errors.Is(err, upstream.ErrNotSent) && ctx.Err() == nil {
		reply, err = attempt()
	}
	if err != nil {
		return nil, err
	}
	if reply.Status != http.StatusOK {
		return nil, i.refusal(reply, form, invalid)
	}
	return reply.Body, nil
}

// post adds the client's authentication to form, and sends it. Secret is the client's, if it
// has one.
func (i *Issuer) post(ctx context.Context, provider *provider, endpoint string, form url.Values, secret domain.Secret) (upstream.Reply, error) {
	secretInBody := i.login == nil && provider.wantsSecretInBody()
	switch {
	case i.login != nil: // private_key_jwt (OpenID Connect Core 1.0, section 9)
		assertion, err := i.login.about(i.config.Client)
		if err != nil {
			return upstream.Reply{}, err
		}
		form.Set("client_id", i.config.Client)
		form.Set("client_assertion_type", assertionJWTBearer)
		form.Set("client_assertion", assertion.Reveal())
	case secretInBody:
		form.Set("client_id", i.config.Client)
		form.Set("client_secret", secret.Reveal())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return upstream.Reply{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if i.login == nil && !secretInBody { // both parts are encoded first (RFC 6749, section 2.3.1)
		req.SetBasicAuth(url.QueryEscape(i.config.Client), url.QueryEscape(secret.Reveal()))
	}
	reply, err := i.client.Do(req)
	if err != nil {
		return upstream.Reply{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	return reply, nil
}

// verifier returns what verifies the provider's ID tokens.
func (i *Issuer) verifier(provider *provider) *idtoken.Verifier {
	return &idtoken.Verifier{
		Keys:       provider.keys,
		Issuer:     string(i.config.Issuer),
		ClientID:   i.config.Client,
		Skew:       i.skew,
		Now:        i.now,
		Algorithms: i.config.IDTokenAlgorithms(),
	}
}
