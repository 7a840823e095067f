package main

import (
	"net/http"
	"testing"
)

// TestOverAuth0sBudgetNoProofIsSpent holds the whole way: Auth0 is not asked, and the same
// token is good once there is room.
func TestOverAuth0sBudgetNoProofIsSpent(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	limited := s.replica(t, "AUTH0_RATE_LIMIT=0.001")
	limited.want(t, signIn(t, s.somebody(t)), http.StatusOK, "")
	token := signIn(t, s.somebody(t))
	limited.want(t, token, http.StatusTooManyRequests, "busy")
	if got := s.askedForSessions(); got != 1 {
		t.Errorf("auth0 was asked %d times, want once", got)
	}
	s.replica(t).want(t, token, http.StatusOK, "")
}
