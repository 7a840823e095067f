package witnesses_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAWitnessThatSaysNothingIsAFailure runs 'run' over made-up witnesses.
func TestAWitnessThatSaysNothingIsAFailure(t *testing.T) {
	const good = `printf 'left\tit holds\nright\tit holds, too\n' >>"$WITNESSES"`
	for name, tt := range map[string]struct {
		witnesses map[string]string // their programs
		only      []string
		limit     string // in seconds; "" if there is time
		says      string // "" if the run must not succeed
		complains string
	}{
		"checks of two kinds": {
			witnesses: map[string]string{"a": good, "b": `printf 'left\tonce more\n' >>"$WITNESSES"`},
			says:      "witnesses in other languages, and real servers: 2 kinds of software, 3 checks\n",
		},
		"one of two": {
			witnesses: map[string]string{"a": good, "b": "exit 1"}, only: []string{"a"},
			says: "witnesses in other languages, and real servers: 2 kinds of software, 2 checks\n",
		},
		"one fails":                         {witnesses: map[string]string{"a": good, "b": good + "\nexit 3"}, complains: "FAIL b: status 3"},
		"one wrote nothing":                 {witnesses: map[string]string{"a": good, "b": "true"}, complains: "FAIL b: it did not fail, but"},
		"one wrote a check without a kind":  {witnesses: map[string]string{"a": good + "\n" + `echo 'it holds' >>"$WITNESSES"`}, complains: "FAIL a: it did not fail, but"},
		"one hangs":                         {witnesses: map[string]string{"a": good + "\nsleep 600"}, limit: "1", complains: "FAIL a: status 124"},
		"one is named that is not there":    {witnesses: map[string]string{"a": good}, only: []string{"a", "c"}, complains: "there is no witness 'c'"},
		"there is none":                     {complains: "there is no witness"},
		"one that is no program is no skip": {witnesses: map[string]string{"a": good, "b": ""}, complains: "there is no witness 'b'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errs, err := runWitnesses(t, tt.witnesses, tt.only, "LIMIT="+tt.limit)
			if tt.says == "" {
				if err == nil || !strings.Contains(errs, tt.complains) {
					t.Errorf("it ends with %v and says %q, want a failure and %q", err, errs, tt.complains)
				}
				return
			}
			if err != nil || !strings.HasSuffix(out, tt.says) {
				t.Errorf("it ends with %v and says %q, want %q at the end\n%s", err, out, tt.says, errs)
			}
		})
	}
}

// runWitnesses runs a copy of 'run' with programs of a line or two. One that is empty may
// not be executed.
func runWitnesses(t *testing.T, programs map[string]string, only []string, setting string) (out, errs string, err error) {
	t.Helper()
	top := t.TempDir()
	script, err := os.ReadFile("run")
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, text string, mode os.FileMode) {
		path = filepath.Join(top, ".ci/witnesses", path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("run", string(script), 0o700)
	for name, program := range programs {
		mode := os.FileMode(0o700)
		if program == "" {
			mode = 0o600
		}
		write(name+"/run", "#!/usr/bin/env bash\n"+program+"\n", mode)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(top, ".ci/witnesses/run"), only...)
	cmd.Env = append(os.Environ(), setting)
	var said, complained strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &complained
	err = cmd.Run()
	return said.String(), complained.String(), err
}
