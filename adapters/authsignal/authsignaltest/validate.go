package authsignaltest

import (
	"maps"
	"net/http"
	"slices"
)

// validate answers POST /v1/validate: the state of the action that a token
// names.
func (s *Server) validate(w http.ResponseWriter, r *http.Request) {
	var in struct{ Token, UserID, Action string }
	if !readJSON(w, r, &in) {
		return
	}
	if in.Token == "" {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, "The token is missing.")
		return
	}
	faults := s.Faults()
	c, bad := s.parseToken(in.Token)
	if bad != nil {
		refuseToken(w, faults.BadToken, bad, nil)
		return
	}

	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	id := c.action()
	act := s.store.actions[id]
	if act == nil {
		refuseToken(w, faults.BadToken, errInvalidToken, nil)
		return
	}
	result := validation(id, act, faults)
	mismatch := in.UserID != "" && in.UserID != id.user || in.Action != "" && in.Action != id.code
	if mismatch && faults.Mismatch != FormIgnored {
		refuseToken(w, faults.Mismatch, errMismatch, result)
		return
	}
	if act.proves(faults) && !s.spend(in.Token, faults.SingleUse) {
		refuseToken(w, faults.SingleUse, errSpentToken, result)
		return
	}
	writeOK(w, adjust(result, faults, act.omit))
}

// proves reports whether /validate calls a token of the action valid.
func (a *action) proves(faults Faults) bool {
	return a.state == StateChallengeSucceeded || a.state == StateAllow && faults.AllowIsValid
}

// validation is the answer to a genuine token. "action" and "actionCode" are
// the same thing: some SDKs read the one, some the other.
func validation(id actionID, act *action, faults Faults) map[string]any {
	result := map[string]any{
		"isValid":        act.proves(faults),
		"state":          act.state,
		"stateUpdatedAt": timestamp(act.stateUpdatedAt),
		"userId":         id.user,
		"action":         id.code,
		"actionCode":     id.code,
		"idempotencyKey": id.key,
	}
	if act.method != "" {
		result["verificationMethod"] = act.method
	}
	return result
}

// adjust applies Faults.Omit, Faults.Replace and TokenSpec.OmitFields.
func adjust(result map[string]any, faults Faults, omit []string) map[string]any {
	maps.DeleteFunc(result, func(name string, _ any) bool {
		return slices.Contains(faults.Omit, name) || slices.Contains(omit, name)
	})
	maps.Copy(result, faults.Replace)
	return result
}

// refuseToken answers a refusal in the chosen form. full is the answer that a
// genuine token would get, if it is known.
func refuseToken(w http.ResponseWriter, form Form, why *tokenError, full map[string]any) {
	switch form {
	case FormBadRequest:
		writeError(w, http.StatusBadRequest, codeInvalidRequest, why.description)
	case FormUnauthorized:
		writeError(w, http.StatusUnauthorized, why.code, why.description)
	default:
		result := map[string]any{}
		if form == FormInvalidFull {
			maps.Copy(result, full)
		}
		result["isValid"], result["error"] = false, why.code
		writeOK(w, result)
	}
}
