package oidc_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters/oidc"
	"nativebridge/adapters/oidc/oidctest"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

func openSession(t *testing.T, issuer *oidc.Issuer) domain.Secret {
	t.Helper()
	session, err := issuer.Issue(t.Context(), grantFor("jane", "openid", "profile", "offline_access"))
	if err != nil || session.RefreshToken.IsZero() {
		t.Fatalf("no refresh token: %v", err)
	}
	return session.RefreshToken
}

func TestRenewerKeepsTheContract(t *testing.T) {
	portstest.SessionRenewer(t, func(t *testing.T) portstest.RenewerHarness {
		provider := startProvider(t, nil)
		issuer := issuerFor(t, provider)
		meets := func(fault oidctest.Fault) func(*testing.T) {
			return func(*testing.T) { provider.SetFault(fault) }
		}
		return portstest.RenewerHarness{
			Renewer: issuer,
			Open:    func(t *testing.T) (domain.Secret, string) { return openSession(t, issuer), "jane" },
			Rotates: true,
			Spoil:   meets(oidctest.IDForeignKey),
			Bare:    meets(oidctest.NoIDToken),
			Widen: func(t *testing.T) string {
				meets(oidctest.MoreScope)(t)
				return "admin"
			},
			Block:   func(*testing.T) { provider.Forget("jane") },
			Secrets: []string{clientSecret},
			Lock:    meets(oidctest.InvalidClient),
			Limit:   meets(oidctest.Limited),
			Garble:  meets(oidctest.Garbled),
			Hang:    meets(oidctest.Hang),
			Stop:    func(*testing.T) { _ = provider.Close() },
		}
	})
}

func TestRevokerKeepsTheContract(t *testing.T) {
	portstest.SessionRevoker(t, func(t *testing.T) portstest.RevokerHarness {
		provider := startProvider(t, nil)
		issuer := issuerFor(t, provider)
		meets := func(fault oidctest.Fault) func(*testing.T) {
			return func(*testing.T) { provider.SetFault(fault) }
		}
		return portstest.RevokerHarness{
			Revoker: issuer,
			Open: func(t *testing.T) (domain.Secret, func(*testing.T) bool) {
				refresh := openSession(t, issuer)
				return refresh, func(t *testing.T) bool {
					_, err := issuer.Renew(t.Context(), refresh, domain.Access{}, domain.Client{})
					return err == nil
				}
			},
			Refuse:  map[string]func(*testing.T){"the token": meets(oidctest.NotYourToken)},
			Secrets: []string{clientSecret},
			Lock:    meets(oidctest.InvalidClient),
			Limit:   meets(oidctest.Limited),
			Hang:    meets(oidctest.Hang),
			Stop:    func(*testing.T) { _ = provider.Close() },
		}
	})
}

func TestTheRenewalIsThatOfRFC6749(t *testing.T) {
	for name, tt := range map[string]struct {
		asked domain.Access
		extra url.Values
	}{
		"asking for nothing":    {domain.Access{}, nil},
		"asking for less scope": {domain.Access{Scope: []string{"openid", "profile"}}, url.Values{"scope": {"openid profile"}}},
		"asking for an API":     {domain.Access{Audience: audience}, url.Values{"resource": {audience}}},
	} {
		t.Run(name, func(t *testing.T) {
			issuer, requests := plainProvider(t, answering(400, `{"error":"invalid_grant"}`))
			_, _ = issuer.Renew(t.Context(), domain.NewSecret("v1.refresh"), tt.asked, domain.Client{})
			want := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"v1.refresh"}}
			for key, value := range tt.extra {
				want[key] = value
			}
			if sent := requests()[0]; sent.path != "/token?tenant=1" || sent.form.Encode() != want.Encode() {
				t.Errorf("sent %s %v, want %v", sent.path, sent.form, want)
			}
		})
	}
}

// RFC 6749, section 6: the answer is as narrow as was asked, and the next refresh token as wide as the one before.
func TestARenewalMayAskForLessAndLaterForAllAgain(t *testing.T) {
	issuer := issuerFor(t, startProvider(t, nil))
	refresh := openSession(t, issuer)
	all, err := issuer.Renew(t.Context(), refresh, domain.Access{}, domain.Client{})
	if err != nil {
		t.Fatal(err)
	}
	narrow, err := issuer.Renew(t.Context(), all.RefreshToken, domain.Access{Scope: []string{"openid"}}, domain.Client{})
	if err != nil || !slices.Equal(narrow.Scope, []string{"openid"}) {
		t.Fatalf("scope %q, %v; want openid alone", narrow.Scope, err)
	}
	again, err := issuer.Renew(t.Context(), narrow.RefreshToken, domain.Access{}, domain.Client{})
	if err != nil || !slices.Equal(again.Scope, all.Scope) {
		t.Errorf("scope %q, %v; want %q again", again.Scope, err, all.Scope)
	}
}

func TestTheRevocationIsThatOfRFC7009(t *testing.T) {
	issuer, requests := plainProvider(t, answering(200, ""))
	if err := issuer.Revoke(t.Context(), domain.NewSecret("v1.refresh")); err != nil {
		t.Fatal(err)
	}
	want := url.Values{"token": {"v1.refresh"}, "token_type_hint": {"refresh_token"}}
	if sent := requests()[0]; sent.path != "/revoke" || sent.form.Encode() != want.Encode() || sent.header.Get("Authorization") == "" {
		t.Errorf("sent %s %v, want %v of the client", sent.path, sent.form, want)
	}
}

func TestAProviderThatCannotRevokeIsSaid(t *testing.T) {
	provider := startProvider(t, func(o *oidctest.Options) { o.NoRevocation = true })
	err := issuerFor(t, provider).Revoke(t.Context(), domain.NewSecret("v1.refresh"))
	if reason, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), "revocation_endpoint") {
		t.Errorf("err = %v (reason %q), want a fault that names the revocation_endpoint", err, reason)
	}
}

func TestEveryAnswerToARenewalAndARevocationHasItsVerdict(t *testing.T) {
	oauth := func(code string) string { return fmt.Sprintf(`{"error":%q,"error_description":"of v1.refresh"}`, code) }
	for name, tt := range map[string]struct {
		status        int
		body          string
		renew, revoke domain.Error
	}{
		"invalid_grant":          {400, oauth("invalid_grant"), domain.ErrGrantInvalid, fault},
		"access_denied":          {400, oauth("access_denied"), domain.ErrAccessDenied, fault},
		"unauthorized_client":    {400, oauth("unauthorized_client"), fault, fault},
		"unsupported_token_type": {400, oauth("unsupported_token_type"), fault, fault},
		"invalid_client":         {401, oauth("invalid_client"), fault, fault},
		"429":                    {429, "", domain.ErrBusy, domain.ErrBusy},
		"503":                    {503, "", domain.ErrUnavailable, domain.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			issuer, requests := plainProvider(t, answering(tt.status, tt.body))
			_, renewed := issuer.Renew(t.Context(), domain.NewSecret("v1.refresh"), domain.Access{}, domain.Client{})
			revoked := issuer.Revoke(t.Context(), domain.NewSecret("v1.refresh"))
			for _, got := range []struct {
				err  error
				want domain.Error
			}{{renewed, tt.renew}, {revoked, tt.revoke}} {
				if reason, _ := domain.ReasonOf(got.err); got.err == nil || reason != got.want {
					t.Errorf("err = %v, want reason %q", got.err, got.want)
				}
				if got.err != nil && strings.Contains(got.err.Error(), "v1.refresh") {
					t.Error("the error tells the refresh token")
				}
			}
			if n := len(requests()); n != 2 {
				t.Errorf("%d requests, want one each", n)
			}
		})
	}
}

func TestARenewalWithoutAnIDTokenIsPassedOn(t *testing.T) {
	issuer, _ := plainProvider(t, answering(200, `{"access_token":"x","token_type":"Bearer","expires_in":60}`))
	session, err := issuer.Renew(t.Context(), domain.NewSecret("v1.refresh"), domain.Access{Scope: []string{"openid"}}, domain.Client{})
	if err != nil || session.AccessToken.Reveal() != "x" || session.Subject != "" || !slices.Equal(session.Scope, []string{"openid"}) {
		t.Errorf("session = %+v, err = %v", session, err)
	}
}
