package settings_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// rotated is a configuration of which two credentials can be replaced, and one cannot.
type rotated struct {
	Name  string          `env:"THE_NAME" help:"a name"`
	Key   settings.Secret `env:"THE_KEY" help:"a key"`
	Store domain.Secret   `env:"THE_STORE" help:"a URL"`
	Inner inner
}

type inner struct {
	Key   settings.Rotating[settings.HMACKey] `env:"INNER_KEY" help:"a key of HMAC"`
	Never settings.Secret                     `env:"INNER_NEVER" help:"what is not set"`
}

const oldHMACKey, newHMACKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

func loadRotated(t *testing.T, environ map[string]string) *rotated {
	t.Helper()
	config := new(rotated)
	if err := settings.Load(environ, config); err != nil {
		t.Fatal(err)
	}
	return config
}

func TestACopyHoldsTheCredentialThatIsAdopted(t *testing.T) {
	running := loadRotated(t, map[string]string{"THE_NAME": "old", "THE_KEY": "one", "THE_STORE": "redis://one", "INNER_KEY": oldHMACKey})
	adapter := *running // has a copy
	fresh := loadRotated(t, map[string]string{"THE_NAME": "new", "THE_KEY": "two", "THE_STORE": "redis://two", "INNER_KEY": newHMACKey})
	adopted, nextStart := settings.Adopt(running, fresh)
	if !slices.Equal(adopted, []string{"THE_KEY", "INNER_KEY"}) || !slices.Equal(nextStart, []string{"THE_STORE"}) {
		t.Errorf("adopted %v, at the next start %v, want the two keys, and the store", adopted, nextStart)
	}
	if adapter.Key.Reveal() != "two" || adapter.Inner.Key.Get().Bytes()[0] != 0x20 || adapter.Name != "old" || adapter.Store.Reveal() != "redis://one" || !adapter.Inner.Never.IsZero() {
		t.Error("the copy does not hold the new keys, or not the old values of all else")
	}
	if adopted, nextStart := settings.Adopt(running, loadRotated(t, map[string]string{"THE_KEY": "two", "THE_STORE": "redis://one", "INNER_KEY": newHMACKey})); adopted != nil || nextStart != nil {
		t.Errorf("adopted %v and %v, though all is as before", adopted, nextStart)
	}
	*fresh = rotated{}
	if adapter.Key.Reveal() != "two" {
		t.Error("what is held depends on what it was adopted from")
	}
}

func TestACredentialThatRotatesIsNeverPrinted(t *testing.T) {
	config := loadRotated(t, map[string]string{"THE_KEY": "hunter2-hunter2", "INNER_KEY": oldHMACKey})
	for _, printed := range []any{config, *config, config.Key, &config.Key, struct{ inside settings.Secret }{config.Key}, []settings.Secret{config.Key}, config.Inner} {
		told := fmt.Sprint(slog.AnyValue(printed).Resolve())
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			told += fmt.Sprintf(verb, printed)
		}
		text, err := json.Marshal(printed)
		if told += string(text); err != nil || strings.Contains(told, "hunter2") || strings.Contains(told, oldHMACKey) || strings.Contains(told, "68756e746572") {
			t.Errorf("told: %s, %v", told, err)
		}
	}
	if told := config.Key.String() + fmt.Sprint(config.Key); told != "[redacted][redacted]" {
		t.Errorf("told: %s", told)
	}
}

func TestTheSettingsOfAStructWithinComeFromFilesToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := map[string]string{"INNER_NEVER_FILE": path, "THE_KEY_FILE": path, "THE_NAME_FILE": "/nowhere"}
	if config := loadRotated(t, environ); config.Inner.Never.Reveal() != "from a file" {
		t.Errorf("it is not read, want what the file holds")
	}
	if got := settings.Files(environ, new(rotated)); !slices.Equal(got, []string{path}) {
		t.Errorf("the files are %v, want the one of the secrets, once", got)
	}
}

func TestTheLongPathOfAFileIsNoCredential(t *testing.T) {
	type paths struct {
		Cert string `env:"THE_CERT_FILE" help:"a file"`
	}
	for value, good := range map[string]bool{
		"/var/run/secrets/2026/native-bridge/tls-0123456789/certificate": true, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c": false, "-----BEGIN CERTIFICATE-----": false,
	} {
		if err := settings.Load(map[string]string{"THE_CERT_FILE": value}, new(paths)); (err == nil) != good {
			t.Errorf("%s: err = %v, want none: %t", value, err, good)
		}
	}
}
