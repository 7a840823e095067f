package authsignaltest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

var actionCode = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// track answers POST /v1/users/{userId}/actions/{action}. The token it hands
// out is genuine but proves nothing before a challenge is completed.
func (s *Server) track(w http.ResponseWriter, r *http.Request) {
	var in struct {
		IdempotencyKey, Scope, Email, PhoneNumber, Username, Locale string
		Custom                                                      map[string]any
	}
	if !readJSON(w, r, &in) {
		return
	}
	id := actionID{pathParam(r, "userId"), pathParam(r, "action"), cmp.Or(in.IdempotencyKey, newID())}
	if !actionCode.MatchString(id.code) {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, "The action must match "+actionCode.String()+".")
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	verdict, failure := s.judge(id.code)
	if failure == nil && len(s.store.config.activeMethods()) == 0 {
		failure = errNoAuthenticator
	}
	if failure != nil {
		writeError(w, http.StatusBadRequest, failure.code, failure.description)
		return
	}
	state := cmp.Or(s.Faults().TrackState, verdict.outcome.tracked())
	u := s.store.ensureUser(id.user)
	u.Email = cmp.Or(in.Email, u.Email)
	u.PhoneNumber = cmp.Or(in.PhoneNumber, u.PhoneNumber)
	u.Username = cmp.Or(in.Username, u.Username)
	u.Locale = cmp.Or(in.Locale, u.Locale)
	if in.Custom != nil {
		u.Custom = in.Custom
	}
	act := s.store.ensureAction(id, state, s.now())

	answer := enrolment(u)
	answer["allowedVerificationMethods"] = verdict.methods
	answer["idempotencyKey"] = id.key
	answer["state"] = act.state
	answer["token"] = s.issue(id, u.User, in.Scope)
	answer["url"] = s.url + "/prebuilt-ui-is-not-emulated"
	writeOK(w, answer)
}

var errNoAuthenticator = &tokenError{codeAuthenticatorNotFound, "The tenant has no authenticator configured."} // never changed

// enrolment tells which methods a user, perhaps unknown, can be verified with.
func enrolment(u *account) map[string]any {
	if u == nil || len(u.passkeys) == 0 {
		return map[string]any{"isEnrolled": false, "allowedVerificationMethods": []string{MethodPasskey}}
	}
	return map[string]any{
		"isEnrolled":                  true,
		"enrolledVerificationMethods": []string{MethodPasskey},
		"allowedVerificationMethods":  []string{MethodPasskey},
		"defaultVerificationMethod":   MethodPasskey,
	}
}

func (s *Server) getAction(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	act, ok := s.pathAction(w, r)
	if !ok {
		return
	}
	writeOK(w, act.body())
}

func (s *Server) updateAction(w http.ResponseWriter, r *http.Request) {
	var in struct{ State State }
	if !readJSON(w, r, &in) {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	act, ok := s.pathAction(w, r)
	if !ok {
		return
	}
	if in.State != "" {
		act.moveTo(in.State, s.now())
	}
	writeOK(w, act.body())
}

// pathAction finds the action of the path. If there is none, the request has
// been answered.
func (s *Server) pathAction(w http.ResponseWriter, r *http.Request) (*action, bool) {
	act := s.store.actions[actionID{pathParam(r, "userId"), pathParam(r, "action"), pathParam(r, "idempotencyKey")}]
	if act == nil {
		writeError(w, http.StatusNotFound, codeInvalidRequest, "There is no such action.")
	}
	return act, act != nil
}

func (a *action) body() map[string]any {
	body := map[string]any{
		"state":          a.state,
		"stateUpdatedAt": timestamp(a.stateUpdatedAt),
		"createdAt":      timestamp(a.createdAt),
	}
	if a.method != "" {
		body["verificationMethod"] = a.method
	}
	return body
}

// queryActions answers GET /v1/users/{userId}/actions?codes&state&fromDate,
// newest first.
func (s *Server) queryActions(w http.ResponseWriter, r *http.Request) {
	user, query := pathParam(r, "userId"), r.URL.Query()
	from, err := parseDate(query.Get("fromDate"))
	if err != nil {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, "fromDate is not a date.")
		return
	}
	wanted := func(id actionID, a *action) bool {
		return id.user == user && !a.createdAt.Before(from) &&
			(!query.Has("codes") || slices.Contains(strings.Split(query.Get("codes"), ","), id.code)) &&
			(!query.Has("state") || State(query.Get("state")) == a.state)
	}

	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	list := []map[string]any{}
	for id, a := range s.store.actions {
		if !wanted(id, a) {
			continue
		}
		item := a.body()
		item["actionCode"], item["idempotencyKey"] = id.code, id.key
		item["updatedAt"] = item["stateUpdatedAt"]
		if a.passkeyID != "" {
			item["verifiedByAuthenticatorId"] = a.passkeyID
		}
		list = append(list, item)
	}
	slices.SortFunc(list, func(a, b map[string]any) int {
		return cmp.Or(cmp.Compare(b["createdAt"].(string), a["createdAt"].(string)),
			cmp.Compare(a["idempotencyKey"].(string), b["idempotencyKey"].(string)))
	})
	writeOK(w, list)
}

func parseDate(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, s)
}

// getUser answers GET /v1/users/{userId}. An unknown user is not an error.
func (s *Server) getUser(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	writeOK(w, userBody(s.store.users[pathParam(r, "userId")]))
}

// userBody is a user, perhaps nil, as GET shows it: without the id.
func userBody(u *account) map[string]any {
	body := enrolment(u)
	known := User{}
	if u != nil {
		known = u.User
	}
	var fields map[string]any
	must(0, json.Unmarshal(must(json.Marshal(known)), &fields))
	delete(fields, "userId")
	maps.Copy(body, fields)
	return body
}

// queryUsers answers GET /v1/users?username&email&phoneNumber&limit&lastEvaluatedUserId.
// Its token parameter, which takes ID tokens of Apple and Google, is not
// emulated.
func (s *Server) queryUsers(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit, err := strconv.Atoi(cmp.Or(query.Get("limit"), "100"))
	if err != nil || limit < 1 {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, "limit is not a positive number.")
		return
	}
	wanted := func(u User) bool {
		return u.ID > query.Get("lastEvaluatedUserId") &&
			(!query.Has("username") || u.Username == query.Get("username")) &&
			(!query.Has("email") || u.Email == query.Get("email")) &&
			(!query.Has("phoneNumber") || u.PhoneNumber == query.Get("phoneNumber"))
	}

	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	users := []User{}
	for _, u := range s.store.sortedUsers() {
		if !wanted(u.User) {
			continue
		}
		if len(users) == limit {
			writeOK(w, map[string]any{"users": users, "lastEvaluatedUserId": users[limit-1].ID})
			return
		}
		users = append(users, u.User)
	}
	writeOK(w, map[string]any{"users": users})
}

// updateUser answers PATCH /v1/users/{userId}: absent and null fields stay.
func (s *Server) updateUser(w http.ResponseWriter, r *http.Request) {
	id := pathParam(r, "userId")
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	changed := User{}
	if u := s.store.users[id]; u != nil {
		changed = u.User
		changed.Custom = maps.Clone(u.Custom)
	}
	if !readJSON(w, r, &changed) {
		return
	}
	changed.ID = id
	u := s.store.ensureUser(id)
	u.User = changed
	writeOK(w, userBody(u))
}

func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	id := pathParam(r, "userId")
	if u := s.store.users[id]; u != nil {
		s.emitUserDeletion(u)
	}
	s.store.deleteUser(id)
	writeOK(w, struct{}{})
}

func (s *Server) listAuthenticators(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	writeOK(w, authenticators(s.store.users[pathParam(r, "userId")]))
}

func (s *Server) deleteAuthenticator(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	u, id := s.store.users[pathParam(r, "userId")], pathParam(r, "userAuthenticatorId")
	at := -1
	if u != nil {
		at = slices.IndexFunc(u.passkeys, func(p *passkey) bool { return p.id == id })
	}
	if at < 0 {
		writeError(w, http.StatusNotFound, codeInvalidRequest, "There is no such authenticator.")
		return
	}
	s.emit("authenticator.deleted", u.passkeys[at].deleted(u.ID, s.now()))
	u.passkeys = slices.Delete(u.passkeys, at, at+1)
	writeOK(w, struct{}{})
}

// authenticator is a passkey as the Server and the Client API list it.
type authenticator struct {
	UserID              string             `json:"userId"`
	UserAuthenticatorID string             `json:"userAuthenticatorId"`
	VerificationMethod  string             `json:"verificationMethod"`
	CreatedAt           string             `json:"createdAt"`
	VerifiedAt          string             `json:"verifiedAt"`
	LastVerifiedAt      string             `json:"lastVerifiedAt"`
	Username            string             `json:"username,omitempty"`
	DisplayName         string             `json:"displayName,omitempty"`
	WebAuthnCredential  webAuthnCredential `json:"webauthnCredential"`
}

type webAuthnCredential struct {
	CredentialID            string `json:"credentialId"`
	DeviceID                string `json:"deviceId"`
	Name                    string `json:"name"`
	AAGUID                  string `json:"aaguid,omitempty"`
	CredentialBackedUp      bool   `json:"credentialBackedUp"`
	CredentialDeviceType    string `json:"credentialDeviceType"`
	AuthenticatorAttachment string `json:"authenticatorAttachment,omitempty"`
}

func authenticators(u *account) []authenticator {
	list := []authenticator{}
	if u == nil {
		return list
	}
	for _, p := range u.passkeys {
		list = append(list, p.body(u.ID))
	}
	return list
}

func (p *passkey) body(userID string) authenticator {
	deviceType := "singleDevice"
	if p.credential.Flags.BackupEligible {
		deviceType = "multiDevice"
	}
	return authenticator{
		UserID: userID, UserAuthenticatorID: p.id, VerificationMethod: cmp.Or(p.method, MethodPasskey),
		CreatedAt: timestamp(p.createdAt), VerifiedAt: timestamp(p.createdAt), LastVerifiedAt: timestamp(p.verifiedAt),
		Username: p.username, DisplayName: p.displayName,
		WebAuthnCredential: webAuthnCredential{
			CredentialID:            base64.RawURLEncoding.EncodeToString(p.credential.ID),
			DeviceID:                p.deviceID,
			Name:                    "Passkey",
			AAGUID:                  formatAAGUID(p.credential.Authenticator.AAGUID),
			CredentialBackedUp:      p.credential.Flags.BackupState,
			CredentialDeviceType:    deviceType,
			AuthenticatorAttachment: string(p.credential.Authenticator.Attachment),
		},
	}
}

// pathParam returns a decoded path parameter. chi routes on RawPath when it is
// set, which it is for a "|" that the caller did not escape, and on the
// decoded Path otherwise.
func pathParam(r *http.Request, name string) string {
	value := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return value
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}
