package auth0test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// Server is a running emulator. Its methods may be called from any goroutine.
type Server struct {
	now     func() time.Time
	observe func(Exchange)
	tenant  *tenant

	observeManagement func(ManagementCall)
	buildReads        int
	customDomains     []string

	organizations []Organization

	scripts     *scripthost.Host
	keys        *keyring
	authority   *authority // nil when plain
	users       users
	grants      grants
	attacks     attacks
	switchboard switchboard
	log         exchangeLog

	domain string // host:port
	url    string
	http   *http.Server

	running context.Context // over when Close is called
	stop    context.CancelFunc
	inUse   sync.RWMutex // read-locked by every request, so that Close can wait for them
	closed  bool         // guarded by inUse
}

// Start listens and serves until Close. It refuses an address that is not
// loopback, options that contradict each other, and a Login script or Action
// the engine cannot run; the error names what is missing.
func Start(opts Options) (*Server, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("auth0test: %w", err)
	}
	s := newServer(opts)
	if err := s.start(opts); err != nil {
		s.stop()
		s.scripts.Close()
		return nil, fmt.Errorf("auth0test: %w", err)
	}
	return s, nil
}

// routes is everything that is served.
func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	r.Get("/.well-known/openid-configuration", s.serve(AtDiscovery, s.discovery))
	r.Get("/.well-known/jwks.json", s.serve(AtJWKS, s.jwks))
	r.Post("/oauth/token", s.serve(AtToken, s.token))
	r.Post("/oauth/revoke", s.serve(AtRevoke, s.revoke))
	r.Get("/userinfo", s.serve(AtUserInfo, s.userinfo))
	s.management(r)
	r.NotFound(s.serve(atElsewhere, s.notFound))
	r.MethodNotAllowed(s.serve(atElsewhere, s.notFound))
	return r
}

func (s *Server) notFound(*call) (answer, error) {
	return answer{}, refuse(http.StatusNotFound, "not_found", "this emulator serves no such endpoint")
}

func newServer(opts Options) *Server {
	running, stop := context.WithCancel(context.Background())
	s := &Server{
		now:               opts.Now,
		observe:           opts.Observe,
		observeManagement: opts.ObserveManagement,
		buildReads:        opts.ActionBuildReads,
		customDomains:     opts.CustomDomains,
		keys:              &keyring{supply: opts.Keys},
		scripts:           scripthost.New(opts.ScriptHost),
		running:           running,
		stop:              stop,
	}
	for _, o := range opts.Organizations {
		o.Members = slices.Clone(o.Members)
		s.organizations = append(s.organizations, o)
	}
	return s
}

func (s *Server) start(opts Options) error {
	listener, err := net.Listen("tcp", opts.Addr)
	if err != nil {
		return err
	}
	if err := s.furnish(opts, listener.Addr().String()); err != nil {
		_ = listener.Close()
		return err
	}
	s.listenOn(listener)
	return nil
}

// furnish makes the tenant, whose name is its address.
func (s *Server) furnish(opts Options, domain string) error {
	s.domain, s.url = domain, "https://"+domain
	if opts.Plain {
		s.url = "http://" + domain
	}
	s.tenant = newTenant(opts, s.ManagementAudience())
	var faults []error
	for _, conn := range opts.Connections {
		if conn.LoginScript != "" {
			faults = append(faults, s.StoreScript(conn.Name, conn.LoginScript))
		}
	}
	for _, p := range opts.TokenExchangeProfiles {
		faults = append(faults, s.StoreAction(p.SubjectTokenType, p.Action))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if _, err := s.keys.public(); err != nil { // now, so that no request waits for a key to be made
		return err
	}
	if !opts.Plain {
		authority, err := newAuthority()
		if err != nil {
			return err
		}
		s.authority = authority
	}
	return nil
}

// listenOn serves in the background. What Serve returns is of no interest: it
// ends when Close is called.
func (s *Server) listenOn(listener net.Listener) {
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 10 * time.Second,
		ConnContext:       rememberConn,
		// A client that ends a handshake is not worth a log line.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	if s.authority == nil {
		go func() { _ = s.http.Serve(listener) }()
		return
	}
	s.http.TLSConfig = &tls.Config{
		Certificates: []tls.Certificate{s.authority.leaf},
		MinVersion:   tls.VersionTLS12,
	}
	go func() { _ = s.http.ServeTLS(listener, "", "") }()
}

// URL is the server's base, such as https://127.0.0.1:4400, without a slash at the end.
func (s *Server) URL() string { return s.url }

// Domain is the host and port: what Auth0's SDKs call the domain.
func (s *Server) Domain() string { return s.domain }

// Issuer is the iss of its tokens: the URL and a slash.
func (s *Server) Issuer() string { return s.url + "/" }

// CAPEM is the certificate of the server's own authority in PEM, to be written
// to a file for SSL_CERT_FILE or NODE_EXTRA_CA_CERTS. It is nil when plain.
func (s *Server) CAPEM() []byte {
	if s.authority == nil {
		return nil
	}
	return s.authority.pem()
}

// CertPool holds the server's own authority, and nothing when plain.
func (s *Server) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CAPEM())
	return pool
}

// StoreScript replaces a connection's Login script, as saving it in the
// dashboard does. A script that the engine does not parse is refused, and the
// stored one stays.
func (s *Server) StoreScript(name, source string) error {
	script, err := s.scripts.Compile(source)
	s.tenant.mu.Lock()
	defer s.tenant.mu.Unlock()
	conn, ok := s.tenant.connectionNamed(name)
	if !ok {
		return fmt.Errorf("no connection %q: give it in Options.Connections", name)
	}
	if err != nil {
		return fmt.Errorf("login script of connection %q: %w", name, err)
	}
	conn.storeScript(script, source)
	return nil
}

// StoreAction replaces the Action of a token exchange profile, as deploying it
// does. An Action that the engine does not parse is refused, and the stored one
// stays.
func (s *Server) StoreAction(subjectTokenType, source string) error {
	_, err := s.scripts.CompileAction(source)
	s.tenant.mu.Lock()
	defer s.tenant.mu.Unlock()
	p, ok := s.tenant.profiles.find("subject_token_type", subjectTokenType)
	if !ok {
		return fmt.Errorf("no token exchange profile %q: give it in Options.TokenExchangeProfiles", subjectTokenType)
	}
	if err != nil {
		return fmt.Errorf("action of token exchange profile %q: %w", subjectTokenType, err)
	}
	if action, ok := s.tenant.action(p.str("action_id")); ok {
		action.document["code"] = source
		action.deploy(s.scripts, s.now())
	}
	return nil
}

// RotateKeys signs from now on with the key that has been published as next,
// publishes a new next one, and keeps the previous ones published.
func (s *Server) RotateKeys() { s.keys.rotate() }

// Close ends every connection, waits for the requests in flight and forgets
// everything. Closing again does nothing.
func (s *Server) Close() error {
	s.stop()
	err := s.http.Close()
	s.inUse.Lock()
	defer s.inUse.Unlock()
	if !s.closed {
		s.closed = true
		s.scripts.Close()
	}
	return err
}
