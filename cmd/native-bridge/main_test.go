package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"nativebridge/adapters"
	"nativebridge/adapters/auditlog/auditlogtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"native-bridge": main, "renewing-app": renewingApp})
}

// TestScripts runs the sessions at a terminal under testdata. They know these
// commands besides testscript's own:
//
//	configure            set the least that serve needs; nobody listens at the vendors' addresses
//	exits STATUS COMMAND run a command, which must exit with that status
//	take-port            listen on a port, and set $TAKEN to its address
//	start NAME=VALUE...  run "native-bridge serve" with the script's settings, and those, until it says that it listens; $OPS is where its probes are
//	says TEXT            wait until it logs a line with the text
//	tell SIGNAL          send it a signal that does not end it
//	end SIGNAL           send it a signal; it must end with status 0. What it printed is then in the files stdout.log and stderr.log
//	start-tenant [SCOPE] start an empty Auth0 tenant, and set what setup needs; its application lacks the scope
//	start-authsignal [activated] start an empty Authsignal tenant, in which passkeys are activated or not, and set what setup needs
//	start-parties        start tenants of Authsignal and Auth0 that are set up for the bridge, and set its environment
//	mode BITS FILE       want the file's permissions to end with those, such as rw-------
//	end-at-once SIGNAL   send it a signal, and again when it drains; it must die of the second
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[serving{}] = &bridge{}
			env.Setenv("GODEBUG", os.Getenv("GODEBUG"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"configure": configure,
			"exits":     exits,
			"take-port": takePort,
			"start":     start,
			"end":       end,
			"says":      says,
			"tell":      tell,

			"end-at-once": endAtOnce,

			"start-parties":    startParties,
			"start-tenant":     startTenant,
			"start-authsignal": startAuthsignal,
			"mode":             wantMode,
		},
	})
}

func configure(ts *testscript.TestScript, _ bool, _ []string) {
	for name, value := range map[string]string{
		"LISTEN_ADDR":         "127.0.0.1:0",
		"OPS_ADDR":            "127.0.0.1:0",
		"DRAIN_DELAY":         "0s",
		"STARTUP_CHECK":       "off",
		"AUTHSIGNAL_API_URL":  "http://127.0.0.1:1/v1",
		"AUTHSIGNAL_SECRET":   "s3cr3t-authsignal",
		"AUTH0_DOMAIN":        "http://127.0.0.1:1",
		"AUTH0_CLIENT_ID":     "client-1",
		"AUTH0_CLIENT_SECRET": "s3cr3t-auth0",
	} {
		ts.Setenv(name, value)
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	status := 0
	err := ts.Exec(args[1], args[2:]...)
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		status, err = failed.ExitCode(), nil
	}
	ts.Check(err)
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("the exit status is %d", status)
	}
}

func takePort(ts *testscript.TestScript, _ bool, _ []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	ts.Setenv("TAKEN", listener.Addr().String())
}

// serving is the key of a script's bridge.
type serving struct{}

// bridge is a "native-bridge serve" that runs.
type bridge struct {
	process        *exec.Cmd
	stderr         *bufio.Reader
	stdout, before bytes.Buffer // before: what it said until it listened
}

func start(ts *testscript.TestScript, _ bool, more []string) {
	b := ts.Value(serving{}).(*bridge)
	b.process = exec.Command("native-bridge", "serve")
	b.process.Env = more
	for _, s := range adapters.Settings() {
		for _, name := range []string{s.Name, s.Name + "_FILE"} {
			b.process.Env = append(b.process.Env, name+"="+ts.Getenv(name))
		}
	}
	b.process.Stdout = &b.stdout
	stderr, err := b.process.StderrPipe()
	ts.Check(err)
	ts.Check(b.process.Start())
	ts.Defer(func() { _ = b.process.Process.Kill() })
	b.stderr = bufio.NewReader(stderr)
	for {
		text, err := b.stderr.ReadString('\n')
		b.before.WriteString(text)
		var line said
		if json.Unmarshal([]byte(text), &line) == nil && line.Msg == "listening" {
			ts.Setenv("OPS", line.OpsAddress)
			return
		}
		if err != nil {
			ts.Fatalf("it ends before it listens, and says\n%s", b.before.String())
		}
	}
}

// signalled sends the script's bridge the one signal that args name.
func signalled(ts *testscript.TestScript, args []string) (*bridge, syscall.Signal) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP}
	b := ts.Value(serving{}).(*bridge)
	if len(args) != 1 || signals[args[0]] == 0 || b.process == nil {
		ts.Fatalf("TERM, INT or HUP is wanted, after start")
	}
	ts.Check(b.process.Process.Signal(signals[args[0]]))
	return b, signals[args[0]]
}

func says(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: says TEXT")
	}
	b := ts.Value(serving{}).(*bridge)
	for text := ""; !strings.Contains(text, args[0]); {
		var err error
		if text, err = b.stderr.ReadString('\n'); err != nil {
			ts.Fatalf("it ends before it says that, and says\n%s", b.before.String())
		}
		b.before.WriteString(text)
	}
}

func tell(ts *testscript.TestScript, _ bool, args []string) { _, _ = signalled(ts, args) }

func end(ts *testscript.TestScript, _ bool, args []string) {
	b, _ := signalled(ts, args)
	after, err := io.ReadAll(b.stderr)
	ts.Check(err)
	ts.Check(b.process.Wait())
	ts.Check(validAuditLines(b.stdout.Bytes()))
	ts.Check(os.WriteFile(ts.MkAbs("stdout.log"), b.stdout.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("stderr.log"), append(b.before.Bytes(), after...), 0o600))
}

// validAuditLines returns what is wrong with the first line that is not of the documented
// form.
func validAuditLines(text []byte) error {
	for line := range bytes.Lines(text) {
		if err := auditlogtest.Valid(line); err != nil {
			return fmt.Errorf("%w: %s", err, line)
		}
	}
	return nil
}

func endAtOnce(ts *testscript.TestScript, _ bool, args []string) {
	b, signal := signalled(ts, args)
	for text := ""; !strings.Contains(text, `"msg":"draining`); {
		var err error
		if text, err = b.stderr.ReadString('\n'); err != nil {
			ts.Fatalf("the first signal ended it before it drained")
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- b.process.Wait() }()
	for {
		// It says that it drains a moment before or after it stops catching signals, so
		// the second may still be caught, and the third not.
		_ = b.process.Process.Signal(signal)
		select {
		case <-ended:
			if status := b.process.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != signal {
				ts.Fatalf("it ended in its own time, as %s", b.process.ProcessState)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestServeHelpTellsEverySetting(t *testing.T) {
	var out strings.Builder
	root := command()
	root.SetOut(&out)
	root.SetArgs([]string{"serve", "--help"})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, s := range adapters.Settings() {
		if !strings.Contains(text, " "+s.Name+" ") || !strings.Contains(text, strings.Join(strings.Fields(s.Help), " ")) {
			t.Errorf("the help does not tell %s and what to set it to", s.Name)
		}
		if strings.Contains(text, " "+s.Name+" or "+s.Name+"_FILE ") != s.Secret {
			t.Errorf("the help says of %s that it may come from a file: %t", s.Name, !s.Secret)
		}
	}
}
