package adapters

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/ops"
)

// ProbesAddress returns where the probes of a bridge answer that serves with environ, on the
// same machine: loopback, if they do so on every address. The error has one line.
func ProbesAddress(environ map[string]string) (string, error) {
	var config ops.Config
	if faults, ok := errors.AsType[Faults](settings.Load(environ, &config)); ok {
		return "", fmt.Errorf("%s %s: %s", faults[0].Name, faults[0].Problem, faults[0].Fix)
	}
	host, port, _ := net.SplitHostPort(string(config.Addr)) // loading has checked it
	if port == "0" {
		return "", errors.New("OPS_ADDR has the port 0, which means any: set it to the port that the bridge has")
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "127.0.0.1"
		if addr.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port), nil
}
