package release_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAFIPSBuildSignsSomebodyIn starts the binary that docs/operate/install.md tells how to
// build, where nothing that is not approved works.
func TestAFIPSBuildSignsSomebodyIn(t *testing.T) {
	program := filepath.Join(t.TempDir(), "native-bridge")
	build := exec.Command("go", "build", "-o", program, "./cmd/native-bridge")
	build.Dir, build.Env = top, append(os.Environ(), "GOFIPS140=v1.0.0") // as the suite was compiled before
	output(t, build)
	if said := output(t, exec.Command(program, "version")); !bytes.Contains(said, []byte("on, module v1.0.0")) {
		t.Errorf("it says of itself\n%s, want that FIPS mode is on", said)
	}
	sandbox := startSandbox(t)
	bridge := exec.Command(program, "serve")
	bridge.Env = append(sandbox.environ(), "SSL_CERT_FILE="+sandbox.Auth0.CAFile, "GODEBUG=fips140=only")
	addresses := serve(t, bridge)
	signsIn(t, "http://"+addresses.API, sandbox.Page)
}
