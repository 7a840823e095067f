package auth0_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/internal/upstream"
)

func TestQuotasAreReadFromAuth0sHeaders(t *testing.T) {
	now := time.Unix(1_769_853_600, 0)
	tenant := upstream.Quota{Name: "tenant", Of: 100, Left: 99, Reset: now.Add(time.Second)}
	application := upstream.Quota{Name: "application", Of: 10, Left: 9, Reset: now.Add(time.Second), Own: true}
	for name, tt := range map[string]struct {
		header map[string]string
		want   []upstream.Quota
	}{
		"none": {nil, nil},
		"the tenant's": {map[string]string{
			"x-ratelimit-limit": "100", "x-ratelimit-remaining": "99", "x-ratelimit-reset": "1769853601",
		}, []upstream.Quota{tenant}},
		"the application's": {map[string]string{"Auth0-RateLimit": "client;q=10;t=1;r=9"}, []upstream.Quota{application}},
		"both": {map[string]string{
			"x-ratelimit-limit": "100", "x-ratelimit-remaining": "99", "x-ratelimit-reset": "1769853601", "Auth0-RateLimit": "client; q=10; t=1; r=9",
		}, []upstream.Quota{tenant, application}},
		"an application that is blocked": {map[string]string{"Auth0-RateLimit": "client;q=0;t=1;r=0"},
			[]upstream.Quota{{Name: "application", Reset: now.Add(time.Second), Own: true}}},
		"one of three is missing":        {map[string]string{"x-ratelimit-limit": "100", "x-ratelimit-remaining": "99"}, nil},
		"what is no number":              {map[string]string{"x-ratelimit-limit": "many", "x-ratelimit-remaining": "99", "x-ratelimit-reset": "1"}, nil},
		"a policy without its remainder": {map[string]string{"Auth0-RateLimit": "client;q=10;t=1"}, nil},
		"a policy below zero":            {map[string]string{"Auth0-RateLimit": "client;q=10;t=1;r=-1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			for key, value := range tt.header {
				header.Set(key, value)
			}
			if got := auth0.Quotas(header, now); !slices.Equal(got, tt.want) {
				t.Errorf("it reads %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestARateLimitIsANumberAboveZero(t *testing.T) {
	for text, want := range map[string]auth0.RateLimit{"25": 25, "0.5": 0.5, "0": 0, "-1": 0, "NaN": 0, "+Inf": 0, "25/s": 0} {
		var got auth0.RateLimit
		if err := got.UnmarshalText([]byte(text)); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is read as %g, %v, want %g", text, got, err, want)
		}
	}
}

func TestTheEmulatorsLimitsAreRead(t *testing.T) {
	tenant := startTenant(t)
	tenant.SetFaults(auth0test.Faults{Protection: auth0test.Protection{TokenPerSecond: 1000}})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(tenant.CAPEM())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(client.CloseIdleConnections)
	reply, err := client.PostForm(tenant.URL()+"/oauth/token", url.Values{"client_id": {"nobody"}})
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	got := auth0.Quotas(reply.Header, time.Now())
	if len(got) != 1 || got[0].Name != auth0.TenantQuota || got[0].Of != 1000 || got[0].Left != 999 || got[0].Own {
		t.Errorf("it reads %+v of %v, want 999 of 1000 left", got, reply.Header)
	}
}
