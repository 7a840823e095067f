package jwt_test

import (
	"testing"

	"nativebridge/ports/portstest"
)

func TestAPasskeyProviderIsProbedAsAProbeMust(t *testing.T) {
	portstest.Probe(t, func(t *testing.T) portstest.ProbeHarness {
		b := newBench(t)
		return portstest.ProbeHarness{Probe: b.verifier.NewProbe(), Break: func(*testing.T) { _ = b.Close() }}
	})
}
