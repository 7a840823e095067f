package serving

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"nativebridge/adapters/internal/settings"
)

// TLS is what a listener proves with whose it is, and whom it lets in. Without CertFile
// there is no TLS. The files are read by Check. Copies share what was read, so that Adopt
// changes it for all of them. It is safe for concurrent use after Check.
type TLS struct {
	CertFile     string `env:"TLS_CERT_FILE" help:"the file of the certificate that apps see, as PEM, with the intermediate ones after it: LISTEN_ADDR then serves TLS 1.2 and 1.3 with HTTP/2, and takes a renewed certificate from the file without a restart; without it it serves plain HTTP, and TLS is the load balancer's"`
	KeyFile      string `env:"TLS_KEY_FILE" help:"the file of the private key of TLS_CERT_FILE, as PEM"`
	ClientCAFile string `env:"TLS_CLIENT_CA_FILE" help:"the file of the authorities, as PEM, that must have signed the certificate of whoever connects to LISTEN_ADDR, for a mesh or a proxy with mutual TLS: apps have no such certificate"`

	held *atomic.Pointer[material] // nil without TLS
}

// material is what one reading of the files has found.
type material struct {
	config  *tls.Config
	expires time.Time // of the certificate that apps see
	digests map[string][sha256.Size]byte
}

// protocols are what the listener speaks, the preferred first (RFC 7301).
func protocols() []string { return []string{"h2", "http/1.1"} }

// Check reads the files, and says everything that is wrong with them at once.
func (t *TLS) Check() []settings.Fault {
	t.held = nil
	if t.CertFile == "" && t.KeyFile == "" && t.ClientCAFile == "" {
		return nil
	}
	read := reader{digests: map[string][sha256.Size]byte{}}
	certificate := read.file("TLS_CERT_FILE", t.CertFile, "set it to the file of a certificate, or unset the other settings of TLS")
	key := read.file("TLS_KEY_FILE", t.KeyFile, "set it to the file of the certificate's private key")
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols()}
	if t.ClientCAFile != "" {
		config.ClientCAs = read.authorities(t.ClientCAFile)
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.SessionTicketsDisabled = true // so that each connection is judged by the authorities of now
	}
	found := &material{config: config, digests: read.digests}
	if certificate != nil && key != nil {
		found.expires = read.pair(config, certificate, key)
	}
	if len(read.faults) > 0 {
		return read.faults
	}
	t.held = new(atomic.Pointer[material])
	t.held.Store(found)
	return nil
}

// reader reads files, and collects what is wrong with them.
type reader struct {
	digests map[string][sha256.Size]byte
	faults  []settings.Fault
}

func (r *reader) fault(setting, problem, fix string) {
	r.faults = append(r.faults, settings.Fault{Name: setting, Problem: problem, Fix: fix})
}

// file returns the content of the file that a setting names, or nil. The fault does not
// show the path, as that of a secret does not.
func (r *reader) file(setting, path, howToSet string) []byte {
	if path == "" {
		r.fault(setting, "is not set, though others of TLS are", howToSet)
		return nil
	}
	content, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	if err != nil {
		r.fault(setting, "names a file that cannot be read: "+err.Error(), "mount the file there, readable for this user")
		return nil
	}
	r.digests[setting] = sha256.Sum256(content)
	return content
}

// authorities returns those that are in a file.
func (r *reader) authorities(path string) *x509.CertPool {
	pool := x509.NewCertPool()
	if content := r.file("TLS_CLIENT_CA_FILE", path, ""); content != nil && !pool.AppendCertsFromPEM(content) {
		r.fault("TLS_CLIENT_CA_FILE", "names a file that has no certificate", "write the certificates of the authorities into it, as PEM")
	}
	return pool
}

// pair gives config a certificate with its key, and returns when it expires. It tells which
// of the two is wrong, and quotes nothing.
func (r *reader) pair(config *tls.Config, certificate, key []byte) (expires time.Time) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err == nil {
		config.Certificates = []tls.Certificate{pair}
		return pair.Leaf.NotAfter
	}
	isCertificate, isKey := x509.NewCertPool().AppendCertsFromPEM(certificate), hasKey(key)
	if !isCertificate {
		r.fault("TLS_CERT_FILE", "names a file whose first certificate cannot be read", "write the certificate into it, as PEM, and the intermediate ones after it")
	}
	if !isKey {
		r.fault("TLS_KEY_FILE", "names a file that has no private key which can be read", "write the certificate's private key into it, as PEM, without a passphrase")
	}
	if isCertificate && isKey {
		r.fault("TLS_KEY_FILE", "names a key that does not fit the first certificate of TLS_CERT_FILE", "mount the certificate and the key that were issued together; the certificate of the bridge comes first in its file")
	}
	return time.Time{}
}

// Given reports whether there is TLS. Check must have found no fault.
func (t TLS) Given() bool { return t.held != nil }

// Config returns the configuration of a server, or nil if there is no TLS. Each handshake
// takes what is held then. Connections that are open stay as they are.
func (t TLS) Config() *tls.Config {
	if !t.Given() {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return t.held.Load().config, nil },
	}
}

// Expires returns when the certificate expires; the zero time if there is none.
func (t TLS) Expires() time.Time {
	if !t.Given() {
		return time.Time{}
	}
	return t.held.Load().expires
}

// Files returns the paths of the files.
func (t TLS) Files() []string {
	var paths []string
	for _, path := range []string{t.CertFile, t.KeyFile, t.ClientCAFile} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// Adopt takes over what fresh has read, which has the same settings and no fault. It
// returns the names of the settings whose files have other contents.
func (t TLS) Adopt(fresh TLS) (changed []string) {
	if !t.Given() || !fresh.Given() {
		return nil
	}
	old, read := t.held.Load(), fresh.held.Load()
	for _, setting := range []string{"TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE"} {
		if old.digests[setting] != read.digests[setting] {
			changed = append(changed, setting)
		}
	}
	if changed != nil {
		t.held.Store(read)
	}
	return changed
}

// hasKey reports whether a file has a private key, of any kind that TLS takes.
func hasKey(content []byte) bool {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			return true
		}
		if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return true
		}
		if _, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return true
		}
	}
	return false
}
