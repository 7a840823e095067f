package oauth_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/oauth"
	"nativebridge/domain"
)

var reader = oauth.TokenReader{Party: "somebody", Bearer: "turn DPoP off", Expiry: "give it a lifetime"}

func TestATokenResponseBecomesASession(t *testing.T) {
	session, err := reader.Read([]byte(`{"access_token":"a","id_token":"i","refresh_token":"r","token_type":"bearer","expires_in":3600,"scope":"openid  email","other":1}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if session.AccessToken.Reveal() != "a" || session.IDToken.Reveal() != "i" || session.RefreshToken.Reveal() != "r" ||
		session.ExpiresIn != time.Hour || !slices.Equal(session.Scope, []string{"openid", "email"}) || session.Subject != "" {
		t.Errorf("session = %+v", session)
	}
}

func TestAnAnswerIsAFaultOnlyIfASessionWasOpened(t *testing.T) {
	const fault = domain.Error("")
	for name, tt := range map[string]struct {
		body string
		want domain.Error
		says string
	}{
		"nothing":                             {``, domain.ErrUnavailable, "somebody"},
		"a page":                              {`<html>`, domain.ErrUnavailable, "token response"},
		"half an answer":                      {`{"access_token":"x","token_ty`, domain.ErrUnavailable, "token response"},
		"a list":                              {`[]`, domain.ErrUnavailable, "token response"},
		"null":                                {`null`, domain.ErrUnavailable, "token response"},
		"an object of something else":         {`{"status":"maintenance"}`, domain.ErrUnavailable, "access token"},
		"an answer that has a member twice":   {`{"access_token":"x","access_token":"y","token_type":"Bearer","expires_in":1}`, domain.ErrUnavailable, "token response"},
		"names in another case":               {`{"Access_Token":"x","Token_Type":"Bearer","Expires_In":1}`, domain.ErrUnavailable, "access token"},
		"an ID token alone":                   {`{"id_token":"x","token_type":"Bearer","expires_in":1}`, fault, "access token"},
		"a refresh token alone":               {`{"refresh_token":"x"}`, fault, "access token"},
		"an empty access token":               {`{"access_token":"","token_type":"Bearer","expires_in":1}`, fault, "access token"},
		"an access token that is a number":    {`{"access_token":7}`, fault, "wrong type"},
		"a scope that is a list":              {`{"access_token":"x","token_type":"Bearer","expires_in":1,"scope":["openid"]}`, fault, "wrong type"},
		"no type":                             {`{"access_token":"x","expires_in":1}`, fault, "turn DPoP off"},
		"a token bound to a key":              {`{"access_token":"x","token_type":"DPoP","expires_in":1}`, fault, `"DPoP": turn DPoP off`},
		"no life":                             {`{"access_token":"x","token_type":"Bearer"}`, fault, "give it a lifetime"},
		"no life, said":                       {`{"access_token":"x","token_type":"Bearer","expires_in":null}`, fault, "give it a lifetime"},
		"a life of zero":                      {`{"access_token":"x","token_type":"Bearer","expires_in":0}`, fault, "give it a lifetime"},
		"less than a second":                  {`{"access_token":"x","token_type":"Bearer","expires_in":0.9}`, fault, "give it a lifetime"},
		"a life that is over":                 {`{"access_token":"x","token_type":"Bearer","expires_in":-5}`, fault, "give it a lifetime"},
		"a life that is no number":            {`{"access_token":"x","token_type":"Bearer","expires_in":"soon"}`, fault, "wrong type"},
		"a life that is an object":            {`{"access_token":"x","token_type":"Bearer","expires_in":{}}`, fault, "wrong type"},
		"a life that is NaN":                  {`{"access_token":"x","token_type":"Bearer","expires_in":"NaN"}`, fault, "wrong type"},
		"an access token in a foreign member": {`{"token":"x","token_type":"Bearer","expires_in":1}`, domain.ErrUnavailable, "access token"},
	} {
		t.Run(name, func(t *testing.T) {
			session, err := reader.Read([]byte(tt.body), []string{"openid"})
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v (reason %q), want reason %q and %q in it", err, reason, tt.want, tt.says)
			}
			if !session.AccessToken.IsZero() || !session.RefreshToken.IsZero() {
				t.Error("a session was returned")
			}
		})
	}
}

func TestALifeIsReadHoweverItIsWritten(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`60`: time.Minute, `"60"`: time.Minute, `60.0`: time.Minute, `6e1`: time.Minute, `60.9`: time.Minute,
		`1e30`: 10 * 366 * 24 * time.Hour, `"Infinity"`: 10 * 366 * 24 * time.Hour,
	} {
		session, err := reader.Read(fmt.Appendf(nil, `{"access_token":"x","token_type":"Bearer","expires_in":%s}`, text), nil)
		if err != nil || session.ExpiresIn != want {
			t.Errorf("%s: %s, %v; want %s", text, session.ExpiresIn, err, want)
		}
	}
}

func TestTheScopeIsThatOfTheAnswerAndOfTheAccessToken(t *testing.T) {
	jwt := func(payload string) string {
		return "x." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".x"
	}
	const beyond = "the caller's"
	asked := []string{"openid", "read", beyond}[:2]
	for name, tt := range map[string]struct {
		accessToken, scope string
		want               string
	}{
		"told":                                 {"opaque", `,"scope":"openid"`, "openid"},
		"left out":                             {"opaque", ``, "openid read"},
		"null":                                 {"opaque", `,"scope":null`, "openid read"},
		"empty":                                {"opaque", `,"scope":""`, ""},
		"the same in the token":                {jwt(`{"scope":"openid read"}`), ``, "openid read"},
		"less in the token":                    {jwt(`{"scope":"read"}`), ``, "openid read"},
		"more in the token":                    {jwt(`{"scope":"openid read admin"}`), ``, "openid read admin"},
		"more in the token than is told":       {jwt(`{"scope":"openid admin"}`), `,"scope":"openid"`, "openid admin"},
		"a token without a scope":              {jwt(`{"sub":"x"}`), ``, "openid read"},
		"a token whose scope is a list":        {jwt(`{"scope":["admin"]}`), ``, "openid read"},
		"a token with three parts that is not": {"a.b.c", ``, "openid read"},
		"an encrypted token":                   {"a.b.c.d.e", ``, "openid read"},
	} {
		t.Run(name, func(t *testing.T) {
			body := fmt.Appendf(nil, `{"access_token":%q,"token_type":"Bearer","expires_in":1%s}`, tt.accessToken, tt.scope)
			session, err := reader.Read(body, asked)
			if err != nil || strings.Join(session.Scope, " ") != tt.want {
				t.Errorf("scope = %q, err = %v, want %q", session.Scope, err, tt.want)
			}
			if !slices.Equal(asked[:3], []string{"openid", "read", beyond}) {
				t.Errorf("what was asked became %q", asked[:3])
			}
		})
	}
}

// A renewal that asks for no scope keeps what it has, and an issuer need not say it (RFC
// 6749, section 5.1). The SDKs' credentials managers want to know it all the same.
func TestAScopeThatIsNeitherAskedForNorToldIsThatOfTheAccessToken(t *testing.T) {
	for name, tt := range map[string]struct {
		accessToken string
		want        []string
	}{
		"a token that tells":         {"e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"scope":"openid email"}`)) + ".c", []string{"openid", "email"}},
		"a token that nobody reads":  {"opaque", nil},
		"a token that tells nothing": {"e30.e30.c", nil},
	} {
		t.Run(name, func(t *testing.T) {
			session, err := reader.Read(fmt.Appendf(nil, `{"access_token":%q,"token_type":"Bearer","expires_in":1}`, tt.accessToken), nil)
			if err != nil || !slices.Equal(session.Scope, tt.want) {
				t.Errorf("scope = %q, err = %v, want %q", session.Scope, err, tt.want)
			}
		})
	}
}
