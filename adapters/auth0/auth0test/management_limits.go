package auth0test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func limitOperations() []operation {
	return []operation{
		{"GET", "/rate-limit-policies", []string{"read:rate_limit_policies"}, listRatePolicies},
		{"POST", "/rate-limit-policies", []string{"create:rate_limit_policies"}, createRatePolicy},
		{"GET", "/rate-limit-policies/{id}", []string{"read:rate_limit_policies"}, getRatePolicy},
		{"PATCH", "/rate-limit-policies/{id}", []string{"update:rate_limit_policies"}, updateRatePolicy},
		{"DELETE", "/rate-limit-policies/{id}", []string{"delete:rate_limit_policies"}, deleteRatePolicy},
		{"GET", "/user-blocks", []string{"read:users"}, listBlocks},
		{"DELETE", "/user-blocks", []string{"update:users"}, deleteBlocks},
		{"GET", "/custom-domains", []string{"read:custom_domains"}, listCustomDomains},
		{"GET", "/keys/signing", []string{"read:signing_keys"}, listSigningKeys},
		{"POST", "/keys/signing/rotate", []string{"create:signing_keys", "update:signing_keys"}, rotateSigningKeys},
	}
}

// Rate-limit policies are Early Access.

func listRatePolicies(m *managed) (answer, error) {
	if err := m.onPlan("rate limit policies"); err != nil {
		return answer{}, err
	}
	return m.checkpoint("rate_limit_policies", m.tenant.ratePolicies)
}

func createRatePolicy(m *managed) (answer, error) {
	if err := m.onPlan("rate limit policies"); err != nil {
		return answer{}, err
	}
	body, err := m.object(membersOf("string: resource consumer consumer_selector; object: configuration"), "resource", "consumer", "consumer_selector", "configuration")
	if err != nil {
		return answer{}, err
	}
	if err := checkRateConfiguration(body.object("configuration")); err != nil {
		return answer{}, err
	}
	if _, taken := m.tenant.ratePolicies.find("consumer_selector", body.str("consumer_selector")); taken {
		return answer{}, apiRefusal(http.StatusConflict, "", "A rate limit policy for this consumer already exists")
	}
	policy := filled(body, document{"id": "rlp_" + newID(21), "created_at": timestamp(m.now), "updated_at": timestamp(m.now)})
	m.tenant.ratePolicies = append(m.tenant.ratePolicies, policy)
	return respond(http.StatusCreated, policy)
}

func checkRateConfiguration(c document) error {
	action := c.str("action")
	if !slices.Contains([]string{"allow", "block", "log", "redirect"}, action) {
		return payloadError("No enum match for: " + action)
	}
	if action == "redirect" && c.str("redirect_uri") == "" {
		return invalidBody("Payload validation error: Action type of `redirect` requires a `redirect_uri`")
	}
	return nil
}

func (m *managed) storedRatePolicy() (document, error) {
	if err := m.onPlan("rate limit policies"); err != nil {
		return nil, err
	}
	policy, ok := m.tenant.ratePolicies.find("id", m.param("id"))
	if !ok {
		return nil, apiRefusal(http.StatusNotFound, "", "Rate limit policy not found.")
	}
	return policy, nil
}

func getRatePolicy(m *managed) (answer, error) {
	policy, err := m.storedRatePolicy()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(policy)
}

func updateRatePolicy(m *managed) (answer, error) {
	policy, err := m.storedRatePolicy()
	if err != nil {
		return answer{}, err
	}
	body, err := m.object(membersOf("object: configuration"), "configuration")
	if err != nil {
		return answer{}, err
	}
	if err := checkRateConfiguration(body.object("configuration")); err != nil {
		return answer{}, err
	}
	policy.merge(body)
	policy["updated_at"] = timestamp(m.now)
	return jsonAnswer(policy)
}

func deleteRatePolicy(m *managed) (answer, error) {
	if _, err := m.storedRatePolicy(); err != nil {
		return answer{}, err
	}
	m.tenant.ratePolicies = m.tenant.ratePolicies.remove("id", m.param("id"))
	return noContent()
}

// limitClient counts a request to the token endpoint against the policy of its
// application, or else against the default one, which counts each application apart. A
// limit is of one second; the headers with the tenant's own limit stay as they are.
func (s *Server) limitClient(c *call, id string) error {
	configuration := s.ratePolicy(id)
	if action := configuration.str("action"); action != "block" && action != "redirect" {
		return nil
	}
	limit := int(configuration.number("limit"))
	s.attacks.mu.Lock()
	now := s.attacks.count(window{rule: "policy", key: attempt{ip: id}}, c.now, time.Second)
	s.attacks.mu.Unlock()
	c.header.Set("Auth0-RateLimit", fmt.Sprintf("client;q=%d;t=1;r=%d", limit, max(0, limit-now.n)))
	if now.n <= limit {
		return nil
	}
	c.header.Set("Retry-After", "1")
	if uri := configuration.str("redirect_uri"); configuration.str("action") == "redirect" {
		r := refuse(http.StatusFound, "redirect", "")
		r.header.Set("Location", uri)
		return r
	}
	return refuse(http.StatusTooManyRequests, "too_many_requests", "Rate limit exceeded.")
}

func (s *Server) ratePolicy(clientID string) document {
	s.tenant.mu.RLock()
	defer s.tenant.mu.RUnlock()
	for _, selector := range []string{"client_id:" + clientID, "default"} {
		if policy, ok := s.tenant.ratePolicies.find("consumer_selector", selector); ok {
			return policy.object("configuration")
		}
	}
	return document{}
}

// Blocks of brute-force protection.

func listBlocks(m *managed) (answer, error) {
	identifier := m.URL.Query().Get("identifier")
	if identifier == "" {
		return answer{}, queryError("identifier", "Missing required property: identifier")
	}
	blocks := documents{}
	limit := m.tenant.protect(m.faults.Protection).BruteForce
	for _, a := range m.server.attacks.blocked(limit) {
		if a.who.username == identifier {
			blocks = append(blocks, document{"identifier": identifier, "ip": a.ip, "connection": a.who.connection})
		}
	}
	return jsonAnswer(claims{{"blocked_for", blocks}})
}

func deleteBlocks(m *managed) (answer, error) {
	identifier := m.URL.Query().Get("identifier")
	if identifier == "" {
		return answer{}, queryError("identifier", "Missing required property: identifier")
	}
	m.server.attacks.unblock(identifier)
	return noContent()
}

// listCustomDomains shows the names in Options. Tokens are issued in the tenant's own all the same.
func listCustomDomains(m *managed) (answer, error) {
	domains := documents{}
	for i, name := range m.server.customDomains {
		domains = append(domains, document{
			"custom_domain_id": fmt.Sprintf("cd_%016d", i), "domain": name, "primary": i == 0, "status": "ready", "type": "auth0_managed_certs",
		})
	}
	return jsonAnswer(domains)
}

func listSigningKeys(m *managed) (answer, error) {
	set, err := m.server.keys.public()
	if err != nil {
		return answer{}, err
	}
	current, err := m.server.keys.current()
	if err != nil {
		return answer{}, err
	}
	at := slices.IndexFunc(set.Keys, func(k jose.JSONWebKey) bool { return k.KeyID == current.KeyID })
	keys := documents{}
	for i, key := range set.Keys {
		doc := showKey(key)
		doc["current"], doc["next"], doc["previous"] = i == at, i < at, i > at
		keys = append(keys, doc)
	}
	return jsonAnswer(keys)
}

func showKey(key jose.JSONWebKey) document {
	thumbprint := fmt.Sprintf("%X", key.CertificateThumbprintSHA1)
	var pairs []string
	for pair := range slices.Chunk([]byte(thumbprint), 2) {
		pairs = append(pairs, string(pair))
	}
	return document{
		"kid": key.KeyID, "revoked": false, "thumbprint": thumbprint, "fingerprint": strings.Join(pairs, ":"),
		"cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: key.Certificates[0].Raw})),
	}
}

func rotateSigningKeys(m *managed) (answer, error) {
	m.server.keys.rotate()
	key, err := m.server.keys.current()
	if err != nil {
		return answer{}, err
	}
	doc := showKey(key)
	return respond(http.StatusCreated, claims{{"kid", doc["kid"]}, {"cert", doc["cert"]}})
}
