package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"nativebridge/adapters/authsignal/tenant"
)

const (
	loopback  = "127.0.0.1"
	localhost = "localhost"
)

// reach is under which names and at which address the sandbox is reached. The zero
// value is what it is by itself: localhost, at loopback.
type reach struct {
	rpID string     // SANDBOX_RP_ID: passkeys belong to it, and the page is at it or at a name under it
	addr netip.Addr // SANDBOX_LISTEN: the page and the bridge listen there
	port string     // SANDBOX_LISTEN: the page's; "" means the usual one, or a free one if that is taken
}

// newReach reads SANDBOX_RP_ID and SANDBOX_LISTEN.
func newReach(environ map[string]string) (reach, error) {
	r := reach{rpID: environ["SANDBOX_RP_ID"]}
	if r.rpID == localhost {
		r.rpID = ""
	}
	if r.rpID != "" {
		if err := tenant.CheckRelyingParty(r.rpID); err != nil {
			return reach{}, fmt.Errorf("SANDBOX_RP_ID: %w", err)
		}
	}
	text := environ["SANDBOX_LISTEN"]
	if text == "" {
		return r, nil
	}
	host := text
	if name, port, err := net.SplitHostPort(text); err == nil {
		host, r.port = name, port
	}
	var err error
	if r.addr, err = netip.ParseAddr(host); err != nil {
		return reach{}, fmt.Errorf("SANDBOX_LISTEN is %q: set it to an address, such as 0.0.0.0 for all of this machine's, or to one with the page's port, such as 127.0.0.1:8400", text)
	}
	return r, nil
}

// host is the address to listen on.
func (r reach) host() string {
	if r.addr.IsValid() {
		return r.addr.String()
	}
	return loopback
}

// relyingParty is the domain that passkeys belong to.
func (r reach) relyingParty() string {
	if r.rpID == "" {
		return localhost
	}
	return r.rpID
}

// isOwn reports whether a request is for the sandbox under a name of the operator's own.
func (r reach) isOwn(request *http.Request) bool {
	if r.rpID == "" {
		return false
	}
	name := request.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	return name == r.rpID || strings.HasSuffix(name, "."+r.rpID)
}

// onlyHere reports whether nobody but this machine can reach the sandbox.
func (r reach) onlyHere() bool {
	return r.rpID == "" && (!r.addr.IsValid() || r.addr.IsLoopback())
}

// warnReach says who can reach what, if somebody else can.
func (s *sandbox) warnReach() {
	if s.reach.onlyHere() {
		return
	}
	if s.reach.addr.IsValid() && !s.reach.addr.IsLoopback() {
		s.log.Warn("SANDBOX_LISTEN is not loopback: whoever reaches this machine can use the page and the bridge, without TLS",
			"page", s.pageURL, "bridge", s.bridgeURL, "address", s.reach.host())
	}
	if s.reach.rpID != "" {
		s.log.Warn("SANDBOX_RP_ID is set: whoever reaches what stands before the page can use it, see what happens, and change what happens",
			"page", s.ownURL())
	}
	if s.real == nil {
		s.log.Warn("the emulators stay on loopback: the page passes on Authsignal's Client API, and nothing else of them")
	} else if s.real.enrol != "" {
		s.log.Warn("whoever opens the page can add a passkey to this user of a real tenant, until you stop the sandbox", "user", s.real.enrol)
	}
}

// ownURL is where the page is for others, behind something that does TLS; "" if it has
// no name but localhost.
func (s *sandbox) ownURL() string {
	if s.reach.rpID == "" {
		return ""
	}
	return "https://" + s.reach.rpID
}
