package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/certtest"
	"nativebridge/adapters/oidc/oidctest"
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
	load.endWithNothingLost(t)
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

// kept is a bridge whose secrets are in files, each of the name of its setting.
type kept struct {
	*testing.T
	*replica
	dir    string
	values []string // that must not be told
}

// keep returns one that has yet to be started, and the environment that names its files.
func keep(t *testing.T, secrets map[string]string) (*kept, []string) {
	k := &kept{T: t, dir: t.TempDir(), values: []string{"BEGIN"}}
	k.put(secrets)
	var environ []string
	for name := range secrets {
		environ = append(environ, name+"=", name+"_FILE="+k.path(name))
	}
	return k, environ
}

func (k *kept) path(name string) string { return filepath.Join(k.dir, name) }

// put writes secrets into the files of settings.
func (k *kept) put(secrets map[string]string) {
	for name, value := range secrets {
		k.values = append(k.values, value)
		certtest.Write(k.T, k.path(name), []byte(value+"\n"))
	}
}

// replace writes secrets, and waits until the bridge has them.
func (k *kept) replace(secrets map[string]string) {
	k.Helper()
	before := len(k.log.String())
	k.put(secrets)
	for name := range secrets {
		until(k.T, name+" is read again", func() bool { return strings.Contains(k.log.String()[before:], `"`+name+`"`) })
	}
}

// tellsNothing fails if a secret is in the log or in what else was told.
func (k *kept) tellsNothing(told string) {
	k.Helper()
	told += k.log.String()
	for _, value := range k.values {
		if strings.Contains(told, value) {
			k.Errorf("an output has a secret: %s", value)
		}
	}
	if strings.Contains(told, "WRONGPASS") || strings.Contains(told, "invalid_client") {
		k.Errorf("the log tells of trouble:\n%s", told)
	}
}

// rotation is a bridge under load whose certificate is in files, too.
type rotation struct {
	*kept
	*load
	mesh atomic.Pointer[tls.Certificate] // that whoever connects shows
}

// rotate writes secrets, and waits until people have signed in with them.
func (r *rotation) rotate(secrets map[string]string) {
	r.Helper()
	r.replace(secrets)
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

const oldKeyOfNames, newKeyOfNames = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f", "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"

// startRotation starts a bridge with TLS in a mesh, under load.
func startRotation(t *testing.T, s *site, authority, mesh *certtest.Authority) *rotation {
	t.Helper()
	files, environ := keep(t, map[string]string{
		"AUTHSIGNAL_SECRET": s.authsignal.Secret(), "AUTHSIGNAL_SECRET_OTHER": s.authsignal.Secret(), "AUTH0_CLIENT_SECRET": "s3cr3t-auth0", "AUTH0_CLIENT_SECRET_OTHER": "s3cr3t-auth0",
		"AUTH0_PROOF_KEY": oldKeyOfProofs, "REPLAY_STORE_PASSWORD": "s3cr3t-redis", "AUDIT_PII_KEY": oldKeyOfNames,
	})
	r := &rotation{kept: files}
	for _, name := range []string{"TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE"} {
		environ = append(environ, name+"="+r.path(name))
	}
	r.certify(authority)
	r.put(map[string]string{"TLS_CLIENT_CA_FILE": string(mesh.PEM())})
	r.joins(mesh)
	audit, err := os.Create(r.path("audit"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = audit.Close() })
	s.audit = audit
	r.replica = s.replica(t, append(environ, "AUTH0_PROOF=signed", "AUDIT_PII=hashed", "REPLAY_STORE=redis://bridge@"+s.redis.Addr())...)
	r.url = strings.Replace(r.url, "http://", "https://", 1)
	r.client = r.clientOf(authority)
	r.load = startLoad(t, s, []*replica{r.replica})
	r.more(t, 4)
	return r
}

// certify writes a new certificate, and returns its serial number.
func (r *rotation) certify(authority *certtest.Authority) int64 {
	pair := authority.Issue(time.Now().Add(time.Hour))
	certtest.Write(r.T, r.path("TLS_CERT_FILE"), pair.Cert)
	certtest.Write(r.T, r.path("TLS_KEY_FILE"), pair.Key)
	return pair.Serial
}

// joins has everybody show a certificate of the authority from now on.
func (r *rotation) joins(mesh *certtest.Authority) {
	pair := mesh.Issue(time.Now().Add(time.Hour)).Certificate(r.T)
	r.mesh.Store(&pair)
}

// clientOf returns a client that trusts the authority. Its connections show the certificate
// that the mesh has when they are opened.
func (r *rotation) clientOf(authority *certtest.Authority) *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
		RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return r.mesh.Load(), nil },
	}}
	r.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// shown returns the serial number of the certificate that a new connection is shown, which is
// an error if the bridge does not let it in.
func (r *rotation) shown(authority *certtest.Authority) (int64, error) {
	resp, err := r.clientOf(authority).Get(r.url + "/openapi.yaml")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.TLS.PeerCertificates[0].SerialNumber.Int64(), nil
}

// said returns the audit log.
func (r *rotation) said() string {
	r.Helper()
	audit, err := os.ReadFile(r.path("audit"))
	if err != nil {
		r.Fatal(err)
	}
	return string(audit)
}

// names reports whether the audit log has the first who signed in by that key of names.
func (r *rotation) names(keyHex string) bool {
	key, err := hex.DecodeString(keyHex)
	must(r.T, err)
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte("auth0|person-1"))
	return strings.Contains(r.said(), hex.EncodeToString(hash.Sum(nil)))
}

// Whatever takes its place, nobody who signs in notices.
func TestACertificateAndEachSecretRotateUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t, "user bridge on >s3cr3t-redis "+redisACL, signedProofs)
	authority, mesh, newMesh := certtest.New(t), certtest.New(t), certtest.New(t)
	r := startRotation(t, s, authority, mesh)

	renewed := r.certify(authority)
	until(t, "new connections are shown the new certificate", func() bool { shown, err := r.shown(authority); return err == nil && shown == renewed })
	r.more(t, 4)

	second := s.authsignal.RotateSecret()
	r.rotate(map[string]string{"AUTHSIGNAL_SECRET": second, "TLS_CLIENT_CA_FILE": string(mesh.PEM()) + string(newMesh.PEM())})
	r.joins(newMesh)
	if _, err := r.shown(authority); err != nil {
		t.Errorf("who is of the new mesh is refused: %v", err)
	}
	third := s.authsignal.RotateSecret() // the first is no more
	r.more(t, 4)
	r.rotate(map[string]string{"AUTHSIGNAL_SECRET_OTHER": third, "TLS_CLIENT_CA_FILE": string(newMesh.PEM())})
	s.authsignal.RotateSecret() // nor is the second, which is the bridge's first still
	r.more(t, 4)

	r.rotate(map[string]string{"AUTH0_CLIENT_SECRET_OTHER": "s3cr3t-auth0-new"})
	must(t, s.auth0.Manage(t.Context(), "operator", "s3cr3t-operator", http.MethodPatch, "/clients/client-1", map[string]string{"client_secret": "s3cr3t-auth0-new"}, nil))
	r.more(t, 4)
	r.rotate(map[string]string{"AUTH0_CLIENT_SECRET": "s3cr3t-auth0-new"})

	if !r.names(oldKeyOfNames) || r.names(newKeyOfNames) {
		t.Errorf("the audit log does not name people by the key that it has:\n%s", r.said())
	}
	r.rotate(map[string]string{"AUTH0_PROOF_KEY": newKeyOfProofs, "AUDIT_PII_KEY": newKeyOfNames})
	until(t, "the audit log names people by the new key", func() bool { return r.names(newKeyOfNames) })

	setPassword := func(rule string) {
		t.Helper()
		_, err := s.redis.Do(t.Context(), "ACL", "SETUSER", "bridge", rule)
		must(t, err)
	}
	setPassword(">s3cr3t-redis-new")
	r.rotate(map[string]string{"REPLAY_STORE_PASSWORD": "s3cr3t-redis-new"})
	setPassword("<s3cr3t-redis")
	r.more(t, 4)
	r.endWithNothingLost(t)
	r.joins(mesh)
	if _, err := r.shown(authority); err == nil {
		t.Error("who is of the old mesh is let in")
	}
	r.tellsNothing(r.said())
}

// signer is a private key as a bridge has it, and its public half as a provider does.
type signer struct {
	pem    string
	public jose.JSONWebKey
}

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	public := jose.JSONWebKey{Key: key.Public(), Algorithm: string(jose.ES256), Use: "sig"}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	must(t, err)
	public.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return signer{strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))), public}
}

func keySet(t *testing.T, signers ...signer) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, signer := range signers {
		set.Keys = append(set.Keys, signer.public)
	}
	text, err := json.Marshal(set)
	must(t, err)
	return text
}

// keptFor starts a bridge whose sessions a provider opens.
func (s *site) keptFor(t *testing.T, options oidctest.Options, secrets map[string]string) (*kept, *oidctest.Server) {
	t.Helper()
	options.ClientID, options.AssertionIssuer = "bridge", "bridge"
	provider, err := oidctest.Start(options)
	must(t, err)
	t.Cleanup(func() { _ = provider.Close() })
	k, environ := keep(t, secrets)
	k.replica = s.replica(t, append(environ, "TOKEN_ISSUER=oidc", "OIDC_ISSUER="+provider.Issuer(), "OIDC_CLIENT_ID=bridge", "OIDC_SUBJECT_PREFIX=auth0|")...)
	return k, provider
}

// One bridge is known to its provider by keys, another by a secret.
func TestEachKeyAndSecretOfAnOpenIDProviderRotatesUnderLoad(t *testing.T) {
	t.Parallel()
	s, old, next, client, nextClient := newSite(t, ""), newSigner(t), newSigner(t), newSigner(t), newSigner(t)
	byKey, itsProvider := s.keptFor(t, oidctest.Options{ClientKeys: keySet(t, client), AssertionKeys: keySet(t, old)}, map[string]string{
		"OIDC_CLIENT_KEY": client.pem, "OIDC_ASSERTION_KEY": old.pem, "OIDC_ASSERTION_KEY_NEXT": next.pem,
	})
	bySecret, other := s.keptFor(t, oidctest.Options{ClientSecret: "s3cr3t-oidc", AssertionKeys: keySet(t, old)}, map[string]string{
		"OIDC_CLIENT_SECRET": "s3cr3t-oidc", "OIDC_CLIENT_SECRET_OTHER": "s3cr3t-oidc", "OIDC_ASSERTION_KEY": old.pem,
	})
	load := startLoad(t, s, []*replica{byKey.replica, bySecret.replica})
	load.more(t, 8)

	must(t, itsProvider.TrustAssertionKeys(keySet(t, old, next)))
	must(t, itsProvider.TrustClientKeys(keySet(t, client, nextClient)))
	load.more(t, 8)
	byKey.replace(map[string]string{"OIDC_CLIENT_KEY": nextClient.pem, "OIDC_ASSERTION_KEY": next.pem, "OIDC_ASSERTION_KEY_NEXT": old.pem})
	bySecret.replace(map[string]string{"OIDC_CLIENT_SECRET_OTHER": "s3cr3t-oidc-new"})
	load.more(t, 8) // what was begun before is over

	must(t, itsProvider.TrustAssertionKeys(keySet(t, next)))
	must(t, itsProvider.TrustClientKeys(keySet(t, nextClient)))
	other.SetClientSecret("s3cr3t-oidc-new")
	load.more(t, 8)
	bySecret.replace(map[string]string{"OIDC_CLIENT_SECRET": "s3cr3t-oidc-new"})
	load.more(t, 8)
	load.endWithNothingLost(t)
	byKey.tellsNothing("")
	bySecret.tellsNothing("")
}
