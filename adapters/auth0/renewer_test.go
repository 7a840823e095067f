package auth0_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

func openSession(t *testing.T, issuer *auth0.Issuer) domain.Secret {
	t.Helper()
	session, err := issuer.Issue(t.Context(), grantFor(t, "openid", "profile", "offline_access"))
	if err != nil || session.RefreshToken.IsZero() {
		t.Fatalf("no refresh token: %v", err)
	}
	return session.RefreshToken
}

func TestRenewerKeepsTheContract(t *testing.T) {
	portstest.SessionRenewer(t, func(t *testing.T) portstest.RenewerHarness {
		tenant := startTenant(t)
		issuer := issuerFor(t, tenant)
		meets := func(kind auth0test.FaultKind) func(*testing.T) {
			return func(*testing.T) { inject(tenant, auth0test.Fault{Kind: kind}) }
		}
		return portstest.RenewerHarness{
			Renewer: issuer,
			Open:    func(t *testing.T) (domain.Secret, string) { return openSession(t, issuer), "auth0|jane" },
			Rotates: true,
			Spoil:   meets(auth0test.IDBadSignature),
			Bare:    meets(auth0test.NoIDToken),
			Widen: func(t *testing.T) string {
				meets(auth0test.MoreScopeUntold)(t)
				return "admin:everything"
			},
			Block:   func(*testing.T) { tenant.BlockUser("auth0|jane") },
			Secrets: []string{clientSecret},
			Lock:    meets(auth0test.InvalidClient),
			Limit:   meets(auth0test.RateLimited),
			Garble:  meets(auth0test.Malformed),
			Hang:    meets(auth0test.Hang),
			Stop:    func(*testing.T) { _ = tenant.Close() },
		}
	})
}

func TestTheRenewalIsWhatTheAuthenticationAPIDocuments(t *testing.T) {
	for name, tt := range map[string]struct {
		asked domain.Access
		extra url.Values
	}{
		"asking for nothing":    {domain.Access{}, nil},
		"asking for less scope": {domain.Access{Scope: []string{"openid", "profile"}}, url.Values{"scope": {"openid profile"}}},
		"asking for an API":     {domain.Access{Audience: audience}, url.Values{"audience": {audience}}},
	} {
		t.Run(name, func(t *testing.T) {
			issuer, requests := plainAuth0(t, answering(403, `{"error":"invalid_grant"}`))
			_, _ = issuer.Renew(t.Context(), domain.NewSecret("v1.refresh"), tt.asked, domain.Client{Addr: netip.MustParseAddr("81.2.69.160")})
			want := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"v1.refresh"}, "client_id": {clientID}, "client_secret": {clientSecret}}
			for key, value := range tt.extra {
				want[key] = value
			}
			sent := requests()[0]
			if sent.path != "/oauth/token" || sent.form.Encode() != want.Encode() || sent.header.Get("auth0-forwarded-for") != "81.2.69.160" {
				t.Errorf("sent %s %v %v, want %v", sent.path, sent.form, sent.header, want)
			}
		})
	}
}

func TestEveryAnswerToARenewalHasItsVerdict(t *testing.T) {
	oauth := func(code, description string) string {
		return fmt.Sprintf(`{"error":%q,"error_description":%q}`, code, description)
	}
	for name, tt := range map[string]struct {
		status int
		body   string
		want   domain.Error
	}{
		"an unknown token":                  {403, oauth("invalid_grant", "Unknown or invalid refresh token."), domain.ErrGrantInvalid},
		"a user who is gone":                {403, oauth("invalid_grant", "The refresh_token was generated for a user who doesn't exist anymore."), domain.ErrGrantInvalid},
		"400 invalid_grant":                 {400, oauth("invalid_grant", "x"), domain.ErrGrantInvalid},
		"a user who is blocked":             {401, oauth("unauthorized", "user is blocked"), domain.ErrAccountBlocked},
		"an Action that denies":             {403, oauth("access_denied", "no"), domain.ErrAccessDenied},
		"MFA":                               {403, oauth("mfa_required", "x"), domain.ErrMFARequired},
		"the grant is off":                  {403, oauth("unauthorized_client", "x"), fault},
		"our secret is wrong":               {401, oauth("invalid_client", "x"), fault},
		"the rate limit":                    {429, oauth("too_many_requests", "x"), domain.ErrBusy},
		"502":                               {502, `<html>`, domain.ErrUnavailable},
		"200 without an access token":       {200, `{}`, domain.ErrUnavailable},
		"200 with an ID token that is none": {200, `{"access_token":"x","token_type":"Bearer","expires_in":1,"id_token":"x"}`, fault},
	} {
		t.Run(name, func(t *testing.T) {
			issuer, requests := plainAuth0(t, answering(tt.status, tt.body))
			_, err := issuer.Renew(t.Context(), domain.NewSecret("v1.refresh"), domain.Access{}, domain.Client{})
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want {
				t.Errorf("err = %v, want reason %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "v1.refresh") {
				t.Error("the error holds the refresh token")
			}
			if n := len(requests()); n != 1 {
				t.Errorf("%d requests, want 1: a refresh token may be used up by the first", n)
			}
		})
	}
}

func TestARenewalWithoutAnIDTokenIsPassedOn(t *testing.T) {
	issuer, _ := plainAuth0(t, answering(http.StatusOK, `{"access_token":"x","token_type":"Bearer","expires_in":60}`))
	session, err := issuer.Renew(t.Context(), domain.NewSecret("v1.refresh"), domain.Access{}, domain.Client{})
	if err != nil || session.AccessToken.Reveal() != "x" || session.Subject != "" {
		t.Errorf("session = %+v, err = %v", session, err)
	}
}
