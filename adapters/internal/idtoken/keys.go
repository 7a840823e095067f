// Package idtoken verifies ID tokens and keeps the keys they are signed with.
package idtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// How keys are cached, after Auth0's advice ("JSON Web Key Sets", auth0.com/docs):
// keep them, fetch again for an unknown key id but not too often, and go on with
// the old ones while the endpoint is down.
const (
	freshFor     = 10 * time.Minute
	coolDown     = 10 * time.Second
	fetchTimeout = 3 * time.Second
)

// Keys is an issuer's JSON Web Key Set (RFC 7517), fetched from one configured
// address, or from where the issuer's discovery document says, and never from
// anywhere a token names. It is safe for concurrent use.
type Keys struct {
	client *upstream.Client
	locate func(context.Context) (string, error) // tells the set's address
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	set     jose.JSONWebKeySet
	fetched time.Time // when set was fetched
	tried   time.Time // when that was last tried
}

// NewKeys returns the keys at url, still to be fetched.
func NewKeys(client *upstream.Client, url string, now func() time.Time) *Keys {
	return &Keys{client: client, now: now, locate: func(context.Context) (string, error) { return url, nil }}
}

// Find returns the keys with the given id. If there are none, the set is fetched
// again, unless it is less than ten seconds old. The error wraps
// domain.ErrUnavailable if the set could not be fetched; an id that a fresh set
// lacks gives no keys and no error.
func (k *Keys) Find(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	return k.find(ctx, id, k.Fetch)
}

// FindSparingly is Find for an id that a stranger may have made up: the set is
// fetched again at most once in ten seconds, also while that fails. Until it is
// tried again, an id that the last good set lacks is unavailable, with the wait.
func (k *Keys) FindSparingly(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	return k.find(ctx, id, k.fetchSparingly)
}

func (k *Keys) find(ctx context.Context, id string, fetch func(context.Context) error) ([]jose.JSONWebKey, error) {
	found, age, sinceTried := k.look(id)
	if len(found) > 0 {
		if age > freshFor && sinceTried > coolDown {
			k.refresh(ctx)
		}
		return found, nil
	}
	if age < coolDown {
		return nil, nil
	}
	if err := fetch(ctx); err != nil {
		return nil, err
	}
	found, _, _ = k.look(id)
	return found, nil
}

// JWKS returns the set as JSON, fetched if there is none yet. A set that is not
// fresh is fetched again in the background.
func (k *Keys) JWKS(ctx context.Context) ([]byte, error) {
	set, age, sinceTried := k.all()
	if len(set.Keys) == 0 {
		if err := k.Fetch(ctx); err != nil {
			return nil, err
		}
		set, _, _ = k.all()
	} else if age > freshFor && sinceTried > coolDown {
		k.refresh(ctx)
	}
	return json.Marshal(set)
}

// Fetch fetches the set now. Concurrent calls share one request.
func (k *Keys) Fetch(ctx context.Context) error { return k.wait(ctx, k.fetch) }

// fetchSparingly fetches the set unless that was tried within the cool-down; then
// the result of that attempt stands.
func (k *Keys) fetchSparingly(ctx context.Context) error {
	return k.wait(ctx, func(ctx context.Context) error {
		_, age, sinceTried := k.all()
		switch {
		case sinceTried >= coolDown:
			return k.fetch(ctx)
		case age == sinceTried: // it went well
			return nil
		}
		err := fmt.Errorf("%w: the issuer's keys could not be fetched just now", domain.ErrUnavailable)
		return domain.WithRetryAfter(err, coolDown-sinceTried)
	})
}

// wait runs fetch, which goes on when ctx ends, because others may wait for it.
func (k *Keys) wait(ctx context.Context, fetch func(context.Context) error) error {
	done := k.flight.DoChan("", func() (any, error) { return nil, fetch(context.WithoutCancel(ctx)) })
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return fmt.Errorf("%w: fetch the issuer's keys: %w", domain.ErrUnavailable, ctx.Err())
	}
}

// refresh fetches the set, and nobody waits for it: the keys at hand serve until
// it is done.
func (k *Keys) refresh(ctx context.Context) {
	k.flight.DoChan("", func() (any, error) { return nil, k.fetch(context.WithoutCancel(ctx)) })
}

func (k *Keys) all() (set jose.JSONWebKeySet, age, sinceTried time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	return k.set, now.Sub(k.fetched), now.Sub(k.tried)
}

func (k *Keys) look(id string) (found []jose.JSONWebKey, age, sinceTried time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	return k.set.Key(id), now.Sub(k.fetched), now.Sub(k.tried)
}

func (k *Keys) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	set, err := k.ask(ctx)

	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried = k.now()
	if err != nil {
		return fmt.Errorf("%w: fetch the issuer's keys: %w", domain.ErrUnavailable, err)
	}
	k.set, k.fetched = set, k.tried
	return nil
}

func (k *Keys) ask(ctx context.Context) (jose.JSONWebKeySet, error) {
	address, err := k.locate(ctx)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	body, err := get(ctx, k.client, address)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	set := parse(body)
	if len(set.Keys) == 0 {
		return set, errors.New("the reply is no JSON Web Key Set with a public signing key")
	}
	return set, nil
}

func get(ctx context.Context, client *upstream.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	reply, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if reply.Status != http.StatusOK {
		return nil, fmt.Errorf("status %d", reply.Status)
	}
	return reply.Body, nil
}

// parse returns the public signing keys of a JSON Web Key Set and ignores keys it
// does not understand, as RFC 7517 section 5 wants: a new kind of key must not
// take the known ones away.
func parse(body []byte) jose.JSONWebKeySet {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	var set jose.JSONWebKeySet
	if json.Unmarshal(body, &raw) != nil {
		return set
	}
	for _, text := range raw.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) == nil && key.IsPublic() && key.Use != "enc" {
			set.Keys = append(set.Keys, key)
		}
	}
	return set
}
