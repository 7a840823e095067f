package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nativebridge/adapters/internal/checks"
	"nativebridge/domain"
)

// wayTimeout bounds the one request that a Way is judged by.
const wayTimeout = 5 * time.Second

// Way is how a party is reached, as far as it can be checked.
type Way struct {
	Party   string        // by the name that people know, such as "Authsignal"
	Setting string        // the name of the setting that has the address
	Address string        // gets a HEAD request; any answer will do
	Codes   string        // the codes' beginning, such as "NB11": the five checks add a digit
	Skew    time.Duration // by which the clocks may differ
}

// Last returns the code of the check that the party answers, which any check of the
// party builds upon.
func (w Way) Last() string { return w.Codes + "3" }

// Steps checks the way to a party through this client: the name, the connection, the
// certificate, the answer, and the clock by the answer's Date (RFC 9110, section 6.6.1).
func (c *Client) Steps(w Way) []checks.Step {
	t := &trip{client: c, way: w}
	away := "every sign-in is answered 503"
	return []checks.Step{
		{Check: domain.Check{
			Code: w.Codes + "0", Asks: "the name of the host in " + w.Setting + " is known", Why: away,
			Remedy: "check " + w.Setting + ", and the name servers of this machine (/etc/resolv.conf)",
		}, Make: t.name},
		{Check: domain.Check{
			Code: w.Codes + "1", Asks: w.Party + " accepts connections", Why: away,
			Remedy: "let this machine connect to the host and port of " + w.Setting + " (firewall, egress rules, security groups)",
		}, After: []string{w.Codes + "0"}, Make: t.connection},
		{Check: domain.Check{
			Code: w.Codes + "2", Asks: "the certificate of " + w.Party + " is trusted and good for the host",
			Why:    "the bridge sends no credential where it cannot tell who listens, so " + away,
			Remedy: "check " + w.Setting + ", this machine's clock and its certificate authorities, and proxies in between",
		}, After: []string{w.Codes + "1"}, Make: t.certificate},
		{Check: domain.Check{
			Code: w.Codes + "3", Asks: w.Party + " answers", Why: away,
			Remedy: "see the party's status page; if it is well, look for a proxy in between that is not",
		}, After: []string{w.Codes + "2"}, Make: t.answer},
		{Check: domain.Check{
			Code: w.Codes + "4", Asks: "the clocks of this machine and of " + w.Party + " differ by no more than CLOCK_SKEW",
			Why:    "tokens are refused as too old or as of the future",
			Remedy: "run NTP on this machine; do not raise CLOCK_SKEW beyond what NTP leaves",
		}, After: []string{w.Last()}, Make: t.clock},
	}
}

// trip is the one request, and what became of it.
type trip struct {
	client          *Client
	way             Way
	proxied         bool
	asked, answered time.Time
	reply           Reply
	err             error
}

// name goes on the trip. The other steps read what it brought.
func (t *trip) name(ctx context.Context) (f domain.Finding) {
	ctx, cancel := context.WithTimeout(ctx, wayTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, t.way.Address, nil)
	if err != nil {
		return f.Fail("it is no address", "correct "+t.way.Setting)
	}
	proxy, _ := http.ProxyFromEnvironment(req)
	t.proxied = proxy != nil
	t.asked = t.client.now()
	t.reply, t.err = t.client.Do(req)
	t.answered = t.client.now()
	if unknown, ok := errors.AsType[*net.DNSError](t.err); ok {
		return f.Fail(fmt.Sprintf("looking %s up failed: %s", Words(unknown.Name), Words(unknown.Err)),
			"check "+t.way.Setting+t.orProxy()+", and the name servers of this machine (/etc/resolv.conf)")
	}
	return f.Pass()
}

func (t *trip) connection(context.Context) (f domain.Finding) {
	if !errors.Is(t.err, ErrNotSent) || t.isAboutTLS() {
		return f.Pass()
	}
	return f.Fail(t.said(), "let this machine connect to "+t.host()+" (firewall, egress rules, security groups); check "+t.way.Setting+t.orProxy())
}

func (t *trip) certificate(context.Context) (f domain.Finding) {
	if !t.isAboutTLS() {
		return f.Pass()
	}
	if expired, ok := errors.AsType[x509.CertificateInvalidError](t.err); ok && expired.Reason == x509.Expired {
		return f.Fail(fmt.Sprintf("its certificate is good from %s to %s, and this machine's clock shows %s",
			day(expired.Cert.NotBefore), day(expired.Cert.NotAfter), day(t.answered)),
			"if this machine's clock is right, whoever runs "+t.host()+" must renew the certificate; if it is wrong, run NTP")
	}
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](t.err); ok {
		return f.Fail(fmt.Sprintf("its certificate was issued by %q, which this machine does not trust: perhaps a proxy stands in between and opens the connection", issuerOf(t.err, unknown)),
			"have the proxy let "+t.host()+" through unopened; or, if that authority is meant to be trusted, name a PEM file that has it by SSL_CERT_FILE, or add it to the system's")
	}
	if other, ok := errors.AsType[x509.HostnameError](t.err); ok {
		return f.Fail(fmt.Sprintf("its certificate is for %s", Words(strings.Join(other.Certificate.DNSNames, ", "))), "check "+t.way.Setting+" and the name servers of this machine: somebody else answers")
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](t.err); ok {
		return f.Fail("what answers there does not speak TLS", "check the port in "+t.way.Setting+t.orProxy())
	}
	return f.Fail(t.said(), "check "+t.way.Setting+t.orProxy()+": TLS 1.2 or newer is wanted")
}

func (t *trip) answer(context.Context) (f domain.Finding) {
	if t.err != nil {
		return f.Fail(t.said(), "")
	}
	return f.Pass()
}

func (t *trip) clock(context.Context) (f domain.Finding) {
	date, err := http.ParseTime(t.reply.Header.Get("Date"))
	if err != nil || t.reply.Header.Get("Age") != "" || t.reply.Status >= http.StatusInternalServerError {
		return f.CannotTell("its answer does not tell the time", "compare this machine's clock with another one")
	}
	off, which := date.Sub(t.answered), "behind" // ours
	if behind := t.asked.Sub(date.Add(DateLag)); behind > off {
		off, which = behind, "ahead of"
	}
	if off > t.way.Skew {
		return f.Fail(fmt.Sprintf("this machine's clock is %s %s %s's, and CLOCK_SKEW is %s", off.Round(time.Second), which, t.way.Party, t.way.Skew),
			"")
	}
	return f.Pass()
}

// isAboutTLS reports whether the connection was made and the TLS handshake failed.
func (t *trip) isAboutTLS() bool {
	if !errors.Is(t.err, ErrNotSent) || !strings.HasPrefix(t.way.Address, "https:") {
		return false
	}
	_, refused := errors.AsType[*tls.CertificateVerificationError](t.err)
	_, plain := errors.AsType[tls.RecordHeaderError](t.err)
	if refused || plain {
		return true
	}
	op, isOp := errors.AsType[*net.OpError](t.err)
	return !t.proxied && !errors.Is(t.err, context.DeadlineExceeded) && (!isOp || op.Op != "dial")
}

func (t *trip) said() string { return Words(t.err.Error()) }

func (t *trip) host() string {
	u, err := url.Parse(t.way.Address)
	if err != nil {
		return t.way.Party
	}
	return u.Host
}

func (t *trip) orProxy() string {
	if t.proxied {
		return " and HTTPS_PROXY, which is in use"
	}
	return ""
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// issuerOf returns the name of whoever issued the certificate that is not trusted.
func issuerOf(err error, unknown x509.UnknownAuthorityError) string {
	cert := unknown.Cert
	if failed, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(failed.UnverifiedCertificates) > 0 {
		cert = failed.UnverifiedCertificates[0]
	}
	if cert == nil {
		return "somebody"
	}
	return Words(cert.Issuer.String())
}
