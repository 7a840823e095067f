package tenant

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	mgmt "github.com/auth0/go-auth0/v3/management/client"
	"github.com/auth0/go-auth0/v3/management/core"
	"github.com/auth0/go-auth0/v3/management/option"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// Options is what the process gives besides the configuration. The zero value is
// good.
type Options struct {
	RootCAs *x509.CertPool // trusted for TLS to Auth0; nil means the system's
	Now     func() time.Time
	// Wait waits for d or until ctx ends; nil means that real time passes.
	Wait func(ctx context.Context, d time.Duration) error
}

// Management is Auth0's Management API, by the official SDK. It is safe for concurrent
// use.
type Management struct {
	api     *mgmt.Management
	secrets []domain.Secret // never quoted
	wait    func(context.Context, time.Duration) error
	// Scopes are those of its token; nil if the token does not tell.
	Scopes []string
}

// Connect fetches a token and returns the client. The error says what is wrong with
// the credentials, and never holds one.
//
// The token is fetched here and not by the SDK, which swallows the errors of that call
// and sends its requests without a token (v3.0.0). The SDK's repetitions are switched
// off: it would send a POST again after a 5xx.
func Connect(ctx context.Context, access Access, o Options) (*Management, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = upstream.Wait
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12}
	client := &http.Client{
		Transport:     &pace{next: transport, now: o.Now, wait: o.Wait},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	token, err := access.token(context.WithValue(ctx, oauth2.HTTPClient, client))
	if err != nil {
		return nil, err
	}
	api, err := mgmt.New(strings.TrimSuffix(access.Domain.URL(""), "/"),
		option.WithBaseURL(access.Domain.URL("/api/v2")),
		option.WithHTTPClient(client),
		option.WithoutRetries(),
		option.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token.Reveal()})),
	)
	if err != nil {
		return nil, fmt.Errorf("make the client of Auth0's Management API: %w", err)
	}
	return &Management{api: api, secrets: []domain.Secret{token, access.ClientSecret}, wait: o.Wait, Scopes: scopesOf(token)}, nil
}

// token returns the one given, or fetches one.
func (a Access) token(ctx context.Context) (domain.Secret, error) {
	if !a.Token.IsZero() {
		return a.Token, nil
	}
	config := clientcredentials.Config{
		ClientID:       a.ClientID,
		ClientSecret:   a.ClientSecret.Reveal(),
		TokenURL:       a.Domain.URL("/oauth/token"),
		EndpointParams: map[string][]string{"audience": {a.Domain.URL("/api/v2/")}},
		AuthStyle:      oauth2.AuthStyleInParams,
	}
	token, err := config.Token(ctx)
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return domain.Secret{}, tokenRefused(refused)
	}
	if err != nil {
		return domain.Secret{}, fmt.Errorf("%s cannot be asked for a token: %w", a.Domain.URL(""), err)
	}
	return domain.NewSecret(token.AccessToken), nil
}

// tokenRefused says what to do about Auth0's refusal to give a token. Only the error
// code is quoted: the rest of an answer might repeat what was sent.
func tokenRefused(refused *oauth2.RetrieveError) error {
	text := fmt.Sprintf("status %d, error %.64q: check AUTH0_DOMAIN, which must be the tenant's own domain here and no custom one", refused.Response.StatusCode, refused.ErrorCode)
	switch refused.ErrorCode {
	case "access_denied", "invalid_client":
		text = refused.ErrorCode + ": check AUTH0_MANAGEMENT_CLIENT_ID and AUTH0_MANAGEMENT_CLIENT_SECRET, and that the application is authorized for the Auth0 Management API (dashboard, Applications, APIs, Auth0 Management API, Machine to Machine Applications)"
	case "unauthorized_client":
		text = "unauthorized_client: the application of AUTH0_MANAGEMENT_CLIENT_ID lacks the Client Credentials grant (dashboard, Applications, its Advanced Settings, Grant Types)"
	}
	return &refusal{refused.Response.StatusCode, "Auth0 gives no token: " + text}
}

// scopesOf reads the scopes of an access token. Nobody relies on them: they only let a
// missing right be named before anything is changed.
func scopesOf(token domain.Secret) []string {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims struct {
		Scope *string `json:"scope"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Scope == nil {
		return nil
	}
	return strings.Fields(*claims.Scope)
}

// Missing returns those of the scopes that the token does not have. A token that tells
// none of its scopes is taken to have all.
func (m *Management) Missing(scopes []string) []string {
	if m.Scopes == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return slices.Contains(m.Scopes, scope) })
}

// grantScopes is where a right is given to the machine-to-machine application.
const grantScopes = "dashboard, Applications, APIs, Auth0 Management API, Machine to Machine Applications, its row, Permissions"

// refusal is an answer of Auth0's that is no success, in words that say what to do.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// explain puts an error of the SDK into words. Of the answer it quotes nothing but
// Auth0's own message, which names settings and scopes.
func (m *Management) explain(doing string, err error) error {
	failed, ok := errors.AsType[*core.APIError](err)
	if !ok {
		return fmt.Errorf("%s: %w", doing, err)
	}
	said := upstream.Redacted(message(err), m.secrets...)
	text := fmt.Sprintf("Auth0 answers %d: %s", failed.StatusCode, said)
	switch failed.StatusCode {
	case http.StatusUnauthorized:
		text = "Auth0 refuses the token: it has expired, or it is for another tenant"
	case http.StatusForbidden:
		text = fmt.Sprintf("Auth0 refuses: %s. Grant what is missing: %s", said, grantScopes)
	case http.StatusTooManyRequests:
		text = "the tenant's rate limit is used up: wait a minute and run the command again"
	}
	return &refusal{failed.StatusCode, doing + ": " + text}
}

// message returns what Auth0 says in an error, on one line.
func message(err error) string {
	text := err.Error()
	var body struct {
		Message string `json:"message"`
	}
	if start := strings.IndexByte(text, '{'); start >= 0 && json.Unmarshal([]byte(text[start:]), &body) == nil && body.Message != "" {
		text = body.Message
	}
	return fmt.Sprintf("%.300s", strings.Join(strings.Fields(text), " "))
}

// isStatus reports whether Auth0 answered with the status.
func isStatus(err error, status int) bool {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused.status == status
	}
	failed, ok := errors.AsType[*core.APIError](err)
	return ok && failed.StatusCode == status
}
