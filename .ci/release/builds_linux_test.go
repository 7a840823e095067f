package release_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestABuildSignsSomebodyIn starts the binaries that a release has for Linux, besides the
// one that all other tests start. A FIPS build runs where nothing that is not approved
// works. What is for another processor runs in QEMU.
func TestABuildSignsSomebodyIn(t *testing.T) {
	sandbox := startSandbox(t)
	for name, tt := range map[string]struct {
		build, environ []string
		by             []string // what runs it
		says           []string // of itself
	}{
		"FIPS": {
			build:   []string{"GOFIPS140=v1.0.0"},
			environ: []string{"GODEBUG=fips140=only"},
			says:    []string{"on, module v1.0.0"},
		},
		"arm64": {
			build: []string{"GOARCH=arm64"},
			by:    []string{"qemu-aarch64"},
			says:  []string{"linux/arm64", "fips 140-3    off"},
		},
		"arm64, FIPS": {
			build:   []string{"GOARCH=arm64", "GOFIPS140=v1.0.0"},
			environ: []string{"GODEBUG=fips140=only"},
			by:      []string{"qemu-aarch64"},
			says:    []string{"linux/arm64", "on, module v1.0.0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "native-bridge")
			build := exec.Command("go", "build", "-o", program, "./cmd/native-bridge")
			build.Dir, build.Env = top, append(append(os.Environ(), "CGO_ENABLED=0"), tt.build...)
			output(t, build)
			command := func(args ...string) *exec.Cmd {
				args = append(append(append([]string{}, tt.by...), program), args...)
				return exec.Command(args[0], args[1:]...)
			}
			said := output(t, command("version"))
			for _, want := range tt.says {
				if !bytes.Contains(said, []byte(want)) {
					t.Errorf("it says of itself\n%s, want %q", said, want)
				}
			}
			bridge := command("serve")
			bridge.Env = append(append(sandbox.environ(), "SSL_CERT_FILE="+sandbox.Auth0.CAFile), tt.environ...)
			addresses := serve(t, bridge)
			signsIn(t, "http://"+addresses.API, sandbox.Page)
		})
	}
}
