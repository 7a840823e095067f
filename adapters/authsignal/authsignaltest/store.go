package authsignaltest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
)

// State is the state of an action.
type State string

// The states of an action (/api-reference/server-api/validate-challenge).
const (
	StateAllow              State = "ALLOW"
	StateBlock              State = "BLOCK"
	StateChallengeRequired  State = "CHALLENGE_REQUIRED"
	StateChallengeFailed    State = "CHALLENGE_FAILED"
	StateChallengeSucceeded State = "CHALLENGE_SUCCEEDED"
	StateReviewRequired     State = "REVIEW_REQUIRED"
	StateReviewFailed       State = "REVIEW_FAILED"
	StateReviewSucceeded    State = "REVIEW_SUCCEEDED"
)

// UnmarshalText accepts the states above and "".
func (s *State) UnmarshalText(text []byte) error {
	return oneOf(s, text, "", StateAllow, StateBlock, StateChallengeRequired, StateChallengeFailed,
		StateChallengeSucceeded, StateReviewRequired, StateReviewFailed, StateReviewSucceeded)
}

// MethodPasskey is the verificationMethod of a passkey.
const MethodPasskey = "PASSKEY"

// User is a person known to the tenant, without authenticators.
type User struct {
	ID                  string         `json:"userId"`
	Email               string         `json:"email,omitempty"`
	EmailVerified       bool           `json:"emailVerified"`
	PhoneNumber         string         `json:"phoneNumber,omitempty"`
	PhoneNumberVerified bool           `json:"phoneNumberVerified"`
	Username            string         `json:"username,omitempty"`
	DisplayName         string         `json:"displayName,omitempty"`
	Locale              string         `json:"locale,omitempty"`
	Custom              map[string]any `json:"custom,omitempty"`
}

// PutUser creates the user or replaces what is known of it; passkeys stay.
func (s *Server) PutUser(u User) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	u.Custom = maps.Clone(u.Custom)
	s.store.ensureUser(u.ID).User = u
}

// store is the tenant's memory. Its methods expect mu to be held.
type store struct {
	mu         sync.Mutex
	config     configuration
	users      map[string]*account
	actions    map[actionID]*action
	spent      map[[sha256.Size]byte]bool // tokens used up, see Faults.SingleUse
	challenges map[string]challenge
	ceremonies map[string]ceremony
	sessions   map[string]*session // by refresh token
}

func newStore() *store {
	return &store{
		users:      map[string]*account{},
		actions:    map[actionID]*action{},
		spent:      map[[sha256.Size]byte]bool{},
		challenges: map[string]challenge{},
		ceremonies: map[string]ceremony{},
		sessions:   map[string]*session{},
	}
}

// account is a user with passkeys. It is a webauthn.User whose handle is
// random: nobody may take a user handle for a user id.
type account struct {
	User
	handle   []byte
	passkeys []*passkey
}

type passkey struct {
	id          string // userAuthenticatorId
	method      string // "" for MethodPasskey, of which alone there are ceremonies
	credential  webauthn.Credential
	deviceID    string
	username    string
	displayName string
	createdAt   time.Time
	verifiedAt  time.Time
}

func (a *account) WebAuthnID() []byte   { return a.handle }
func (a *account) WebAuthnName() string { return cmp.Or(a.Username, a.Email, a.ID) }
func (a *account) WebAuthnDisplayName() string {
	return cmp.Or(a.DisplayName, a.WebAuthnName())
}

func (a *account) WebAuthnCredentials() []webauthn.Credential {
	list := make([]webauthn.Credential, len(a.passkeys))
	for i, p := range a.passkeys {
		list[i] = p.credential
	}
	return list
}

// actionID names one instance of an action.
type actionID struct{ user, code, key string }

type action struct {
	state          State
	stateUpdatedAt time.Time
	createdAt      time.Time
	method         string // verificationMethod; "" before a challenge is completed
	passkeyID      string
	omit           []string // fields /validate leaves out, see TokenSpec.OmitFields
}

func (a *action) moveTo(state State, at time.Time) {
	a.state, a.stateUpdatedAt = state, at
}

// challenge is what POST /client/challenge leaves behind: the action a sign-in
// is for.
type challenge struct {
	action  actionID // without user
	expires time.Time
}

// ceremony is a WebAuthn ceremony under way.
type ceremony struct {
	session               webauthn.SessionData
	action                actionID // of a sign-in; user is "" until a passkey names it
	user                  string   // whose passkey it must be, or who registers; "" for anybody
	username, displayName string   // of the passkey to register
	registers             bool
	expires               time.Time
}

func (s *store) ensureUser(id string) *account {
	u := s.users[id]
	if u == nil {
		u = &account{User: User{ID: id}, handle: make([]byte, 32)}
		_, _ = rand.Read(u.handle) // never fails, see crypto/rand
		s.users[id] = u
	}
	return u
}

// ensureAction returns the action instance, creating it in state at now.
func (s *store) ensureAction(id actionID, state State, now time.Time) *action {
	a := s.actions[id]
	if a == nil {
		a = &action{state: state, stateUpdatedAt: now, createdAt: now}
		s.actions[id] = a
	}
	return a
}

func (s *store) deleteUser(id string) {
	delete(s.users, id)
	maps.DeleteFunc(s.actions, func(a actionID, _ *action) bool { return a.user == id })
	maps.DeleteFunc(s.sessions, func(_ string, x *session) bool { return x.user == id })
}

// sortedUsers returns all users in the order of their ids.
func (s *store) sortedUsers() []*account {
	return slices.SortedFunc(maps.Values(s.users), func(a, b *account) int { return strings.Compare(a.ID, b.ID) })
}

// passkey finds a passkey by its WebAuthn credential id.
func (s *store) passkey(credentialID []byte) (*account, *passkey) {
	for _, u := range s.users {
		for _, p := range u.passkeys {
			if string(p.credential.ID) == string(credentialID) {
				return u, p
			}
		}
	}
	return nil, nil
}

// takeCeremony returns the ceremony and forgets it: a WebAuthn challenge is
// good for one attempt.
func (s *store) takeCeremony(id string, now time.Time) (ceremony, bool) {
	c, ok := s.ceremonies[id]
	delete(s.ceremonies, id)
	return c, ok && now.Before(c.expires)
}

// findUser returns the first user with that username.
func (s *store) findUser(username string) *account {
	for _, u := range s.sortedUsers() {
		if u.Username == username {
			return u
		}
	}
	return nil
}

func newID() string { return uuid.NewString() }

// Passkeys returns the ids (userAuthenticatorId) of the user's passkeys, the oldest first.
func (s *Server) Passkeys(userID string) (ids []string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if user := s.store.users[userID]; user != nil {
		for _, p := range user.passkeys {
			ids = append(ids, p.id)
		}
	}
	return ids
}
