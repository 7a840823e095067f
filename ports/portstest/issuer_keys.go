package portstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
)

// KeysHarness is an IssuerKeys under test that has asked for no key yet.
type KeysHarness struct {
	Keys ports.IssuerKeys
	// Publish makes the provider answer body where it publishes its keys, and lets
	// the time pass after which keys at hand are asked for again.
	Publish func(t *testing.T, body string)
	// Stop makes the provider unreachable, and lets that time pass.
	Stop func(t *testing.T)
}

// IssuerKeys tests the contract of ports.IssuerKeys.
func IssuerKeys(t *testing.T, start func(t *testing.T) KeysHarness) {
	tests := map[string]func(*testing.T, KeysHarness){
		"the keys are those of the provider":                  keysPublished,
		"only public keys are given out":                      keysLeaked,
		"the last good keys serve while the provider is away": keysStopped,
		"the last good keys serve while it talks nonsense":    keysGarbled,
		"without any good answer there are no keys":           keysUnavailable,
		"concurrent callers get the same keys":                keysAtOnce,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func keysPublished(t *testing.T, h KeysHarness) {
	key := newKey(t, "one")
	h.Publish(t, keySet(key.public))
	h.wantKey(t, "one")
}

func keysLeaked(t *testing.T, h KeysHarness) {
	h.Publish(t, keySet(newKey(t, "one").public, newKey(t, "private").private, `{"kty":"oct","kid":"shared","k":"c2VjcmV0"}`))
	h.wantKey(t, "one")
}

func keysStopped(t *testing.T, h KeysHarness) {
	h.Publish(t, keySet(newKey(t, "one").public))
	h.wantKey(t, "one")
	h.Stop(t)
	h.wantKey(t, "one")
	h.wantKey(t, "one")
}

func keysGarbled(t *testing.T, h KeysHarness) {
	h.Publish(t, keySet(newKey(t, "one").public))
	h.wantKey(t, "one")
	h.Publish(t, "<html>no keys today</html>")
	h.wantKey(t, "one")
	h.wantKey(t, "one")
}

func keysUnavailable(t *testing.T, h KeysHarness) {
	h.Stop(t)
	text, err := h.Keys.JWKS(t.Context())
	wantReason(t, err, domain.ErrUnavailable)
	if len(text) > 0 {
		t.Errorf("jwks = %q, want none", text)
	}
}

func keysAtOnce(t *testing.T, h KeysHarness) {
	h.Publish(t, keySet(newKey(t, "one").public))
	atOnce(func(int) { h.wantKey(t, "one") })
}

// wantKey fails the test unless the set has the key with that id, and nothing that
// is not public (RFC 7518, sections 6.2.2, 6.3.2 and 6.4).
func (h KeysHarness) wantKey(t *testing.T, id string) {
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
		found = found || key["kid"] == id
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, there := key[private]; there {
				t.Errorf("the key %v has the private member %q", key["kid"], private)
			}
		}
	}
	if !found {
		t.Errorf("the provider's key %q is not in the set", id)
	}
}

// key is a P-256 key as a JSON Web Key, without and with its private part.
type key struct{ public, private string }

func newKey(t *testing.T, id string) key {
	t.Helper()
	generated, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := generated.PublicKey.Bytes() // 0x04, x and y
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := generated.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	members := fmt.Sprintf(`"kty":"EC","use":"sig","alg":"ES256","kid":%q,"crv":"P-256","x":%q,"y":%q`, id, encode(point[1:33]), encode(point[33:]))
	return key{public: "{" + members + "}", private: "{" + members + `,"d":"` + encode(scalar) + `"}`}
}

func keySet(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
