package settings

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// BaseURL is the address of an outside party, without a slash at its end. It is
// https; plain http is accepted on loopback only, because credentials travel.
type BaseURL string

// UnmarshalText parses a whole URL.
func (u *BaseURL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(strings.TrimSpace(string(text)))
	switch {
	case err != nil:
		return errors.New("that is no URL")
	case parsed.Scheme != "https" && parsed.Scheme != "http", parsed.Hostname() == "", parsed.Opaque != "":
		return errors.New("that is no https:// URL")
	case parsed.User != nil:
		return errors.New("a user or password does not belong into it")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return errors.New("a query or fragment does not belong into it")
	case parsed.Scheme == "http" && !isLoopback(parsed.Hostname()):
		return errors.New("plain http is allowed on loopback only")
	}
	parsed.Host = canonicalHost(parsed)
	*u = BaseURL(strings.TrimRight(parsed.String(), "/"))
	return nil
}

// canonicalHost returns the host in lower case and without the scheme's own port:
// replicas that spell one address differently must still mean the same party.
func canonicalHost(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
