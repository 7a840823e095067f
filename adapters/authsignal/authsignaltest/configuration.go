package authsignaltest

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
)

// object is a JSON object of the Management API. A member that was never set is
// absent, which is not false or "".
type object = map[string]any

// configuration is what the Portal and the Management API set of a tenant. It
// decides what the other APIs do. store.mu guards it.
type configuration struct {
	tenant         object
	authenticators []object
	actions        []*actionConfiguration // in the order of their creation
}

// actionConfiguration is an action as the tenant has configured it, as opposed
// to action, which is one use of it.
type actionConfiguration struct {
	fields object
	rules  []object // in the order of their creation
}

// Configuration is a copy of a tenant's settings as JSON objects, for tests that
// compare two tenants. Order is that of creation.
type Configuration struct {
	Tenant         map[string]any
	Authenticators []map[string]any
	Actions        []map[string]any            // action configurations
	Rules          map[string][]map[string]any // by action code; an action without rules is absent
}

// Configuration returns a copy of what the tenant is set to, vendors'
// credentials included.
func (s *Server) Configuration() Configuration {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	config := &s.store.config
	c := Configuration{Tenant: config.tenant, Authenticators: config.authenticators, Rules: map[string][]map[string]any{}}
	for _, a := range config.actions {
		c.Actions = append(c.Actions, a.fields)
		if len(a.rules) > 0 {
			c.Rules[a.code()] = a.rules
		}
	}
	var copied Configuration
	must(0, json.Unmarshal(must(json.Marshal(c)), &copied))
	return copied
}

// SetUpPasskey does what "Set up Passkey" of the Portal does, which the
// Management API cannot: it adds PASSKEY to the tenant's authenticators,
// activated and without a relying party. If it is there, nothing happens.
func (s *Server) SetUpPasskey() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if s.store.config.passkeyConfiguration() == nil {
		s.store.config.putAuthenticator(object{"verificationMethod": MethodPasskey, "isActive": true})
	}
}

// PutAuthenticator adds an authenticator configuration, such as SMS with the
// credentials of the vendor who sends the messages, and returns its
// authenticatorId. It panics if fields cannot be written as JSON.
func (s *Server) PutAuthenticator(fields map[string]any) string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	return s.store.config.putAuthenticator(fields)
}

func (c *configuration) putAuthenticator(fields object) string {
	var added object
	must(0, json.Unmarshal(must(json.Marshal(fields)), &added))
	id := "authenticator_" + newID()
	added["authenticatorId"] = id
	c.authenticators = append(c.authenticators, added)
	return id
}

// putAction configures an action that a passkey is asked for.
func (c *configuration) putAction(tenantID, code string) {
	fields := object{"tenantId": tenantID, "actionCode": code, "defaultUserActionResult": string(OutcomeChallenge)}
	c.actions = append(c.actions, &actionConfiguration{fields: fields})
}

func (c *configuration) passkeyConfiguration() object {
	i := slices.IndexFunc(c.authenticators, func(a object) bool { return text(a, "verificationMethod") == MethodPasskey })
	if i < 0 {
		return nil
	}
	return c.authenticators[i]
}

// activeMethods returns the methods that the tenant offers its users.
func (c *configuration) activeMethods() []string {
	var methods []string
	for _, a := range c.authenticators {
		if isTrue(a, "isActive") {
			methods = append(methods, text(a, "verificationMethod"))
		}
	}
	return methods
}

func (c *configuration) action(code string) *actionConfiguration {
	i := slices.IndexFunc(c.actions, func(a *actionConfiguration) bool { return a.code() == code })
	if i < 0 {
		return nil
	}
	return c.actions[i]
}

func (a *actionConfiguration) code() string { return text(a.fields, "actionCode") }

// tokenMinutes returns how long tokens are valid; 0 if that was never set.
func (c *configuration) tokenMinutes() float64 {
	minutes, _ := c.tenant["tokenDurationInMinutes"].(float64)
	return minutes
}

func (c *configuration) allowOrigin(origin string) {
	passkey := c.passkeyConfiguration()
	if passkey == nil || slices.Contains(texts(passkey, "expectedOrigins"), origin) {
		return
	}
	origins, _ := passkey["expectedOrigins"].([]any)
	passkey["expectedOrigins"] = append(slices.Clone(origins), origin)
}

// passkeySettings are those of the passkey authenticator that ceremonies need.
type passkeySettings struct {
	relyingParty string
	origins      []string
	verification protocol.UserVerificationRequirement
}

var ( // values, never changed
	errPasskeyInactive = &tokenError{codeInvalidConfiguration, "Passkey is not an active authenticator of this tenant."}
	errNoRelyingParty  = &tokenError{codeInvalidConfiguration, "The passkey authenticator has no relying party."}
)

// passkeySettings returns what ceremonies need, or why there can be none.
func (c *configuration) passkeySettings() (passkeySettings, *tokenError) {
	passkey := c.passkeyConfiguration()
	switch {
	case !isTrue(passkey, "isActive"):
		return passkeySettings{}, errPasskeyInactive
	case text(passkey, "relyingParty") == "":
		return passkeySettings{}, errNoRelyingParty
	}
	return passkeySettings{
		relyingParty: text(passkey, "relyingParty"),
		origins:      texts(passkey, "expectedOrigins"),
		// WebAuthn's own default is preferred; what Authsignal's is, is not public.
		verification: protocol.UserVerificationRequirement(text(passkey, "userVerificationRequirement")),
	}, nil
}

// patch returns old as a PATCH with change leaves it: a member that is null is
// cleared, and one of fixed stays. Whether members that change lacks stay is
// not documented.
func patch(old, change object, faults Faults, fixed ...string) object {
	changed := object{}
	if !faults.PatchReplaces {
		maps.Copy(changed, old)
	}
	for name, value := range change {
		switch {
		case slices.Contains(faults.IgnoredFields, name):
		case value == nil:
			delete(changed, name)
		default:
			changed[name] = value
		}
	}
	for _, name := range fixed {
		delete(changed, name)
		if value, ok := old[name]; ok {
			changed[name] = value
		}
	}
	return changed
}

// text returns a member that is a string, or "".
func text(o object, name string) string {
	value, _ := o[name].(string)
	return value
}

// texts returns the strings of a member that is an array.
func texts(o object, name string) []string {
	values, _ := o[name].([]any)
	var list []string
	for _, value := range values {
		if s, ok := value.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

func isTrue(o object, name string) bool {
	value, _ := o[name].(bool)
	return value
}
