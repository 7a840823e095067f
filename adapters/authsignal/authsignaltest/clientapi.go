package authsignaltest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The Client API is called by Authsignal's browser and mobile SDKs. The
// comments name the SDK step a handler serves.

// initiateChallenge answers POST /client/challenge: it only notes the action of
// the sign-in that follows.
func (s *Server) initiateChallenge(w http.ResponseWriter, r *http.Request) {
	var in struct{ Action, IdempotencyKey string }
	if !s.requireTenant(w, r) || !readJSON(w, r, &in) {
		return
	}
	code := cmp.Or(in.Action, s.defaultAction)
	if !actionCode.MatchString(code) {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, "The action must match "+actionCode.String()+".")
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if _, failure := s.judge(code); failure != nil {
		writeError(w, http.StatusBadRequest, failure.code, failure.description)
		return
	}
	challengeID := newID()
	s.store.challenges[challengeID] = challenge{
		action:  actionID{code: code, key: cmp.Or(in.IdempotencyKey, newID())},
		expires: s.challengeExpiry(),
	}
	writeOK(w, map[string]string{"challengeId": challengeID})
}

// authenticationOptions answers POST
// /client/user-authenticators/passkey/authentication-options: the WebAuthn
// request. With a token it is a step-up of the token's user and action.
func (s *Server) authenticationOptions(w http.ResponseWriter, r *http.Request) {
	var in struct{ ChallengeID, Username string }
	token, ok := s.tenantOrBearer(w, r)
	if !ok || !readJSON(w, r, &in) {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()

	c := ceremony{action: actionID{code: s.defaultAction, key: newID()}, expires: s.challengeExpiry()}
	var only *account // whose passkeys are asked for; nil for any
	switch {
	case token != nil:
		c.action, c.user, only = token.action(), token.Subject, s.store.users[token.Subject]
		if only == nil || len(only.passkeys) == 0 {
			writeError(w, http.StatusBadRequest, codeInvalidRequest, "The user has no passkey.")
			return
		}
	case in.ChallengeID != "":
		asked, ok := s.store.challenges[in.ChallengeID]
		if !ok || !s.now().Before(asked.expires) {
			writeError(w, http.StatusBadRequest, codeInvalidRequest, "The challenge is unknown or has expired.")
			return
		}
		c.action = asked.action
	}
	if only == nil && in.Username != "" {
		only = s.store.findUser(in.Username)
	}

	settings, failure := s.mayVerify(c.action.code)
	if failure != nil {
		writeError(w, http.StatusBadRequest, failure.code, failure.description)
		return
	}
	options, session := s.beginLogin(settings, only)
	c.session = session
	challengeID := newID()
	s.store.ceremonies[challengeID] = c
	writeOK(w, map[string]any{"challengeId": challengeID, "options": options})
}

var errPasskeyNotAllowed = &tokenError{codeInvalidRequest, "The action does not allow passkeys."} // never changed

// mayVerify returns the settings by which a passkey verifies an action, or why
// none may. The caller holds store.mu.
func (s *Server) mayVerify(code string) (passkeySettings, *tokenError) {
	settings, failure := s.store.config.passkeySettings()
	if failure != nil {
		return passkeySettings{}, failure
	}
	action, failure := s.judge(code)
	if failure == nil && !action.allowsPasskey() {
		failure = errPasskeyNotAllowed
	}
	return settings, failure
}

// verifyPasskey answers POST /client/verify/passkey: it checks the assertion,
// completes the action and hands out the token the app sends to its backend.
func (s *Server) verifyPasskey(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ChallengeID, DeviceID    string
		AuthenticationCredential json.RawMessage
	}
	token, ok := s.tenantOrBearer(w, r)
	if !ok || !readJSON(w, r, &in) {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	c, ok := s.store.takeCeremony(in.ChallengeID, s.now())
	if !ok || c.registers || token != nil && c.user != token.Subject {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, "The challenge is unknown, used or has expired.")
		return
	}

	action, failure := s.judge(c.action.code)
	if failure != nil {
		writeError(w, http.StatusBadRequest, failure.code, failure.description)
		return
	}
	u, p, failure := s.finishLogin(c, in.AuthenticationCredential)
	if failure != nil {
		s.refuseCeremony(w, failure)
		return
	}
	p.verifiedAt = s.now()
	p.deviceID = cmp.Or(in.DeviceID, p.deviceID)
	c.action.user = u.ID
	s.complete(c.action, p, action.outcome.verified())
	writeOK(w, map[string]any{
		"isVerified":          true,
		"accessToken":         s.issue(c.action, u.User, readAuthenticators),
		"userId":              u.ID,
		"userAuthenticatorId": p.id,
		"username":            p.username,
		"userDisplayName":     p.displayName,
	})
}

// complete moves the action to state by means of p.
func (s *Server) complete(id actionID, p *passkey, state State) {
	act := s.store.ensureAction(id, state, s.now())
	act.moveTo(state, s.now())
	act.method, act.passkeyID = MethodPasskey, p.id
}

// registrationOptions answers POST
// /client/user-authenticators/passkey/registration-options.
func (s *Server) registrationOptions(w http.ResponseWriter, r *http.Request) {
	var in struct{ Username, DisplayName, AuthenticatorAttachment string }
	token, ok := s.requireBearer(w, r)
	if !ok || !readJSON(w, r, &in) {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	u := s.store.ensureUser(token.Subject)
	if !mayRegister(w, token, u) {
		return
	}
	c := ceremony{
		user:        u.ID,
		registers:   true,
		username:    cmp.Or(in.Username, u.WebAuthnName()),
		displayName: cmp.Or(in.DisplayName, u.DisplayName, in.Username, u.WebAuthnName()),
		expires:     s.challengeExpiry(),
	}
	settings, failure := s.store.config.passkeySettings()
	if failure != nil {
		writeError(w, http.StatusBadRequest, failure.code, failure.description)
		return
	}
	options, session := s.beginRegistration(settings, u, c, in.AuthenticatorAttachment)
	c.session = session
	challengeID := newID()
	s.store.ceremonies[challengeID] = c
	writeOK(w, map[string]any{"challengeId": challengeID, "options": options})
}

// mayRegister reports whether a passkey may be added: the first with any
// token, another one only with scope add:authenticators. If not, the request
// has been answered.
func mayRegister(w http.ResponseWriter, token claims, u *account) bool {
	if len(u.passkeys) == 0 || token.hasScope(addAuthenticators) {
		return true
	}
	writeError(w, http.StatusBadRequest, codeInvalidRequest, "The token needs the scope "+addAuthenticators+".")
	return false
}

// EnrolmentAction is the action code of the token that registering a passkey
// yields. It is invented; what matters is that it is no sign-in.
const EnrolmentAction = "enrolPasskey"

// addPasskey answers POST /client/user-authenticators/passkey. Its token is
// for managing authenticators and must not pass for a sign-in.
func (s *Server) addPasskey(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ChallengeID, DeviceID  string
		RegistrationCredential json.RawMessage
	}
	token, ok := s.requireBearer(w, r)
	if !ok || !readJSON(w, r, &in) {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	c, ok := s.store.takeCeremony(in.ChallengeID, s.now())
	if !ok || !c.registers || c.user != token.Subject {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, "The challenge is unknown, used or has expired.")
		return
	}
	u := s.store.ensureUser(c.user)
	if !mayRegister(w, token, u) {
		return
	}

	p, failure := s.finishRegistration(u, c, in.RegistrationCredential)
	if failure != nil {
		s.refuseCeremony(w, failure)
		return
	}
	p.deviceID = in.DeviceID
	u.passkeys = append(u.passkeys, p)
	s.emit("authenticator.created", map[string]any{
		"userId": u.ID, "verificationMethod": MethodPasskey, "createdAt": timestamp(p.createdAt), "userAuthenticatorId": p.id,
	})
	id := actionID{u.ID, EnrolmentAction, newID()}
	s.complete(id, p, StateChallengeSucceeded)
	writeOK(w, map[string]any{
		"isVerified":          true,
		"accessToken":         s.issue(id, u.User, manageAuthenticators),
		"userId":              u.ID,
		"userAuthenticatorId": p.id,
		"userAuthenticator":   p.body(u.ID),
	})
}

// refuseCeremony answers a failed ceremony in the form of Faults.Unverified. An
// unknown passkey always gets an error: SDKs then forget it.
func (s *Server) refuseCeremony(w http.ResponseWriter, failure *tokenError) {
	form := s.Faults().Unverified
	switch {
	case failure.code == codeUnknownCredential:
		writeError(w, http.StatusBadRequest, failure.code, failure.description)
	case form == FormUnauthorized:
		writeError(w, http.StatusUnauthorized, failure.code, failure.description)
	case form == FormInvalid:
		writeOK(w, map[string]any{"isVerified": false})
	default:
		writeError(w, http.StatusBadRequest, failure.code, failure.description)
	}
}

// clientAuthenticators answers GET /client/user-authenticators, which newer
// SDKs call in the background after a sign-in.
func (s *Server) clientAuthenticators(w http.ResponseWriter, r *http.Request) {
	token, ok := s.requireBearer(w, r)
	if !ok {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	writeOK(w, authenticators(s.store.users[token.Subject]))
}

// findPasskey answers GET /client/user-authenticators/passkey: whether a
// passkey the device remembers still exists. Mobile SDKs ask for one
// credentialId, the browser SDK for a list.
func (s *Server) findPasskey(w http.ResponseWriter, r *http.Request) {
	if !s.requireTenant(w, r) {
		return
	}
	query := r.URL.Query()
	ids := slices.Concat(strings.Split(query.Get("credentialIds"), ","), query["credentialId"])

	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	for _, id := range ids {
		raw, err := decodeBase64(id)
		if err != nil {
			continue
		}
		if _, p := s.store.passkey(raw); p != nil {
			writeOK(w, map[string]string{"credentialId": id, "verifiedAt": timestamp(p.verifiedAt)})
			return
		}
	}
	writeError(w, http.StatusBadRequest, codeInvalidCredential, "There is no such passkey.")
}

const challengeLife = 10 * time.Minute

func (s *Server) challengeExpiry() time.Time {
	return s.now().Add(cmp.Or(time.Duration(s.Faults().ChallengeSeconds)*time.Second, challengeLife))
}
