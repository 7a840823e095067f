package portstest

import (
	"encoding/json"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
)

// KeysHarness is an IssuerKeys under test that has asked for no key yet.
type KeysHarness struct {
	Keys ports.IssuerKeys
	// ID is the id of the one key that the provider signs with.
	ID string
	// Leak makes the provider publish a private and a symmetric key besides.
	Leak func(t *testing.T)
	// Garble makes the provider answer what nobody understands, and Stop makes it
	// unreachable.
	Garble, Stop func(t *testing.T)
}

// IssuerKeys tests the contract of ports.IssuerKeys.
func IssuerKeys(t *testing.T, start func(t *testing.T) KeysHarness) {
	tests := map[string]func(*testing.T, KeysHarness){
		"the keys are those of the provider":                  func(t *testing.T, h KeysHarness) { h.wantKey(t) },
		"only public keys are given out":                      keysLeaked,
		"the last good keys serve while the provider is away": func(t *testing.T, h KeysHarness) { h.serves(t, h.Stop) },
		"the last good keys serve while it talks nonsense":    func(t *testing.T, h KeysHarness) { h.serves(t, h.Garble) },
		"without a good answer ever there are no keys":        keysUnavailable,
		"callers at the same time get the same":               func(t *testing.T, h KeysHarness) { atOnce(func(int) { h.wantKey(t) }) },
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

// wantKey fails the test unless the set has the provider's key, and nothing that is
// not public (RFC 7518, sections 6.2.2, 6.3.2 and 6.4).
func (h KeysHarness) wantKey(t *testing.T) {
	t.Helper()
	text, err := h.Keys.JWKS(t.Context())
	if err != nil {
		t.Errorf("jwks: %v", err)
		return
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(text, &set); err != nil {
		t.Errorf("%q is no JSON Web Key Set", text)
	}
	found := false
	for _, key := range set.Keys {
		found = found || key["kid"] == h.ID
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, there := key[private]; there {
				t.Errorf("the key %v has the private member %q", key["kid"], private)
			}
		}
	}
	if !found {
		t.Errorf("the provider's key %q is not in the set", h.ID)
	}
}

func keysLeaked(t *testing.T, h KeysHarness) {
	h.Leak(t)
	h.wantKey(t)
}

// serves asks for the keys when there is trouble, and then again.
func (h KeysHarness) serves(t *testing.T, trouble func(*testing.T)) {
	h.wantKey(t)
	trouble(t)
	h.wantKey(t)
	h.wantKey(t)
}

func keysUnavailable(t *testing.T, h KeysHarness) {
	h.Stop(t)
	text, err := h.Keys.JWKS(t.Context())
	wantReason(t, err, domain.ErrUnavailable)
	if len(text) > 0 {
		t.Errorf("jwks = %q, want none", text)
	}
}
