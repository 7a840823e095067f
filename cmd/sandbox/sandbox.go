package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"nativebridge"
	"nativebridge/adapters"
	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/oidc/oidctest"
)

// The usual ports. Where one is taken, a free one serves.
const (
	pagePort       = "8400"
	bridgePort     = "8401"
	authsignalPort = "8402"
	auth0Port      = "8403"
	opsPort        = "8404"
	metricsPort    = "8405"
)

const (
	clientID        = "sandbox-bridge"
	managementID    = "sandbox-management"
	connection      = "authsignal"
	defaultAudience = "https://api.sandbox.example"

	passkeysAudience = "https://bridge.sandbox.example/passkeys" // of access tokens with which people manage their passkeys
)

// sandbox is everything that runs.
type sandbox struct {
	config     adapters.Config
	settings   map[string]string // that config was read from, those of setup and doctor included
	tenantID   string            // of Authsignal's
	reach      reach
	real       *realTenant // if it is set, nothing is emulated, and what stands below up to phones is not there
	authsignal *authsignaltest.Server
	auth0      *auth0test.Server
	provider   *oidctest.Server // nil unless TOKEN_ISSUER is oidc and there is no OIDC_ISSUER
	phones     phones
	hops       *hops
	stage      stage
	log        *slog.Logger

	breaker breaker
	doctor  sync.Mutex // held while it runs

	bridgeURL, opsURL, metricsURL, pageURL, caFile, clientSecret, managementSecret string

	apps, browsers net.Listener // of the bridge and of the page

	failed   chan error
	cleanUps []func()
}

// start starts the emulators, or if real is given goes to that tenant; then the bridge,
// then the page.
func start(ctx context.Context, environ map[string]string, real *realTenant, errs io.Writer) (*sandbox, error) {
	reach, err := newReach(environ)
	if err != nil {
		return nil, err
	}
	s := &sandbox{
		reach:  reach,
		real:   real,
		hops:   newHops(),
		failed: make(chan error, 2),
	}
	s.log = slog.New(slog.NewMultiHandler(
		slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn}),
		slog.NewJSONHandler(logLines{s.hops}, &slog.HandlerOptions{Level: slog.LevelInfo}),
	))
	parties := s.startEmulators
	if real != nil {
		parties = s.readTenant
	}
	for _, step := range []func(context.Context, map[string]string) error{s.openAddresses, parties, s.startBridge, s.startPage} {
		if err := step(ctx, environ); err != nil {
			s.close()
			return nil, err
		}
	}
	s.warnReach()
	return s, nil
}

// openAddresses opens the addresses of the bridge and of the page. The bridge is told both:
// what it says of itself names its own, and the page at the other may ask it.
func (s *sandbox) openAddresses(ctx context.Context, environ map[string]string) (err error) {
	open := func(addr string) (net.Listener, error) {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", addr)
		if err == nil {
			s.cleanUps = append(s.cleanUps, func() { _ = listener.Close() })
		}
		return listener, err
	}
	onPort := func(chosen, usual string) (net.Listener, error) {
		if chosen != "" {
			return open(chosen)
		}
		return onUsualPort(s.reach.host(), usual, open)
	}
	if s.apps, err = onPort(environ["LISTEN_ADDR"], bridgePort); err != nil {
		return fmt.Errorf("LISTEN_ADDR: choose another address, or stop what listens there: %w", err)
	}
	page := ""
	if s.reach.port != "" {
		page = net.JoinHostPort(s.reach.host(), s.reach.port)
	}
	if s.browsers, err = onPort(page, pagePort); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(s.browsers.Addr().String())
	s.bridgeURL = urlOf(s.apps)
	s.pageURL = "http://localhost:" + port // a relying party id cannot be an IP address
	return nil
}

// withPage is settings with the bridge's own address, and the page among the origins that
// may ask it.
func (s *sandbox) withPage(settings map[string]string) map[string]string {
	settings = maps.Clone(settings)
	settings["PUBLIC_URL"] = cmp.Or(settings["PUBLIC_URL"], s.bridgeURL)
	settings["CORS_ORIGINS"] = s.pageURL + "," + settings["CORS_ORIGINS"]
	return settings
}

// startEmulators starts both tenants as a bridge with these settings needs them.
func (s *sandbox) startEmulators(ctx context.Context, environ map[string]string) error {
	settings := s.withPage(s.reach.withAddresses(withDefaults(environ)))
	// Settings that do not exist yet stand in until the emulators are up.
	placeholders := map[string]string{
		"AUTHSIGNAL_API_URL": "http://127.0.0.1:1/v1", "AUTHSIGNAL_SECRET": "-",
		"AUTH0_DOMAIN": "127.0.0.1:1", "AUTH0_CLIENT_SECRET": "-",
	}
	if settings["TOKEN_ISSUER"] == issuerOIDC {
		placeholders["TOKEN_ISSUER"] = "auth0" // its emulator is there to be looked at all the same
		if settings["OIDC_ISSUER"] == "" {
			provider, err := s.startProvider()
			if err != nil {
				return err
			}
			settings = pointed(settings, provider)
		}
	}
	wanted, err := adapters.LoadConfig(pointed(settings, placeholders))
	if err != nil {
		return err
	}
	if s.authsignal, err = onUsualPort(loopback, authsignalPort, func(addr string) (*authsignaltest.Server, error) {
		return authsignaltest.Start(authsignaltest.Options{Addr: addr, Observe: s.hops.atAuthsignal, RPID: s.reach.relyingParty()})
	}); err != nil {
		return err
	}
	s.cleanUps = append(s.cleanUps, func() { _ = s.authsignal.Close() })
	s.clientSecret, s.managementSecret = rand.Text(), rand.Text()
	if s.auth0, err = onUsualPort(loopback, auth0Port, func(addr string) (*auth0test.Server, error) {
		return auth0test.Start(s.tenant(addr, wanted))
	}); err != nil {
		return err
	}
	s.cleanUps = append(s.cleanUps, func() { _ = s.auth0.Close() })
	if err := s.writeCA(); err != nil {
		return err
	}
	s.tenantID = s.authsignal.TenantID()
	s.settings = pointed(settings, map[string]string{
		"AUTHSIGNAL_API_URL": s.authsignal.APIURL(), "AUTHSIGNAL_SECRET": s.authsignal.Secret(),
		"AUTH0_DOMAIN": s.auth0.Domain(), "AUTH0_CLIENT_SECRET": s.clientSecret,
		// What setup and doctor get in with. The bridge reads none of it.
		"AUTHSIGNAL_MANAGEMENT_SECRET": s.authsignal.ManagementSecret(),
		"AUTH0_MANAGEMENT_CLIENT_ID":   managementID, "AUTH0_MANAGEMENT_CLIENT_SECRET": s.managementSecret,
	})
	if s.config, err = adapters.LoadConfig(s.settings); err != nil {
		return err
	}
	s.phones = newPhones(s.authsignal, s.config)
	if err := s.setUp(ctx); err != nil {
		return err
	}
	return s.calm(ctx)
}

// signingKeys are what the tenant signs with. All sandboxes of this process have the same: a
// user starts one, the tests start a hundred, and each key is made once.
var signingKeys auth0test.Keys

// tenant is what set-up finds at Auth0: an application with nothing set, so that its id is
// always the same, and the connection of the users who are there already, if sessions are
// opened by token exchange.
func (s *sandbox) tenant(addr string, wanted adapters.Config) auth0test.Options {
	options := auth0test.Options{
		Addr:    addr,
		Keys:    &signingKeys,
		Observe: s.hops.atAuth0,
		Clients: []auth0test.Client{{
			ID: clientID, Secret: s.clientSecret, Name: "Native Bridge",
		}, {
			ID: managementID, Secret: s.managementSecret, Name: "setup, doctor and whoever breaks the tenant",
			GrantTypes: []string{auth0test.GrantClientCredentials}, Management: auth0test.ManagementScopes(),
		}},
	}
	if wanted.Issuer == issuerExchange {
		options.Connections = []auth0test.Connection{{Name: wanted.Auth0.Connection}}
	}
	return options
}

// scriptSettings are what the Login script is told.
func (s *sandbox) scriptSettings(wanted adapters.Config) map[string]string {
	settings := map[string]string{
		"AUTHSIGNAL_SECRET":   s.authsignal.Secret(),
		"AUTHSIGNAL_API_URL":  s.authsignal.APIURL(),
		"AUTHSIGNAL_ACTION":   string(wanted.Authsignal.Action),
		"AUTHSIGNAL_SUBJECTS": string(wanted.Auth0.Subjects),
	}
	if wanted.Auth0.Proof == auth0.ProofSigned {
		delete(settings, "AUTHSIGNAL_SECRET") // the script asks Authsignal nothing
	}
	maps.Copy(settings, wanted.Auth0.LoginSettings())
	return settings
}

func (s *sandbox) writeCA() error {
	dir, err := os.MkdirTemp("", "native-bridge-sandbox-")
	if err != nil {
		return err
	}
	s.cleanUps = append(s.cleanUps, func() { _ = os.RemoveAll(dir) })
	s.caFile = filepath.Join(dir, "ca.pem")
	return os.WriteFile(s.caFile, s.auth0.CAPEM(), 0o600)
}

func (s *sandbox) startBridge(ctx context.Context, environ map[string]string) error {
	server, shut, err := nativebridge.NewServer(ctx, s.config, adapters.Runtime{
		Log: s.log, Audit: s.hops, Now: time.Now, Random: rand.Reader, RootCAs: s.rootCAs(), Born: s.born(),
	})
	if err != nil {
		return err
	}
	s.cleanUps = append(s.cleanUps, shut)
	on := adapters.Listeners{API: s.apps}
	if on.Ops, err = listen(ctx, server.Ops, environ["OPS_ADDR"], loopback); err != nil {
		return err
	}
	if on.Metrics, err = listen(ctx, server.Metrics, environ["METRICS_ADDR"], loopback); err != nil {
		return errors.Join(err, on.Ops.Close())
	}
	s.opsURL, s.metricsURL = urlOf(on.Ops), urlOf(on.Metrics)
	ctx, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.failed <- server.Serve(ctx, on)
	}()
	s.cleanUps = append(s.cleanUps, func() { stop(); <-stopped })
	if s.provider != nil {
		return s.registerBridge(ctx)
	}
	return nil
}

// urlOf is where this machine reaches a listener.
func urlOf(listener net.Listener) string {
	addr, _ := netip.ParseAddrPort(listener.Addr().String())
	if addr.Addr().IsUnspecified() {
		return fmt.Sprintf("http://%s:%d", loopback, addr.Port())
	}
	return "http://" + addr.String()
}

// rootCAs are those that the bridge trusts; nil means the system's.
func (s *sandbox) rootCAs() *x509.CertPool {
	if s.real != nil {
		return nil
	}
	return s.auth0.CertPool()
}

// born is when the bridge's memory of used proofs begins. An emulated Authsignal is new,
// so nobody has a proof from before.
func (s *sandbox) born() time.Time {
	if s.real != nil {
		return time.Now()
	}
	return time.Now().Add(-time.Minute)
}

// listen opens the address of one of the bridge's servers, or a free port if its usual
// one is taken.
func listen(ctx context.Context, server interface {
	Listen(ctx context.Context) (net.Listener, error)
}, chosen, host string) (net.Listener, error) {
	listener, err := server.Listen(ctx)
	if errors.Is(err, syscall.EADDRINUSE) && chosen == "" {
		var config net.ListenConfig
		return config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	}
	return listener, err
}

func (s *sandbox) startPage(context.Context, map[string]string) error {
	if s.real == nil {
		s.authsignal.AllowOrigin(s.pageURL)
	}
	server := &http.Server{Handler: s.page(webFiles), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(s.browsers); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("page: %w", err)
		}
	}()
	s.cleanUps = append(s.cleanUps, func() { _ = server.Close() })
	return nil
}

// wait returns when ctx ends or something stops serving.
func (s *sandbox) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

func (s *sandbox) close() {
	for i := len(s.cleanUps) - 1; i >= 0; i-- {
		s.cleanUps[i]()
	}
}

// withAddresses is settings with where the sandbox's bridge listens, and that it stops at
// once on Ctrl-C, if they do not say it.
func (r reach) withAddresses(settings map[string]string) map[string]string {
	settings = maps.Clone(settings)
	for name, value := range map[string]string{
		"LISTEN_ADDR":  net.JoinHostPort(r.host(), bridgePort),
		"OPS_ADDR":     net.JoinHostPort(loopback, opsPort),
		"METRICS_ADDR": net.JoinHostPort(loopback, metricsPort),
		"DRAIN_DELAY":  "0s",
	} {
		settings[name] = cmp.Or(settings[name], value)
	}
	return settings
}

// withDefaults is the environment with the sandbox's defaults for what is not
// set.
func withDefaults(environ map[string]string) map[string]string {
	settings := map[string]string{
		"AUTH0_CONNECTION": connection,
		"AUTH0_AUDIENCE":   defaultAudience,

		"AUTH0_REFRESH_LEEWAY": "60s", // as setup writes it

		// One person signs in here as often as many do elsewhere.
		"MAX_CPU_WAIT":                 "0", // the emulators work in this process, too
		"RATE_LIMIT_PERSON_PER_MINUTE": "1000",
		"RATE_LIMIT_PERSON_PER_HOUR":   "10000",
	}
	for name, value := range environ {
		if value != "" {
			settings[name] = value
		}
	}
	if settings["AUTH0_SCOPE"] == "" { // with a refresh token, so that sessions can be renewed
		settings["AUTH0_SCOPE"] = "openid profile email offline_access"
	}
	if settings["ENROL_AUDIENCE"] == "" {
		settings["ENROL_AUDIENCE"] = passkeysAudience
	}
	if settings["OIDC_SCOPE"] == "" && settings["OIDC_ISSUER"] == "" { // a real provider may give no refresh tokens
		settings["OIDC_SCOPE"] = settings["AUTH0_SCOPE"]
	}
	if settings["AUTH0_PROOF"] == "signed" && settings["AUTH0_PROOF_KEY"] == "" {
		settings["AUTH0_PROOF_KEY"] = hex.EncodeToString([]byte(rand.Text() + rand.Text()))
	}
	if settings["AUTH0_SCOPE_ALLOWED"] == "" {
		settings["AUTH0_SCOPE_ALLOWED"] = settings["AUTH0_SCOPE"] + " offline_access"
	}
	return settings
}

// pointed is settings with the addresses and keys of the emulators, whatever
// was set before.
func pointed(settings, to map[string]string) map[string]string {
	settings = maps.Clone(settings)
	for name := range to {
		delete(settings, name+"_FILE")
	}
	settings["AUTH0_CLIENT_ID"] = clientID
	if settings["STARTUP_CHECK"] == "" {
		settings["STARTUP_CHECK"] = "off" // its requests would stand among those of people
	}
	maps.Copy(settings, to)
	return settings
}

// onUsualPort starts something on its usual port, or on a free one if that is taken.
func onUsualPort[T any](host, port string, start func(addr string) (T, error)) (T, error) {
	started, err := start(net.JoinHostPort(host, port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return start(net.JoinHostPort(host, "0"))
	}
	return started, err
}

// addresses is what --json prints: enough to point a bridge of one's own at the
// emulators.
func (s *sandbox) addresses() any {
	if s.real != nil { // nothing of a real tenant's
		return map[string]string{"bridge": s.bridgeURL, "ops": s.opsURL, "metrics": s.metricsURL, "page": s.pageURL}
	}
	type authsignalInfo struct {
		APIURL   string            `json:"api_url"`
		TenantID string            `json:"tenant_id"`
		Secret   string            `json:"secret"`
		Action   authsignal.Action `json:"action"`
	}
	type auth0Info struct {
		Domain       string `json:"domain"`
		Issuer       string `json:"issuer"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		Connection   string `json:"connection"`
		Audience     string `json:"audience"`
		CAFile       string `json:"ca_file"`

		ManagementID     string `json:"management_client_id"`
		ManagementSecret string `json:"management_client_secret"`
	}
	type providerInfo struct {
		Issuer       string `json:"issuer"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		AssertionKey string `json:"assertion_key"`
	}
	var provider *providerInfo
	if s.hasProvider() {
		oidc := s.config.OIDC
		provider = &providerInfo{oidc.IssuerURL(), oidc.Client, oidc.ClientSecret.Reveal(), oidc.AssertionKey.Reveal()}
	}
	return struct {
		Bridge     string         `json:"bridge"`
		Ops        string         `json:"ops"`
		Metrics    string         `json:"metrics"`
		Page       string         `json:"page"`
		Authsignal authsignalInfo `json:"authsignal"`
		Auth0      auth0Info      `json:"auth0"`
		Provider   *providerInfo  `json:"provider,omitempty"`
	}{
		Bridge: s.bridgeURL,
		Ops:    s.opsURL, Metrics: s.metricsURL,
		Page: s.pageURL,
		Authsignal: authsignalInfo{
			APIURL: s.authsignal.APIURL(), TenantID: s.authsignal.TenantID(),
			Secret: s.authsignal.Secret(), Action: s.config.Authsignal.Action,
		},
		Auth0: auth0Info{
			Domain: s.auth0.Domain(), Issuer: s.auth0.Issuer(), ClientID: clientID,
			ClientSecret: s.clientSecret, Connection: s.config.Auth0.Connection,
			Audience: s.config.Auth0.Audience, CAFile: s.caFile,
			ManagementID: managementID, ManagementSecret: s.managementSecret,
		},
		Provider: provider,
	}
}
