package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"nativebridge/domain"
)

// What the SDKs' credentials managers lose is delivered, and told once.
func TestASessionThatSDKsCannotKeepIsToldOnce(t *testing.T) {
	const short, noIDToken = "live for 60 s or less", "renews without an ID token"
	for name, tt := range map[string]struct {
		change func(*domain.Session)
		path   string
		params map[string]string
		told   []string
	}{
		"an exchange that can be kept":            {func(*domain.Session) {}, "/oauth/token", exchangeParams(), nil},
		"a minute and a second":                   {func(s *domain.Session) { s.ExpiresIn = 61 * time.Second }, "/oauth/token", exchangeParams(), nil},
		"a minute":                                {func(s *domain.Session) { s.ExpiresIn = 60 * time.Second }, "/oauth/token", exchangeParams(), []string{short}},
		"a minute, on renewal":                    {func(s *domain.Session) { s.ExpiresIn = 60 * time.Second }, "/oauth/token", refreshParams(), []string{short}},
		"a minute, the plain way":                 {func(s *domain.Session) { s.ExpiresIn = 60 * time.Second }, "/v1/sessions", map[string]string{"token": "a.b.c"}, []string{short}},
		"a renewal without an ID token":           {func(s *domain.Session) { s.IDToken = domain.Secret{} }, "/oauth/token", refreshParams(), []string{noIDToken}},
		"a short renewal without an ID token too": {func(s *domain.Session) { s.IDToken, s.ExpiresIn = domain.Secret{}, time.Second }, "/oauth/token", refreshParams(), []string{short, noIDToken}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newOAuthBench(t, nil)
			tt.change(&b.session)
			tt.change(&b.renewer.session)
			body, _ := json.Marshal(tt.params)
			for range 3 {
				if w := b.send(tt.path, jsonType, string(body)); w.Code != http.StatusOK {
					t.Fatalf("%d %s, want the session all the same", w.Code, w.Body)
				}
			}
			log := b.log.String()
			for _, says := range tt.told {
				if strings.Count(log, says) != 1 {
					t.Errorf("%q is told %d times:\n%s", says, strings.Count(log, says), log)
				}
			}
			if warnings := strings.Count(log, `"level":"WARN"`); warnings != len(tt.told) {
				t.Errorf("%d warnings, want %d:\n%s", warnings, len(tt.told), log)
			}
		})
	}
}
