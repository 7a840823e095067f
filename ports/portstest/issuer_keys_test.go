package portstest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
	"nativebridge/ports/portstest"
)

// keyring fetches the keys anew at each call and keeps the last good ones.
type keyring struct {
	trouble

	mu        sync.Mutex
	published string
	good      []byte
}

// JWKS is what a good adapter does.
func (k *keyring) JWKS(ctx context.Context) ([]byte, error) {
	fetched, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.good = fetched
	}
	if k.good == nil {
		return nil, err
	}
	return k.good, nil
}

// fetch returns the public ones of the keys that are published now.
func (k *keyring) fetch(ctx context.Context) ([]byte, error) {
	all, err := k.fetchAll(ctx)
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err != nil || json.Unmarshal(all, &set) != nil {
		return nil, fmt.Errorf("%w: the keys cannot be had: %w", domain.ErrUnavailable, err)
	}
	public := set.Keys[:0]
	for _, key := range set.Keys {
		if key["kty"] == "EC" && key["d"] == nil {
			public = append(public, key)
		}
	}
	set.Keys = public
	return json.Marshal(set)
}

func (k *keyring) fetchAll(ctx context.Context) ([]byte, error) {
	if err := k.err(ctx); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return []byte(k.published), nil
}

// keysFunc is an adapter made of its one method.
type keysFunc func(context.Context) ([]byte, error)

func (f keysFunc) JWKS(ctx context.Context) ([]byte, error) { return f(ctx) }

func startKeys() (portstest.KeysHarness, map[string]flaw[portstest.KeysHarness]) {
	k := &keyring{}
	return portstest.KeysHarness{
		Keys: k,
		Publish: func(_ *testing.T, body string) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.published = body
		},
		Stop: k.meet(stopped),
	}, keysFlaws(k)
}

func keysFlaws(k *keyring) map[string]flaw[portstest.KeysHarness] {
	by := func(caughtBy string, broken keysFunc) flaw[portstest.KeysHarness] {
		return flaw[portstest.KeysHarness]{caughtBy, func(h *portstest.KeysHarness) { h.Keys = broken }}
	}
	const (
		right = "the keys are those of the provider"
		never = "without any good answer there are no keys"
		empty = `{"keys":[]}`
	)
	var one sync.Mutex
	mixed := newMixUp[int]()
	return map[string]flaw[portstest.KeysHarness]{
		"gives out no key":                     by(right, func(context.Context) ([]byte, error) { return []byte(empty), nil }),
		"gives out no JSON":                    by(right, func(context.Context) ([]byte, error) { return []byte("<html>"), nil }),
		"passes on whatever is published":      by("only public keys are given out", k.fetchAll),
		"keeps nothing for an absence":         by("the last good keys serve while the provider is away", k.fetch),
		"keeps nothing for a page of nonsense": by("the last good keys serve while it talks nonsense", k.fetch),
		"has an empty set for no answer": by(never, func(ctx context.Context) ([]byte, error) {
			if text, err := k.JWKS(ctx); err == nil {
				return text, nil
			}
			return []byte(empty), nil
		}),
		"takes an absence for a fault of ours": by(never, func(ctx context.Context) ([]byte, error) {
			text, err := k.JWKS(ctx)
			if err != nil {
				err = errors.New("cannot connect")
			}
			return text, err
		}),
		"gives something with its error": by(never, func(ctx context.Context) ([]byte, error) {
			text, err := k.JWKS(ctx)
			if err != nil {
				text = []byte(empty)
			}
			return text, err
		}),
		"serves one caller at a time": by("concurrent callers get the same keys", func(ctx context.Context) ([]byte, error) {
			if !one.TryLock() {
				return nil, fmt.Errorf("%w: somebody else is asking", domain.ErrUnavailable)
			}
			defer one.Unlock()
			mixed.through(0)
			return k.JWKS(ctx)
		}),
	}
}

var _ ports.IssuerKeys = (*keyring)(nil)
