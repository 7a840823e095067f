package docs_test

import (
	"encoding/json"
	"fmt"
	"maps"
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

// TestAlertsAndDashboardUseMetricsThatExist compares names and labels with the table of
// metrics.md, which is written from a bridge that runs.
func TestAlertsAndDashboardUseMetricsThatExist(t *testing.T) {
	known := metrics(t)
	expressions := dashboard(t)
	for _, alert := range alerts(t) {
		expressions = append(expressions, alert.Expr)
	}
	for _, expression := range expressions {
		for _, fault := range unknown(expression, known) {
			t.Errorf("%s\n\tin %s", fault, expression)
		}
	}
}

func TestAMisspeltMetricOrLabelIsNoticed(t *testing.T) {
	known := map[string][]string{"native_bridge_ready": nil, "native_bridge_attempts_total": {"event", "outcome"}, "native_bridge_took_seconds": {"step"}}
	for expression, faults := range map[string]int{
		`sum by (outcome) (rate(native_bridge_attempts_total{job=~"$job",event="exchange"}[5m]))`:  0,
		`histogram_quantile(0.9, sum by (le, step) (rate(native_bridge_took_seconds_bucket[5m])))`: 0,
		`native_bridge_redy == 0`:                             1,
		`native_bridge_ready{outcome="fault"}`:                1,
		`native_bridge_attempts_total{outcom=~"a.*"}`:         1,
		`sum by (step) (native_bridge_attempts_total)`:        1,
		`native_bridge_attempts_total_bucket`:                 1,
		`sum by (le) (native_bridge_attempts{event="renew"})`: 1,
	} {
		if got := unknown(expression, known); len(got) != faults {
			t.Errorf("%s: %q, want %d faults", expression, got, faults)
		}
	}
}

var (
	metricName = regexp.MustCompile(`(native_bridge_\w+)(?:{([^}]*)})?`)
	labelName  = regexp.MustCompile(`(\w+)\s*[=!]`)
	grouping   = regexp.MustCompile(`\bby \(([^)]*)\)`)
	ofTargets  = []string{"job", "instance", "le"} // labels that are not the metric's own
)

// unknown says what an expression asks for that is not there.
func unknown(expression string, known map[string][]string) (faults []string) {
	labels := slices.Clone(ofTargets)
	for _, used := range metricName.FindAllStringSubmatch(expression, -1) {
		name := used[1]
		if base, ok := strings.CutSuffix(name, "_bucket"); ok && strings.HasSuffix(base, "_seconds") {
			name = base
		}
		own, ok := known[name]
		if !ok {
			faults = append(faults, "there is no metric "+name)
			continue
		}
		labels = append(labels, own...)
		for _, label := range labelName.FindAllStringSubmatch(used[2], -1) {
			if !slices.Contains(own, label[1]) && !slices.Contains(ofTargets, label[1]) {
				faults = append(faults, name+" has no label "+label[1])
			}
		}
	}
	for _, by := range grouping.FindAllStringSubmatch(expression, -1) {
		for label := range strings.SplitSeq(by[1], ", ") {
			if len(faults) == 0 && !slices.Contains(labels, label) {
				faults = append(faults, "nothing there has the label "+label)
			}
		}
	}
	return faults
}

// notListedYet are metrics whose rows metrics.md gets when it is written the next time.
// Take out what is there.
var notListedYet = map[string][]string{
	"native_bridge_breaker_state": {"upstream", "call"}, "native_bridge_breaker_refusals_total": {"upstream", "call"},
	"native_bridge_rate_limit_refusals_total": {"limit"}, "native_bridge_rate_limit_local": nil,
	"native_bridge_issuer_budget_limit": nil, "native_bridge_issuer_budget_left": nil,
	"native_bridge_issuer_budget_waiting": nil, "native_bridge_issuer_budget_refusals_total": nil,
}

// metrics are the rows of metrics.md: the labels by the name.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("operate/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	all := maps.Clone(notListedYet)
	for _, row := range regexp.MustCompile("(?m)^\\| `(native_bridge_\\w+)` \\| \\w+ \\| (.*?) \\|").FindAllStringSubmatch(string(text), -1) {
		all[row[1]] = strings.FieldsFunc(row[2], func(r rune) bool { return strings.ContainsRune("`, ", r) })
	}
	return all
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
