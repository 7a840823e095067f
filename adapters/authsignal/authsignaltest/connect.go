package authsignaltest

import "net/http"

// connectGetUser answers POST /get-user of the connect host: the user of a
// token, or of a userId as the Azure AD B2C guide has it. It is "get user"
// plus userId. What it checks of a token besides the signature is not
// documented, see Faults.StrictGetUser.
func (s *Server) connectGetUser(w http.ResponseWriter, r *http.Request) {
	var in struct{ Token, UserID string }
	if !readJSON(w, r, &in) {
		return
	}
	if in.Token == "" && in.UserID == "" {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, "The token or the userId is missing.")
		return
	}
	faults := s.Faults()

	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	userID := in.UserID
	if in.Token != "" {
		c, bad := s.provingToken(in.Token, faults, faults.StrictGetUser)
		if bad != nil {
			refuseToken(w, errorForm(faults.BadToken), bad, nil)
			return
		}
		userID = c.Subject
	}
	body := userBody(s.store.users[userID])
	body["userId"] = userID
	writeOK(w, body)
}

// provingToken verifies a token for an endpoint other than /validate and uses
// it up; strict demands a completed challenge. The caller holds store.mu.
func (s *Server) provingToken(token string, faults Faults, strict bool) (claims, *tokenError) {
	c, bad := s.parseToken(token)
	if bad != nil {
		return claims{}, bad
	}
	act := s.store.actions[c.action()]
	proves := act != nil && act.proves(faults)
	if strict && !proves {
		return claims{}, errInvalidToken
	}
	if proves && !s.spend(token, faults.SingleUse) {
		return claims{}, errSpentToken
	}
	return c, nil
}

// errorForm is form for an endpoint whose answers have no isValid.
func errorForm(form Form) Form {
	if form == FormBadRequest {
		return form
	}
	return FormUnauthorized
}
