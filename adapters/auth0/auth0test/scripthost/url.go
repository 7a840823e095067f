package scripthost

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/dop251/goja"
	"golang.org/x/net/idna"
)

// specialPorts are the schemes the URL standard calls special, with their default ports.
var specialPorts = map[string]string{"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}

// location is a URL in the parts of the WHATWG URL standard, percent-encoded. Query and fragment include their mark.
type location struct {
	scheme, username, password, host, port, path, query, fragment string

	hierarchical bool // has an authority
}

// parseURL parses input, relative to base unless that is empty, and returns the parts, or null if it is no URL. It
// covers the standard (https://url.spec.whatwg.org) but for file URLs with drive letters.
func (c *container) parseURL(input, base string) goja.Value {
	var from *location
	if base != "" {
		parsed, ok := parseLocation(base, nil)
		if !ok {
			return goja.Null()
		}
		from = &parsed
	}
	u, ok := parseLocation(input, from)
	if !ok {
		return goja.Null()
	}
	return c.vm.ToValue(map[string]any{
		"scheme": u.scheme, "username": u.username, "password": u.password, "host": u.host, "port": u.port,
		"path": u.path, "query": u.query, "fragment": u.fragment, "hierarchical": u.hierarchical,
	})
}

func parseLocation(input string, base *location) (u location, ok bool) {
	input = strings.TrimFunc(input, func(r rune) bool { return r <= ' ' })
	input = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(input)
	rest, fragment, hasFragment := strings.Cut(input, "#")
	if hasFragment {
		u.fragment = mark("#", percentEncode(fragment, " \"<>`"))
	}
	scheme, afterScheme, absolute := cutScheme(rest)
	special := specialPorts[scheme] != ""
	if absolute && base != nil && special && scheme == base.scheme && !strings.HasPrefix(afterScheme, "/") {
		absolute, rest = false, afterScheme // http:path
	}
	if !absolute {
		if base == nil || !base.hierarchical && rest != "" {
			return u, false
		}
		return base.resolve(rest, u.fragment)
	}
	u.scheme = scheme
	rest, u.query = cutQuery(afterScheme, special)
	switch {
	case special:
		return u, u.parseAuthority(strings.TrimLeft(slashes(rest), "/"))
	case strings.HasPrefix(rest, "//"):
		return u, u.parseAuthority(rest[2:])
	case strings.HasPrefix(rest, "/"):
		u.path = normalPath(rest)
	default:
		u.path = percentEncode(rest, "")
	}
	return u, true
}

// resolve returns the location of a relative reference.
func (u *location) resolve(reference, fragment string) (location, bool) {
	special := specialPorts[u.scheme] != ""
	path, query := cutQuery(reference, special)
	if special {
		path = slashes(path)
	}
	r := *u
	r.fragment = fragment
	switch {
	case strings.HasPrefix(path, "//"):
		r = location{scheme: u.scheme, query: query, fragment: fragment}
		return r, r.parseAuthority(strings.TrimPrefix(path, "//"))
	case strings.HasPrefix(path, "/"):
		r.path, r.query = normalPath(path), query
	case path != "":
		r.path, r.query = normalPath(u.path[:strings.LastIndexByte(u.path, '/')+1]+path), query
	case strings.HasPrefix(reference, "?"):
		r.query = query
	}
	return r, true
}

// parseAuthority parses what follows the two slashes.
func (u *location) parseAuthority(text string) bool {
	authority, path := text, ""
	if i := strings.IndexByte(text, '/'); i >= 0 {
		authority, path = text[:i], text[i:]
	}
	u.hierarchical = true
	special := specialPorts[u.scheme] != ""
	if special || path != "" {
		u.path = normalPath(path)
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		username, password, _ := strings.Cut(authority[:i], ":")
		u.username, u.password = percentEncode(username, userinfoSet), percentEncode(password, userinfoSet)
		authority = authority[i+1:]
	}
	host, port, ok := cutPort(authority)
	if !ok {
		return false
	}
	if port != specialPorts[u.scheme] {
		u.port = port
	}
	if !special {
		u.host = host
		return !strings.ContainsAny(host, " <>^|%")
	}
	u.host, ok = asciiHost(host)
	return ok
}

// asciiHost brings the host of a special scheme into its one form: lower case, Punycode, dotted decimal.
func asciiHost(host string) (string, bool) {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		address, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return "[" + address.String() + "]", err == nil && address.Is6() && address.Zone() == "" && strings.HasSuffix(host, "]")
	}
	decoded, err := url.PathUnescape(host)
	if err != nil || decoded == "" {
		return "", false
	}
	name, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false)).ToASCII(decoded)
	if err != nil || name == "" || strings.ContainsAny(name, "\x00\t\n\r #/:<>?@[\\]^|%\x7f") {
		return "", false
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	if _, err := parseIPv4Number(labels[len(labels)-1]); err != nil {
		return name, true
	}
	return ipv4(labels)
}

// ipv4 reads an address of one to four numbers, of which the last fills the octets that are left.
func ipv4(labels []string) (string, bool) {
	if len(labels) > 4 {
		return "", false
	}
	var address uint64
	for i, label := range labels {
		number, err := parseIPv4Number(label)
		last := i == len(labels)-1
		if err != nil || !last && number > 255 || last && number >= 1<<(8*(4-i)) {
			return "", false
		}
		if last {
			address |= number
		} else {
			address |= number << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}).String(), true
}

func parseIPv4Number(label string) (uint64, error) {
	if label == "0x" || label == "0X" {
		return 0, nil
	}
	if strings.HasPrefix(label, "0x") || strings.HasPrefix(label, "0X") {
		return strconv.ParseUint(label[2:], 16, 33)
	}
	if len(label) > 1 && label[0] == '0' {
		return strconv.ParseUint(label, 8, 33)
	}
	return strconv.ParseUint(label, 10, 33)
}

// normalPath removes dot segments and encodes the rest. Empty segments and a trailing slash stay.
func normalPath(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	kept := make([]string, 0, len(segments))
	for i, segment := range segments {
		last := i == len(segments)-1
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".":
			if last {
				kept = append(kept, "")
			}
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, percentEncode(segment, pathSet))
		}
	}
	return "/" + strings.Join(kept, "/")
}

// The percent-encode sets of the URL standard, besides controls and what is not ASCII.
const (
	querySet    = " \"#<>"
	pathSet     = querySet + "?^`{}"
	userinfoSet = pathSet + "/:;=@[\\]|"
)

// percentEncode encodes controls, what is not ASCII, and the characters of set. A percent sign stays.
func percentEncode(text, set string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		if char := text[i]; char < ' ' || char > '~' || strings.IndexByte(set, char) >= 0 {
			b.WriteByte('%')
			b.WriteByte(digits[char>>4])
			b.WriteByte(digits[char&15])
		} else {
			b.WriteByte(char)
		}
	}
	return b.String()
}

func cutScheme(text string) (scheme, rest string, ok bool) {
	scheme, rest, ok = strings.Cut(text, ":")
	if !ok || scheme == "" {
		return "", text, false
	}
	for i, char := range []byte(scheme) {
		letter := 'a' <= char|0x20 && char|0x20 <= 'z'
		digitOrSign := '0' <= char && char <= '9' || strings.IndexByte("+-.", char) >= 0
		if !letter && (i == 0 || !digitOrSign) {
			return "", text, false
		}
	}
	return strings.ToLower(scheme), rest, true
}

func cutQuery(text string, special bool) (rest, query string) {
	rest, query, ok := strings.Cut(text, "?")
	if !ok {
		return rest, ""
	}
	set := querySet
	if special {
		set += "'"
	}
	return rest, mark("?", percentEncode(query, set))
}

// cutPort splits host:port and brings the port into its one form.
func cutPort(authority string) (host, port string, ok bool) {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.HasSuffix(authority, "]") {
		return authority, "", true
	}
	host, port = authority[:i], authority[i+1:]
	if port == "" {
		return host, "", true
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return host, strconv.FormatUint(number, 10), err == nil
}

// mark puts the mark before a query or fragment; an empty one vanishes with it, as `search` and `hash` show it.
func mark(sign, text string) string {
	if text == "" {
		return ""
	}
	return sign + text
}

func slashes(text string) string { return strings.ReplaceAll(text, `\`, "/") }
