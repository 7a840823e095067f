// Package tenant reads and sets up an Authsignal tenant by its Management API. Only
// setup and doctor use it: what serves holds no key of that API.
package tenant

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

const (
	// CallTimeout bounds one request, its answer included.
	CallTimeout = 20 * time.Second
	// maxAttempts is how often a request is sent that the rate limit turns away, and
	// usualWait how long to wait if the answer does not say. The limits are not public.
	// Whoever is told to wait for longer than maxWait is better told to come back.
	maxAttempts = 5
	usualWait   = 2 * time.Second
	maxWait     = time.Minute
)

// Access is where the Management API is and what lets the caller in.
type Access struct {
	// APIURL is the Server API's base URL, which ends in /v1: AUTHSIGNAL_API_URL. The
	// Management API is under it.
	APIURL string
	// Key is the Management API secret key. It is another one than the Server API's.
	Key domain.Secret
}

// Options is what the process gives besides. The zero value is good.
type Options struct {
	// RootCAs are trusted for TLS; nil means the system's.
	RootCAs *x509.CertPool
	// Now tells the time; nil means time.Now.
	Now func() time.Time
	// Wait waits for d or until ctx ends; nil means that real time passes.
	Wait func(ctx context.Context, d time.Duration) error
}

// Management is Authsignal's Management API. It sends each request once, and again
// only if the rate limit turned it away. Its errors hold no credential: the key is
// taken out of what Authsignal says, and no part of a good answer is ever quoted,
// because authenticator configurations can hold the credentials of other vendors. It
// is safe for concurrent use.
//
// It is written by hand because the official client
// (github.com/authsignal/authsignal-management-go, v6.1.0) knows neither authenticator
// configurations nor verificationWebhookUrl, takes no context and has no time-out.
type Management struct {
	client *upstream.Client
	base   string
	key    domain.Secret
	now    func() time.Time
	wait   func(context.Context, time.Duration) error
}

// Connect returns the client. It sends nothing. The error says what is wrong with
// access.
func Connect(access Access, o Options) (*Management, error) {
	var base settings.BaseURL
	if err := base.UnmarshalText([]byte(access.APIURL)); err != nil {
		return nil, fmt.Errorf("AUTHSIGNAL_API_URL: %w", err)
	}
	if access.Key.IsZero() {
		return nil, errors.New("AUTHSIGNAL_MANAGEMENT_SECRET is not set: " + whereKey)
	}
	m := &Management{base: string(base) + "/management", key: access.Key, now: o.Now, wait: o.Wait}
	if m.now == nil {
		m.now = time.Now
	}
	if m.wait == nil {
		m.wait = upstream.Wait
	}
	m.client = upstream.New(upstream.Options{Name: "authsignal", RootCAs: o.RootCAs, Now: m.now})
	return m, nil
}

const whereKey = "copy the Management API secret key (Authsignal Portal, Settings, API keys); it is another one than the Server API secret key"

// The ways in which the Management API says no. An error of Management wraps at most
// one of them.
var (
	// ErrKey means that the key is wrong, or is a key of the Server API.
	ErrKey = errors.New("the key is refused")
	// ErrNotFound means that there is no such object, or that no Management API is
	// there.
	ErrNotFound = errors.New("there is no such object")
	// ErrRefused means that what was sent is not allowed.
	ErrRefused = errors.New("the request is refused")
	// ErrAway means that no answer came, or none of the Management API itself. What
	// was asked may have been done.
	ErrAway = errors.New("no good answer came")
)

// call sends body as JSON and decodes the answer into answer. Either may be nil.
func (m *Management) call(ctx context.Context, method, path string, body, answer any) error {
	for attempt := 1; ; attempt++ {
		reply, err := m.send(ctx, method, path, body)
		if err != nil {
			return fmt.Errorf("%s %s: %w: %w", method, path, ErrAway, err)
		}
		pause := max(upstream.RetryAfter(reply.Header, m.now()), usualWait)
		if reply.Status == http.StatusTooManyRequests && attempt < maxAttempts && pause <= maxWait {
			if err := m.wait(ctx, pause); err != nil {
				return fmt.Errorf("%s %s: wait for the rate limit: %w", method, path, err)
			}
			continue
		}
		if reply.Status < 200 || reply.Status > 299 {
			return fmt.Errorf("%s %s: %w", method, path, m.refusal(reply))
		}
		if answer != nil && json.Unmarshal(reply.Body, answer) != nil { // the error might quote the answer
			return fmt.Errorf("%s %s: %w: the answer is not the JSON that the Management API documents", method, path, ErrAway)
		}
		return nil
	}
}

func (m *Management) send(ctx context.Context, method, path string, body any) (upstream.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return upstream.Reply{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, m.base+path, bytes.NewReader(payload))
	if err != nil {
		return upstream.Reply{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(m.key.Reveal(), "") // secret as user, empty password ("Authentication", Authsignal Management API)
	return m.client.Do(req)
}

// refusal is the one table of the Management API's error replies. A key of the wrong
// kind is refused with 403 or 401, which is not documented.
func (m *Management) refusal(reply upstream.Reply) error {
	var p struct {
		Error       string `json:"error"`
		Description string `json:"errorDescription"`
	}
	_ = json.Unmarshal(reply.Body, &p) // an HTML page leaves it empty
	said := strings.TrimSpace(fmt.Sprintf("authsignal answered %d %s", reply.Status,
		reply.Words(strings.Trim(p.Error+": "+p.Description, ": "), m.key)))
	switch s := reply.Status; {
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return fmt.Errorf("%w: %s: check AUTHSIGNAL_MANAGEMENT_SECRET and that AUTHSIGNAL_API_URL is of the same tenant's region: %s", ErrKey, said, whereKey)
	case s == http.StatusNotFound:
		return fmt.Errorf("%w: %s", ErrNotFound, said)
	case s == http.StatusTooManyRequests, s == http.StatusRequestTimeout, s >= http.StatusInternalServerError:
		pause := max(upstream.RetryAfter(reply.Header, m.now()), usualWait)
		return fmt.Errorf("%w: %s: try again in %s", ErrAway, said, pause.Round(time.Second))
	case s < http.StatusBadRequest: // redirects: somebody else listens there
		return fmt.Errorf("%w: %s: check that AUTHSIGNAL_API_URL is the Server API's base URL, which ends in /v1", ErrAway, said)
	}
	return fmt.Errorf("%w: %s", ErrRefused, said)
}
