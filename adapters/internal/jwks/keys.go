// Package jwks keeps the keys that an issuer signs tokens with.
package jwks

import (
	"context"
	"crypto/fips140"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
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
	staleRetry   = 10 * time.Second // of a set that is not fresh, and serves
	coolDown     = time.Second      // of an attempt that somebody waits for
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
	begun   int       // attempts to fetch it
	attempt int       // the one that set came from
	fetched time.Time // when set came
	tried   time.Time // when the last attempt to fetch it ended
	failure error     // of that attempt; without a reason if it is for good
}

// New returns the keys at url, still to be fetched.
func New(client *upstream.Client, url string, now func() time.Time) *Keys {
	return &Keys{client: client, now: now, locate: func(context.Context) (string, error) { return url, nil }}
}

// Find returns the keys with the given id, for a token that came straight from the
// issuer. If there are none, the set is fetched again, unless that has failed
// within the last second. No keys and no error means that a set that was asked for
// after this call came lacks the id. In any other case the error wraps
// domain.ErrUnavailable, with the wait until the set may be fetched again, or no
// reason if the issuer's discovery document can never be used.
func (k *Keys) Find(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	return k.find(ctx, id, false)
}

// FindSparingly is Find for an id that a stranger may have made up: the set is
// fetched again at most once in a second, however that went. So a flood of made-up
// ids costs the issuer one request a second, and delays a token with a key
// published just now by a second; neither can have the other's token rejected.
func (k *Keys) FindSparingly(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	return k.find(ctx, id, true)
}

func (k *Keys) find(ctx context.Context, id string, sparing bool) ([]jose.JSONWebKey, error) {
	set := k.look()
	if found := set.Key(id); len(found) > 0 {
		if set.stale {
			k.refresh(ctx)
		}
		return found, nil
	}
	called := set.begun
	if err := k.fetchUnless(ctx, sparing); err != nil {
		return nil, err
	}
	set = k.look()
	found := set.Key(id)
	if len(found) == 0 && set.attempt <= called {
		return nil, comeBack("an unknown key id, and the issuer's keys were fetched just now", set.cooling)
	}
	return found, nil
}

// JWKS returns the set as JSON, fetched as by Fetch if there is none yet. A set
// that is not fresh is fetched again in the background.
func (k *Keys) JWKS(ctx context.Context) (text []byte, err error) {
	set := k.look()
	if len(set.Keys) == 0 {
		if err := k.Fetch(ctx); err != nil {
			return nil, err
		}
		set = k.look()
	} else if set.stale {
		k.refresh(ctx)
	}
	fips140.WithoutEnforcement(func() { text, err = json.Marshal(set.JSONWebKeySet) }) // as in parse
	return text, err
}

// Fetch fetches the set. Concurrent calls share one request, and a result less
// than a second old stands, good or bad. The error is one of Find's.
func (k *Keys) Fetch(ctx context.Context) error { return k.fetchUnless(ctx, true) }

// fetchUnless fetches the set unless that has failed within the cool-down or, if
// sparing, was tried at all. It goes on when ctx ends, because others may wait for
// it.
func (k *Keys) fetchUnless(ctx context.Context, sparing bool) error {
	done := k.flight.DoChan("", func() (any, error) {
		switch set := k.look(); {
		case set.cooling > 0 && isFault(set.failure):
			return nil, set.failure
		case set.cooling > 0 && set.failure != nil:
			return nil, comeBack("the issuer's keys could not be fetched just now", set.cooling)
		case set.cooling > 0 && sparing:
			return nil, nil
		}
		return nil, k.fetch(context.WithoutCancel(ctx))
	})
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return fmt.Errorf("%w: fetch the issuer's keys: %w", domain.ErrUnavailable, ctx.Err())
	}
}

// isFault reports whether err says that there will be no keys as things stand.
func isFault(err error) bool {
	_, known := domain.ReasonOf(err)
	return err != nil && !known
}

func comeBack(why string, wait time.Duration) error {
	return domain.WithRetryAfter(fmt.Errorf("%w: %s", domain.ErrUnavailable, why), wait)
}

// refresh fetches the set, and nobody waits for it: the keys at hand serve until
// it is done.
func (k *Keys) refresh(ctx context.Context) {
	k.flight.DoChan("", func() (any, error) { return nil, k.fetch(context.WithoutCancel(ctx)) })
}

// keySet is what is known of the keys at one moment.
type keySet struct {
	jose.JSONWebKeySet
	begun   int
	attempt int
	stale   bool          // it is time to fetch it again
	failure error         // of the last attempt at that
	cooling time.Duration // until the next one that somebody waits for; <= 0: now
}

func (k *Keys) look() keySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	return keySet{
		JSONWebKeySet: k.set,
		begun:         k.begun,
		attempt:       k.attempt,
		stale:         now.Sub(k.fetched) > freshFor && now.Sub(k.tried) > staleRetry,
		failure:       k.failure,
		cooling:       k.tried.Add(coolDown).Sub(now),
	}
}

func (k *Keys) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	k.mu.Lock()
	k.begun++
	attempt := k.begun
	k.mu.Unlock()
	set, err := k.ask(ctx)

	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried, k.failure = k.now(), nil
	if err != nil {
		k.failure = fmt.Errorf("fetch the issuer's keys: %w", err)
		return k.failure
	}
	k.set, k.attempt, k.fetched = set, attempt, k.tried
	return nil
}

// ask fetches the set. What the issuer's discovery says of itself may be a fault;
// all else passes.
func (k *Keys) ask(ctx context.Context) (jose.JSONWebKeySet, error) {
	address, err := k.locate(ctx)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	body, err := get(ctx, k.client, address)
	if err != nil {
		return jose.JSONWebKeySet{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	set := parse(body)
	if len(set.Keys) == 0 {
		return set, fmt.Errorf("%w: the reply is no JSON Web Key Set with a public signing key", domain.ErrUnavailable)
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
	switch reply.Status {
	case http.StatusOK:
		return reply.Body, nil
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		client.Refused(reply)
	}
	return nil, errors.New(strings.TrimSpace(fmt.Sprintf("status %d %s", reply.Status, reply.Words(""))))
}

// parse returns the public signing keys of a JSON Web Key Set and ignores keys it
// does not understand, as RFC 7517 section 5 wants: a new kind of key must not
// take the known ones away. go-jose compares a certificate with its SHA-1 (x5c, x5t, which
// Auth0's keys have); nothing is trusted for that, so fips140=only must not refuse the key.
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
		var err error
		fips140.WithoutEnforcement(func() { err = json.Unmarshal(text, &key) })
		if err == nil && key.IsPublic() && key.Use != "enc" {
			set.Keys = append(set.Keys, key)
		}
	}
	return set
}
