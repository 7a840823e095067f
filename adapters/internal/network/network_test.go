package network_test

import (
	"net/netip"
	"testing"

	"nativebridge/adapters/internal/network"
)

func TestAnAddressStandsForWhatIsOneCustomers(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := network.Of(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s stands for %s, want %s", addr, got, want)
		}
	}
	if network.Of(netip.Addr{}).IsValid() {
		t.Error("no address stands for a network")
	}
}
