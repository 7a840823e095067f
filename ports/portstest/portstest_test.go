package portstest_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// flawVariable names the flaw that the adapters of TestAGoodAdapterPasses have.
// TestEachFlawIsCaught sets it, in a process of its own for each flaw, because a
// test cannot watch another one fail.
const flawVariable = "PORTSTEST_FLAW"

// TestMain lets many processes with a flaw be at work at once: most of them wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// flaw is a way of breaking a contract: caughtBy is the test of the suite that must
// notice it, and breaks does it to a good harness.
type flaw[Harness any] struct {
	caughtBy string
	breaks   func(*Harness)
}

// suite is a suite of portstest, run with a good adapter, or with the one that has
// the flaw of the given name; flaws are the tests that must notice them.
type suite struct {
	run   func(t *testing.T, flaw string)
	flaws map[string]string
}

// newSuite ties a suite to a harness and its flaws, which begin returns anew.
func newSuite[H any](run func(*testing.T, func(*testing.T) H), begin func() (H, map[string]flaw[H])) suite {
	s := suite{flaws: map[string]string{}}
	_, flaws := begin()
	for name, flaw := range flaws {
		s.flaws[name] = flaw.caughtBy
	}
	s.run = func(t *testing.T, name string) {
		run(t, func(*testing.T) H {
			harness, flaws := begin()
			if name != "" {
				flaws[name].breaks(&harness)
			}
			return harness
		})
	}
	return s
}

func suites() map[string]suite {
	return map[string]suite{
		"IdentityVerifier": newSuite(portstest.IdentityVerifier, startVerifier),
		"TokenIssuer":      newSuite(portstest.TokenIssuer, startIssuer),
		"SessionRenewer":   newSuite(portstest.SessionRenewer, startRenewer),
		"SessionRevoker":   newSuite(portstest.SessionRevoker, startRevoker),
		"IssuerKeys":       newSuite(portstest.IssuerKeys, startKeys),
		"ReplayGuard":      newSuite(portstest.ReplayGuard, startGuard),
		"RenewalMemory":    newSuite(portstest.RenewalMemory, startRenewals),
		"Admission":        newSuite(portstest.Admission, startAdmission),
		"EndedSessions":    newSuite(portstest.EndedSessions, startEnded),
		"SessionEnder":     newSuite(portstest.SessionEnder, startEnder),
		"Passkeys":         newSuite(portstest.Passkeys, startPasskeys),
		"AuditLog":         newSuite(portstest.AuditLog, startLog),
		"Probe":            newSuite(portstest.Probe, startProbe),

		"AccessTokenVerifier": newSuite(portstest.AccessTokenVerifier, startAccessTokens),
		"PasskeyEnroller":     newSuite(portstest.PasskeyEnroller, startEnroller),
	}
}

func TestAGoodAdapterPasses(t *testing.T) {
	for port, suite := range suites() {
		t.Run(port, func(t *testing.T) { suite.run(t, os.Getenv(flawVariable)) })
	}
}

func TestEachFlawIsCaught(t *testing.T) {
	for port, suite := range suites() {
		for name, caughtBy := range suite.flaws {
			t.Run(port+" that "+name, func(t *testing.T) {
				t.Parallel()
				output, failed := runAlone(t, name, port, caughtBy)
				if !failed || !strings.Contains(output, "--- FAIL: TestAGoodAdapterPasses/"+port+"/"+underscored(caughtBy)) {
					t.Errorf("%q does not catch it:\n%s", caughtBy, output)
				}
				if strings.Contains(output, "panic:") {
					t.Errorf("the suite breaks instead of failing:\n%s", output)
				}
			})
		}
	}
}

// A test of a suite that no flaw fails might not be able to fail at all.
func TestEachTestOfASuiteCatchesSomething(t *testing.T) {
	output, failed := runAlone(t, "", "", "")
	if failed {
		t.Fatalf("the good adapters fail:\n%s", output)
	}
	passed := regexp.MustCompile(`^ {8}--- PASS: TestAGoodAdapterPasses/(\w+)/([^/]+) \(`)
	tests := 0
	for lines := bufio.NewScanner(strings.NewReader(output)); lines.Scan(); {
		match := passed.FindStringSubmatch(lines.Text())
		if match == nil {
			continue
		}
		tests++
		catches := func(caughtBy string) bool { return underscored(caughtBy) == match[2] }
		if caught := suites()[match[1]].flaws; !slices.ContainsFunc(slices.Collect(maps.Values(caught)), catches) {
			t.Errorf("%s: no flaw tries the test %s", match[1], match[2])
		}
	}
	if tests < 50 {
		t.Errorf("only %d tests are seen", tests)
	}
}

// runAlone runs TestAGoodAdapterPasses with a flaw in a process of its own: one test
// of one port, or all of them.
func runAlone(t *testing.T, flaw, port, test string) (output string, failed bool) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pattern := "^TestAGoodAdapterPasses$"
	if test != "" {
		pattern += "/^" + port + "$/^" + regexp.QuoteMeta(underscored(test)) + "$"
	}
	var out bytes.Buffer
	command := exec.CommandContext(t.Context(), executable, "-test.v", "-test.run", pattern)
	command.Env = append(os.Environ(), flawVariable+"="+flaw)
	command.Stdout, command.Stderr = &out, &out
	err = command.Run()
	return out.String(), err != nil
}

// underscored is what package testing makes of a test's name.
func underscored(name string) string { return strings.ReplaceAll(name, " ", "_") }

// trouble is what the party behind a fake adapter meets.
type trouble struct {
	mu   sync.Mutex
	kind string
}

// The kinds of trouble; "" is none.
const (
	locked  = "locked"
	limited = "limited"
	garbled = "garbled"
	silent  = "silent"
	stopped = "stopped"
)

const secret = "s3cr3t-of-the-bridge"

func (p *trouble) meet(kind string) func(*testing.T) {
	return func(*testing.T) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.kind = kind
	}
}

func (p *trouble) met() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kind
}

// err is what a good adapter makes of the trouble.
func (p *trouble) err(ctx context.Context) error {
	switch p.met() {
	case locked:
		return fmt.Errorf("the bridge's key is refused: check it")
	case limited:
		return fmt.Errorf("%w: the party says 429", domain.ErrBusy)
	case garbled:
		return fmt.Errorf("%w: the answer is not understood", domain.ErrUnavailable)
	case silent:
		<-ctx.Done()
	case stopped:
		return fmt.Errorf("%w: no connection", domain.ErrUnavailable)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, ctx.Err())
	}
	return nil
}

// mixUp is a field that callers share and should not: they meet before each takes
// out what the last of them has put in.
type mixUp[T any] struct {
	mu   sync.Mutex
	last T
	meet chan struct{}
}

func newMixUp[T any]() *mixUp[T] { return &mixUp[T]{meet: make(chan struct{})} }

func (m *mixUp[T]) through(mine T) T {
	m.mu.Lock()
	m.last = mine
	m.mu.Unlock()
	select {
	case m.meet <- struct{}{}:
	case <-m.meet:
	case <-time.After(200 * time.Millisecond): // nobody else is there
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// telling is an error whose text tells nothing, and whose inside does.
type telling struct{ inside error }

func (telling) Error() string   { return "something went wrong" }
func (e telling) Unwrap() error { return e.inside }
