package authsignal_test

import (
	"testing"
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/ports/portstest"
)

func TestAuthsignalIsProbedAsAProbeMust(t *testing.T) {
	portstest.Probe(t, func(t *testing.T) portstest.ProbeHarness {
		server, err := authsignaltest.Start(authsignaltest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		config := authsignal.Config{APIURL: settings.BaseURL(server.APIURL()), Secret: settings.NewSecret(server.Secret())}
		fault := func(fault authsignaltest.Fault) func(*testing.T) {
			return func(*testing.T) { server.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{fault}}) }
		}
		return portstest.ProbeHarness{
			Probe:   authsignal.NewProbe(upstream.New(upstream.Options{Name: "authsignal", Now: time.Now}), config, time.Minute),
			Break:   fault(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: 401}),
			Hang:    fault(authsignaltest.Fault{Kind: authsignaltest.FaultHang}),
			Secrets: []string{server.Secret()},
		}
	})
}
