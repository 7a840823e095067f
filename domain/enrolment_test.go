package domain_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"nativebridge/domain"
)

func enrolPolicy() domain.EnrolPolicy {
	return domain.EnrolPolicy{
		Scope: "manage:passkeys", MaxAge: 10 * time.Minute, Skew: 30 * time.Second, Subjects: domain.SubjectRule{Prefix: "auth0|"},
		From: domain.EnrolSettings{Scope: "THE_SCOPE", Time: "THE_TIME", Subject: "THE_SUBJECTS"},
	}
}

func TestAnAccessTokenMayDoWhatThePolicyAllows(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	good := domain.AccessToken{
		Issuer: "https://issuer.example/", Subject: "auth0|jane", TokenID: "1", Scope: []string{"openid", "manage:passkeys"},
		IssuedAt: now.Add(-time.Minute), AuthenticatedAt: now.Add(-time.Minute),
	}
	for name, tt := range map[string]struct {
		change       func(*domain.AccessToken)
		read, modify domain.Error
		names        string
	}{
		"a fresh sign-in":                {func(*domain.AccessToken) {}, "", "", ""},
		"one at the end of its time":     {func(a *domain.AccessToken) { a.AuthenticatedAt = now.Add(-10*time.Minute - 30*time.Second) }, "", "", ""},
		"one a second later":             {func(a *domain.AccessToken) { a.AuthenticatedAt = now.Add(-10*time.Minute - 31*time.Second) }, "", domain.ErrSignInTooOld, "THE_TIME"},
		"one by a clock that is ahead":   {func(a *domain.AccessToken) { a.AuthenticatedAt = now.Add(30 * time.Second) }, "", "", ""},
		"one in the future":              {func(a *domain.AccessToken) { a.AuthenticatedAt = now.Add(31 * time.Second) }, "", domain.ErrSignInTooOld, "THE_TIME"},
		"a sign-in at no known time":     {func(a *domain.AccessToken) { a.AuthenticatedAt = time.Time{} }, "", domain.ErrSignInTooOld, "THE_TIME"},
		"no scope":                       {func(a *domain.AccessToken) { a.Scope = nil }, domain.ErrScopeInsufficient, domain.ErrScopeInsufficient, "THE_SCOPE"},
		"a scope that begins alike":      {func(a *domain.AccessToken) { a.Scope = []string{"manage:passkeys2"} }, domain.ErrScopeInsufficient, domain.ErrScopeInsufficient, "THE_SCOPE"},
		"the scope in capitals":          {func(a *domain.AccessToken) { a.Scope = []string{"Manage:Passkeys"} }, domain.ErrScopeInsufficient, domain.ErrScopeInsufficient, "THE_SCOPE"},
		"a person of another connection": {func(a *domain.AccessToken) { a.Subject = "google-oauth2|1042" }, domain.ErrEnrolmentDenied, domain.ErrEnrolmentDenied, "THE_SUBJECTS"},
		"nobody":                         {func(a *domain.AccessToken) { a.Subject = "auth0|" }, domain.ErrEnrolmentDenied, domain.ErrEnrolmentDenied, "THE_SUBJECTS"},
		"a path":                         {func(a *domain.AccessToken) { a.Subject = "auth0|.." }, domain.ErrEnrolmentDenied, domain.ErrEnrolmentDenied, "THE_SUBJECTS"},
	} {
		t.Run(name, func(t *testing.T) {
			token := good
			tt.change(&token)
			for what, got := range map[string]struct {
				err  error
				want domain.Error
			}{"to read": {enrolPolicy().MayRead(token), tt.read}, "to change": {enrolPolicy().MayChange(token, now), tt.modify}} {
				reason, _ := domain.ReasonOf(got.err)
				if reason != got.want || (got.err == nil) != (got.want == "") {
					t.Errorf("%s: err = %v, want %q", what, got.err, got.want)
				}
				if got.err != nil && !strings.Contains(domain.SettingsOf(got.err), tt.names) {
					t.Errorf("%s: %v does not name %s", what, got.err, tt.names)
				}
			}
		})
	}
}

// A claim is kept until the policy could not allow the same token again, however late the
// enrolment that won it was.
func TestAClaimOfAnAccessTokenOutlivesEveryLaterUse(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	policy, deadline := enrolPolicy(), 10*time.Second
	token := domain.AccessToken{Issuer: "i", Subject: "auth0|jane", TokenID: "1", Scope: []string{"manage:passkeys"}, IssuedAt: now, AuthenticatedAt: now.Add(policy.Skew)}
	claim := policy.ClaimFor(token, domain.Owner{1}, deadline)
	if err := policy.MayChange(token, now.Add(claim.Keep)); !errors.Is(err, domain.ErrSignInTooOld) {
		t.Errorf("when the claim is forgotten, the token is allowed: %v", err)
	}
	if want := now.Add(-policy.Skew); !claim.ProvenAt.Equal(want) {
		t.Errorf("proven at %s, want %s: nobody used it before it was made, by the clock that is furthest ahead", claim.ProvenAt, want)
	}
	if claim.Owner != (domain.Owner{1}) {
		t.Error("it has another owner")
	}
}

func TestEachAccessTokenHasAClaimOfItsOwn(t *testing.T) {
	base := domain.AccessToken{Issuer: "i", Subject: "s", TokenID: "1"}
	keys := map[domain.ProofKey]bool{}
	for _, change := range []func(*domain.AccessToken){
		func(*domain.AccessToken) {}, func(a *domain.AccessToken) { a.Issuer = "j" }, func(a *domain.AccessToken) { a.Subject = "t" }, func(a *domain.AccessToken) { a.TokenID = "2" },
	} {
		token := base
		change(&token)
		keys[enrolPolicy().ClaimFor(token, domain.Owner{}, 0).Key] = true
	}
	if len(keys) != 4 {
		t.Errorf("4 tokens have %d claims", len(keys))
	}
}

// What an access token says must never pass for a passkey sign-in.
func TestAnAccessTokenIsNoSignIn(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	token := domain.AccessToken{Issuer: "authsignal", Subject: "auth0|jane", TokenID: "1", AuthenticatedAt: now}
	policy := domain.SignInPolicy{Authority: "authsignal", MaxAge: time.Minute, Subjects: domain.SubjectRule{Prefix: "auth0|"}}
	if err := policy.Admit(token.Identity(), now); !errors.Is(err, domain.ErrTokenRejected) {
		t.Errorf("err = %v, want token_rejected even by a policy of its own authority", err)
	}
}
