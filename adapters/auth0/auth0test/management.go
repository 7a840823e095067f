package auth0test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// managed is a call of the Management API, with the tenant locked.
type managed struct {
	*call
	server *Server
	tenant *tenant
	scopes []string // of the token
	body   any      // what was read of the JSON; nil without a body
}

// operation is one row of the Management API: who may call it, and what it does.
type operation struct {
	method, path string
	scopes       []string // any one of them is enough
	run          func(*managed) (answer, error)
}

// operations are the Management API, in the order of Auth0's reference.
func operations() []operation {
	return slices.Concat(
		actionOperations(), clientOperations(), connectionOperations(), apiOperations(), settingOperations(), limitOperations(), logOperations(), refreshTokenOperations(),
	)
}

// ManagementScopes are all scopes that an operation here asks for, sorted: what a
// machine-to-machine application needs to use everything.
func ManagementScopes() []string {
	scopes := []string{scopeReadOptions, scopeUpdateOptions, scopeReadClientKeys}
	for _, o := range operations() {
		scopes = append(scopes, o.scopes...)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// ManagementCall is a call of the Management API, as [Options.ObserveManagement] is told it.
type ManagementCall struct {
	Method, Path, Query string
	Body                []byte // as it was sent, with the secrets in it
}

// management mounts the API under /api/v2.
func (s *Server) management(r chi.Router) {
	for _, o := range operations() {
		r.Method(o.method, "/api/v2"+o.path, s.serve(AtManagement, func(c *call) (answer, error) { return s.manage(c, o) }))
	}
	r.HandleFunc("/api/v2/*", s.serve(AtManagement, func(*call) (answer, error) {
		return answer{}, apiRefusal(http.StatusNotFound, "", "Not Found")
	}))
}

// manage does what every call needs: the limit, the token, the scope, the body.
func (s *Server) manage(c *call, o operation) (answer, error) {
	if err := s.attacks.limitManagement(c); err != nil {
		return answer{}, err
	}
	m := &managed{call: c, server: s, tenant: s.tenant}
	var err error
	if m.scopes, err = s.managementToken(c); err != nil {
		return answer{}, err
	}
	if err := m.need(o.scopes...); err != nil {
		return answer{}, err
	}
	if m.body, err = readJSON(c.raw); err != nil {
		return answer{}, err
	}
	s.tenant.mu.Lock()
	defer s.tenant.mu.Unlock()
	s.tenant.letGo()
	return o.run(m)
}

// managementToken checks the bearer token and returns its scopes.
func (s *Server) managementToken(c *call) ([]string, error) {
	bearer, ok := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, apiRefusal(http.StatusUnauthorized, "", "Missing authentication")
	}
	token, err := jwt.ParseSigned(bearer, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, apiRefusal(http.StatusUnauthorized, "", "Invalid token")
	}
	keys, err := s.keys.public()
	if err != nil {
		return nil, err
	}
	var standard jwt.Claims
	var own struct {
		Scope string `json:"scope"`
		AZP   string `json:"azp"`
	}
	if err := token.Claims(keys, &standard, &own); err != nil || standard.Issuer != s.Issuer() {
		return nil, apiRefusal(http.StatusUnauthorized, "", "Invalid token")
	}
	if !standard.Audience.Contains(s.ManagementAudience()) {
		return nil, apiRefusal(http.StatusUnauthorized, "", "Bad audience: "+strings.Join(standard.Audience, ","))
	}
	if standard.Expiry == nil || !c.now.Before(standard.Expiry.Time()) {
		return nil, apiRefusal(http.StatusUnauthorized, "", "Expired token received for JSON Web Token validation")
	}
	c.seen.ClientID = own.AZP
	return strings.Fields(own.Scope), nil
}

// need refuses a token that has none of the scopes.
func (m *managed) need(scopes ...string) error {
	if slices.ContainsFunc(scopes, m.may) {
		return nil
	}
	return apiRefusal(http.StatusForbidden, "insufficient_scope", "Insufficient scope, expected any of: "+strings.Join(scopes, ","))
}

func (m *managed) may(scope string) bool { return slices.Contains(m.scopes, scope) }

// param is a part of the path.
func (m *managed) param(name string) string {
	text := chi.URLParam(m.Request, name)
	if plain, err := url.PathUnescape(text); err == nil && m.URL.RawPath != "" { // by which chi matches if there is one
		return plain
	}
	return text
}

func readJSON(raw []byte) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var body any
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, invalidBody("Invalid request payload JSON format")
	}
	return body, nil
}

// readRaw reads a body of the Management API and tells the observer of it.
func (s *Server) readRaw(r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBodySize))
	if err != nil {
		return nil, apiRefusal(http.StatusRequestEntityTooLarge, "", "Payload content length greater than maximum allowed")
	}
	if s.observeManagement != nil {
		s.observeManagement(ManagementCall{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Body: raw})
	}
	return raw, nil
}

// apiRefusal is an error in the Management API's form.
func apiRefusal(status int, code, message string) *refusal {
	r := refuse(status, code, message)
	r.form = formAPI
	return r
}

func invalidBody(message string) *refusal {
	return apiRefusal(http.StatusBadRequest, "invalid_body", message)
}

func inexistent(what, code string) *refusal {
	return apiRefusal(http.StatusNotFound, code, "The "+what+" does not exist")
}

// respond is an answer with a status of its own.
func respond(status int, v any) (answer, error) {
	a, err := jsonAnswer(v)
	a.status = status
	return a, err
}

func noContent() (answer, error) {
	return answer{status: http.StatusNoContent, header: make(http.Header)}, nil
}
