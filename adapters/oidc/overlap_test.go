package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/oidc"
)

func secretOf(sent recordedRequest) string {
	_, secret, _ := (&http.Request{Header: sent.header}).BasicAuth()
	secret, _ = url.QueryUnescape(secret)
	return secret
}

// Keycloak says unauthorized_client of a wrong secret.
func TestWhatOneClientSecretIsRefusedIsSentWithTheOtherAndAFreshAssertion(t *testing.T) {
	for code, secrets := range map[string][]string{
		`{"error":"invalid_client"}`: {clientSecret, "the-other"}, `{"error":"invalid_grant"}`: {clientSecret}, `{"error":"unauthorized_client"}`: {clientSecret, "the-other"}, ``: {clientSecret},
	} {
		issuer, requests := plainProvider(t, answering(401, code), map[string]string{"OIDC_CLIENT_SECRET_OTHER": "the-other"})
		if _, err := issuer.Issue(t.Context(), grantFor("jane")); err == nil {
			t.Error("a session came of it")
		}
		var sent, assertions []string
		for _, request := range requests() {
			sent, assertions = append(sent, secretOf(request)), append(assertions, request.form.Get("assertion"))
		}
		if !slices.Equal(sent, secrets) {
			t.Errorf("%s: sent with %q, want %q", code, sent, secrets)
		}
		if slices.Sort(assertions); len(slices.Compact(assertions)) != len(secrets) {
			t.Errorf("%s: an assertion was sent twice", code)
		}
	}
}

func TestASecondSecretWithoutAFirstIsAFault(t *testing.T) {
	_, err := load(minimal(), map[string]string{"OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_KEY": freshKey(), "OIDC_CLIENT_SECRET_OTHER": "the-other"})
	if faults, ok := err.(settings.Faults); !ok || len(faults) != 1 || faults[0].Name != "OIDC_CLIENT_SECRET_OTHER" {
		t.Errorf("err = %v, want the one fault", err)
	}
}

// The keys of assertions change while the bridge runs: what is published, and what signs.
func TestAnAdoptedKeySignsAndIsPublished(t *testing.T) {
	running, err := load(minimal(), map[string]string{"OIDC_ISSUER": "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	issuer := newIssuer(running)
	published := func() []string {
		var set struct {
			Keys []struct{ Kid string }
		}
		if err := json.Unmarshal(issuer.AssertionJWKS(), &set); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, key := range set.Keys {
			ids = append(ids, key.Kid)
		}
		return ids
	}
	before := published()
	fresh, err := load(minimal(), map[string]string{"OIDC_ISSUER": "http://127.0.0.1:1", "OIDC_ASSERTION_KEY": freshKey()})
	if err != nil {
		t.Fatal(err)
	}
	if adopted, _ := settings.Adopt(&running, &fresh); !slices.Equal(adopted, []string{"OIDC_ASSERTION_KEY"}) {
		t.Fatalf("adopted %v, want the key", adopted)
	}
	after := published()
	if len(after) != 1 || slices.Equal(after, before) || !slices.Equal(after, []string{oidc.KeyOf(issuer)}) {
		t.Errorf("published are %v, before %v, and %s signs", after, before, oidc.KeyOf(issuer))
	}
}
