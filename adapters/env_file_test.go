package adapters_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nativebridge/adapters"
)

// A person sources the file, systemd reads it, and setup and doctor read it too: all
// must read the same.
func TestAShellReadsAnEnvironmentFileAsWeDo(t *testing.T) {
	for name, value := range map[string]string{
		"a word":                "https://eu.api.authsignal.com/v1",
		"nothing":               "",
		"several words":         "openid profile email read:things",
		"a rule for ids":        "auth0|",
		"a dollar and a quote":  `it's $HOME and "more"`,
		"backslashes":           `a\b\\c'd`,
		"a backtick":            "a`id`b'",
		"what begins a comment": "#1",
		"quotes around all":     `"quoted"`,
	} {
		t.Run(name, func(t *testing.T) {
			text := "# a note\nVALUE=" + adapters.QuoteEnv(value) + "\n"
			parsed, err := adapters.ParseEnv(text)
			if err != nil || parsed["VALUE"] != value {
				t.Errorf("parsed is %q (%v), want %q", parsed["VALUE"], err, value)
			}
			path := filepath.Join(t.TempDir(), "env")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "sh", "-c", `set -a; . "$1"; printf %s "$VALUE"`, "sh", path).CombinedOutput()
			if err != nil || string(out) != value {
				t.Errorf("a shell reads %q (%v), want %q", out, err, value)
			}
		})
	}
}

func TestALineThatIsNoSettingIsNamedAndNotShown(t *testing.T) {
	_, err := adapters.ParseEnv("A=b\n\ns3cr3t\n")
	if err == nil || !strings.Contains(err.Error(), "line 3") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("err = %v, want it to name line 3 and no more", err)
	}
}
