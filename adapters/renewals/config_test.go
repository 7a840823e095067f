package renewals_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/renewals"
	"nativebridge/domain"
)

func load(t *testing.T, environ map[string]string) (renewals.Config, error) {
	t.Helper()
	var c renewals.Config
	err := settings.Load(environ, &c)
	return c, err
}

func TestAnswersAreKeptForTenMinutesForWhoeverHasTheTokenByDefault(t *testing.T) {
	c, err := load(t, nil)
	if err != nil || c.Grace != 10*time.Minute || c.Bind != renewals.BindOff {
		t.Errorf("config = %+v, %v", c, err)
	}
}

func TestTheGraceIsBetweenNothingAndAnHour(t *testing.T) {
	for value, right := range map[string]bool{"0": true, "0s": true, "1h": true, "-1s": false, "1h0m1s": false, "10": false} {
		_, err := load(t, map[string]string{"RENEWAL_GRACE": value})
		if right != (err == nil) || err != nil && !strings.Contains(err.Error(), "RENEWAL_GRACE") ||
			value == "1h0m1s" && !strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v, want a fault: %t", value, err, !right)
		}
	}
}

func TestABindIsOneOfFour(t *testing.T) {
	for _, bind := range []renewals.Bind{renewals.BindOff, renewals.BindAddress, renewals.BindUserAgent, renewals.BindBoth} {
		if c, err := load(t, map[string]string{"RENEWAL_GRACE_BIND": string(bind)}); err != nil || c.Bind != bind {
			t.Errorf("%s: %q, %v", bind, c.Bind, err)
		}
	}
	if _, err := load(t, map[string]string{"RENEWAL_GRACE_BIND": "on"}); err == nil || !strings.Contains(err.Error(), "off, address, user_agent or both") {
		t.Errorf("on: %v, want what it may be", err)
	}
}

func TestWhoIsAlikeGoesByTheBind(t *testing.T) {
	client := func(addr, agent string) domain.Client {
		c := domain.Client{UserAgent: agent, RequestID: "of each its own"}
		if addr != "" {
			c.Addr = netip.MustParseAddr(addr)
		}
		return c
	}
	before := client("203.0.113.7", "app/1")
	for name, tt := range map[string]struct {
		first, second domain.Client
		alike         map[renewals.Bind]bool
	}{
		"the same phone":            {before, before, map[renewals.Bind]bool{"off": true, "address": true, "user_agent": true, "both": true}},
		"another network":           {before, client("203.0.113.8", "app/1"), map[renewals.Bind]bool{"off": true, "user_agent": true}},
		"another app":               {before, client("203.0.113.7", "curl/8"), map[renewals.Bind]bool{"off": true, "address": true}},
		"another in everything":     {before, client("198.51.100.1", "curl/8"), map[renewals.Bind]bool{"off": true}},
		"the same IPv6 network":     {client("2001:db8::1", "app/1"), client("2001:db8::2", "app/1"), map[renewals.Bind]bool{"off": true, "address": true, "user_agent": true, "both": true}},
		"another IPv6 network":      {client("2001:db8:0:1::1", "app/1"), client("2001:db8:0:2::1", "app/1"), map[renewals.Bind]bool{"off": true, "user_agent": true}},
		"an address that is hidden": {before, client("", "app/1"), map[renewals.Bind]bool{"off": true, "user_agent": true}},
		"two that are hidden":       {client("", "app/1"), client("", "app/1"), map[renewals.Bind]bool{"off": true, "address": true, "user_agent": true, "both": true}},
	} {
		for _, bind := range []renewals.Bind{renewals.BindOff, renewals.BindAddress, renewals.BindUserAgent, renewals.BindBoth} {
			if got := bind.Mark(tt.first) == bind.Mark(tt.second); got != tt.alike[bind] {
				t.Errorf("%s, bound by %s: alike is %t", name, bind, got)
			}
		}
	}
}
