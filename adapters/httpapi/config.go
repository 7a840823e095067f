package httpapi

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"nativebridge/adapters/internal/serving"
	"nativebridge/adapters/internal/settings"
)

// Config is how the bridge serves.
type Config struct {
	ListenAddr serving.Addr `env:"LISTEN_ADDR" envDefault:":8080" help:"the address to serve on, such as :8080 or 127.0.0.1:8080"`

	TLS serving.TLS

	RequestTimeout time.Duration `env:"REQUEST_TIMEOUT" envDefault:"10s" help:"how long an exchange may take in all, from the arrival of its request, up to 1m"`
	TrustedProxies Prefixes      `env:"TRUSTED_PROXIES" help:"the addresses of the proxies in front of the bridge, such as 10.0.0.0/8,192.0.2.7: from them, and only from them, X-Forwarded-For is believed; none if apps reach the bridge without a proxy. Unless one of the two is set, the limits per address limit nobody who comes from a private network or through a proxy"`

	MaxInFlight    int           `env:"MAX_IN_FLIGHT" envDefault:"256" help:"how many exchanges, renewals and revocations may be in flight at once; what comes beyond that is answered 503 at once, and the same token works later"`
	MaxCPUWait     time.Duration `env:"MAX_CPU_WAIT" envDefault:"20ms" help:"from which on no exchange, renewal or revocation is begun, while 16 or more are in flight: how long a tenth of the process' work waits for a CPU, up to 1s; what comes then is answered 503 at once, so that those in flight keep their pace; 0 turns this off"`
	MaxConnections int           `env:"MAX_CONNECTIONS" envDefault:"2048" help:"how many connections to LISTEN_ADDR may be open at once, more than MAX_IN_FLIGHT; a new one beyond that takes the place of the one that has been idle for longest, or waits if none is"`

	ProblemBaseURL settings.BaseURL `env:"PROBLEM_BASE_URL" help:"the address of a page that says what each error means, such as https://docs.example.com/errors: the type of a problem is then that address, # and the code, and leads to the row of docs/errors.md if that page is served there; without it types are URNs"`
	PublicURL      settings.BaseURL `env:"PUBLIC_URL" help:"the bridge's own address as apps call it, such as https://bridge.example.com: OAuth clients then find their configuration at /.well-known/openid-configuration and /.well-known/oauth-authorization-server, and without it both are 404"`
	CORSOrigins    Origins          `env:"CORS_ORIGINS" help:"the origins whose pages may call the bridge, separated by commas, for apps in a WebView or a browser: capacitor://localhost and http://localhost (Capacitor), ionic://localhost, https://app.example.com; each exactly as the browser sends it, and no *; native apps need none"`

	DPoP DPoP `env:"DPOP" envDefault:"refuse" help:"what becomes of a request with a DPoP proof, which react-native-auth0 5 sends unless it has useDPoP: false: refuse answers 400 and says so; ignore answers with a bearer session, which whoever has its tokens can use; no proof is ever passed on or checked"`

	SubjectTokenTypes TokenTypes `env:"SUBJECT_TOKEN_TYPES" envDefault:"urn:authsignal:params:oauth:token-type:challenge" help:"the subject_token_type values that POST /oauth/token accepts for a passkey token, separated by commas"`
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	faults := c.TLS.Check()
	if c.RequestTimeout > time.Minute {
		faults = append(faults, settings.Fault{
			Name:    "REQUEST_TIMEOUT",
			Problem: fmt.Sprintf("is %s", c.RequestTimeout),
			Fix:     "set it to at most 1m: no app waits longer",
		})
	}
	if c.MaxInFlight < 1 {
		faults = append(faults, settings.Fault{
			Name:    "MAX_IN_FLIGHT",
			Problem: fmt.Sprintf("is %d", c.MaxInFlight),
			Fix:     "set it to 1 or more, such as 256",
		})
	}
	if c.MaxCPUWait < 0 || c.MaxCPUWait > time.Second {
		faults = append(faults, settings.Fault{
			Name:    "MAX_CPU_WAIT",
			Problem: fmt.Sprintf("is %s", c.MaxCPUWait),
			Fix:     "set it to something from 0s to 1s, such as 20ms",
		})
	}
	if c.MaxConnections <= c.MaxInFlight {
		faults = append(faults, settings.Fault{
			Name:    "MAX_CONNECTIONS",
			Problem: fmt.Sprintf("is %d, not more than MAX_IN_FLIGHT, which is %d", c.MaxConnections, c.MaxInFlight),
			Fix:     "set it to several times that, such as 2048: who comes when all is full must be told so, on a connection",
		})
	}
	return faults
}

// Warnings returns what an operator should know of a configuration that is free of faults.
func (c *Config) Warnings() []string {
	host, _, _ := net.SplitHostPort(string(c.ListenAddr))
	if c.TLS.Given() || len(c.TrustedProxies) > 0 || isOfThisNetwork(host) {
		return nil
	}
	return []string{"LISTEN_ADDR serves plain HTTP to whoever reaches it, and tokens and sessions travel in it: set TLS_CERT_FILE and TLS_KEY_FILE; " +
		"or name the proxy that has TLS in TRUSTED_PROXIES; or listen on an address that only this machine or its private network reaches"}
}

// isOfThisNetwork reports whether a host is an address that the internet does not reach. No
// host, and 0.0.0.0, are all addresses of the machine.
func isOfThisNetwork(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && (addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast())
}

// keptDescriptors are kept free for other things than the connections of apps: some 130
// connections to each of two vendors, those of the probes, and files. Each request in
// flight may also need one to Redis.
const keptDescriptors = 300

// connections returns how many connections of apps a process may have if it may open
// that many descriptors: MaxConnections, or fewer, so that it never runs out of them.
// The error says that MaxInFlight could not be served.
func (c *Config) connections(descriptors int) (int, error) {
	kept := keptDescriptors + c.MaxInFlight
	room := min(c.MaxConnections, descriptors-kept)
	if room <= c.MaxInFlight {
		return 0, fmt.Errorf("this process may open %d files and connections at once (nofile), too few for MAX_IN_FLIGHT=%d: "+
			"let it open %d (LimitNOFILE= of systemd, ulimits of a container) or lower MAX_IN_FLIGHT",
			descriptors, c.MaxInFlight, kept+2*c.MaxInFlight)
	}
	return room, nil
}

// TokenTypes is a list of token type identifiers (RFC 8693, section 3).
type TokenTypes []string

// UnmarshalText splits at commas and wants absolute URIs, in the characters that a
// description of an error may have (RFC 6749, section 5.2), because one quotes them.
func (t *TokenTypes) UnmarshalText(text []byte) error {
	var list TokenTypes
	for i, item := range strings.Split(string(text), ",") {
		item = strings.TrimSpace(item)
		if parsed, err := url.Parse(item); err != nil || !parsed.IsAbs() || !isScopeToken(item) {
			return fmt.Errorf("its item %d is no absolute URI, such as urn:example:token-type", i+1)
		}
		list = append(list, item)
	}
	*t = list
	return nil
}

// DPoP says what becomes of a request that has a proof of possession (RFC 9449). A proof is
// for the URL that the app calls, so the issuer would not take it, and no session here is
// bound to a key.
type DPoP string

// The values of DPOP.
const (
	DPoPRefuse DPoP = "refuse" // and say how to turn it off
	DPoPIgnore DPoP = "ignore" // and answer as if it was not there
)

// UnmarshalText accepts the two values.
func (d *DPoP) UnmarshalText(text []byte) error {
	return settings.OneOf(d, text, DPoPRefuse, DPoPIgnore)
}

// Origins is a list of web origins (RFC 6454), each as browsers send it.
type Origins []string

// UnmarshalText splits at commas. What no browser ever sends would allow nobody, and
// what any page can have would allow everybody; neither is accepted.
func (o *Origins) UnmarshalText(text []byte) error {
	var list Origins
	for i, item := range strings.Split(string(text), ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		if problem := originProblem(item); problem != "" {
			return fmt.Errorf("its item %d %s", i+1, problem)
		}
		list = append(list, item)
	}
	*o = list
	return nil
}

// originProblem says what is wrong with an origin, or "".
func originProblem(item string) string {
	switch {
	case strings.Contains(item, "*"):
		return "has a *, which would let in pages that nobody here knows: name each origin"
	case item == "null":
		return "is null, which any page can have, in a sandboxed frame: give the app an origin of its own, such as capacitor://localhost"
	}
	parsed, err := url.Parse(item)
	if err != nil || parsed.Scheme == "" || parsed.Hostname() == "" {
		return "is no origin, such as https://app.example.com or capacitor://localhost"
	}
	switch exact := parsed.Scheme + "://" + strings.ToLower(parsed.Host); {
	case slices.Contains([]string{"file", "data", "blob"}, parsed.Scheme):
		return "has a scheme whose pages have the origin null: give the app an origin of its own, such as capacitor://localhost"
	case parsed.Scheme == "http" && !onThisDevice(parsed.Hostname()):
		return "is plain http, and whoever is on the way can change its pages: use https (http is for localhost alone)"
	case parsed.Scheme == "http" && parsed.Port() == "80", parsed.Scheme == "https" && parsed.Port() == "443":
		return "has its scheme's own port, which browsers leave out: leave it out"
	case item != exact, strings.ContainsFunc(item, func(r rune) bool { return r > '~' }):
		return "is not what a browser sends: a scheme and a host in lower case, a port if there is one, and nothing after it, not even a slash; a name beyond ASCII as xn--…"
	}
	return ""
}

// onThisDevice reports whether the host can be nowhere but on the app's own device
// (RFC 6761, section 6.3).
func onThisDevice(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}

// Prefixes is a list of networks. A nil one was not given.
type Prefixes []netip.Prefix

// none says that there are no networks.
const none = "none"

// areNone reports whether it was said that there are no networks.
func (p Prefixes) areNone() bool { return p != nil && len(p) == 0 }

// The largest networks that may be trusted: those of RFC 1918 and RFC 4193. Apps are
// in any that is larger, and could choose the address that is believed.
const minBits4, minBits6 = 8, 7

// UnmarshalText parses a list of networks and single addresses, separated by
// commas, or "none". An IPv4 network in IPv6 form (RFC 4291, section 2.5.5.2) is that
// IPv4 network.
func (p *Prefixes) UnmarshalText(text []byte) error {
	if strings.TrimSpace(string(text)) == none {
		*p = Prefixes{}
		return nil
	}
	var list Prefixes
	for i, item := range strings.Split(string(text), ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(item)
		if addr, addrErr := netip.ParseAddr(item); addrErr == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return fmt.Errorf("its item %d is no address or network", i+1)
		}
		prefix = unmapped(prefix)
		if prefix.Bits() < minBits6 || prefix.Addr().Is4() && prefix.Bits() < minBits4 {
			return fmt.Errorf("its item %d is so large a network that apps are in it, and could choose the address that is believed", i+1)
		}
		list = append(list, prefix.Masked())
	}
	*p = list
	return nil
}

// unmapped returns an IPv4 network in IPv6 form as IPv4, as peers' addresses are
// compared. What has IPv4 networks in it and is larger than all of them is ::/0.
func unmapped(prefix netip.Prefix) netip.Prefix {
	if !prefix.Addr().Is4In6() {
		return prefix
	}
	return netip.PrefixFrom(prefix.Addr().Unmap(), max(prefix.Bits()-96, 0))
}
