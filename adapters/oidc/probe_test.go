package oidc_test

import (
	"strings"
	"testing"

	"nativebridge/adapters/oidc/oidctest"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

func TestAProviderIsProbedAsAProbeMust(t *testing.T) {
	portstest.Probe(t, func(t *testing.T) portstest.ProbeHarness {
		provider := startProvider(t, nil)
		return portstest.ProbeHarness{
			Probe:   issuerFor(t, provider).NewProbe(),
			Break:   func(*testing.T) { _ = provider.Close() },
			Hang:    func(*testing.T) { provider.SetFault(oidctest.Hang) },
			Secrets: []string{clientSecret},
		}
	})
}

func TestAnAssertionThatMustBeRefusedIsTriedAsAProbeMust(t *testing.T) {
	portstest.Probe(t, func(t *testing.T) portstest.ProbeHarness {
		provider := startProvider(t, nil)
		return portstest.ProbeHarness{
			Probe:   issuerFor(t, provider).NewTrial(),
			Break:   func(*testing.T) { provider.SetFault(oidctest.InvalidClient) },
			Hang:    func(*testing.T) { provider.SetFault(oidctest.Hang) },
			Secrets: []string{clientSecret},
		}
	})
}

// An assertion that has expired is refused with invalid_grant by whoever reads it. Keycloak
// says that of the client and of the issuer, too; what it says was brought about by
// 'make witnesses ONLY=keycloak'.
func TestDoctorReadsKeycloaksWords(t *testing.T) {
	for name, tt := range map[string]struct{ words, fix string }{
		"the assertion has expired":                    {words: "Token is not active"},
		"the client may not use the grant":             {words: "JWT Authorization Grant is not supported for the requested client", fix: "allow the client the grant"},
		"the client may not use the identity provider": {words: "Identity Provider is not allowed for the client", fix: "Allowed Identity Providers"},
		"the issuer of assertions is unknown":          {words: "No Identity Provider for provided issuer", fix: "OIDC_ASSERTION_ISSUER"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer, _ := plainProvider(t, answering(400, `{"error":"invalid_grant","error_description":"`+tt.words+`"}`))
			var found domain.Finding
			issuer.NewTrial().Run(t.Context(), func(f domain.Finding) {
				if f.Code == "NB813" {
					found = f
				}
			})
			if failed := found.Outcome == domain.Failed; failed != (tt.fix != "") {
				t.Fatalf("NB813 = %+v", found)
			}
			if tt.fix != "" && (!strings.Contains(found.Problem, tt.words) || !strings.Contains(found.Fix, tt.fix)) {
				t.Errorf("NB813 says %q and %q, want the words %q and the fix %q", found.Problem, found.Fix, tt.words, tt.fix)
			}
		})
	}
}
