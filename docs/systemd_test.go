package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const unitFile = "operate/systemd/native-bridge.service"

// TestSystemdTakesTheUnitAndFindsItHardened has systemd itself read the unit, and wants
// the exposure that install.md tells. The unit has not been started: that needs systemd as
// the first process.
func TestSystemdTakesTheUnitAndFindsItHardened(t *testing.T) {
	needs(t, "systemd-analyze")
	unit := filepath.Join(t.TempDir(), "native-bridge.service")
	text := strings.Replace(read(t, unitFile), "ExecStart=/usr/bin/native-bridge ", "ExecStart=/bin/true ", 1) // a program that is there
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := analyze(t, "verify", "--man=no", unit); said != "" {
		t.Errorf("systemd says of the unit: %s", said)
	}
	found := regexp.MustCompile(`Overall exposure level for native-bridge.service: ([0-9.]+) OK`).FindStringSubmatch(analyze(t, "security", "--offline=yes", "--no-pager", unit))
	if found == nil {
		t.Fatal("systemd does not call the unit's exposure OK")
	}
	if !strings.Contains(read(t, "operate/install.md"), "Overall exposure level for native-bridge.service: "+found[1]+" OK") {
		t.Errorf("install.md does not tell the exposure, which is %s", found[1])
	}
}

func analyze(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestTheEnvironmentOfThePackagesIsOneThatServes uncomments the file that the deb and the
// rpm install.
func TestTheEnvironmentOfThePackagesIsOneThatServes(t *testing.T) {
	text := read(t, "operate/systemd/env")
	if len(environmentFile(text)) > 0 {
		t.Error("it sets something before anybody has looked at it")
	}
	loads(t, fence{file: "operate/systemd/env", text: regexp.MustCompile(`(?m)^#([A-Z0-9_]+=)`).ReplaceAllString(text, "$1")}, nil)
}
