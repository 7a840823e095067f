package release_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	imageName = "localhost/native-bridge-check"
	nonroot   = 65532
)

// TestTheImageSignsSomebodyIn builds the image twice, and starts it once as a container is
// started: its own root, which is read-only, and a user without privileges. The emulators'
// CA takes the place of its CA certificates, as a mounted file would. There is no container
// runtime in it.
func TestTheImageSignsSomebodyIn(t *testing.T) {
	storeApart(t)
	layers := build(t)
	if again := build(t); again != layers {
		t.Errorf("two builds of one commit have the layers %s and %s", layers, again)
	}
	wantConfig(t)
	container := strings.TrimSpace(string(output(t, exec.Command("buildah", "from", "--pull-never", imageName))))
	root := strings.TrimSpace(string(output(t, exec.Command("buildah", "mount", container))))
	wantOneProgram(t, root)

	sandbox := startSandbox(t)
	root = readOnly(t, root, sandbox.Auth0.CAFile)
	bridge := inside(root, sandbox.environ(), "serve")
	addresses := serve(t, bridge)
	wantNoPrivileges(t, bridge.Process.Pid)
	signsIn(t, "http://"+addresses.API, sandbox.Page)
	becomesHealthy(t, root, addresses.Ops)
}

// storeApart has buildah keep its images where nothing is left when the test has ended,
// however it ends. The driver needs nothing of the kernel.
func storeApart(t *testing.T) {
	t.Helper()
	store, config := t.TempDir(), filepath.Join(t.TempDir(), "storage.conf")
	text := fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", filepath.Join(store, "images"), filepath.Join(store, "run"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_STORAGE_CONF", config)
	t.Setenv("STORAGE_DRIVER", "")
}

// build builds the image, and returns the hashes of its layers. The image's own hash is
// another each time: the format of Docker has the name of the container that built it.
func build(t *testing.T) string {
	t.Helper()
	output(t, exec.Command("./image", imageName))
	return string(output(t, exec.Command("buildah", "inspect", "--type", "image", "--format", "{{.OCIv1.RootFS.DiffIDs}}", imageName)))
}

// wantConfig looks at what the image tells whoever runs it.
func wantConfig(t *testing.T) {
	t.Helper()
	var described struct {
		Docker struct {
			Config struct {
				User            string
				Entrypoint, Cmd []string
				Healthcheck     struct{ Test []string }
			} `json:"config"`
		}
	}
	parse(t, output(t, exec.Command("buildah", "inspect", "--type", "image", imageName)), &described)
	got := fmt.Sprint(described.Docker.Config)
	if want := "{65532:65532 [/native-bridge] [serve] {[CMD /native-bridge healthcheck]}}"; got != want {
		t.Errorf("the image is described as %s, want %s", got, want)
	}
}

// wantOneProgram finds shells, libraries and whatever else does not belong there, and
// what the image's user may write.
func wantOneProgram(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root)
		if info.Mode().IsRegular() && info.Mode()&0o111 != 0 && name != "/native-bridge" {
			t.Errorf("there is a program beside the bridge: %s", name)
		}
		if stat := info.Sys().(*syscall.Stat_t); stat.Uid == nonroot || info.Mode()&0o022 != 0 {
			t.Errorf("the image's user may write %s", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readOnly mounts the root without write access, and the file in place of its CA
// certificates.
func readOnly(t *testing.T, root, caFile string) string {
	t.Helper()
	target, readable := t.TempDir(), filepath.Join(t.TempDir(), "ca.pem")
	ca, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(readable, ca, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, mount := range []struct {
		source, target string
		flags          uintptr
	}{
		{root, target, syscall.MS_BIND},
		{readable, filepath.Join(target, "etc/ssl/certs/ca-certificates.crt"), syscall.MS_BIND},
		{"", target, syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_RDONLY},
	} {
		if err := syscall.Mount(mount.source, mount.target, "", mount.flags, ""); err != nil {
			t.Fatalf("mount %s: %v (as root, and where mounts are allowed)", mount.target, err)
		}
		if mount.source != "" {
			t.Cleanup(func() { _ = syscall.Unmount(mount.target, syscall.MNT_DETACH) })
		}
	}
	return target
}

// inside is a command of the bridge in that root, as the image's user.
func inside(root string, environ []string, command string) *exec.Cmd {
	cmd := exec.Command("/native-bridge", command)
	cmd.Dir, cmd.Env = "/", environ
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: nonroot, Gid: nonroot}}
	return cmd
}

// sandbox is what the sandbox says of itself with --json.
type sandbox struct {
	Page       string
	Authsignal struct {
		APIURL string `json:"api_url"`
		Secret string
	}
	Auth0 struct {
		Domain, Audience string
		ClientID         string `json:"client_id"`
		ClientSecret     string `json:"client_secret"`
		CAFile           string `json:"ca_file"`
	}
}

func startSandbox(t *testing.T) (s sandbox) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sandbox")
	output(t, exec.Command("go", "build", "-o", program, top+"/cmd/sandbox"))
	cmd := exec.Command(program, "--json")
	cmd.Env = append(os.Environ(), "LISTEN_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	started(t, cmd)
	if err := json.NewDecoder(out).Decode(&s); err != nil {
		t.Fatalf("the sandbox does not start: %v", err)
	}
	return s
}

// serving is the line that the bridge logs when it listens.
type serving struct {
	Message string `json:"msg"`
	API     string `json:"address"`
	Ops     string `json:"ops_address"`
}

// environ is that of a bridge for the sandbox' emulators.
func (s sandbox) environ() []string {
	return []string{
		"LISTEN_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "DRAIN_DELAY=0s", "STARTUP_CHECK=off", "RATE_LIMITS=off", "MAX_CPU_WAIT=0",
		"AUTHSIGNAL_API_URL=" + s.Authsignal.APIURL, "AUTHSIGNAL_SECRET=" + s.Authsignal.Secret, "AUTH0_DOMAIN=" + s.Auth0.Domain,
		"AUTH0_CLIENT_ID=" + s.Auth0.ClientID, "AUTH0_CLIENT_SECRET=" + s.Auth0.ClientSecret, "AUTH0_AUDIENCE=" + s.Auth0.Audience,
	}
}

// serve starts a bridge, and returns when it listens.
func serve(t *testing.T, cmd *exec.Cmd) serving {
	t.Helper()
	var copying sync.WaitGroup
	t.Cleanup(copying.Wait)
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	started(t, cmd)
	lines := bufio.NewReader(errs)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatalf("the bridge does not start: %s", line)
		}
		var said serving
		if json.Unmarshal(line, &said) == nil && said.Message == "listening" {
			copying.Go(func() { _, _ = io.Copy(t.Output(), lines) })
			return said
		}
	}
}

// wantNoPrivileges asks the kernel what the process is and may.
func wantNoPrivileges(t *testing.T, pid int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Uid:\t65532\t65532\t65532\t65532\n", "Groups:\t \n", "CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("the process is not %q: %s", want, status)
		}
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); fields[4] == "/" && !strings.HasPrefix(fields[5], "ro") {
			t.Errorf("its root is not read-only: %s", line)
		}
	}
}

// becomesHealthy asks as HEALTHCHECK does. A bridge is ready two seconds after its start,
// and may have signed somebody in before.
func becomesHealthy(t *testing.T, root, opsAddress string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		said, err := inside(root, []string{"OPS_ADDR=" + opsAddress}, "healthcheck").CombinedOutput()
		if err == nil {
			return
		}
		if !strings.Contains(string(said), "starting") || time.Now().After(deadline) {
			t.Fatalf("it says of its health: %v, %s", err, said)
		}
		time.Sleep(100 * time.Millisecond) // asking less often, and waiting for nothing
	}
}

// signsIn opens a session. A bridge that has just started takes a fresh token for a used
// one, for two seconds.
func signsIn(t *testing.T, bridge, page string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		var issued struct{ Token string }
		_, token := post(t, page+"/dev/token", "")
		parse(t, token, &issued)
		status, answer := post(t, bridge+"/v1/sessions", `{"token":"`+issued.Token+`"}`)
		if status == http.StatusOK && strings.Contains(string(answer), `"access_token":"`) {
			return
		}
		if status != http.StatusConflict || time.Now().After(deadline) {
			t.Fatalf("it answers %d %s", status, answer)
		}
		time.Sleep(100 * time.Millisecond) // asking less often, and waiting for nothing
	}
}

func post(t *testing.T, url, body string) (int, []byte) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}
