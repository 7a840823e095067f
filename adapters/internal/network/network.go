// Package network says what belongs to one caller.
package network

import "net/netip"

// Of returns the network that an address stands for: an IPv4 address alone, and of an
// IPv6 address its /64, which is one customer's as a rule (RFC 6177). It is zero if the
// address is.
func Of(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // it fails only for the zero address
	return network
}
