package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Who starts the sandbox looks at the end of some seventy lines.
func TestTheAccountEndsWithThePagesAddressAndCtrlCIsNoFailure(t *testing.T) {
	ctx, pressCtrlC := context.WithCancel(t.Context())
	defer pressCtrlC()
	told, out := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, nil, map[string]string{"LISTEN_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0"}, out, io.Discard)
		_ = out.Close()
	}()

	page, last := "", ""
	for lines := bufio.NewScanner(told); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if address, found := strings.CutPrefix(line, "page "); found {
			page = strings.TrimSpace(address)
		}
		if strings.Contains(line, "Ctrl-C") {
			pressCtrlC()
		}
		if line != "" {
			last = line
		}
	}
	if last != page || page == "" {
		t.Errorf("the last line is %q, want the page's address %q", last, page)
	}
	if got := <-status; got != 0 {
		t.Errorf("exit status %d, want 0", got)
	}
}

// 'go run' exits with 1 after Ctrl-C, whatever the program does, and make then reports an error.
func TestMakeRunsTheSandboxItself(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	recipe := regexp.MustCompile(`(?m)^run:.*\n((?:\t.*\n)+)`).FindSubmatch(makefile)
	if recipe == nil {
		t.Fatal("the Makefile has no target run")
	}
	if text := string(recipe[1]); strings.Contains(text, "$(GO) run") || !strings.Contains(text, "bin/sandbox) $(if $(ONCE),--once)") {
		t.Errorf("the recipe is\n%s", text)
	}
}
