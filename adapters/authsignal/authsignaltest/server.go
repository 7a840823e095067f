package authsignaltest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/google/uuid"
)

// Options says how an emulator starts. The zero value is a usable tenant on a
// free port.
type Options struct {
	Addr     string   // where to listen, loopback only; "" means 127.0.0.1:0
	Secret   string   // Server API secret key, at least 32 bytes; "" means a random one
	TenantID string   // "" means a random UUID
	Empty    bool     // a tenant as it is born: PASSKEY not set up, no relying party, no action; RPID and Origins are then what Phone goes by
	Actions  []string // action codes configured with the outcome CHALLENGE; Faults.UnconfiguredAction says what becomes of others

	ManagementSecret string // Management API secret key; "" means a random one

	RPID          string           // WebAuthn relying party id; "" means localhost
	Origins       []string         // origins passkey ceremonies may come from, besides https://RPID; "android:apk-key-hash:…" included
	DefaultAction string           // action code of a sign-in that named none; Authsignal's own name is not public, "" means "defaultAction"
	RS256         bool             // sign tokens RS256 with the key of the JWKS instead of HS256 with Secret
	Now           func() time.Time // clock of every token, challenge, state and Date header; nil means time.Now
	Observe       func(Exchange)   // called for every request just before its answer leaves, from several goroutines at once; must not block; nil for none
}

// Server is one Authsignal tenant: its Server API, Client API and connect
// host on one loopback listener. It is safe for concurrent use.
type Server struct {
	secretMu sync.RWMutex
	secrets  []string // the current one first, then the one before it

	managementSecret string

	tenantID      string
	rpID          string // that the tenant started with
	defaultAction string
	rs256         bool
	now           func() time.Time
	keys          signingKeys

	minted    sync.Map // hash of a token made with TokenSpec.OmitClaims → its claims
	store     *store
	behaviour behaviour
	exchanges exchangeLog
	webhooks  webhooks

	url    string
	http   *http.Server
	cancel context.CancelFunc
	served chan struct{}
}

// Start starts an emulator. It returns an error if Addr is not a loopback
// address, if Secret is too short to sign with, if RPID is not a domain, or if
// it cannot listen.
func Start(o Options) (*Server, error) {
	addr := cmp.Or(o.Addr, "127.0.0.1:0")
	if err := requireLoopback(addr); err != nil {
		return nil, err
	}
	if o.Secret != "" && len(o.Secret) < minSecret {
		return nil, fmt.Errorf("authsignaltest: secret has %d bytes, HS256 needs at least %d", len(o.Secret), minSecret)
	}
	if err := protocol.ValidateRPID(cmp.Or(o.RPID, defaultRPID)); err != nil {
		return nil, fmt.Errorf("authsignaltest: relying party id %q is not a domain: %w", o.RPID, err)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("authsignaltest: cannot listen on %s: %w", addr, err)
	}

	s := newServer(o)
	s.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener) // always http.ErrServerClosed: nothing else closes the listener
	}()
	return s, nil
}

func newServer(o Options) *Server {
	s := &Server{
		managementSecret: cmp.Or(o.ManagementSecret, newSecret()),

		secrets:       []string{cmp.Or(o.Secret, newSecret())},
		tenantID:      cmp.Or(o.TenantID, uuid.NewString()),
		rpID:          cmp.Or(o.RPID, defaultRPID),
		defaultAction: cmp.Or(o.DefaultAction, "defaultAction"),
		rs256:         o.RS256,
		now:           o.Now,
		keys:          newSigningKeys(),
		store:         newStore(),
		exchanges:     exchangeLog{observe: o.Observe},
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.configure(o)
	return s
}

// configure sets the tenant to what o says.
func (s *Server) configure(o Options) {
	config := &s.store.config
	config.tenant = object{"tenantId": s.tenantID, "name": "Authsignal emulator"}
	if !o.Empty {
		config.putAuthenticator(object{
			"verificationMethod": MethodPasskey, "isActive": true,
			"relyingParty": s.rpID, "expectedOrigins": append([]string{"https://" + s.rpID}, o.Origins...),
			"userVerificationRequirement": "required",
		})
	}
	for _, code := range o.Actions {
		config.putAction(s.tenantID, code)
	}
}

// routes is everything the emulator answers.
func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(s.record)
	r.NotFound(notFound)
	r.MethodNotAllowed(methodNotAllowed)

	r.Group(func(r chi.Router) { // Server API
		r.Use(s.misbehave, s.requireSecret)
		r.Get("/v1/authenticators", s.serverAuthenticators)
		r.Post("/v1/validate", s.validate)
		r.Post("/v1/users/{userId}/actions/{action}", s.track)
		r.Get("/v1/users/{userId}/actions/{action}/{idempotencyKey}", s.getAction)
		r.Patch("/v1/users/{userId}/actions/{action}/{idempotencyKey}", s.updateAction)
		r.Get("/v1/users/{userId}/actions", s.queryActions)
		r.Get("/v1/users", s.queryUsers)
		r.Get("/v1/users/{userId}", s.getUser)
		r.Patch("/v1/users/{userId}", s.updateUser)
		r.Delete("/v1/users/{userId}", s.deleteUser)
		r.Get("/v1/users/{userId}/authenticators", s.listAuthenticators)
		r.Delete("/v1/users/{userId}/authenticators/{userAuthenticatorId}", s.deleteAuthenticator)
		r.Post("/v1/sessions", s.createSession)
		r.Post("/v1/sessions/validate", s.validateSession)
		r.Post("/v1/sessions/refresh", s.refreshSession)
		r.Post("/v1/sessions/revoke", s.revokeSession)
		r.Post("/v1/sessions/user/revoke", s.revokeUserSessions)
	})

	r.Group(s.managementRoutes)

	r.Group(func(r chi.Router) { // connect host
		r.Use(s.misbehave, s.requireSecret)
		r.Post("/get-user", s.connectGetUser)
	})

	r.Group(func(r chi.Router) { // Client API, "/web" being the cookie mode of the browser SDK
		r.Use(allowBrowsers)
		r.Options("/v1/client/*", preflight)
		r.Get("/v1/client/*", notFound) // readable to browsers
		r.Post("/v1/client/*", notFound)
		r.Group(func(r chi.Router) {
			r.Use(s.misbehave)
			r.Get("/v1/client/public/{tenantId}/.well-known/jwks", s.jwks)
			for _, mode := range []string{"", "/web"} {
				r.Post("/v1/client/challenge"+mode, s.initiateChallenge)
				r.Post("/v1/client/user-authenticators/passkey/authentication-options"+mode, s.authenticationOptions)
				r.Post("/v1/client/user-authenticators/passkey/registration-options"+mode, s.registrationOptions)
			}
			r.Post("/v1/client/verify/passkey", s.verifyPasskey)
			r.Post("/v1/client/user-authenticators/passkey", s.addPasskey)
			r.Get("/v1/client/authenticators", s.offeredAuthenticators)
			r.Get("/v1/client/user-authenticators", s.clientAuthenticators)
			r.Get("/v1/client/user-authenticators/passkey", s.findPasskey)
		})
	})
	return r
}

// URL returns the address of the emulator, such as http://127.0.0.1:41234.
func (s *Server) URL() string { return s.url }

// APIURL returns the base of the Server API and the Client API, "/v1" included.
func (s *Server) APIURL() string { return s.url + "/v1" }

// ManagementURL returns the base of the Management API.
func (s *Server) ManagementURL() string { return s.url + "/v1/management" }

// ManagementSecret returns the Management API secret key.
func (s *Server) ManagementSecret() string { return s.managementSecret }

// ConnectURL returns the base of the connect host, to which "/get-user" is
// appended. Authsignal serves it from a host of its own.
func (s *Server) ConnectURL() string { return s.url }

// Secret returns the current Server API secret key.
func (s *Server) Secret() string { return s.activeSecrets()[0] }

// TenantID returns the tenant id, which is the Client API's only credential.
func (s *Server) TenantID() string { return s.tenantID }

// RotateSecret makes a new secret key current and returns it. The key before
// it stays valid until the next rotation, as a tenant may have two active
// keys; webhooks are signed with both meanwhile.
func (s *Server) RotateSecret() string {
	s.secretMu.Lock()
	defer s.secretMu.Unlock()
	s.secrets = []string{newSecret(), s.secrets[0]}
	return s.secrets[0]
}

// AllowOrigin lets passkey ceremonies come from origin too, if PASSKEY is set
// up. An origin is compared as WebAuthn does: scheme, host and port, or the
// whole string for "android:apk-key-hash:…".
func (s *Server) AllowOrigin(origin string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.config.allowOrigin(origin)
}

// relyingParty returns the tenant's relying party id, or the one of Options if
// it has none.
func (s *Server) relyingParty() string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	return cmp.Or(text(s.store.config.passkeyConfiguration(), "relyingParty"), s.rpID)
}

// Close stops the emulator, cutting answers under way. A second call does
// nothing.
func (s *Server) Close() error {
	s.cancel()
	err := s.http.Close()
	<-s.served
	return err
}

func (s *Server) activeSecrets() []string {
	s.secretMu.RLock()
	defer s.secretMu.RUnlock()
	return s.secrets
}

const defaultRPID = "localhost"

// minSecret is the shortest secret HS256 may be keyed with (RFC 7518 §3.2).
const minSecret = 32

func newSecret() string {
	b := make([]byte, 48)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}

func requireLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("authsignaltest: bad address: %w", err)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return errors.New("authsignaltest: refusing to listen on " + addr + ", use a loopback address such as 127.0.0.1:0")
	}
	return nil
}
