package auth0test

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// User is somebody the tenant has cached after a sign-in.
type User struct {
	ID         string         `json:"user_id"` // the sub: "auth0|" and what the script returned
	Connection string         `json:"connection"`
	Profile    map[string]any `json:"profile"` // as the script returned it, without user_id
	Blocked    bool           `json:"blocked"`
	Logins     int            `json:"logins_count"`
	LastLogin  time.Time      `json:"last_login"`
}

// Users returns everybody known, by ID.
func (s *Server) Users() []User { return s.users.all() }

// BlockUser makes every sign-in and refresh of the user fail, also if the user
// is not known yet. UnblockUser undoes it.
func (s *Server) BlockUser(sub string) { s.users.block(sub, true) }

// UnblockUser undoes BlockUser. For brute-force protection see [Server.ResetProtection].
func (s *Server) UnblockUser(sub string) { s.users.block(sub, false) }

// DeleteUser forgets the user, but not the refresh tokens, which then fail.
func (s *Server) DeleteUser(sub string) { s.users.remove(sub) }

// CreateUser makes a user of a connection who has not signed in yet, as the
// Management API does. An existing user is replaced.
func (s *Server) CreateUser(connection, userID string, profile map[string]any) User {
	return s.users.create(connection, userID, maps.Clone(profile))
}

// users is the tenant's user store.
type users struct {
	mu       sync.Mutex
	known    map[string]User
	blocked  map[string]bool
	imported map[identifier]importedUser
}

// identifier is a username within a connection.
type identifier struct{ connection, username string }

// importedUser is what import_mode keeps after a first success.
type importedUser struct {
	password [sha256.Size]byte
	id       string
}

// login stores what a script returned, as set_user_root_attributes=on_each_login.
func (u *users) login(connection, userID string, profile map[string]any, now time.Time) User {
	u.mu.Lock()
	defer u.mu.Unlock()
	id := "auth0|" + userID
	user := u.known[id]
	user.ID, user.Connection, user.Profile = id, connection, profile
	return u.store(user, now)
}

func (u *users) create(connection, userID string, profile map[string]any) User {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.known == nil {
		u.known = make(map[string]User)
	}
	user := User{ID: "auth0|" + userID, Connection: connection, Profile: profile}
	u.known[user.ID] = user
	return user
}

// seen counts a login of a known user and ignores others.
func (u *users) seen(id string, now time.Time) (User, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	user, ok := u.known[id]
	if !ok {
		return User{}, false
	}
	return u.store(user, now), true
}

// store counts a login. The caller holds the lock.
func (u *users) store(user User, now time.Time) User {
	user.Logins++
	user.LastLogin = now
	if u.known == nil {
		u.known = make(map[string]User)
	}
	u.known[user.ID] = user
	user.Blocked = u.blocked[user.ID]
	return user
}

func (u *users) find(id string) (User, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	user, ok := u.known[id]
	user.Blocked = u.blocked[id]
	return user, ok
}

func (u *users) all() []User {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := slices.Collect(maps.Values(u.known))
	for i := range all {
		all[i].Blocked = u.blocked[all[i].ID]
	}
	slices.SortFunc(all, func(a, b User) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (u *users) block(id string, blocked bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.blocked == nil {
		u.blocked = make(map[string]bool)
	}
	u.blocked[id] = blocked
}

func (u *users) remove(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.known, id)
	maps.DeleteFunc(u.imported, func(_ identifier, i importedUser) bool { return i.id == id })
}

// importUser keeps the password for next time.
func (u *users) importUser(who identifier, password, id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.imported == nil {
		u.imported = make(map[identifier]importedUser)
	}
	u.imported[who] = importedUser{sha256.Sum256([]byte(password)), id}
}

// importedLogin tells whether the user has been imported, and lets the user in
// if the password is the one kept.
func (u *users) importedLogin(who identifier, password string, now time.Time) (user User, right, imported bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	kept, imported := u.imported[who]
	if !imported {
		return User{}, false, false
	}
	sum := sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(sum[:], kept.password[:]) != 1 {
		return User{}, false, true
	}
	return u.store(u.known[kept.id], now), true, true
}

// claims are the profile's claims that the scopes release (OpenID Connect Core
// section 5.4), always in the same order.
func (u User) claims(scope []string) claims {
	names := map[string][]string{
		"profile": {"nickname", "name", "picture", "given_name", "family_name", "username"},
		"email":   {"email", "email_verified"},
		"phone":   {"phone_number", "phone_verified"},
		"address": {"address"},
	}
	var c claims
	for _, granted := range scope {
		for _, name := range names[granted] {
			if value, ok := u.Profile[name]; ok {
				c.set(name, value)
			}
		}
		if granted == "profile" {
			c.set("updated_at", u.LastLogin.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	}
	return c
}

// decodeProfile splits a script's profile into the user_id and the rest.
func decodeProfile(raw json.RawMessage) (userID string, profile map[string]any, ok bool) {
	if err := json.Unmarshal(raw, &profile); err != nil {
		return "", nil, false
	}
	userID, _ = profile["user_id"].(string)
	delete(profile, "user_id")
	return userID, profile, userID != ""
}
