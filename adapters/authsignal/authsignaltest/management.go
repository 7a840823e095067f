package authsignaltest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-webauthn/webauthn/protocol"
)

// managementRoutes is the Management API. The documentation spells two of its
// paths with a hyphen in some places and an underscore in others.
func (s *Server) managementRoutes(r chi.Router) {
	r.Use(s.misbehave, s.requireManagementSecret)
	r.Get("/v1/management/tenant", s.getTenant)
	r.Patch("/v1/management/tenant", s.updateTenant)
	for _, dash := range []string{"-", "_"} {
		authenticators := "/v1/management/authenticator" + dash + "configurations"
		r.Get(authenticators, s.listAuthenticatorConfigurations)
		r.Patch(authenticators+"/{authenticatorId}", s.updateAuthenticatorConfiguration)

		actions := "/v1/management/action" + dash + "configurations"
		r.Get(actions, s.listActionConfigurations)
		r.Post(actions, s.createActionConfiguration)
		r.Get(actions+"/{actionCode}", s.getActionConfiguration)
		r.Patch(actions+"/{actionCode}", s.updateActionConfiguration)
		r.Delete(actions+"/{actionCode}", s.deleteActionConfiguration)

		r.Get(actions+"/{actionCode}/rules", s.listRules)
		r.Post(actions+"/{actionCode}/rules", s.createRule)
		r.Get(actions+"/{actionCode}/rules/{ruleId}", s.getRule)
		r.Patch(actions+"/{actionCode}/rules/{ruleId}", s.updateRule)
		r.Delete(actions+"/{actionCode}/rules/{ruleId}", s.deleteRule)
	}
}

// requireManagementSecret lets only callers with the Management API secret pass.
// A Server API secret is a good key of the wrong kind.
func (s *Server) requireManagementSecret(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		users := basicUsers(r)
		isServerKey := slices.ContainsFunc(s.activeSecrets(), func(secret string) bool { return slices.Contains(users, secret) })
		switch {
		case slices.Contains(users, s.managementSecret):
			next.ServeHTTP(w, r)
		case isServerKey:
			writeForbidden(w, s.Faults().ServerKeyStatus, "The key is not a Management API key.")
		default:
			writeError(w, http.StatusUnauthorized, codeUnauthorized, "")
		}
	})
}

// writeForbidden refuses a genuine key with status, which may be 0 for 403.
func writeForbidden(w http.ResponseWriter, status int, description string) {
	code := "forbidden"
	if status == http.StatusUnauthorized {
		code = codeUnauthorized
	}
	writeError(w, cmp.Or(status, http.StatusForbidden), code, description)
}

func (s *Server) getTenant(w http.ResponseWriter, _ *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	writeOK(w, s.store.config.tenant)
}

// writableTenant are the settings of the tenant that a PATCH may change; others
// in its body are ignored.
var writableTenant = []string{"name", "disableRecoveryCodes", "tokenDurationInMinutes", "hideSuccessScreenOnEnrollment"} // never changed

func (s *Server) updateTenant(w http.ResponseWriter, r *http.Request) {
	change, ok := readObject(w, r)
	if !ok {
		return
	}
	maps.DeleteFunc(change, func(name string, _ any) bool { return !slices.Contains(writableTenant, name) })
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	changed := patch(s.store.config.tenant, change, s.Faults(), "tenantId")
	minutes, isNumber := changed["tokenDurationInMinutes"].(float64)
	if _, isSet := changed["tokenDurationInMinutes"]; isSet && (!isNumber || minutes < 1 || minutes != float64(int(minutes))) {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, "tokenDurationInMinutes must be a whole number above 0.")
		return
	}
	s.store.config.tenant = changed
	writeOK(w, changed)
}

func (s *Server) listAuthenticatorConfigurations(w http.ResponseWriter, _ *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	list := []object{}
	for _, a := range s.store.config.authenticators {
		list = append(list, s.shown(a))
	}
	writeOK(w, list)
}

// shown is an authenticator configuration as it is read. Whether credentials
// come back is not documented; the default is the form that a client must be
// most careful with.
func (s *Server) shown(a object) object {
	if !s.Faults().HideCredentials {
		return a
	}
	visible := maps.Clone(a)
	maps.DeleteFunc(visible, func(name string, _ any) bool { return strings.HasSuffix(name, "Credentials") })
	return visible
}

func (s *Server) updateAuthenticatorConfiguration(w http.ResponseWriter, r *http.Request) {
	change, ok := readObject(w, r)
	if !ok {
		return
	}
	id := pathParam(r, "authenticatorId")
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	i := slices.IndexFunc(s.store.config.authenticators, func(a object) bool { return text(a, "authenticatorId") == id })
	if i < 0 {
		writeError(w, http.StatusNotFound, codeNotFound, "There is no such authenticator configuration.")
		return
	}
	changed := patch(s.store.config.authenticators[i], change, s.Faults(), "authenticatorId", "verificationMethod")
	if fault := authenticatorFault(changed); fault != "" {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, fault)
		return
	}
	s.store.config.authenticators[i] = changed
	writeOK(w, s.shown(changed))
}

// authenticatorFault says what is wrong with an authenticator configuration.
func authenticatorFault(a object) string {
	if rp, isSet := a["relyingParty"]; isSet && protocol.ValidateRPID(fmt.Sprint(rp)) != nil {
		return "relyingParty must be a domain."
	}
	if origins, isSet := a["expectedOrigins"]; isSet {
		list, ok := origins.([]any)
		if !ok || len(list) != len(texts(a, "expectedOrigins")) {
			return "expectedOrigins must be an array of strings."
		}
	}
	for name, allowed := range map[string][]string{
		"userVerificationRequirement": {"discouraged", "preferred", "required"},
		"authenticatorAttachment":     {"cross-platform", "platform", "all-supported"},
	} {
		if _, isSet := a[name]; isSet && !slices.Contains(allowed, text(a, name)) {
			return name + " must be one of " + strings.Join(allowed, ", ") + "."
		}
	}
	if active, isSet := a["isActive"]; isSet && active != true && active != false {
		return "isActive must be a boolean."
	}
	return ""
}

// reducedAuthenticators answers GET /v1/authenticators and its twin of the
// Client API: what the tenant offers, without settings.
func (s *Server) reducedAuthenticators(w http.ResponseWriter) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	list := []object{}
	for _, a := range s.store.config.authenticators {
		reduced := object{"isActive": isTrue(a, "isActive")}
		for _, name := range []string{"authenticatorId", "verificationMethod", "isEditableByUser", "isHiddenToUser", "smsChannel"} {
			if value, ok := a[name]; ok {
				reduced[name] = value
			}
		}
		list = append(list, reduced)
	}
	writeOK(w, list)
}

func (s *Server) serverAuthenticators(w http.ResponseWriter, _ *http.Request) {
	s.reducedAuthenticators(w)
}

func (s *Server) offeredAuthenticators(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.tenantOrBearer(w, r); ok {
		s.reducedAuthenticators(w)
	}
}

// readObject reads a body that is a JSON object. If it returns false, the
// request has been answered.
func readObject(w http.ResponseWriter, r *http.Request) (object, bool) {
	var o object
	if !readJSON(w, r, &o) {
		return nil, false
	}
	if o == nil {
		o = object{}
	}
	return o, true
}
