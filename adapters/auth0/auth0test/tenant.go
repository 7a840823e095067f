package auth0test

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// tenant is what the Management API changes and the authentication API obeys. Both
// read the same objects, so that a sign-in works or fails by what was set up.
type tenant struct {
	mu sync.RWMutex // held for writing by a call of the Management API, from its beginning to its end

	clients      documents
	connections  []*storedConnection
	apis         documents
	clientGrants documents
	actions      []*storedAction
	bindings     map[string][]binding // by trigger
	profiles     documents            // of token exchange
	ratePolicies documents
	settings     document
	mfaPolicies  []string
	factors      map[string]bool
	attack       map[string]document // attack protection, by the last part of its path
	logs         documents           // oldest first

	leaving map[string]int // names of deleted connections, and how many calls they stay taken
}

// document is an object as the Management API shows it. Numbers are float64, as
// encoding/json reads them.
type document map[string]any

// documents are in the order of their creation.
type documents []document

func (d document) str(name string) string {
	s, _ := d[name].(string)
	return s
}

func (d document) is(name string) bool {
	b, _ := d[name].(bool)
	return b
}

func (d document) number(name string) float64 {
	n, _ := d[name].(float64)
	return n
}

// object returns a member that is an object, or an empty one.
func (d document) object(name string) document {
	switch o := d[name].(type) {
	case document:
		return o
	case map[string]any:
		return o
	}
	return document{}
}

// strings returns the texts of a member that is a list.
func (d document) strings(name string) []string {
	switch list := d[name].(type) {
	case []string:
		return list
	case []any:
		var texts []string
		for _, item := range list {
			if text, ok := item.(string); ok {
				texts = append(texts, text)
			}
		}
		return texts
	}
	return nil
}

// seconds reads a duration, which Auth0 writes in seconds.
func (d document) seconds(name string) time.Duration {
	return time.Duration(math.Round(d.number(name) * float64(time.Second)))
}

// without is a copy that lacks some members.
func (d document) without(names ...string) document {
	d = maps.Clone(d)
	for _, name := range names {
		delete(d, name)
	}
	return d
}

// merge sets the members of change. One that is null goes away.
func (d document) merge(change document) {
	for name, value := range change {
		if value == nil {
			delete(d, name)
			continue
		}
		d[name] = value
	}
}

// fill sets the members of defaults that are not there.
func (d document) fill(defaults document) {
	for name, value := range defaults {
		if _, ok := d[name]; !ok {
			d[name] = value
		}
	}
}

func (d documents) find(name, value string) (document, bool) {
	i := slices.IndexFunc(d, func(doc document) bool { return doc.str(name) == value })
	if i < 0 {
		return nil, false
	}
	return d[i], true
}

func (d documents) remove(name, value string) documents {
	return slices.DeleteFunc(d, func(doc document) bool { return doc.str(name) == value })
}

// newTenant is the tenant that the options describe, in the words of the Management API.
func newTenant(opts Options, management string) *tenant {
	t := &tenant{
		bindings: make(map[string][]binding),
		settings: defaultSettings(opts.DefaultDirectory),
		factors:  make(map[string]bool),
		attack:   defaultAttackProtection(),
		leaving:  make(map[string]int),
	}
	for _, conn := range opts.Connections {
		t.connections = append(t.connections, seedConnection(conn))
	}
	for _, client := range opts.Clients {
		t.clients = append(t.clients, clientDocument(client))
		for _, name := range client.Connections {
			if conn, ok := t.connectionNamed(name); ok {
				conn.clients = append(conn.clients, client.ID)
			}
		}
		if client.Management != nil {
			t.clientGrants = append(t.clientGrants, document{
				"id": "cgr_" + newID(16), "client_id": client.ID, "audience": management, "scope": client.Management, "subject_type": "client",
			})
		}
	}
	for _, api := range opts.APIs {
		t.apis = append(t.apis, apiDocument(api))
	}
	for _, p := range opts.TokenExchangeProfiles {
		action := seedAction(p, opts.Now())
		t.actions = append(t.actions, action)
		t.profiles = append(t.profiles, document{
			"id": "tep_" + newID(16), "name": p.SubjectTokenType, "subject_token_type": p.SubjectTokenType,
			"action_id": action.str("id"), "type": "custom_authentication",
			"created_at": timestamp(opts.Now()), "updated_at": timestamp(opts.Now()),
		})
	}
	return t
}

// client returns an application as the authentication API sees it now.
func (s *Server) client(id string) (*Client, bool) {
	t := s.tenant
	t.mu.RLock()
	defer t.mu.RUnlock()
	doc, ok := t.clients.find("client_id", id)
	if !ok {
		return nil, false
	}
	client := clientOf(doc)
	for _, conn := range t.connections {
		if slices.Contains(conn.clients, id) {
			client.Connections = append(client.Connections, conn.str("name"))
		}
	}
	for _, grant := range t.clientGrants {
		if grant.str("client_id") == id && grant.str("audience") == s.ManagementAudience() {
			client.Management = append([]string{}, grant.strings("scope")...)
		}
	}
	return client, true
}

// connection returns the connection of that realm. A connection has one realm unless
// it is told otherwise: its name.
func (s *Server) connection(realm string) (*connection, bool) {
	t := s.tenant
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, conn := range t.connections {
		if slices.Contains(conn.strings("realms"), realm) {
			return conn.view(), true
		}
	}
	return nil, false
}

// api returns the resource server of that audience.
func (s *Server) api(audience string) (*API, bool) {
	t := s.tenant
	t.mu.RLock()
	defer t.mu.RUnlock()
	doc, ok := t.apis.find("identifier", audience)
	if !ok {
		return nil, false
	}
	return apiOf(doc), true
}

func (s *Server) defaultDirectory() string {
	s.tenant.mu.RLock()
	defer s.tenant.mu.RUnlock()
	return s.tenant.settings.str("default_directory")
}

// exchangeProfile returns the profile of that type and what its Action has deployed.
func (s *Server) exchangeProfile(subjectTokenType string) (*profile, bool) {
	t := s.tenant
	t.mu.RLock()
	defer t.mu.RUnlock()
	doc, ok := t.profiles.find("subject_token_type", subjectTokenType)
	if !ok {
		return nil, false
	}
	p := new(profile)
	if action, ok := t.action(doc.str("action_id")); ok && action.deployed != nil {
		p.script, p.secrets = action.deployed.script, action.deployed.secrets
	}
	return p, true
}

func (t *tenant) connectionNamed(name string) (*storedConnection, bool) {
	return t.connectionWith("name", name)
}

func (t *tenant) connectionWith(member, value string) (*storedConnection, bool) {
	i := slices.IndexFunc(t.connections, func(c *storedConnection) bool { return c.str(member) == value })
	if i < 0 {
		return nil, false
	}
	return t.connections[i], true
}

func (t *tenant) action(id string) (*storedAction, bool) {
	i := slices.IndexFunc(t.actions, func(a *storedAction) bool { return a.str("id") == id })
	if i < 0 {
		return nil, false
	}
	return t.actions[i], true
}

// connection is one as a sign-in sees it.
type connection struct {
	Connection
	script      *scripthost.Script // nil while there is none
	scriptFault string             // why the stored script cannot run
	ownStore    bool               // enabledDatabaseCustomization is off: the script is not asked
	noPassword  bool               // authentication_methods.password.enabled is false

	noBruteForce bool // brute_force_protection is false
}

// profile is what a token exchange needs of its profile.
type profile struct {
	script  *scripthost.Script // nil while nothing is deployed
	secrets map[string]string
}

// newID is n random letters and digits, as Auth0's identifiers end.
func newID(n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	var id strings.Builder
	for _, b := range randomBytes(n) {
		id.WriteByte(alphabet[int(b)%len(alphabet)])
	}
	return id.String()
}

func newHexID() string { return hex.EncodeToString(randomBytes(12)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, by its documentation
	return b
}

// timestamp is Auth0's form of a time.
func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// anySlice turns strings into what encoding/json would have read.
func anySlice(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}
