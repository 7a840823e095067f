package main

import (
	"context"
	"crypto/tls"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/certtest"
)

// balancer sends requests to replicas that are ready, which it finds out by asking often.
type balancer struct {
	mu    sync.Mutex
	ready []*replica
}

// watch asks a replica until it is gone.
func (b *balancer) watch(t *testing.T, r *replica) {
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	b.set(r, true)
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ready := true; ready; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			resp, err := http.Get(r.ops + "/readyz")
			if ready = err == nil && resp.StatusCode == http.StatusOK; err == nil {
				_ = resp.Body.Close()
			}
		}
		b.set(r, false)
	}()
}

func (b *balancer) set(r *replica, ready bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var others []*replica
	for _, other := range b.ready {
		if other != r {
			others = append(others, other)
		}
	}
	if b.ready = others; ready {
		b.ready = append(others, r)
	}
}

func (b *balancer) next(i int) *replica {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready[i%len(b.ready)]
}

// more waits until as many more sessions were opened.
func (l *load) more(t *testing.T, sessions int64) {
	t.Helper()
	wanted := l.sessions.Load() + sessions
	until(t, "more people have signed in", func() bool { return l.sessions.Load() >= wanted })
}

// The balancer asks twenty times a second, and would be told within the second. The delay is
// longer for a machine on which it gets no turn.
func TestARollingRestartUnderLoadLosesNoRequest(t *testing.T) {
	t.Parallel()
	s, b := newSite(t, ""), &balancer{}
	var replicas []*replica
	another := func() {
		replicas = append(replicas, s.replica(t, "DRAIN_DELAY=3s"))
		b.watch(t, replicas[len(replicas)-1])
	}
	for range 3 {
		another()
	}
	load := startLoadAt(t, s, b.next)
	load.more(t, 6)
	for i := range 3 {
		another()
		old := replicas[i]
		if err := old.process.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		old.servesWhoeverHasNotNoticed(t)
		if err := old.process.Wait(); err != nil {
			t.Errorf("the replica ended with %v\n%s", err, old.log)
		}
		load.more(t, 6)
	}
	load.end()
}

// servesWhoeverHasNotNoticed asks a replica that drains, on a new connection, as a balancer does
// whose next look at it is still to come.
func (r *replica) servesWhoeverHasNotNoticed(t *testing.T) {
	t.Helper()
	until(t, "it drains", func() bool { return strings.Contains(r.log.String(), `"msg":"draining`) })
	resp, err := (&http.Client{Transport: new(http.Transport)}).Get(r.url + "/openapi.yaml")
	if err != nil {
		t.Errorf("while it drains: %v", err)
		return
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !resp.Close {
		t.Errorf("while it drains: %d, and the connection ends: %t, want 200 and that it ends", resp.StatusCode, resp.Close)
	}
}

// rotation is a bridge whose certificate and secrets are in files.
type rotation struct {
	*testing.T
	*replica
	*load
	dir    string
	values []string // that must not be told
}

func (r *rotation) path(name string) string { return filepath.Join(r.dir, name) }

// put writes secrets into the files of settings.
func (r *rotation) put(secrets map[string]string) {
	for name, value := range secrets {
		r.values = append(r.values, value)
		certtest.Write(r.T, r.path(name), []byte(value+"\n"))
	}
}

// rotate writes a secret, and waits until the bridge has it, and people have signed in with
// it.
func (r *rotation) rotate(name, value string) {
	r.Helper()
	before := len(r.log.String())
	r.put(map[string]string{name: value})
	until(r.T, name+" is read again", func() bool { return strings.Contains(r.log.String()[before:], `"settings":["`+name+`"]`) })
	r.more(r.T, 4)
}

const oldKeyOfProofs, newKeyOfProofs = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

// signedProofs has the Login script take proofs of either key, and an operator change secrets.
func signedProofs(s *auth0test.Options) {
	configuration := s.Connections[0].Configuration
	delete(configuration, "AUTHSIGNAL_SECRET")
	maps.Copy(configuration, map[string]string{
		"NATIVE_BRIDGE_KEY": newKeyOfProofs, "NATIVE_BRIDGE_KEY_PREVIOUS": oldKeyOfProofs, "NATIVE_BRIDGE_CLIENT_ID": "client-1", "NATIVE_BRIDGE_CONNECTION": connection,
	})
	s.Clients = append(s.Clients, auth0test.Client{
		ID: "operator", Secret: "s3cr3t-operator", AuthMethod: auth0test.AuthPost, GrantTypes: []string{auth0test.GrantClientCredentials}, Management: auth0test.ManagementScopes(),
	})
}

// startRotation starts a bridge with TLS, under load.
func startRotation(t *testing.T, s *site, authority *certtest.Authority) *rotation {
	t.Helper()
	r := &rotation{T: t, dir: t.TempDir(), values: []string{"BEGIN"}}
	secrets := map[string]string{
		"AUTHSIGNAL_SECRET": s.authsignal.Secret(), "AUTHSIGNAL_SECRET_OTHER": s.authsignal.Secret(), "AUTH0_CLIENT_SECRET": "s3cr3t-auth0", "AUTH0_CLIENT_SECRET_OTHER": "s3cr3t-auth0",
		"AUTH0_PROOF_KEY": oldKeyOfProofs, "REPLAY_STORE_PASSWORD": "s3cr3t-redis",
	}
	r.put(secrets)
	environ := []string{"AUTH0_PROOF=signed", "REPLAY_STORE=redis://bridge@" + s.redis.Addr(), "TLS_CERT_FILE=" + r.path("cert"), "TLS_KEY_FILE=" + r.path("key")}
	for name := range secrets {
		environ = append(environ, name+"=", name+"_FILE="+r.path(name))
	}
	r.certify(authority)
	audit, err := os.Create(r.path("audit"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = audit.Close() })
	s.audit = audit
	r.replica = s.replica(t, environ...)
	r.url = strings.Replace(r.url, "http://", "https://", 1)
	r.client = clientOf(t, authority)
	r.load = startLoad(t, s, []*replica{r.replica})
	r.more(t, 4)
	return r
}

// certify writes a new certificate, and returns its serial number.
func (r *rotation) certify(authority *certtest.Authority) int64 {
	pair := authority.Issue(time.Now().Add(time.Hour))
	certtest.Write(r.T, r.path("cert"), pair.Cert)
	certtest.Write(r.T, r.path("key"), pair.Key)
	return pair.Serial
}

func clientOf(t *testing.T, authority *certtest.Authority) *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// shown returns the serial number of the certificate that a new connection is shown.
func (r *rotation) shown(authority *certtest.Authority) int64 {
	c, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12})
	if err != nil {
		r.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// Whatever takes its place, nobody who signs in notices.
func TestACertificateAndEachSecretRotateUnderLoad(t *testing.T) {
	t.Parallel()
	s, authority := newSite(t, "user bridge on >s3cr3t-redis "+redisACL, signedProofs), certtest.New(t)
	r := startRotation(t, s, authority)

	renewed := r.certify(authority)
	until(t, "new connections are shown the new certificate", func() bool { return r.shown(authority) == renewed })
	r.more(t, 4)

	second := s.authsignal.RotateSecret()
	r.rotate("AUTHSIGNAL_SECRET", second)
	third := s.authsignal.RotateSecret() // the first is no more
	r.more(t, 4)
	r.rotate("AUTHSIGNAL_SECRET_OTHER", third)
	s.authsignal.RotateSecret() // nor is the second, which is the bridge's first still
	r.more(t, 4)

	r.rotate("AUTH0_CLIENT_SECRET_OTHER", "s3cr3t-auth0-new")
	must(t, s.auth0.Manage(t.Context(), "operator", "s3cr3t-operator", http.MethodPatch, "/clients/client-1", map[string]string{"client_secret": "s3cr3t-auth0-new"}, nil))
	r.more(t, 4)
	r.rotate("AUTH0_CLIENT_SECRET", "s3cr3t-auth0-new")

	r.rotate("AUTH0_PROOF_KEY", newKeyOfProofs)

	setPassword := func(rule string) {
		t.Helper()
		_, err := s.redis.Do(t.Context(), "ACL", "SETUSER", "bridge", rule)
		must(t, err)
	}
	setPassword(">s3cr3t-redis-new")
	r.rotate("REPLAY_STORE_PASSWORD", "s3cr3t-redis-new")
	setPassword("<s3cr3t-redis")
	r.more(t, 4)
	r.end()
	r.tellsNothing()
}

// tellsNothing fails if a secret is in an output of the bridge.
func (r *rotation) tellsNothing() {
	r.Helper()
	audit, err := os.ReadFile(r.path("audit"))
	if err != nil {
		r.Fatal(err)
	}
	for _, value := range r.values {
		if strings.Contains(r.log.String()+string(audit), value) {
			r.Errorf("an output has a secret: %s", value)
		}
	}
	if said := r.log.String(); strings.Contains(said, "WRONGPASS") || strings.Contains(said, "invalid_client") {
		r.Errorf("the log tells of trouble:\n%s", said)
	}
}
