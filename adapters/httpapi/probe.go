package httpapi

import (
	"context"
	"net/netip"

	"nativebridge/adapters/internal/checks"
	"nativebridge/domain"
)

// NewProbe returns the check of whether the bridge can know from where its callers come.
func NewProbe(config Config) checks.Probe {
	return func() []checks.Step {
		return []checks.Step{{Check: domain.Check{
			Code: "NB801", Asks: "TRUSTED_PROXIES names the proxies before the bridge",
			Why:    "X-Forwarded-For is not believed, Auth0 is told no caller's address, and its attack protection counts everybody's failures for the bridge's; the bridge itself limits no address",
			Remedy: "set it to the addresses from which the load balancer connects, such as 10.0.0.0/8, or to none if nothing stands before the bridge (docs/run.md, Behind a load balancer)",
			Grade:  domain.Warning,
		}, Make: func(context.Context) (f domain.Finding) {
			if config.TrustedProxies != nil || config.isLocal() {
				return f.Pass()
			}
			return f.Fail("it is not set, and apps reach LISTEN_ADDR through a proxy as a rule, which ends TLS", "")
		}}}
	}
}

// isLocal reports whether only this machine can reach the bridge.
func (c Config) isLocal() bool {
	addr, err := netip.ParseAddrPort(string(c.ListenAddr))
	return err == nil && addr.Addr().IsLoopback()
}
