package tenant_test

import (
	"strings"
	"testing"

	"nativebridge/adapters/authsignal/tenant"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	environ := func(change map[string]string) map[string]string {
		all := map[string]string{"AUTHSIGNAL_API_URL": "https://eu.api.authsignal.com/v1/", "AUTHSIGNAL_MANAGEMENT_SECRET": "the-management-key"}
		for name, value := range change {
			all[name] = value
		}
		return all
	}
	access, wanted, err := tenant.Load(environ(nil))
	if err != nil || access.APIURL != "https://eu.api.authsignal.com/v1" || access.Key.Reveal() != "the-management-key" {
		t.Errorf("%v, %v", access, err)
	}
	if wanted.SignInAction != "signInWithPasskey" || wanted.EnrolAction != "enrolPasskey" || wanted.TokenMinutes != 10 {
		t.Errorf("wanted %+v", wanted)
	}
	for age, minutes := range map[string]int{"10s": 1, "1m": 1, "61s": 2, "1h": 60} {
		if _, wanted, err := tenant.Load(environ(map[string]string{"AUTHSIGNAL_MAX_AGE": age})); err != nil || wanted.TokenMinutes != minutes {
			t.Errorf("%s: %d minutes, %v, want %d", age, wanted.TokenMinutes, err, minutes)
		}
	}
	for name, value := range map[string]string{
		"AUTHSIGNAL_API_URL": "eu", "AUTHSIGNAL_MANAGEMENT_SECRET": "", "AUTHSIGNAL_ACTION": "a b", "AUTHSIGNAL_MAX_AGE": "long",
	} {
		if _, _, err := tenant.Load(environ(map[string]string{name: value})); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("err = %v, want one that names %s", err, name)
		}
	}
}
