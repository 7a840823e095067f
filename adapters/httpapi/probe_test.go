package httpapi_test

import (
	"net/netip"
	"testing"

	"nativebridge/adapters/httpapi"
	"nativebridge/domain"
)

func TestProxiesThatAreNotNamedAreWarnedAbout(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, tt := range map[string]struct {
		config httpapi.Config
		want   domain.Outcome
	}{
		"none is named":                        {httpapi.Config{ListenAddr: ":8080"}, domain.Failed},
		"they are named":                       {httpapi.Config{ListenAddr: ":8080", TrustedProxies: proxies}, domain.Passed},
		"only this machine reaches the bridge": {httpapi.Config{ListenAddr: "127.0.0.1:8080"}, domain.Passed},
		"and so over IPv6":                     {httpapi.Config{ListenAddr: "[::1]:8080"}, domain.Passed},
		"a network reaches it":                 {httpapi.Config{ListenAddr: "192.0.2.1:8080"}, domain.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			httpapi.NewProbe(tt.config).Run(t.Context(), func(finding domain.Finding) {
				if finding.Code != "NB801" || finding.Grade != domain.Warning || finding.Outcome != tt.want {
					t.Errorf("it finds %v, want the outcome %v", finding, tt.want)
				}
			})
		})
	}
}
