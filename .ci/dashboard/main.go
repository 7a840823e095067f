// Command dashboard draws docs/images/dashboard.png: the panels of
// docs/operate/dashboard.json, after a run under load with some faults in it.
//
//	go run ./.ci/dashboard [-for 2m30s] [-out FILE]
//
// Real are the bridge (in the sandbox), the load, Prometheus, and the dashboard's own
// expressions, which Prometheus evaluates. Grafana could not be had where this was
// written, so the panels are drawn here. It needs bin/sandbox, prometheus and chromium;
// 'make picture' gets them.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	length := flag.Duration("for", 150*time.Second, "how long the load lasts")
	out := flag.String("out", "docs/images/dashboard.png", "the picture")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := draw(ctx, *length, *out); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

func draw(ctx context.Context, length time.Duration, out string) error {
	folder, err := os.MkdirTemp("", "dashboard-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	ctx, stop := context.WithCancel(ctx) // which ends what was started
	defer stop()
	panels, err := readDashboard("docs/operate/dashboard.json")
	if err != nil {
		return err
	}
	sandbox, err := startSandbox(ctx)
	if err != nil {
		return err
	}
	prometheus, err := startPrometheus(ctx, folder, sandbox.Metrics)
	if err != nil {
		return err
	}
	start := time.Now()
	fmt.Printf("load for %v\n", length)
	fmt.Println(sandbox.load(ctx, length))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i := range panels {
		if err := prometheus.fill(ctx, &panels[i], start, time.Now()); err != nil {
			return err
		}
	}
	return shoot(ctx, folder, panels, out)
}

// sandbox is where bin/sandbox says that its parts are.
type sandbox struct{ Bridge, Page, Metrics string }

func startSandbox(ctx context.Context) (sandbox, error) {
	cmd := exec.CommandContext(ctx, "bin/sandbox", "--json")
	cmd.Env = append(os.Environ(), "LISTEN_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "METRICS_ADDR=127.0.0.1:0",
		"MAX_IN_FLIGHT=32", "RATE_LIMITS=off") // the whole crowd has one address
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return sandbox{}, err
	}
	if err := cmd.Start(); err != nil {
		return sandbox{}, fmt.Errorf("%w (make picture builds it)", err)
	}
	line, err := bufio.NewReader(pipe).ReadBytes('\n')
	if err != nil {
		return sandbox{}, fmt.Errorf("the sandbox did not say where it is: %w", err)
	}
	var s sandbox
	return s, json.Unmarshal(line, &s)
}

// prometheus is a server's address.
type prometheus string

// startPrometheus starts one that scrapes the target every two seconds, with the rules of
// docs/operate/alerts.yml.
func startPrometheus(ctx context.Context, folder, target string) (prometheus, error) {
	rules, err := filepath.Abs("docs/operate/alerts.yml")
	if err != nil {
		return "", err
	}
	config := filepath.Join(folder, "prometheus.yml")
	text := fmt.Sprintf(`
global: { scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 5s }
rule_files: [%q]
scrape_configs:
  - job_name: native-bridge
    static_configs: [{ targets: [%q] }]
`, rules, target[len("http://"):])
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", err
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(folder, "data"),
		"--web.listen-address="+addr, "--log.level=error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("%w (Debian's package prometheus)", err)
	}
	for range 100 {
		if resp, err := http.Get("http://" + addr + "/-/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return prometheus("http://" + addr), nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return "", errors.New("prometheus does not become ready")
}

func freeAddr(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
