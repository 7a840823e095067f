package portstest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
	"nativebridge/ports/portstest"
)

const (
	publicKey  = `{"kty":"EC","kid":"public","crv":"P-256","x":"eA","y":"eQ"}`
	privateKey = `{"kty":"EC","kid":"private","crv":"P-256","x":"eA","y":"eQ","d":"ZA"}`
	sharedKey  = `{"kty":"oct","kid":"shared","k":"aw"}`
)

// keyring fetches the keys anew at each call and keeps the last good ones.
type keyring struct {
	trouble

	mu        sync.Mutex
	published []string
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

func (k *keyring) fetch(ctx context.Context) ([]byte, error) {
	if err := k.err(ctx); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var public []string
	for _, key := range k.published {
		if key != privateKey && key != sharedKey {
			public = append(public, key)
		}
	}
	return jwks(public...), nil
}

func jwks(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }

// keysFunc is an adapter made of its one method.
type keysFunc func(context.Context) ([]byte, error)

func (f keysFunc) JWKS(ctx context.Context) ([]byte, error) { return f(ctx) }

func startKeys() (portstest.KeysHarness, map[string]flaw[portstest.KeysHarness]) {
	k := &keyring{published: []string{publicKey}}
	return portstest.KeysHarness{
		Keys: k,
		ID:   "public",
		Leak: func(*testing.T) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.published = append(k.published, privateKey, sharedKey)
		},
		Garble: k.meet(garbled), Stop: k.meet(stopped),
	}, keysFlaws(k)
}

func keysFlaws(k *keyring) map[string]flaw[portstest.KeysHarness] {
	by := func(caughtBy string, broken keysFunc) flaw[portstest.KeysHarness] {
		return flaw[portstest.KeysHarness]{caughtBy, func(h *portstest.KeysHarness) { h.Keys = broken }}
	}
	// leaking passes one more key on.
	leaking := func(key string) keysFunc {
		return func(context.Context) ([]byte, error) {
			if len(k.published) > 1 {
				return jwks(publicKey, key), nil
			}
			return jwks(publicKey), nil
		}
	}
	const (
		right  = "the keys are those of the provider"
		public = "only public keys are given out"
		never  = "without a good answer ever there are no keys"
	)
	var one sync.Mutex
	mixed := newMixUp[int]()
	return map[string]flaw[portstest.KeysHarness]{
		"gives out a private key":   by(public, leaking(privateKey)),
		"gives out a symmetric key": by(public, leaking(sharedKey)),
		"gives out no key":          by(right, func(context.Context) ([]byte, error) { return jwks(), nil }),
		"gives out no JSON":         by(right, func(context.Context) ([]byte, error) { return []byte("<html>"), nil }),
		"keeps nothing":             by("the last good keys serve while the provider is away", k.fetch),
		"passes nonsense on": by("the last good keys serve while it talks nonsense", func(ctx context.Context) ([]byte, error) {
			if k.met() == garbled {
				return []byte("<html>"), nil
			}
			return k.JWKS(ctx)
		}),
		"has an empty set for no answer": by(never, func(ctx context.Context) ([]byte, error) {
			if text, err := k.JWKS(ctx); err == nil {
				return text, nil
			}
			return jwks(), nil
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
				text = jwks()
			}
			return text, err
		}),
		"serves one caller at a time": by("callers at the same time get the same", func(ctx context.Context) ([]byte, error) {
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
