package auth0

import "net/netip"

// special are the blocks of addresses that no user on the internet has, by the IANA IPv4 and IPv6 Special-Purpose Address Registries
// (iana.org/assignments/iana-ipv4-special-registry and …-ipv6-special-registry).
// A few addresses within them are reachable, but are services, not users.
var special = prefixes(
	"0.0.0.0/8",         // this network (RFC 791)
	"10.0.0.0/8",        // private use (RFC 1918)
	"100.64.0.0/10",     // shared by a carrier's customers (RFC 6598)
	"127.0.0.0/8",       // loopback (RFC 1122)
	"169.254.0.0/16",    // link local (RFC 3927)
	"172.16.0.0/12",     // private use (RFC 1918)
	"192.0.0.0/24",      // IETF protocol assignments (RFC 6890)
	"192.0.2.0/24",      // documentation (RFC 5737)
	"192.31.196.0/24",   // AS112 (RFC 7535)
	"192.52.193.0/24",   // AMT (RFC 7450)
	"192.88.99.0/24",    // 6to4 relays, deprecated (RFC 7526)
	"192.168.0.0/16",    // private use (RFC 1918)
	"192.175.48.0/24",   // AS112 (RFC 7534)
	"198.18.0.0/15",     // benchmarking (RFC 2544)
	"198.51.100.0/24",   // documentation (RFC 5737)
	"203.0.113.0/24",    // documentation (RFC 5737)
	"224.0.0.0/4",       // multicast (RFC 5771)
	"240.0.0.0/4",       // reserved (RFC 1112), and limited broadcast
	"2001::/23",         // IETF protocol assignments (RFC 2928), with Teredo, benchmarking and ORCHID
	"2001:db8::/32",     // documentation (RFC 3849)
	"2002::/16",         // 6to4 (RFC 3056)
	"2620:4f:8000::/48", // AS112 (RFC 7534)
	"3fff::/20",         // documentation (RFC 9637)
)

// unicast is the part of IPv6 that is assigned on the internet (IANA, "IPv6 Global Unicast
// Address Assignments"). Outside of it are, among others, loopback, link-local and
// unique local addresses, and those that stand for IPv4 ones (64:ff9b::/96,
// 64:ff9b:1::/48).
var unicast = netip.MustParsePrefix("2000::/3")

// onTheInternet reports whether addr can be a user's. With any other address Auth0 would
// count all users of a network, or behind a balancer, as one.
func onTheInternet(addr netip.Addr) bool {
	if !addr.IsValid() || addr.Zone() != "" || addr.Is6() && !unicast.Contains(addr) {
		return false
	}
	for _, block := range special {
		if block.Contains(addr) {
			return false
		}
	}
	return true
}

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}
