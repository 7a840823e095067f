package authsignaltest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"
)

func (s *Server) listActionConfigurations(w http.ResponseWriter, _ *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	list := []object{}
	for _, a := range s.store.config.actions {
		list = append(list, s.actionBody(a))
	}
	writeOK(w, list)
}

// actionBody is an action configuration as it is read. An action that was never
// used has no lastActionCreatedAt.
func (s *Server) actionBody(a *actionConfiguration) object {
	body := maps.Clone(a.fields)
	var last time.Time
	for id, used := range s.store.actions {
		if id.code == a.code() && used.createdAt.After(last) {
			last = used.createdAt
		}
	}
	if !last.IsZero() {
		body["lastActionCreatedAt"] = timestamp(last)
	}
	return body
}

// createActionConfiguration answers POST /action-configurations. What it does
// with an action that exists is not documented, see Faults.DuplicateStatus.
func (s *Server) createActionConfiguration(w http.ResponseWriter, r *http.Request) {
	given, ok := readObject(w, r)
	if !ok {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	faults := s.Faults()
	created := &actionConfiguration{fields: patch(object{}, given, faults)}
	created.fields["tenantId"] = s.tenantID
	if fault := s.store.config.actionFault(created.fields); fault != "" {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, fault)
		return
	}
	if existing := s.store.config.action(created.code()); existing != nil {
		if faults.DuplicateStatus != http.StatusOK {
			writeError(w, cmp.Or(faults.DuplicateStatus, http.StatusBadRequest), codeInvalidRequest, "The action is already configured.")
			return
		}
		existing.fields, created = created.fields, existing
	} else {
		s.store.config.actions = append(s.store.config.actions, created)
	}
	writeOK(w, s.actionBody(created))
}

// actionFault says what is wrong with an action configuration.
func (c *configuration) actionFault(a object) string {
	if !actionCode.MatchString(text(a, "actionCode")) {
		return "actionCode must match " + actionCode.String() + "."
	}
	if !isOutcome(text(a, "defaultUserActionResult")) {
		return "defaultUserActionResult must be one of ALLOW, BLOCK, CHALLENGE, REVIEW."
	}
	return c.methodsFault(a)
}

func isOutcome(s string) bool {
	return slices.Contains([]Outcome{OutcomeAllow, OutcomeBlock, OutcomeChallenge, OutcomeReview}, Outcome(s))
}

// methodsFault says what is wrong with the verification methods of an action or
// a rule.
func (c *configuration) methodsFault(o object) string {
	for _, name := range []string{"verificationMethods", "promptToEnrollVerificationMethods"} {
		if _, isSet := o[name]; !isSet {
			continue
		}
		if len(texts(o, name)) == 0 {
			return name + " must have at least one item."
		}
		for _, method := range texts(o, name) {
			if !slices.Contains(c.activeMethods(), method) {
				return method + " is not an enabled verification method."
			}
		}
	}
	methods, preferred := texts(o, "verificationMethods"), text(o, "defaultVerificationMethod")
	if preferred != "" && len(methods) > 0 && !slices.Contains(methods, preferred) {
		return "defaultVerificationMethod must be one of verificationMethods."
	}
	return ""
}

// pathConfiguration finds the action configuration of the path. If there is
// none, the request has been answered. The caller holds store.mu.
func (s *Server) pathConfiguration(w http.ResponseWriter, r *http.Request) (*actionConfiguration, bool) {
	a := s.store.config.action(pathParam(r, "actionCode"))
	if a == nil {
		writeError(w, http.StatusNotFound, codeNotFound, "There is no such action configuration.")
	}
	return a, a != nil
}

func (s *Server) getActionConfiguration(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if a, ok := s.pathConfiguration(w, r); ok {
		writeOK(w, s.actionBody(a))
	}
}

func (s *Server) updateActionConfiguration(w http.ResponseWriter, r *http.Request) {
	change, ok := readObject(w, r)
	if !ok {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	a, ok := s.pathConfiguration(w, r)
	if !ok {
		return
	}
	changed := patch(a.fields, change, s.Faults(), "tenantId", "actionCode")
	if fault := s.store.config.actionFault(changed); fault != "" {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, fault)
		return
	}
	a.fields = changed
	writeOK(w, s.actionBody(a))
}

func (s *Server) deleteActionConfiguration(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	gone, ok := s.pathConfiguration(w, r)
	if !ok {
		return
	}
	config := &s.store.config
	config.actions = slices.DeleteFunc(config.actions, func(a *actionConfiguration) bool { return a == gone })
	writeDeleted(w)
}

// writeDeleted answers a DELETE in the form that the official Go client decodes.
func writeDeleted(w http.ResponseWriter) {
	writeOK(w, object{"success": true, "statusCode": http.StatusOK, "message": "Deleted."})
}

func (s *Server) listRules(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if a, ok := s.pathConfiguration(w, r); ok {
		writeOK(w, append([]object{}, a.rules...))
	}
}

func (s *Server) createRule(w http.ResponseWriter, r *http.Request) {
	given, ok := readObject(w, r)
	if !ok {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	a, ok := s.pathConfiguration(w, r)
	if !ok {
		return
	}
	rule := patch(object{}, given, s.Faults())
	rule["ruleId"], rule["tenantId"], rule["actionCode"] = newID(), s.tenantID, a.code()
	if fault := s.store.config.ruleFault(a, rule); fault != "" {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, fault)
		return
	}
	a.rules = append(a.rules, rule)
	writeOK(w, rule)
}

// ruleFault says what is wrong with a rule of an action.
func (c *configuration) ruleFault(a *actionConfiguration, rule object) string {
	number, isNumber := rule["priority"].(float64)
	switch {
	case text(rule, "name") == "":
		return "name is missing."
	case !isOutcome(text(rule, "type")):
		return "type must be one of ALLOW, BLOCK, CHALLENGE, REVIEW."
	case !isNumber || number < 0 || number > 99:
		return "priority must be a number from 0 to 99."
	case slices.ContainsFunc(a.rules, func(other object) bool {
		return other["ruleId"] != rule["ruleId"] && priority(other) == number
	}):
		return "Another rule of the action has the same priority."
	case rule["conditions"] == nil:
		return "conditions are missing."
	}
	if operator := unknownOperator(rule["conditions"]); operator != "" {
		return "The emulator does not know the operator " + operator + " of conditions."
	}
	return c.methodsFault(rule)
}

// pathRule finds the rule of the path. If there is none, the request has been
// answered. The caller holds store.mu.
func (s *Server) pathRule(w http.ResponseWriter, r *http.Request) (*actionConfiguration, int, bool) {
	a, ok := s.pathConfiguration(w, r)
	if !ok {
		return nil, 0, false
	}
	id := pathParam(r, "ruleId")
	i := slices.IndexFunc(a.rules, func(rule object) bool { return text(rule, "ruleId") == id })
	if i < 0 {
		writeError(w, http.StatusNotFound, codeNotFound, "There is no such rule.")
	}
	return a, i, i >= 0
}

func (s *Server) getRule(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if a, i, ok := s.pathRule(w, r); ok {
		writeOK(w, a.rules[i])
	}
}

func (s *Server) updateRule(w http.ResponseWriter, r *http.Request) {
	change, ok := readObject(w, r)
	if !ok {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	a, i, ok := s.pathRule(w, r)
	if !ok {
		return
	}
	changed := patch(a.rules[i], change, s.Faults(), "ruleId", "tenantId", "actionCode")
	if fault := s.store.config.ruleFault(a, changed); fault != "" {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, fault)
		return
	}
	a.rules[i] = changed
	writeOK(w, changed)
}

func (s *Server) deleteRule(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if a, i, ok := s.pathRule(w, r); ok {
		a.rules = slices.Delete(a.rules, i, i+1)
		writeDeleted(w)
	}
}
