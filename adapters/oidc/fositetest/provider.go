// Package fositetest is a witness of package oidc: an OpenID provider around
// ory/fosite, the engine of Ory Hydra. Assertions and clients are judged by fosite
// alone. One thing is added to it: fosite answers the JWT bearer grant with an
// access token and nothing else, and here an ID token of fosite's own making
// comes with it.
package fositetest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/storage"
	"github.com/ory/fosite/token/jwt"
)

const (
	grantJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	keyID          = "fosite"
)

// Options for Start.
type Options struct {
	// ClientID and ClientSecret are the bridge's client, which authenticates by Basic.
	ClientID, ClientSecret string
	// ClientKeys is its JSON Web Key Set, for private_key_jwt in place of the secret.
	ClientKeys []byte
	// AssertionIssuer may assert Subject, with the keys of the JSON Web Key Set
	// AssertionKeys, and ask for Scope.
	AssertionIssuer, Subject string
	AssertionKeys            []byte
	Scope                    []string
	// TokenURLAsAudience wants the token endpoint for the audience of assertions, as
	// Ory Hydra does, and not the issuer.
	TokenURLAsAudience bool
	// NoIDToken leaves the answer as fosite makes it.
	NoIDToken bool
}

// Provider is an OpenID provider on loopback.
type Provider struct {
	server *httptest.Server
	engine fosite.OAuth2Provider
	store  *storage.MemoryStore
	issuer string // trusted for assertions
	public jose.JSONWebKey

	mu      sync.Mutex
	subject string // of ID tokens, instead of the assertion's
	kid     string // of ID tokens
	why     string // the last refusal
}

// Start starts a provider. Its issuer is its URL.
func Start(options Options) (*Provider, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	p := &Provider{
		store:  storage.NewMemoryStore(),
		issuer: options.AssertionIssuer,
		public: jose.JSONWebKey{Key: key.Public(), KeyID: keyID, Algorithm: "RS256", Use: "sig"},
		kid:    keyID,
	}
	p.server = httptest.NewServer(p.routes())
	config := &fosite.Config{
		GlobalSecret:                  []byte(rand.Text() + rand.Text()),
		IDTokenIssuer:                 p.Issuer(),
		TokenURL:                      p.Issuer(), // what fosite compares aud with
		GrantTypeJWTBearerMaxDuration: time.Minute,
		HashCost:                      4,
	}
	if options.TokenURLAsAudience {
		config.TokenURL = p.Issuer() + "/token"
	}
	if err := p.register(options, config); err != nil {
		return nil, err
	}
	p.engine = p.compose(config, key, options.NoIDToken)
	return p, nil
}

// Issuer returns the issuer identifier.
func (p *Provider) Issuer() string { return p.server.URL }

// Close makes the provider unreachable.
func (p *Provider) Close() { p.server.Close() }

// Swap makes ID tokens somebody else's.
func (p *Provider) Swap() { p.locked(func() { p.subject = "somebody-else" }) }

// Spoil makes ID tokens name a key that is not published.
func (p *Provider) Spoil() { p.locked(func() { p.kid = "another" }) }

// Distrust forgets the assertions' keys.
func (p *Provider) Distrust() { p.locked(func() { delete(p.store.IssuerPublicKeys, p.issuer) }) }

// ForgetClients makes the bridge's client unknown.
func (p *Provider) ForgetClients() { p.locked(func() { clear(p.store.Clients) }) }

// Why returns fosite's reason for the last refusal.
func (p *Provider) Why() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.why
}

func (p *Provider) locked(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// register tells fosite's store of the client and of the assertions' keys.
func (p *Provider) register(options Options, config *fosite.Config) error {
	hash, err := (&fosite.BCrypt{Config: config}).Hash(context.Background(), []byte(options.ClientSecret))
	if err != nil {
		return fmt.Errorf("hash the client's secret: %w", err)
	}
	client := &fosite.DefaultOpenIDConnectClient{
		DefaultClient:           &fosite.DefaultClient{ID: options.ClientID, Secret: hash, GrantTypes: []string{grantJWTBearer}},
		TokenEndpointAuthMethod: "client_secret_basic",
	}
	if len(options.ClientKeys) > 0 {
		client.JSONWebKeys = new(jose.JSONWebKeySet)
		if err := json.Unmarshal(options.ClientKeys, client.JSONWebKeys); err != nil {
			return fmt.Errorf("the client's keys: %w", err)
		}
		client.TokenEndpointAuthMethod = "private_key_jwt"
		client.TokenEndpointAuthSigningAlgorithm = client.JSONWebKeys.Keys[0].Algorithm
	}
	p.store.Clients[options.ClientID] = client

	var trusted jose.JSONWebKeySet
	if err := json.Unmarshal(options.AssertionKeys, &trusted); err != nil {
		return fmt.Errorf("the keys of assertions: %w", err)
	}
	keys := map[string]storage.PublicKeyScopes{}
	for _, key := range trusted.Keys {
		keys[key.KeyID] = storage.PublicKeyScopes{Key: &key, Scopes: options.Scope}
	}
	p.store.IssuerPublicKeys[p.issuer] = storage.IssuerPublicKeys{
		Issuer:    p.issuer,
		KeysBySub: map[string]storage.SubjectPublicKeys{options.Subject: {Subject: options.Subject, Keys: keys}},
	}
	return nil
}

func (p *Provider) compose(config *fosite.Config, key *rsa.PrivateKey, noIDToken bool) fosite.OAuth2Provider {
	privateKey := func(context.Context) (any, error) { return key, nil }
	strategy := &compose.CommonStrategy{
		CoreStrategy:               compose.NewOAuth2HMACStrategy(config),
		OpenIDConnectTokenStrategy: compose.NewOpenIDConnectStrategy(privateKey, config),
		Signer:                     &jwt.DefaultSigner{GetPrivateKey: privateKey},
	}
	factories := []compose.Factory{compose.RFC7523AssertionGrantFactory}
	if !noIDToken {
		factories = append(factories, func(fosite.Configurator, any, any) any {
			return idTokens{&openid.IDTokenHandleHelper{IDTokenStrategy: strategy}}
		})
	}
	return compose.Compose(config, p.store, strategy, factories...)
}

// idTokens adds an ID token to the answer of the JWT bearer grant.
type idTokens struct{ *openid.IDTokenHandleHelper }

// PopulateTokenEndpointResponse implements fosite.TokenEndpointHandler.
func (h idTokens) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, response fosite.AccessResponder) error {
	if !r.GetGrantedScopes().Has("openid") {
		return nil
	}
	session := r.GetSession().(*openid.DefaultSession)
	if session.Claims.Subject == "" {
		session.Claims.Subject = session.Subject
	}
	session.Claims.AccessTokenHash = h.GetAccessTokenHash(ctx, r, response)
	return h.IssueExplicitIDToken(ctx, time.Hour, r, response)
}

// HandleTokenEndpointRequest implements fosite.TokenEndpointHandler: all is judged
// by fosite's own handler.
func (idTokens) HandleTokenEndpointRequest(context.Context, fosite.AccessRequester) error { return nil }

// CanSkipClientAuth implements fosite.TokenEndpointHandler.
func (idTokens) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// CanHandleTokenEndpointRequest implements fosite.TokenEndpointHandler.
func (idTokens) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(grantJWTBearer)
}

func (p *Provider) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{
			"issuer": p.Issuer(), "token_endpoint": p.Issuer() + "/token", "jwks_uri": p.Issuer() + "/keys",
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.public}})
	})
	mux.HandleFunc("POST /token", p.token)
	return mux
}

// token is fosite's token endpoint, as its documentation has it.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx := r.Context()
	session := openid.NewDefaultSession()
	session.Claims.Subject = p.subject
	session.Headers.Extra = map[string]any{"kid": p.kid}
	request, err := p.engine.NewAccessRequest(ctx, r, session)
	if err != nil {
		p.why = fosite.ErrorToRFC6749Error(err).HintField
		p.engine.WriteAccessError(ctx, w, request, err)
		return
	}
	response, err := p.engine.NewAccessResponse(ctx, request)
	if err != nil {
		p.engine.WriteAccessError(ctx, w, request, err)
		return
	}
	p.engine.WriteAccessResponse(ctx, w, request, response)
}
