package auth0

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"nativebridge/adapters/internal/oauth"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
)

// EndTimeout bounds a call of a SessionEnder with all its requests.
const EndTimeout = 20 * time.Second

// SessionEnderConfig says with what the Management API is asked to end sessions.
type SessionEnderConfig struct {
	ClientID     string          `env:"AUTH0_SESSION_ENDER_CLIENT_ID" help:"the client id of a machine-to-machine application that may end sessions at Auth0, besides the bridge renewing them no more: authorized for the Auth0 Management API with read:refresh_tokens and delete:refresh_tokens, and nothing else; Auth0 has these on Enterprise plans; for AUTHSIGNAL_WEBHOOKS=on"`
	ClientSecret settings.Secret `env:"AUTH0_SESSION_ENDER_CLIENT_SECRET" help:"that application's client secret"`
	OwnDomain    Domain          `env:"AUTH0_SESSION_ENDER_DOMAIN" help:"the tenant's own domain, if AUTH0_DOMAIN is a custom one: the Management API does not answer for that"`
	PerSecond    RateLimit       `env:"AUTH0_SESSION_ENDER_RATE_LIMIT" envDefault:"2" help:"how many requests a second this process may send to the Management API: the tenant's figure, less what else asks it, divided by the number of replicas; a person needs two or three requests"`
}

// Given reports whether there is anything to ask with.
func (c SessionEnderConfig) Given() bool { return c.ClientID != "" }

func (c SessionEnderConfig) check() []settings.Fault {
	switch {
	case c.ClientID == "" && !c.ClientSecret.IsZero():
		return []settings.Fault{{Name: "AUTH0_SESSION_ENDER_CLIENT_ID", Problem: "is not set, though its secret is", Fix: "set it to the client id of the machine-to-machine application"}}
	case c.Given() && c.PerSecond < 0.5:
		return []settings.Fault{{Name: "AUTH0_SESSION_ENDER_RATE_LIMIT", Problem: fmt.Sprintf("is %g", float64(c.PerSecond)), Fix: "set it to 0.5 or more: a call waits for its turn"}}
	case c.ClientID != "" && c.ClientSecret.IsZero():
		return []settings.Fault{{Name: "AUTH0_SESSION_ENDER_CLIENT_SECRET", Problem: "is not set, though the client id is", Fix: "set it to the client secret of the machine-to-machine application"}}
	}
	return nil
}

// SessionEnder is a ports.SessionEnder that asks Auth0's Management API. It looks the
// refresh tokens of the person up and revokes those of the bridge's client that are older
// ("Get refresh tokens", "Revoke refresh tokens", Auth0 Management API), because a sign-in
// of after the deletion must go on. It is safe for concurrent use.
type SessionEnder struct {
	client *upstream.Client
	config Config
	domain Domain
	now    func() time.Time
	wait   func(context.Context, time.Duration) error
	pace   *rate.Limiter

	mu    sync.Mutex
	token domain.Secret // of the Management API; zero before the first
	good  time.Time     // until then the token is used
}

var _ ports.SessionEnder = (*SessionEnder)(nil)

// NewSessionEnder returns one for the tenant that config describes, which must have a
// SessionEnderConfig that is given.
func NewSessionEnder(client *upstream.Client, config Config, now func() time.Time) *SessionEnder {
	tenant := config.Ender.OwnDomain
	if tenant == (Domain{}) {
		tenant = config.Domain
	}
	// One after the other, and never several at once: Auth0 counts those of a second.
	pace := rate.NewLimiter(rate.Limit(config.Ender.PerSecond), 1)
	return &SessionEnder{client: client, config: config, domain: tenant, now: now, wait: upstream.Wait, pace: pace}
}

// End implements ports.SessionEnder.
func (e *SessionEnder) End(ctx context.Context, subject string, before time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, EndTimeout)
	defer cancel()
	var ids []string
	for from, more := "", true; more; { // all pages first: what is revoked could move the others
		page, err := e.page(ctx, subject, from)
		if err != nil {
			return err
		}
		ids = append(ids, page.olderThan(before, e.config.Client)...)
		from, more = page.Next, page.Next != ""
	}
	for some := range slices.Chunk(ids, pageSize) {
		if err := e.revoke(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// tokensPage is a page of a person's refresh tokens.
type tokensPage struct {
	Tokens []struct {
		ID        string `json:"id"`
		ClientID  string `json:"client_id"`
		CreatedAt string `json:"created_at"`
	} `json:"tokens"`
	Next string `json:"next"`
}

// olderThan returns the ids of the client's tokens from before the time. One whose age is
// not known counts as older.
func (p tokensPage) olderThan(before time.Time, clientID string) []string {
	var ids []string
	for _, token := range p.Tokens {
		created, err := time.Parse(time.RFC3339, token.CreatedAt)
		if token.ClientID == clientID && token.ID != "" && (err != nil || created.Before(before)) {
			ids = append(ids, token.ID)
		}
	}
	return ids
}

// pageSize is how many refresh tokens are asked for, and revoked, at once. Auth0 takes no
// more than 100.
const pageSize = 100

func (e *SessionEnder) page(ctx context.Context, subject, from string) (tokensPage, error) {
	query := url.Values{"take": {strconv.Itoa(pageSize)}}
	if from != "" {
		query.Set("from", from)
	}
	reply, err := e.ask(ctx, http.MethodGet, "/users/"+url.PathEscape(e.subOf(subject))+"/refresh-tokens?"+query.Encode(), nil)
	switch {
	case err != nil:
		return tokensPage{}, err
	case reply.Status == http.StatusNotFound: // Auth0 does not know the person
		return tokensPage{}, nil
	}
	var page tokensPage
	if err := json.Unmarshal(reply.Body, &page); err != nil {
		return tokensPage{}, fmt.Errorf("%w: auth0's answer is no list of refresh tokens", domain.ErrUnavailable)
	}
	return page, nil
}

func (e *SessionEnder) revoke(ctx context.Context, ids []string) error {
	body, err := json.Marshal(map[string][]string{"ids": ids})
	if err != nil {
		return err
	}
	reply, err := e.ask(ctx, http.MethodPost, "/refresh-tokens/revoke", body)
	if err == nil && reply.Status == http.StatusNotFound {
		return errors.New("auth0 has no way of revoking refresh tokens here: " + enderPlan)
	}
	return err
}

// subOf is the reverse of subjectOf.
func (e *SessionEnder) subOf(subject string) string {
	if e.config.Subjects.Rule().Prefix == "" {
		return subPrefix + subject
	}
	return subject
}

const enderPlan = "ending sessions by the Management API is for Auth0's Enterprise plans; unset AUTH0_SESSION_ENDER_CLIENT_ID, and the bridge goes on to renew such sessions no more"

// ask sends a request with a token, and once more with a fresh one if Auth0 refuses that.
// The reply is a success or 404.
func (e *SessionEnder) ask(ctx context.Context, method, path string, body []byte) (upstream.Reply, error) {
	token, err := e.authorize(ctx, domain.Secret{})
	if err != nil {
		return upstream.Reply{}, err
	}
	reply, err := e.send(ctx, method, path, body, token)
	if err == nil && reply.Status == http.StatusUnauthorized {
		if token, err = e.authorize(ctx, token); err != nil {
			return upstream.Reply{}, err
		}
		reply, err = e.send(ctx, method, path, body, token)
	}
	if err != nil {
		return upstream.Reply{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if reply.Status < http.StatusMultipleChoices || reply.Status == http.StatusNotFound {
		return reply, nil
	}
	return upstream.Reply{}, e.refusal(reply, token)
}

func (e *SessionEnder) send(ctx context.Context, method, path string, body []byte, token domain.Secret) (upstream.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.domain.URL("/api/v2"+path), bytes.NewReader(body))
	if err != nil {
		return upstream.Reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	return e.do(req)
}

// do sends a request when its turn has come.
func (e *SessionEnder) do(req *http.Request) (upstream.Reply, error) {
	now := e.now()
	turn := e.pace.ReserveN(now, 1)
	if err := e.wait(req.Context(), turn.DelayFrom(now)); err != nil {
		turn.CancelAt(e.now())
		return upstream.Reply{}, fmt.Errorf("wait for a turn at the Management API (AUTH0_SESSION_ENDER_RATE_LIMIT): %w", err)
	}
	return e.client.Do(req)
}

// refusal returns what an error reply means.
func (e *SessionEnder) refusal(reply upstream.Reply, token domain.Secret) error {
	var problem struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(reply.Body, &problem) // what is no JSON leaves it empty
	said := strings.TrimSpace(fmt.Sprintf("auth0's Management API answered %d %s", reply.Status, reply.Words(problem.Message, token, e.config.Ender.ClientSecret.Get())))
	if err := e.passing(reply, said); err != nil {
		return err
	}
	if reply.Status == http.StatusUnauthorized || reply.Status == http.StatusForbidden {
		return errors.New(said + ": give the application of AUTH0_SESSION_ENDER_CLIENT_ID the permissions read:refresh_tokens and delete:refresh_tokens " +
			"(dashboard, Applications, APIs, Auth0 Management API, Machine to Machine Applications); " + enderPlan)
	}
	return errors.New(said + ": " + enderPlan)
}

// passing returns what an error reply means if it may be another later, and nil if not.
func (e *SessionEnder) passing(reply upstream.Reply, said string) error {
	wait := upstream.RetryAfter(reply.Header, e.now())
	switch {
	case reply.Status == http.StatusTooManyRequests:
		return domain.WithRetryAfter(fmt.Errorf("%w: %s", domain.ErrBusy, said), wait)
	case oauth.SaysNothing(reply.Status):
		return domain.WithRetryAfter(fmt.Errorf("%w: %s", domain.ErrUnavailable, said), wait)
	}
	return nil
}

// authorize returns a token of the Management API other than the refused one.
func (e *SessionEnder) authorize(ctx context.Context, refused domain.Secret) (domain.Secret, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.token.IsZero() && !e.token.Equal(refused) && e.now().Before(e.good) {
		return e.token, nil
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "audience": {e.domain.URL("/api/v2/")},
		"client_id": {e.config.Ender.ClientID}, "client_secret": {e.config.Ender.ClientSecret.Reveal()},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.domain.URL("/oauth/token"), strings.NewReader(form.Encode()))
	if err != nil {
		return domain.Secret{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	reply, err := e.do(req)
	if err != nil {
		return domain.Secret{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if reply.Status != http.StatusOK {
		return domain.Secret{}, e.noToken(reply)
	}
	var answer struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	if err := json.Unmarshal(reply.Body, &answer); err != nil || answer.AccessToken == "" {
		return domain.Secret{}, fmt.Errorf("%w: auth0's answer has no token of the Management API", domain.ErrUnavailable)
	}
	e.token = domain.NewSecret(answer.AccessToken)
	e.good = e.now().Add(time.Duration(min(answer.ExpiresIn, 86400) / 2 * float64(time.Second)))
	return e.token, nil
}

func (e *SessionEnder) noToken(reply upstream.Reply) error {
	said := fmt.Sprintf("auth0 answered %d when it was asked for a token of the Management API", reply.Status)
	if err := e.passing(reply, said); err != nil {
		return err
	}
	return errors.New(said + ": check AUTH0_SESSION_ENDER_CLIENT_ID and AUTH0_SESSION_ENDER_CLIENT_SECRET, that the application is authorized for the Auth0 Management API, " +
		"and AUTH0_SESSION_ENDER_DOMAIN if AUTH0_DOMAIN is a custom one")
}
