// Package renewals says for how long, and to whom, the answer to a renewal is given again.
package renewals

import (
	"fmt"
	"time"

	"nativebridge/adapters/internal/network"
	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// MostGrace bounds RENEWAL_GRACE: for so long a stolen refresh token that is used up already
// is as good as a new one.
const MostGrace = time.Hour

// Config is for how long, and to whom.
type Config struct {
	Grace time.Duration `env:"RENEWAL_GRACE" envDefault:"10m" help:"how long after a renewal the old refresh token gets the same answer again, for apps that lost it, up to 1h; the answer is kept encrypted in REPLAY_STORE, and only the old refresh token opens it; while that store is away, renewals are answered 503; 0 turns this off: every renewal asks the issuer"`
	Bind  Bind          `env:"RENEWAL_GRACE_BIND" envDefault:"off" help:"what must be the same in whoever gets an answer again: off (nothing but the refresh token), address (the network: an IPv4 address, or the /64 of an IPv6 address), user_agent, or both; whoever differs is passed on to the issuer, which may see a reuse and end the session; phones change their network often"`
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	if c.Grace >= 0 && c.Grace <= MostGrace {
		return nil
	}
	return []settings.Fault{{
		Name: "RENEWAL_GRACE", Problem: fmt.Sprintf("is %s", c.Grace), Fix: "set it to something from 0s to 1h, such as 10m",
	}}
}

// Bind is what RENEWAL_GRACE_BIND holds.
type Bind string

// What must be the same.
const (
	BindOff       Bind = "off"
	BindAddress   Bind = "address"
	BindUserAgent Bind = "user_agent"
	BindBoth      Bind = "both"
)

// UnmarshalText accepts the four.
func (b *Bind) UnmarshalText(text []byte) error {
	return settings.OneOf(b, text, BindOff, BindAddress, BindUserAgent, BindBoth)
}

// Mark returns a text that is the same for two callers if an answer to one may be given to
// the other. An address that is not known for certain is an address like any other: all
// callers of unknown address are alike.
func (b Bind) Mark(client domain.Client) string {
	address, agent := network.Of(client.Addr).String(), client.UserAgent
	switch b {
	case BindAddress:
		agent = ""
	case BindUserAgent:
		address = ""
	case BindOff:
		address, agent = "", ""
	}
	return address + "\n" + agent
}
