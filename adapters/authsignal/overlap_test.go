package authsignal_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// A token is validated with the other key only if the first answer was about the key.
func TestWhatOneKeyIsRefusedIsAskedWithTheOther(t *testing.T) {
	for name, tt := range map[string]struct {
		first http.HandlerFunc // answers to the first key
		keys  []string
		want  domain.Error // "" means an identity
	}{
		"the key is no more":           {answering(401, `{"error":"unauthorized","errorCode":"unauthorized"}`), []string{"key-one", "key-two"}, ""},
		"a 401 without a code":         {answering(401, `<html>`), []string{"key-one", "key-two"}, ""},
		"the key is good":              {answering(200, good()), []string{"key-one"}, ""},
		"the token has expired":        {answering(401, `{"error":"expired_token"}`), []string{"key-one"}, domain.ErrTokenRejected},
		"the address is not on a list": {answering(403, `{"error":"unauthorized"}`), []string{"key-one"}, "fault"},
		"authsignal is down":           {answering(503, ``), []string{"key-one"}, domain.ErrUnavailable},
		"it is asked too often":        {answering(429, ``), []string{"key-one"}, domain.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			var keys []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				key, _, _ := r.BasicAuth()
				if keys = append(keys, key); key == "key-one" {
					tt.first(w, r)
					return
				}
				answering(200, good())(w, r)
			}))
			defer server.Close()
			verifier := authsignal.NewVerifier(upstream.New(upstream.Options{Name: "authsignal", Now: time.Now}), authsignal.Config{
				APIURL: settings.BaseURL(server.URL), Secret: settings.NewSecret("key-one"), SecretOther: settings.NewSecret("key-two"),
			}, 0, time.Now)
			_, err := verifier.Verify(t.Context(), live(t))
			reason, _ := domain.ReasonOf(err)
			if tt.want == "fault" && err != nil {
				reason += "fault"
			}
			if !slices.Equal(keys, tt.keys) || reason != tt.want || (err == nil) != (tt.want == "") {
				t.Errorf("asked with %q, err = %v, want %q and reason %q", keys, err, tt.keys, tt.want)
			}
		})
	}
}

func TestWhoRefusesBothKeysIsToldWithoutThem(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, _, _ := r.BasicAuth()
		answering(401, `{"error":"unauthorized","errorDescription":"what is key-one or key-two, and `+key+`?"}`)(w, r)
	}))
	defer server.Close()
	verifier := authsignal.NewVerifier(upstream.New(upstream.Options{Name: "authsignal", Now: time.Now}), authsignal.Config{
		APIURL: settings.BaseURL(server.URL), Secret: settings.NewSecret("key-one"), SecretOther: settings.NewSecret("key-two"),
	}, 0, time.Now)
	_, err := verifier.Verify(t.Context(), live(t))
	if err == nil || !strings.Contains(err.Error(), "AUTHSIGNAL_SECRET") || strings.Contains(err.Error(), "key-") {
		t.Errorf("err = %v, want one that names the setting, and no key", err)
	}
}
