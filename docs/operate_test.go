package docs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// alert is a rule of docs/operate/alerts.yml.
type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func TestTheAlertsFireWhenTheyShallAndElseAreSilent(t *testing.T) {
	promtool(t, "test", "rules", "alerts_test.yml")
}

func TestPrometheusReadsTheConfigurationAndItsRules(t *testing.T) {
	promtool(t, "check", "config", "prometheus.yml")
}

// TestEachAlertIsTriedBothWays wants every alert to be expected somewhere in
// alerts_test.yml, by its series. Each expectation there is the whole list of those
// that fire, so the tests of the others show that it can be silent.
func TestEachAlertIsTriedBothWays(t *testing.T) {
	type expectation struct {
		Samples []struct{ Labels string } `yaml:"exp_samples"`
	}
	var file struct {
		Tests []struct {
			Name  string
			Wants []expectation `yaml:"promql_expr_test"`
		}
	}
	decode(t, "operate/alerts_test.yml", &file)
	fires := func(name string) bool {
		for _, test := range file.Tests {
			for _, want := range test.Wants {
				for _, sample := range want.Samples {
					if sample.Labels == `{alertname="`+name+`"}` {
						return true
					}
				}
			}
		}
		return false
	}
	for _, alert := range alerts(t) {
		if !fires(alert.Alert) {
			t.Errorf("alerts_test.yml has no series for which %s fires", alert.Alert)
		}
	}
}

func TestEachAlertHasItsSectionInTheRunbookAndNoOther(t *testing.T) {
	text, err := os.ReadFile("operate/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	var sections, names []string
	for _, heading := range regexp.MustCompile(`(?m)^## (.+)\n\n\*\*(\w+)\.\*\*`).FindAllStringSubmatch(string(text), -1) {
		sections = append(sections, heading[1]+" "+heading[2])
	}
	for _, alert := range alerts(t) {
		names = append(names, alert.Alert+" "+alert.Labels["severity"])
		if want := "runbook.md#" + strings.ToLower(alert.Alert); alert.Annotations["runbook_url"] != want {
			t.Errorf("%s: the runbook is said to be at %q, want %q", alert.Alert, alert.Annotations["runbook_url"], want)
		}
	}
	if !slices.Equal(sections, names) {
		t.Errorf("the runbook has the sections\n%q, and the rules are\n%q", sections, names)
	}
	if headings := strings.Count(string(text), "\n## "); headings != len(names) {
		t.Errorf("the runbook has %d sections, want %d", headings, len(names))
	}
}

func TestEachAlertSaysWhatItMeansAndWhatToDo(t *testing.T) {
	for _, alert := range alerts(t) {
		if severity := alert.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s: severity %q", alert.Alert, severity)
		}
		for _, annotation := range []string{"summary", "consequence", "action"} {
			if alert.Annotations[annotation] == "" {
				t.Errorf("%s has no %s", alert.Alert, annotation)
			}
		}
	}
}

// TestPrometheusReadsEveryExpressionOfTheDashboard writes them as rules, which promtool
// parses.
func TestPrometheusReadsEveryExpressionOfTheDashboard(t *testing.T) {
	asRules := `groups: [{name: dashboard, rules: [`
	for _, expression := range dashboard(t) {
		asRules += fmt.Sprintf("{record: panel, expr: %q},\n", grafanas.Replace(expression))
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, []byte(asRules+"]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", "--lint=none", file)
}

// grafanas puts values in the place of Grafana's variables.
var grafanas = strings.NewReplacer("$__rate_interval", "1m", "$job", ".+")

// dashboard returns the expressions of docs/operate/dashboard.json.
func dashboard(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("operate/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Annotations struct{ List []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, panel := range file.Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			all = append(all, target.Expr)
		}
	}
	for _, annotation := range file.Annotations.List {
		all = append(all, annotation.Expr)
	}
	return all
}

// alerts are the rules, in their order.
func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	decode(t, "operate/alerts.yml", &file)
	var all []alert
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// promtool runs Prometheus' tool in docs/operate. 'make needs' installs it.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Dir = "operate"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v (make needs installs it)\n%s", strings.Join(args, " "), err, out)
	}
}
