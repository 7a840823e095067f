package oidc_test

import (
	"testing"

	"nativebridge/adapters/oidc/oidctest"
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
