package tenant_test

import (
	"strings"
	"testing"

	"nativebridge/adapters/authsignal/tenant"
)

func TestCheckRelyingParty(t *testing.T) {
	for id, good := range map[string]bool{
		"example.com": true, "login.example.co.uk": true, "localhost": true, "bridge.internal": true,
		"": false, "https://example.com": false, "example.com:443": false, "Example.com": false, ".example.com": false,
		"com": false, "co.uk": false, "github.io": false, "127.0.0.1": false, "::1": false, "example.com.": false,
	} {
		if err := tenant.CheckRelyingParty(id); (err == nil) != good {
			t.Errorf("%q: %v, want good: %v", id, err, good)
		}
	}
}

func TestCheckOrigin(t *testing.T) {
	hash := "android:apk-key-hash:" + strings.Repeat("A", 43)
	for _, tt := range []struct {
		id, origin string
		good       bool
	}{
		{"example.com", "https://example.com", true},
		{"example.com", "https://app.example.com:8443", true},
		{"localhost", "http://localhost:3000", true},
		{"example.com", hash, true},
		{"example.com", hash + "=", false},
		{"example.com", "android:apk-key-hash:AAAA", false},
		{"example.com", "https://example.org", false},
		{"example.com", "https://evilexample.com", false},
		{"app.example.com", "https://example.com", false},
		{"example.com", "http://app.example.com", false},
		{"example.com", "https://example.com/", false},
		{"example.com", "https://user@example.com", false},
		{"example.com", "app.example.com", false},
		{"example.com", "https://example.com?x", false},
	} {
		if err := tenant.CheckOrigin(tt.id, tt.origin); (err == nil) != tt.good {
			t.Errorf("%s at %s: %v, want good: %v", tt.origin, tt.id, err, tt.good)
		}
	}
}

func TestEveryFaultOfWhatIsWantedIsSaid(t *testing.T) {
	if err := example().Check(); err != nil {
		t.Error(err)
	}
	for said, spoil := range map[string]func(*tenant.Wanted){
		"relying party id":       func(w *tenant.Wanted) { w.RelyingParty = "com" },
		"https://example.org":    func(w *tenant.Wanted) { w.Origins = []string{"https://example.org"} },
		"different actions":      func(w *tenant.Wanted) { w.EnrolAction = w.SignInAction },
		"the action \"a b\"":     func(w *tenant.Wanted) { w.EnrolAction = "a b" },
		"tokens of 0 minutes":    func(w *tenant.Wanted) { w.TokenMinutes = 0 },
		"tokens of 61 minutes":   func(w *tenant.Wanted) { w.TokenMinutes = 61 },
		"https:// URL":           func(w *tenant.Wanted) { w.VerifyWebhookURL = "http://bridge.example.com" },
		"the action \"\" must":   func(w *tenant.Wanted) { w.SignInAction = "" },
		"\"https://other.test\"": func(w *tenant.Wanted) { w.Origins = append(w.Origins, "https://other.test") },
	} {
		wanted := example()
		spoil(&wanted)
		if _, err := tenant.NewSetup(nil, wanted); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("err = %v, want one that says %q", err, said)
		}
	}
}
