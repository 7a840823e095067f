package auth0test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// refreshGrant renews a session (Auth0 docs: Refresh Token Rotation). The
// Login script is not asked. The scope may be made smaller for the new access
// token; scopes beyond the old one are left out, which is a guess: RFC 6749
// section 6 would refuse them. The audience stays.
func (s *Server) refreshGrant(c *call, client *Client) (answer, error) {
	token := c.params["refresh_token"]
	if token == "" {
		return answer{}, missing("refresh_token")
	}
	a, err := s.grants.check(token, client, c.now)
	if err != nil {
		return answer{}, err
	}
	user, ok := s.users.find(a.user.ID)
	if !ok {
		return answer{}, refuse(http.StatusForbidden, "invalid_grant", textUserGone)
	}
	if user.Blocked {
		return answer{}, c.unauthorized(textUserBlocked)
	}
	a.client, a.user = client, user
	if err := s.afterLogin(c, a); err != nil {
		return answer{}, err
	}
	next, err := s.grants.use(token, client, c.now)
	if err != nil {
		return answer{}, err
	}
	if asked := strings.Fields(c.params["scope"]); len(asked) > 0 {
		if c.faults.Variants.WidenRefresh {
			a.scope = existing(widened(asked, a.api), client, a.api)
		} else {
			a.scope = slices.DeleteFunc(slices.Clone(a.scope), func(scope string) bool { return !slices.Contains(asked, scope) })
		}
	}
	a.idToken = a.has("openid")
	return s.tokenAnswer(c, a, next, strings.Join(a.scope, " "))
}

// grants are the refresh tokens and access tokens given out.
type grants struct {
	mu      sync.Mutex
	refresh map[string]*refreshToken
	access  map[string]accessToken
}

// family is every refresh token that descends from one sign-in.
type family struct {
	id       string // of the Management API, which shows a family as one refresh token
	access   access
	born     time.Time
	lastUsed time.Time
	newest   int // generation
	ended    bool
}

type refreshToken struct {
	family     *family
	generation int
	usedAt     time.Time // zero until it is exchanged for another
}

type accessToken struct {
	access  access
	expires time.Time
}

// newFamily starts one and returns its first token.
func (g *grants) newFamily(a access, now time.Time) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.add(&family{id: "rt_" + newID(21), access: a, born: now, lastUsed: now}, 0)
}

// add makes a token of the family. The caller holds the lock.
func (g *grants) add(f *family, generation int) string {
	if g.refresh == nil {
		g.refresh = make(map[string]*refreshToken)
	}
	f.newest = max(f.newest, generation)
	token := "v1." + newOpaqueToken()
	g.refresh[token] = &refreshToken{family: f, generation: generation}
	return token
}

// check returns what the token is good for. If the token was used before, check
// ends the family: its newest token may be in a thief's hands.
func (g *grants) check(token string, client *Client, now time.Time) (access, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, err := g.find(token, client, now)
	if err != nil {
		return access{}, err
	}
	return t.family.access, nil
}

// use spends the token and returns the next one, or "" when it does not rotate.
func (g *grants) use(token string, client *Client, now time.Time) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, err := g.find(token, client, now)
	if err != nil {
		return "", err
	}
	t.family.lastUsed = now
	if !client.RefreshToken.Rotating {
		return "", nil
	}
	if t.usedAt.IsZero() {
		t.usedAt = now
	}
	return g.add(t.family, t.generation+1), nil
}

// find holds all the rules. The caller holds the lock.
func (g *grants) find(token string, client *Client, now time.Time) (*refreshToken, error) {
	invalid := refuse(http.StatusForbidden, "invalid_grant", textInvalidRefresh)
	t := g.refresh[token]
	if t == nil || t.family.ended || t.family.access.client.ID != client.ID {
		return nil, invalid
	}
	policy := client.RefreshToken
	if isOver(t.family.born, policy.Lifetime, now) || isOver(t.family.lastUsed, policy.IdleLifetime, now) {
		return nil, invalid
	}
	if t.usedAt.IsZero() {
		return t, nil
	}
	if t.generation == t.family.newest-1 && now.Before(t.usedAt.Add(policy.Leeway)) {
		return t, nil
	}
	t.family.ended = true
	return nil, invalid
}

func isOver(from time.Time, lifetime time.Duration, now time.Time) bool {
	return lifetime > 0 && !now.Before(from.Add(lifetime))
}

// revoke ends the family of a token of this client, never of another client's.
func (g *grants) revoke(token string, client *Client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.refresh[token]; t != nil && t.family.access.client.ID == client.ID {
		t.family.ended = true
	}
}

func (g *grants) rememberAccess(token string, a access, expires time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.access == nil {
		g.access = make(map[string]accessToken)
	}
	g.access[token] = accessToken{a, expires}
}

func (g *grants) findAccess(token string, now time.Time) (access, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok := g.access[token]
	return t.access, ok && now.Before(t.expires)
}
