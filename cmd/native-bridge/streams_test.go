package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"nativebridge/adapters/auditlog/auditlogtest"
)

// exchanges are enough to fill a pipe of 64 KiB with their lines on either output.
const exchanges = 300

// piped is a running "native-bridge serve". One of its outputs is a pipe, which the test
// reads when it likes. Its vendors are away: it refuses tokens by itself.
type piped struct {
	process  *exec.Cmd
	api, ops string
	output   string        // how readiness calls the output that is the pipe
	pipe     *os.File      // the end to read
	rest     *bufio.Reader // the same, with what was read too early
	token    string        // is refused
	refusal  refusal       // by which
	log      *logged       // nil if the log is the pipe
	ended    chan error
}

func startPiped(t testing.TB, output string, environ ...string) *piped {
	t.Helper()
	p := &piped{process: exec.Command("native-bridge", "serve"), output: output, ended: make(chan error, 1)}
	p.token, p.refusal = "no.jwt.atall", refusal{http.StatusUnauthorized, "token_rejected"}
	if output == "log" { // which leaves out lines of refusals, and none of a fault
		environ = append(environ, "AUTHSIGNAL_API_URL="+refusingVendor(t)+"/v1")
		p.token, p.refusal = liveToken(), refusal{http.StatusInternalServerError, "internal_error"}
	}
	p.process.Env = append([]string{
		"MAX_CPU_WAIT=0", // the machine of the tests may be busy
		"GODEBUG=" + os.Getenv("GODEBUG"),
		"LISTEN_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "STARTUP_CHECK=off", "AUTHSIGNAL_API_URL=http://127.0.0.1:1/v1", "AUTHSIGNAL_SECRET=s3cr3t-authsignal",
		"AUTH0_DOMAIN=http://127.0.0.1:1", "AUTH0_CLIENT_ID=client-1", "AUTH0_CLIENT_SECRET=s3cr3t-auth0",
	}, environ...)
	stdout, stdoutEnd := newPipe(t)
	stderr, stderrEnd := newPipe(t)
	p.process.Stdout, p.process.Stderr = stdoutEnd, stderrEnd
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = stdoutEnd.Close(), stderrEnd.Close()
	t.Cleanup(func() { _ = p.process.Process.Kill() })
	go func() { p.ended <- p.process.Wait() }()

	log := bufio.NewReader(stderr)
	for ready := false; !ready; {
		text, err := log.ReadString('\n')
		if err != nil {
			t.Fatalf("it ended at once: %s", text)
		}
		var line said
		_ = json.Unmarshal([]byte(text), &line)
		if line.Address != "" {
			p.api, p.ops = "http://"+line.Address, "http://"+line.OpsAddress
		}
		ready = line.Msg == "ready"
	}
	if p.pipe, p.rest = stderr, log; output == "audit" {
		p.pipe, p.rest = stdout, bufio.NewReader(stdout)
		p.log = &logged{}
		go p.log.read(bufio.NewScanner(log), "until it ends")
	} else {
		go func() { _, _ = io.Copy(auditlogtest.New(t), stdout) }()
	}
	return p
}

func newPipe(t testing.TB) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = read.Close() })
	return read, write
}

// refusal is how an exchange is answered, and its code in the log.
type refusal struct {
	status int
	code   string
}

// refusingVendor returns the address of a vendor that refuses the bridge's key.
func refusingVendor(t testing.TB) string {
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error":"unauthorized"}`, http.StatusUnauthorized)
	}))
	t.Cleanup(vendor.Close)
	return vendor.URL
}

// liveToken has the form of a token, so that the vendor is asked about it.
func liveToken() string {
	return strings.Join([]string{encoded(`{"alg":"HS256"}`), encoded(`{"sub":"1"}`), encoded("signature")}, ".")
}

// refuses exchanges n tokens that open nothing. Each gets an answer in time.
func (p *piped) refuses(t *testing.T, n int) {
	t.Helper()
	const callers = 4                                 // the bridge may still be counting an answer when the next request comes
	client := &http.Client{Timeout: 10 * time.Second} // as long as REQUEST_TIMEOUT
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	var failed atomic.Int64
	for caller := range callers {
		all.Go(func() {
			for i := caller; i < n && failed.Load() == 0; i += callers {
				status, err := p.ask(client)
				if err != nil {
					failed.Add(1)
					t.Errorf("exchange %d: %v", i, err)
					return
				}
				if status != p.refusal.status {
					t.Errorf("exchange %d: answered %d, want %d", i, status, p.refusal.status)
				}
			}
		})
	}
	all.Wait()
}

// ask returns the status that an exchange of the token is answered with.
func (p *piped) ask(client *http.Client) (status int, err error) {
	resp, err := client.Post(p.api+"/v1/sessions", "application/json", strings.NewReader(`{"token":"`+p.token+`"}`))
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// health returns what readiness says of the output, and its status.
func (p *piped) health(t *testing.T) (stream string, status int) {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get(p.ops + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct{ Streams map[string]string }
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return body.Streams[p.output], resp.StatusCode
}

func (p *piped) untilHealth(t *testing.T, what string, begins string) {
	t.Helper()
	until(t, what, func() bool {
		stream, status := p.health(t)
		return strings.HasPrefix(stream, begins) && status == http.StatusOK
	})
}

// read counts the whole lines of refused exchanges, until the process ends.
func (p *piped) read(t *testing.T) (count func() int64) {
	var lines atomic.Int64
	audit := auditlogtest.New(t)
	go func() {
		scanner := bufio.NewScanner(p.rest)
		for scanner.Scan() {
			var line struct{ Outcome, Code string }
			if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
				t.Errorf("%q is no whole line: %v", scanner.Text(), err)
			}
			if p.output == "audit" {
				_, _ = fmt.Fprintln(audit, scanner.Text())
			}
			if line.Outcome == p.refusal.code || line.Code == p.refusal.code {
				lines.Add(1)
			}
		}
	}()
	return lines.Load
}

// stops sends SIGTERM and waits for the end, which must have status 0.
func (p *piped) stops(t *testing.T) {
	t.Helper()
	if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("it ended with %v, want exit status 0", err)
		}
	case <-ctx.Done():
		t.Error("it does not end")
	}
}

// onEachOutput runs test twice: with the audit log as the pipe, and with the log.
func onEachOutput(t *testing.T, test func(*testing.T, *piped)) {
	for _, output := range []string{"audit", "log"} {
		t.Run(output, func(t *testing.T) {
			t.Parallel()
			test(t, startPiped(t, output))
		})
	}
}

func TestAnOutputThatNobodyReadsStopsNoExchange(t *testing.T) {
	t.Parallel()
	onEachOutput(t, func(t *testing.T, p *piped) {
		p.refuses(t, exchanges)
		p.untilHealth(t, "readiness tells that nobody reads", "nobody reads it since ")
		const told = "audit lines are late or lost"
		if p.log != nil {
			until(t, "the log tells it", func() bool { return strings.Contains(p.log.String(), told) })
		}

		lines := p.read(t)
		until(t, "each line is written", func() bool { return lines() == exchanges })
		p.untilHealth(t, "readiness tells that somebody reads", "ok")
		p.refuses(t, 1)
		until(t, "lines are written as before", func() bool { return lines() == exchanges+1 })
		p.stops(t)
		if p.log != nil && strings.Count(p.log.String(), told) != 1 {
			t.Errorf("the log tells it %d times, want once", strings.Count(p.log.String(), told))
		}
	})
}

func TestAStopDoesNotWaitForAReaderThatHangs(t *testing.T) {
	t.Parallel()
	onEachOutput(t, func(t *testing.T, p *piped) {
		p.refuses(t, exchanges)
		p.stops(t)
		if p.log != nil {
			until(t, "the log tells what is lost", func() bool { return strings.Contains(p.log.String(), "audit lines are lost") })
		}
	})
}

func TestAStopWritesWhatWaits(t *testing.T) {
	t.Parallel()
	onEachOutput(t, func(t *testing.T, p *piped) {
		p.refuses(t, exchanges)
		if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		lines := p.read(t)
		until(t, "each line is written", func() bool { return lines() == exchanges })
	})
}

func TestAReaderThatDiesDoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	onEachOutput(t, func(t *testing.T, p *piped) {
		if err := p.pipe.Close(); err != nil {
			t.Fatal(err)
		}
		p.refuses(t, 10)
		p.untilHealth(t, "readiness tells it", fmt.Sprintf("write /dev/%s: broken pipe since ", map[string]string{"audit": "stdout", "log": "stderr"}[p.output]))
		if stream, _ := p.health(t); !strings.HasSuffix(stream, ", 10 lines lost since the start") {
			t.Errorf("readiness says %q, want ten lines lost", stream)
		}
		p.stops(t)
	})
}
