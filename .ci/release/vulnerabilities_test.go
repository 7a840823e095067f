package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAKnownVulnerabilityFailsTheCheck has .ci/vulnerabilities judge what a stand-in for
// govulncheck finds.
func TestAKnownVulnerabilityFailsTheCheck(t *testing.T) {
	const known = `{"osv":{"id":"GO-2021-0113"}}`
	fault := func(module, fixed, function string) string {
		return `{"osv":{"id":"GO-1","summary":"a crash"}}
			{"finding":{"osv":"GO-1","fixed_version":` + fixed + `,"trace":[{"module":"` + module + `"` + function + `}]}}`
	}
	const called = `,"function":"Parse"`
	for name, tt := range map[string]struct {
		database, found string
		passes          bool
		says            string
	}{
		"nothing is known":                           {known, "", true, "nothing else is known"},
		"a module has a fault":                       {known, fault("example.com/m", `"v1.2.3"`, called), false, "GO-1 (a crash): in example.com/m, mended in: v1.2.3"},
		"a fault that nobody has mended":             {known, fault("example.com/m", `null`, called), false, "mended in: "},
		"a fault in a part that is not linked":       {known, fault("example.com/m", `"v1.2.3"`, ""), true, "nothing else is known"},
		"a fault of Go that go.mod's Go has mended":  {known, fault("stdlib", `"v1.26.9"`, called), true, "and not in go1.26."},
		"a fault of Go that go.mod's Go has still":   {known, fault("stdlib", `"v1.99.1"`, called), false, "in stdlib, mended in: v1.99.1"},
		"a fault of Go that nobody has mended":       {known, fault("stdlib", `null`, called), false, "in stdlib, mended in: "},
		"a database that knows no old vulnerability": {"", "", false, "does not know an old vulnerability"},
	} {
		t.Run(name, func(t *testing.T) {
			standIn := filepath.Join(t.TempDir(), "govulncheck")
			script := "#!/bin/sh\ncase $* in *query*) echo '" + tt.database + "' ;; *) echo '" + tt.found + "' ;; esac\n"
			if err := os.WriteFile(standIn, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			said, err := exec.Command(top+"/.ci/vulnerabilities", standIn, "file:///nowhere", "program").CombinedOutput()
			if (err == nil) != tt.passes || !strings.Contains(string(said), tt.says) {
				t.Errorf("it ends with %v, passes: %t; it says %s", err, tt.passes, said)
			}
		})
	}
}
