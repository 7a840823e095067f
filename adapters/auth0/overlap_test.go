package auth0_test

import (
	"net/http"
	"slices"
	"testing"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// overlapping has a second client secret.
func overlapping(c *auth0.Config) {
	c.ClientSecretOther = settings.NewSecret("the-other-client-secret")
}

// A proof, a refresh token and a revocation are sent again only if Auth0 looked at nothing
// but the client secret.
func TestWhatOneClientSecretIsRefusedIsSentWithTheOther(t *testing.T) {
	first, both := []string{clientSecret}, []string{clientSecret, "the-other-client-secret"}
	for name, tt := range map[string]struct {
		answer  http.HandlerFunc // to the first secret
		secrets []string
	}{
		"the secret is no more":           {answering(401, `{"error":"invalid_client"}`), both},
		"the secret is no more, as seen":  {answering(401, `{"error":"access_denied","error_description":"Unauthorized"}`), both},
		"an Action says no":               {answering(403, `{"error":"access_denied","error_description":"no"}`), first},
		"the proof is refused":            {answering(403, `{"error":"invalid_grant"}`), first},
		"the person is blocked":           {answering(401, `{"error":"unauthorized","error_description":"user is blocked"}`), first},
		"the password has leaked":         {answering(401, `{"error":"password_leaked"}`), first},
		"attack protection":               {answering(429, `{"error":"too_many_attempts"}`), first},
		"Auth0 is down":                   {answering(503, ``), first},
		"a 401 of somebody else":          {answering(401, `<html>`), first},
		"the grant is not allowed":        {answering(403, `{"error":"unauthorized_client"}`), first},
		"an answer that is of no session": {answering(200, `{}`), first},
	} {
		t.Run(name, func(t *testing.T) {
			issuer, requests := plainAuth0(t, func(w http.ResponseWriter, r *http.Request) {
				if r.PostForm.Get("client_secret") == clientSecret {
					tt.answer(w, r)
					return
				}
				answering(403, `{"error":"invalid_grant"}`)(w, r)
			}, overlapping)
			for what, call := range map[string]func() error{
				"a sign-in": func() error { _, err := issuer.Issue(t.Context(), grantFor(t)); return err },
				"a renewal": func() error {
					_, err := issuer.Renew(t.Context(), domain.NewSecret("refresh"), domain.Access{}, domain.Client{})
					return err
				},
				"a revocation": func() error { return issuer.Revoke(t.Context(), domain.NewSecret("refresh")) },
			} {
				_ = call()
				var secrets []string
				for _, request := range requests() {
					secrets = append(secrets, request.form.Get("client_secret"))
				}
				if !slices.Equal(secrets, tt.secrets) {
					t.Errorf("%s was sent with %q, want %q", what, secrets, tt.secrets)
				}
				if len(tt.secrets) == 2 {
					break // the other secret comes first now
				}
			}
		})
	}
}
