package auditlog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nativebridge/adapters/auditlog"
	"nativebridge/adapters/internal/settings"
)

// Made up, and of no use anywhere.
const (
	piiKey      = "3f9a1c5e7b2d4806f1e3d5c7b9a8967452301f0e2d3c4b5a69788796a5b4c3d2"
	otherPIIKey = "d2c3b4a5968778695a4b3c2d0e1f30524476968a9b7c5d3e1f06482d7b5e1c9a"
)

// hashing is the configuration that hashes people's names with key.
func hashing(t *testing.T, key string) auditlog.Config {
	t.Helper()
	config, err := load("AUDIT_PII", "hashed", "AUDIT_PII_KEY", key)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func load(pairs ...string) (auditlog.Config, error) {
	environ := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		environ[pairs[i]] = pairs[i+1]
	}
	var config auditlog.Config
	err := settings.Load(environ, &config)
	return config, err
}

func TestTheKeyIsThereAndStrongIfNamesAreHashed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(piiKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		environ []string
		says    string // "" means right
	}{
		"nothing is set":                    {nil, ""},
		"plain":                             {[]string{"AUDIT_PII", "plain"}, ""},
		"hashed with a key":                 {[]string{"AUDIT_PII", "hashed", "AUDIT_PII_KEY", piiKey}, ""},
		"hashed with a key from a file":     {[]string{"AUDIT_PII", "hashed", "AUDIT_PII_KEY_FILE", path}, ""},
		"hashed without a key":              {[]string{"AUDIT_PII", "hashed"}, "AUDIT_PII_KEY is not set, though AUDIT_PII is hashed"},
		"hashed with a key of 31 bytes":     {[]string{"AUDIT_PII", "hashed", "AUDIT_PII_KEY", piiKey[2:]}, "AUDIT_PII_KEY is wrong: it is not 32 or more pairs"},
		"hashed with a password":            {[]string{"AUDIT_PII", "hashed", "AUDIT_PII_KEY", "hunter2"}, "AUDIT_PII_KEY is wrong"},
		"hashed with a key of zeros":        {[]string{"AUDIT_PII", "hashed", "AUDIT_PII_KEY", strings.Repeat("0", 64)}, "AUDIT_PII_KEY is wrong: it can be guessed"},
		"a key that nothing is hashed with": {[]string{"AUDIT_PII_KEY", piiKey}, "AUDIT_PII_KEY is set, though AUDIT_PII is not hashed"},
		"another way":                       {[]string{"AUDIT_PII", "none"}, "AUDIT_PII is wrong: it is plain or hashed"},
		"neither true nor false":            {[]string{"AUDIT_REQUIRED", "maybe"}, "AUDIT_REQUIRED is wrong: it is neither true nor false"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(tt.environ...)
			if tt.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			faults, _ := errors.AsType[settings.Faults](err)
			if len(faults) != 1 || !strings.Contains(fmt.Sprint(err), tt.says) {
				t.Errorf("err = %v, want one fault that says %q", err, tt.says)
			}
			if told := fmt.Sprint(err); strings.Contains(told, "hunter2") || strings.Contains(told, piiKey[2:]) {
				t.Error("the fault quotes the key")
			}
		})
	}
}

func TestNoVerbPrintsTheKeyOfNames(t *testing.T) {
	config := hashing(t, piiKey)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if text := fmt.Sprintf(verb, config) + fmt.Sprintf(verb, &config); strings.Contains(text, piiKey) || strings.Contains(text, "33663961") {
			t.Errorf("printed with %s: %s", verb, text)
		}
	}
}
