// Package release_test holds what docs/operate/install.md says of releases. It builds and
// mounts, so it runs by itself: 'make release-check', as root on Linux.
package release_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const top = "../.."

// TestTwoBuildsOfACommitAreTheSame builds the last commit in two folders, and compares the
// binary, the man pages, the completion scripts and the image's root, byte by byte.
func TestTwoBuildsOfACommitAreTheSame(t *testing.T) {
	one, other := buildOf(t), buildOf(t)
	if len(one) < 15 {
		t.Fatalf("only %d files were built", len(one))
	}
	for name, content := range one {
		if !bytes.Equal(content, other[name]) {
			t.Errorf("%s differs", name)
		}
	}
	if len(one) != len(other) {
		t.Errorf("one has %d files, the other %d", len(one), len(other))
	}
}

// buildOf builds the last commit in a clone of its own, and returns what came of it.
func buildOf(t *testing.T) map[string][]byte {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone")
	out := filepath.Join(clone, "bin", "release")
	output(t, exec.Command("git", "clone", "--quiet", "--shared", top, clone))
	files := exec.Command(filepath.Join(clone, ".ci/release/files"), "bin/release")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-ldflags", "-s -w", "-o", filepath.Join(out, "native-bridge"), "./cmd/native-bridge")
	build.Dir, build.Env = clone, append(os.Environ(), "CGO_ENABLED=0")
	output(t, files)
	output(t, build)
	said := output(t, exec.Command(filepath.Join(out, "native-bridge"), "version", "--json"))
	head := strings.TrimSpace(string(output(t, exec.Command("git", "-C", clone, "rev-parse", "HEAD"))))
	if !strings.Contains(string(said), `"commit": "`+head+`"`) || !strings.Contains(string(said), `"modified": false`) {
		t.Errorf("the binary says it is %s, want %s", said, head)
	}
	return contentsOf(t, out)
}

func contentsOf(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	contents := map[string][]byte{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		contents[name] = content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return contents
}

func output(t *testing.T, cmd *exec.Cmd) []byte {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, errs.Bytes())
	}
	return out
}

func parse(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// started is a program that runs until the test ends.
func started(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", cmd.Path, err)
	}
	ctx, ended := context.WithCancel(context.Background())
	go func() { _ = cmd.Wait(); ended() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ctx.Done()
	})
}
