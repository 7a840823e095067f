package auth0test

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// Refresh tokens, which only Enterprise plans can manage. A family that rotates is one of
// them.
func refreshTokenOperations() []operation {
	return []operation{
		{"GET", "/users/{id}/refresh-tokens", []string{"read:refresh_tokens"}, listRefreshTokens},
		{"DELETE", "/users/{id}/refresh-tokens", []string{"delete:refresh_tokens"}, deleteRefreshTokens},
		{"POST", "/refresh-tokens/revoke", []string{"delete:refresh_tokens"}, revokeRefreshTokens},
	}
}

func listRefreshTokens(m *managed) (answer, error) {
	if err := m.onPlan("refresh token management"); err != nil {
		return answer{}, err
	}
	list := documents{}
	for _, f := range m.server.grants.families() {
		if f.access.user.ID == m.param("id") {
			list = append(list, document{
				"id": f.id, "user_id": f.access.user.ID, "client_id": f.access.client.ID, "created_at": timestamp(f.born), "rotating": true,
			})
		}
	}
	return m.checkpoint("tokens", list)
}

// deleteRefreshTokens ends every session of a user. Auth0 does it later, and says so; here it
// is done at once.
func deleteRefreshTokens(m *managed) (answer, error) {
	if err := m.onPlan("refresh token management"); err != nil {
		return answer{}, err
	}
	m.server.grants.end(func(f *family) bool { return f.access.user.ID == m.param("id") })
	return answer{status: http.StatusAccepted, header: make(http.Header)}, nil
}

// revokeRefreshTokens takes one of {ids}, {user_id} and {user_id, client_id}. What is not
// there is revoked already.
func revokeRefreshTokens(m *managed) (answer, error) {
	if err := m.onPlan("refresh token management"); err != nil {
		return answer{}, err
	}
	body, err := m.object(membersOf("array: ids; string: user_id client_id"))
	if err != nil {
		return answer{}, err
	}
	ids, _ := body["ids"].([]any)
	user, client := body.str("user_id"), body.str("client_id")
	switch {
	case len(ids) > 100:
		return answer{}, payloadError("Array is too long, maximum 100: ids")
	case len(ids) == 0 && user == "":
		return answer{}, payloadError("Missing required property: ids")
	}
	m.server.grants.end(func(f *family) bool {
		if user != "" {
			return f.access.user.ID == user && (client == "" || f.access.client.ID == client)
		}
		return slices.Contains(ids, any(f.id))
	})
	return noContent()
}

// families returns those that are alive, the oldest first.
func (g *grants) families() []*family {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []*family
	for _, t := range g.refresh {
		if !t.family.ended && !slices.Contains(list, t.family) {
			list = append(list, t.family)
		}
	}
	slices.SortFunc(list, func(a, b *family) int { return cmp.Or(a.born.Compare(b.born), cmp.Compare(a.id, b.id)) })
	return list
}

// end ends those that match.
func (g *grants) end(matches func(*family) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.refresh {
		if matches(t.family) {
			t.family.ended = true
		}
	}
}

// OpenSession opens a session without a sign-in, and returns its refresh token. The user need
// not be known.
func (s *Server) OpenSession(clientID, sub string, at time.Time) (refreshToken string) {
	return s.grants.newFamily(access{client: &Client{ID: clientID}, user: User{ID: sub}}, at)
}

// IsAlive reports whether a session, or what became of it, can still be renewed.
func (s *Server) IsAlive(refreshToken string) bool {
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	t := s.grants.refresh[refreshToken]
	return t != nil && !t.family.ended
}
