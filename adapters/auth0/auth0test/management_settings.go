package auth0test

import (
	"fmt"
	"net/http"
	"slices"
)

func settingOperations() []operation {
	readAttack, updateAttack := []string{"read:attack_protection"}, []string{"update:attack_protection"}
	all := []operation{
		{"GET", "/tenants/settings", []string{"read:tenant_settings"}, getSettings},
		{"PATCH", "/tenants/settings", []string{"update:tenant_settings"}, updateSettings},
		{"GET", "/guardian/policies", []string{"read:mfa_policies"}, listPolicies},
		{"PUT", "/guardian/policies", []string{"update:mfa_policies"}, setPolicies},
	}
	for name := range defaultAttackProtection() {
		all = append(all,
			operation{"GET", "/attack-protection/" + name, readAttack, func(m *managed) (answer, error) { return m.getAttackProtection(name) }},
			operation{"PATCH", "/attack-protection/" + name, updateAttack, func(m *managed) (answer, error) { return m.updateAttackProtection(name) }},
		)
	}
	return all
}

// defaultSettings are those of a new tenant.
func defaultSettings(directory string) document {
	return document{
		"friendly_name": "Emulator", "default_audience": "", "default_directory": directory, "enabled_locales": []any{"en"},
		"sandbox_version": "22", "session_lifetime": 168.0, "idle_session_lifetime": 72.0, "resource_parameter_profile": "audience",
		"flags": document{
			"enable_client_connections": false, "revoke_refresh_token_grant": false, "disable_clickjack_protection_headers": true,
			"universal_login": true, "allow_changing_enable_sso": false, "enable_sso": true,
		},
	}
}

func settingMembers() members {
	return membersOf("string: friendly_name picture_url support_email support_url default_audience default_directory default_redirection_uri" +
		" sandbox_version legacy_sandbox_version resource_parameter_profile;" +
		"number: session_lifetime idle_session_lifetime ephemeral_session_lifetime idle_ephemeral_session_lifetime;" +
		"array: enabled_locales allowed_logout_urls acr_values_supported;" +
		"object: flags change_password guardian_mfa_page error_page default_token_quota device_flow session_cookie sessions oidc_logout mtls" +
		" client_id_metadata_document_supported security_headers country_codes;" +
		"boolean: allow_organization_name_in_authentication_api customize_mfa_in_postlogin_action pushed_authorization_requests_supported" +
		" authorization_response_iss_parameter_supported skip_non_verifiable_callback_uri_confirmation_prompt" +
		" enable_ai_guide phone_consolidated_experience dynamic_client_registration_security_mode")
}

func getSettings(m *managed) (answer, error) { return m.one(m.tenant.settings) }

// updateSettings merges flags and replaces everything else that is sent.
func updateSettings(m *managed) (answer, error) {
	body, err := m.object(settingMembers())
	if err != nil {
		return answer{}, err
	}
	if name := body.str("default_directory"); name != "" {
		if _, ok := m.tenant.connectionNamed(name); !ok {
			return answer{}, apiRefusal(http.StatusBadRequest, "invalid_body", fmt.Sprintf("The connection %q does not exist", name))
		}
	}
	if body["flags"] != nil {
		body["flags"] = filled(body.object("flags"), m.tenant.settings.object("flags"))
	}
	m.tenant.settings.merge(body)
	return jsonAnswer(m.tenant.settings)
}

// MFA policies: an empty list, all-applications or confidence-score.

func listPolicies(m *managed) (answer, error) {
	return jsonAnswer(append([]string{}, m.tenant.mfaPolicies...))
}

func setPolicies(m *managed) (answer, error) {
	list, ok := m.body.([]any)
	if !ok {
		return answer{}, payloadError("Expected type array but found type " + typeOf(m.body))
	}
	policies := document{"policies": list}.strings("policies")
	for _, policy := range policies {
		if policy != "all-applications" && policy != "confidence-score" {
			return answer{}, payloadError("No enum match for: " + policy)
		}
	}
	m.tenant.mfaPolicies = policies
	return jsonAnswer(append([]string{}, policies...))
}

// defaultAttackProtection are the settings of a new tenant, by the end of their paths.
func defaultAttackProtection() map[string]document {
	return map[string]document{
		"brute-force-protection": {
			"enabled": true, "shields": []any{"block", "user_notification"}, "mode": "count_per_identifier_and_ip",
			"allowlist": []any{}, "max_attempts": 10.0,
		},
		"suspicious-ip-throttling": {
			"enabled": true, "shields": []any{"admin_notification", "block"}, "allowlist": []any{},
			"stage": document{
				"pre-login":                 document{"max_attempts": 100.0, "rate": 864000.0},
				"pre-user-registration":     document{"max_attempts": 50.0, "rate": 1200.0},
				"pre-custom-token-exchange": document{"max_attempts": 10.0, "rate": 600000.0},
			},
		},
		"breached-password-detection": {
			"enabled": false, "shields": []any{}, "admin_notification_frequency": []any{}, "method": "standard",
			"stage": document{"pre-user-registration": document{"shields": []any{}}, "pre-change-password": document{"shields": []any{}}},
		},
		"bot-detection": {
			"bot_detection_level": "medium", "challenge_password_policy": "never", "challenge_passwordless_policy": "never",
			"challenge_password_reset_policy": "never", "allowlist": []any{}, "monitoring_mode_enabled": false,
		},
		"captcha": {
			"active_provider_id": "auth_challenge", "auth_challenge": document{"fail_open": false}, "arkose": document{}, "hcaptcha": document{},
			"friendly_captcha": document{}, "recaptcha_v2": document{}, "recaptcha_enterprise": document{}, "simple_captcha": document{},
		},
	}
}

func (m *managed) getAttackProtection(name string) (answer, error) {
	if name == "bot-detection" {
		if err := m.onPlan("bot detection"); err != nil {
			return answer{}, err
		}
	}
	return jsonAnswer(m.tenant.attack[name])
}

// updateAttackProtection knows the members that the default has. A stage replaces the
// whole of them, also the one that an SDK does not know.
func (m *managed) updateAttackProtection(name string) (answer, error) {
	if name == "bot-detection" {
		if err := m.onPlan("bot detection"); err != nil {
			return answer{}, err
		}
	}
	allowed := make(members)
	for member, value := range defaultAttackProtection()[name] {
		allowed[member] = typeOf(value)
	}
	body, err := m.object(allowed)
	if err != nil {
		return answer{}, err
	}
	m.tenant.attack[name].merge(body)
	return jsonAnswer(m.tenant.attack[name])
}

// onPlan refuses what the tenant's plan lacks.
func (m *managed) onPlan(feature string) error {
	switch m.faults.Variants.LesserPlan {
	case PlanForbids:
		return apiRefusal(http.StatusForbidden, "insufficient_entitlement", "Please upgrade your subscription to use "+feature)
	case PlanHides:
		return apiRefusal(http.StatusNotFound, "", "Not Found")
	}
	return nil
}

// protect returns the limits to count by: those of the settings, if they are to be
// obeyed, else the ones given. The caller holds the lock.
func (t *tenant) protect(given Protection) Protection {
	if !given.AsSettings {
		return given
	}
	if brute := t.attack["brute-force-protection"]; blocks(brute) {
		given.BruteForce = int(brute.number("max_attempts"))
	}
	if suspicious := t.attack["suspicious-ip-throttling"]; blocks(suspicious) {
		stages := suspicious.object("stage")
		given.SuspiciousIP = int(stages.object("pre-login").number("max_attempts"))
		given.InvalidSubjectTokens = int(stages.object("pre-custom-token-exchange").number("max_attempts"))
	}
	return given
}

// protection are the limits of a sign-in with this connection, nil for a token exchange.
func (s *Server) protection(c *call, conn *connection) Protection {
	s.tenant.mu.RLock()
	defer s.tenant.mu.RUnlock()
	limits := s.tenant.protect(c.faults.Protection)
	if conn != nil && conn.noBruteForce || s.tenant.allows("brute-force-protection", c.seen.ClientIP) {
		limits.BruteForce = 0
	}
	if s.tenant.allows("suspicious-ip-throttling", c.seen.ClientIP) {
		limits.SuspiciousIP, limits.InvalidSubjectTokens = 0, 0
	}
	return limits
}

func blocks(settings document) bool {
	return settings.is("enabled") && slices.Contains(settings.strings("shields"), "block")
}

// allows tells whether an address is in the allow-list of a protection. Ranges are not understood.
func (t *tenant) allows(protection, ip string) bool {
	return slices.Contains(t.attack[protection].strings("allowlist"), ip)
}

// challenge is what the tenant's policies ask of a sign-in beyond the password, nil if
// nothing. What depends on a risk that Auth0 sees never happens here.
func (s *Server) challenge(c *call) error {
	s.tenant.mu.RLock()
	defer s.tenant.mu.RUnlock()
	if slices.Contains(s.tenant.mfaPolicies, "all-applications") {
		return Fault{Kind: MFARequired}.refusal(c.now)
	}
	return nil
}

// verification is bot detection, which strikes before the password is looked at.
func (s *Server) verification(c *call) error {
	s.tenant.mu.RLock()
	defer s.tenant.mu.RUnlock()
	bots := s.tenant.attack["bot-detection"]
	if bots.str("challenge_password_policy") == "always" && !bots.is("monitoring_mode_enabled") && !s.tenant.allows("bot-detection", c.seen.ClientIP) {
		return Fault{Kind: RequiresVerification}.refusal(c.now)
	}
	return nil
}
