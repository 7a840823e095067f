package oidctest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Options for Start.
type Options struct {
	// ClientID is the bridge's client.
	ClientID string
	// ClientSecret is its secret, sent by Basic or, with SecretInBody, in the form.
	ClientSecret string
	SecretInBody bool
	// ClientKeys is its JSON Web Key Set, for private_key_jwt in place of a secret.
	ClientKeys []byte
	// AssertionIssuer may make assertions about everybody, signed with the keys of the
	// JSON Web Key Set AssertionKeys.
	AssertionIssuer string
	AssertionKeys   []byte
	// Algorithm signs ID tokens: RS256 if empty, PS256 or ES256.
	Algorithm jose.SignatureAlgorithm
	// NoRevocation leaves the revocation endpoint out.
	NoRevocation bool
	// Observe, if set, is told of every request when it is answered, by several
	// goroutines at once.
	Observe func(Observation)
}

// Observation is one request and how it was answered, without anything secret.
type Observation struct {
	Time         time.Time
	Duration     time.Duration
	Method, Path string
	Status       int
}

// Server is an OpenID provider. It is safe for concurrent use.
type Server struct {
	options Options
	url     string
	http    *http.Server
	key     jose.JSONWebKey
	byKeys  bool // the client authenticates by private_key_jwt

	mu            sync.Mutex
	clientSecret  string
	clientKeys    jose.JSONWebKeySet
	assertionKeys jose.JSONWebKeySet
	fault         Fault
	seen          map[string]bool // every jti
	forgotten     map[string]bool // subjects
	refresh       map[string]session
	requests      []Request
}

// Request is a request to a POST endpoint.
type Request struct {
	Path   string
	Header http.Header
	Form   url.Values
}

// session is what a refresh token stands for.
type session struct {
	subject string
	scope   []string
}

// Start starts a provider on a free port of 127.0.0.1. Its issuer is its URL.
func Start(options Options) (*Server, error) {
	if options.Algorithm == "" {
		options.Algorithm = jose.RS256
	}
	key, err := newKey(options.Algorithm)
	if err != nil {
		return nil, err
	}
	s := &Server{options: options, key: key, byKeys: len(options.ClientKeys) > 0, clientSecret: options.ClientSecret, seen: map[string]bool{}, forgotten: map[string]bool{}, refresh: map[string]session{}}
	if s.byKeys {
		if err := s.TrustClientKeys(options.ClientKeys); err != nil {
			return nil, err
		}
	}
	if err := s.TrustAssertionKeys(options.AssertionKeys); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.url = "http://" + listener.Addr().String()
	s.http = &http.Server{Handler: s.observed(s.routes()), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.http.Serve(listener) }()
	return s, nil
}

// Issuer returns the issuer identifier, which is also the base URL.
func (s *Server) Issuer() string { return s.url }

// Close makes the provider unreachable.
func (s *Server) Close() error { return s.http.Close() }

// SetFault makes every answer to a POST go wrong like that, until the next call.
func (s *Server) SetFault(fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// TrustAssertionKeys takes the keys of a JSON Web Key Set in place of those that
// assertions were signed with so far.
func (s *Server) TrustAssertionKeys(set []byte) error { return s.trust(&s.assertionKeys, set) }

// TrustClientKeys takes the keys of a JSON Web Key Set in place of those that the client
// authenticated by so far. Options.ClientKeys must have had some.
func (s *Server) TrustClientKeys(set []byte) error { return s.trust(&s.clientKeys, set) }

func (s *Server) trust(these *jose.JSONWebKeySet, set []byte) error {
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(set, &keys); err != nil {
		return fmt.Errorf("the keys to be trusted: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*these = keys
	return nil
}

// SetClientSecret gives the client another secret in place of the one that it had.
func (s *Server) SetClientSecret(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clientSecret = secret
}

// Forget makes a subject unknown, and its refresh tokens with it.
func (s *Server) Forget(subject string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten[subject] = true
}

// Requests returns what the POST endpoints were sent, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", s.discovery)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.key.Public()}})
	})
	mux.HandleFunc("POST /token", s.misbehaving(s.token))
	if !s.options.NoRevocation {
		mux.HandleFunc("POST /revoke", s.misbehaving(s.revoke))
	}
	return mux
}

// observed tells Options.Observe of what next answers.
func (s *Server) observed(next http.Handler) http.Handler {
	if s.options.Observe == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		s.options.Observe(Observation{start, time.Since(start), r.Method, r.URL.Path, recorder.status})
	})
}

// statusRecorder remembers the status that was written.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// misbehaving applies the faults that take the place of an answer.
func (s *Server) misbehaving(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		fault := s.fault
		s.mu.Unlock()
		switch fault {
		case Limited:
			answer(w, http.StatusTooManyRequests, map[string]string{"error": "too_many_requests"})
		case Garbled:
			_, _ = fmt.Fprint(w, "<html>welcome</html>")
		case Hang:
			_ = r.ParseForm() // a server sees its caller leave once it has read the body
			<-r.Context().Done()
		default:
			next(w, r)
		}
	}
}

// discovery answers with OpenID Connect Discovery 1.0, section 3.
func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	body := map[string]any{
		"issuer":                                s.url,
		"authorization_endpoint":                s.url + "/authorize", // demanded, and not served
		"token_endpoint":                        s.url + "/token",
		"jwks_uri":                              s.url + "/keys",
		"revocation_endpoint":                   s.url + "/revoke",
		"grant_types_supported":                 []string{grantJWTBearer, "refresh_token"},
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []jose.SignatureAlgorithm{s.options.Algorithm},
	}
	switch {
	case s.byKeys:
		body["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
	case s.options.SecretInBody:
		body["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
	}
	if s.options.NoRevocation {
		delete(body, "revocation_endpoint")
	}
	answer(w, http.StatusOK, body)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// refusal is an error of RFC 6749 section 5.2.
type refusal struct{ code, description string }

func (r refusal) Error() string { return r.code + ": " + r.description }

func refuse(w http.ResponseWriter, err error) {
	r := refusal{"server_error", err.Error()}
	status := http.StatusInternalServerError
	if errors.As(err, &r) {
		status = http.StatusBadRequest
	}
	if r.code == "invalid_client" {
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Basic realm="oidctest"`)
	}
	answer(w, status, map[string]string{"error": r.code, "error_description": r.description})
}

// opaque makes a token that means nothing.
func opaque() string { return rand.Text() + rand.Text() }
