// Package helmtest_test renders the Helm chart with helm itself, and looks at what comes
// out as Kubernetes would.
package helmtest_test

import (
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"

	"nativebridge/adapters"
)

const (
	chartFolder = "../native-bridge"
	alertsFile  = "../../alerts.yml"
)

// externalSecret is what the chart uses of external-secrets.io/v1, by its documentation at
// https://external-secrets.io/latest/api/externalsecret/: its Go types are in no module
// that the Go proxy has.
type externalSecret struct {
	APIVersion, Kind string
	Metadata         struct {
		Name, Namespace string
		Labels          map[string]string
	}
	Spec struct {
		RefreshInterval string
		SecretStoreRef  struct{ Name, Kind string }
		Target          struct{ Name string }
		Data            []struct {
			SecretKey string
			RemoteRef struct{ Key, Property, Version string }
		}
	}
}

// kinds are the types that Kubernetes reads the chart's objects into.
var kinds = map[string]func() any{
	"apps/v1 Deployment":                      func() any { return &apps.Deployment{} },
	"v1 Service":                              func() any { return &core.Service{} },
	"v1 ServiceAccount":                       func() any { return &core.ServiceAccount{} },
	"policy/v1 PodDisruptionBudget":           func() any { return &policy.PodDisruptionBudget{} },
	"autoscaling/v2 HorizontalPodAutoscaler":  func() any { return &autoscaling.HorizontalPodAutoscaler{} },
	"networking.k8s.io/v1 NetworkPolicy":      func() any { return &networking.NetworkPolicy{} },
	"monitoring.coreos.com/v1 ServiceMonitor": func() any { return &monitoring.ServiceMonitor{} },
	"monitoring.coreos.com/v1 PrometheusRule": func() any { return &monitoring.PrometheusRule{} },
	"external-secrets.io/v1 ExternalSecret":   func() any { return &externalSecret{} },
}

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // helm tells of the link to the alerts
	os.Exit(m.Run())
}

func TestTheChartHasNothingThatHelmWarnsOf(t *testing.T) {
	for name, values := range valueSets(t) {
		for _, message := range lint.All(chartFolder, values, "identity", true).Messages {
			if message.Severity > support.InfoSev {
				t.Errorf("%s: %s", name, message)
			}
		}
	}
}

func TestKubernetesReadsEveryObjectOfTheChart(t *testing.T) {
	seen := map[string]bool{}
	for name, values := range valueSets(t) {
		for kind := range mustRender(t, name, values) {
			kindOnly, _, _ := strings.Cut(kind, "/")
			seen[kindOnly] = true
		}
	}
	if len(seen) != len(kinds) {
		t.Errorf("only %v were rendered, want all of %d kinds", slices.Sorted(maps.Keys(seen)), len(kinds))
	}
}

// TestTheBridgeTakesTheEnvironmentThatTheChartSets loads it as the binary does, with the
// files in the place of the mounted Secret.
func TestTheBridgeTakesTheEnvironmentThatTheChartSets(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			environ := map[string]string{}
			certificate, private := newCertificate(t)
			for _, variable := range container(t, mustRender(t, name, values)).Env {
				environ[variable.Name] = fileOf(t, variable, certificate, private)
			}
			if unknown := adapters.UnknownSettings(environ); len(unknown) > 0 {
				t.Error(unknown)
			}
			if _, err := adapters.LoadConfig(environ); err != nil {
				t.Error(err)
			}
			documented := read(t, "../../../configuration.md")
			for name := range environ {
				outside := strings.HasPrefix(name, "OTEL_") || name == "GOMEMLIMIT"
				if !outside && !regexp.MustCompile("(?m)^\\|.*`"+name+"`.*\\|.*\\|$").MatchString(documented) {
					t.Errorf("configuration.md does not know %s", name)
				}
			}
		})
	}
}

// fileOf makes the file of a secret, and returns the variable's value.
func fileOf(t *testing.T, variable core.EnvVar, certificate, private string) string {
	t.Helper()
	if !strings.HasPrefix(variable.Value, "/run/secrets/native-bridge") {
		return variable.Value
	}
	key := path.Base(variable.Value)
	text := "s3cr3t-of-this-test"
	switch key {
	case "assertion-key.pem", "tls.key":
		text = private
	case "tls.crt", "ca.crt":
		text = certificate
	}
	file := filepath.Join(t.TempDir(), key)
	if err := os.WriteFile(file, []byte(text), 0o440); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEverySecretIsAFileOfAMountedSecret(t *testing.T) {
	for name, values := range valueSets(t) {
		objects := mustRender(t, name, values)
		files := 0
		for _, variable := range container(t, objects).Env {
			if !strings.HasSuffix(variable.Name, "_FILE") {
				continue
			}
			files++
			secret := mountedAt(t, objects, path.Dir(variable.Value))
			key := path.Base(variable.Value)
			if secret == nil || *secret.DefaultMode != 0o440 || !slices.Contains(secret.Items, core.KeyToPath{Key: key, Path: key}) {
				t.Errorf("%s: %s is %s, and mounted there is %+v; want a file for the bridge's group alone", name, variable.Name, variable.Value, secret)
			}
		}
		if files == 0 {
			t.Errorf("%s has no secrets", name)
		}
		if made, ok := objects["ExternalSecret/release-native-bridge"].(*externalSecret); ok {
			secret := mountedAt(t, objects, "/run/secrets/native-bridge")
			if made.Spec.Target.Name != secret.SecretName || len(made.Spec.Data) != len(secret.Items) {
				t.Errorf("%s: the ExternalSecret makes %+v, and %s with %d keys is mounted", name, made.Spec, secret.SecretName, len(secret.Items))
			}
		}
	}
}

func TestAPodIsGivenTheTimeToDrain(t *testing.T) {
	for name, want := range map[string]int64{"least": 5 + 10 + 15, "replicas": 3 + 20 + 15 + 15} {
		objects := mustRender(t, name, valueSets(t)[name])
		if grace := *podOf(t, objects).TerminationGracePeriodSeconds; grace <= want {
			t.Errorf("%s: killed after %d s, want more than the %d s that it may take", name, grace, want)
		}
	}
	withHook := container(t, mustRender(t, "replicas", valueSets(t)["replicas"]))
	if withHook.Lifecycle.PreStop.Sleep.Seconds != 3 {
		t.Errorf("the hook is %+v, want 3 s", withHook.Lifecycle)
	}
	if without := container(t, mustRender(t, "least", valueSets(t)["least"])); without.Lifecycle != nil {
		t.Errorf("the hook is %+v, want none", without.Lifecycle)
	}
}

func TestProbesAskTheAddressOfProbes(t *testing.T) {
	for name, values := range valueSets(t) {
		c := container(t, mustRender(t, name, values))
		for path, probe := range map[string]*core.Probe{"/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
			if probe.HTTPGet.Path != path || portOf(c, probe.HTTPGet.Port) != 8081 {
				t.Errorf("%s: %+v, want %s at 8081", name, probe.HTTPGet, path)
			}
		}
		if c.StartupProbe.HTTPGet.Path != "/livez" {
			t.Errorf("%s: the start waits for %s, which may take as long as a vendor", name, c.StartupProbe.HTTPGet.Path)
		}
		if valueOf(c, "OPS_ADDR") != ":8081" || valueOf(c, "LISTEN_ADDR") != ":8080" {
			t.Errorf("%s: the bridge listens elsewhere", name)
		}
	}
}

func TestThePodMayDoNothingThatItDoesNotNeed(t *testing.T) {
	for name, values := range valueSets(t) {
		objects := mustRender(t, name, values)
		pod, c := podOf(t, objects), container(t, objects)
		if s := pod.SecurityContext; !*s.RunAsNonRoot || *s.RunAsUser == 0 || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: the pod runs as %+v", name, s)
		}
		if s := c.SecurityContext; *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) || s.Privileged != nil {
			t.Errorf("%s: the container runs as %+v", name, s)
		}
		if *pod.AutomountServiceAccountToken || *pod.EnableServiceLinks || pod.HostNetwork {
			t.Errorf("%s: it has a token, variables of other services or the node's network", name)
		}
		if account, made := objects["ServiceAccount/release-native-bridge"].(*core.ServiceAccount); made && *account.AutomountServiceAccountToken {
			t.Errorf("%s: its account hands out tokens", name)
		}
	}
}

func TestWithoutARedisThereIsNeverASecondReplica(t *testing.T) {
	objects := mustRender(t, "least", with(t, "least", "replicas: 5"))
	deployment := objects["Deployment/release-native-bridge"].(*apps.Deployment)
	if *deployment.Spec.Replicas != 1 || deployment.Spec.Strategy.Type != apps.RecreateDeploymentStrategyType {
		t.Errorf("%d replicas, %s", *deployment.Spec.Replicas, deployment.Spec.Strategy.Type)
	}
	for _, kind := range []string{"HorizontalPodAutoscaler", "PodDisruptionBudget"} {
		if objects[kind+"/release-native-bridge"] != nil {
			t.Errorf("there is a %s, which can only be in the way of one replica", kind)
		}
	}
	if _, err := render(with(t, "least", "autoscaling: { enabled: true }")); err == nil || !strings.Contains(err.Error(), "one token gets two sessions") {
		t.Errorf("autoscaling: %v, want the reason why not", err)
	}
}

func TestReplicasAreReplacedOneByOneAndSpread(t *testing.T) {
	objects := mustRender(t, "replicas", valueSets(t)["replicas"])
	deployment := objects["Deployment/release-native-bridge"].(*apps.Deployment)
	scaler := objects["HorizontalPodAutoscaler/release-native-bridge"].(*autoscaling.HorizontalPodAutoscaler)
	if deployment.Spec.Replicas != nil || scaler.Spec.ScaleTargetRef.Name != deployment.Name || *scaler.Spec.MinReplicas != 3 || scaler.Spec.MaxReplicas != 9 {
		t.Errorf("replicas are %v and scaled by %+v", deployment.Spec.Replicas, scaler.Spec)
	}
	if update := deployment.Spec.Strategy.RollingUpdate; update.MaxUnavailable.IntValue() != 0 || update.MaxSurge.IntValue() != 1 {
		t.Errorf("they are replaced by %+v", update)
	}
	spread := deployment.Spec.Template.Spec.TopologySpreadConstraints
	if len(spread) != 2 || spread[0].TopologyKey != "kubernetes.io/hostname" || spread[1].WhenUnsatisfiable != core.DoNotSchedule {
		t.Errorf("they are spread by %+v", spread)
	}
	if budget := objects["PodDisruptionBudget/release-native-bridge"].(*policy.PodDisruptionBudget); budget.Spec.MaxUnavailable.IntValue() != 1 {
		t.Errorf("%+v may be evicted", budget.Spec)
	}
}

// TestEverySelectorFindsThePods compares what selects with the labels of what is selected.
func TestEverySelectorFindsThePods(t *testing.T) {
	for name, values := range valueSets(t) {
		objects := mustRender(t, name, values)
		deployment := objects["Deployment/release-native-bridge"].(*apps.Deployment)
		labels := deployment.Spec.Template.Labels
		selectors := map[string]map[string]string{"Deployment": deployment.Spec.Selector.MatchLabels}
		for key, object := range objects {
			switch object := object.(type) {
			case *core.Service:
				selectors[key] = object.Spec.Selector
				for _, port := range object.Spec.Ports {
					if portOf(container(t, objects), port.TargetPort) == 0 {
						t.Errorf("%s: the pod has no port %s", key, port.TargetPort.String())
					}
				}
			case *policy.PodDisruptionBudget:
				selectors[key] = object.Spec.Selector.MatchLabels
			case *networking.NetworkPolicy:
				selectors[key] = object.Spec.PodSelector.MatchLabels
			}
		}
		for i, spread := range deployment.Spec.Template.Spec.TopologySpreadConstraints {
			selectors[fmt.Sprint("spread ", i)] = spread.LabelSelector.MatchLabels
		}
		for key, selector := range selectors {
			if !contains(labels, selector) {
				t.Errorf("%s: %s selects %v, and the pods have %v", name, key, selector, labels)
			}
		}
	}
}

func TestPrometheusScrapesEachReplicaUnderTheNameThatTheAlertsLookFor(t *testing.T) {
	for _, name := range []string{"replicas", "provider"} {
		objects := mustRender(t, name, valueSets(t)[name])
		monitor := objects["ServiceMonitor/release-native-bridge"].(*monitoring.ServiceMonitor)
		service := objects["Service/release-native-bridge-metrics"].(*core.Service)
		if !contains(service.Labels, monitor.Spec.Selector.MatchLabels) || contains(objects["Service/release-native-bridge"].(*core.Service).Labels, monitor.Spec.Selector.MatchLabels) {
			t.Errorf("%s: it selects %v, want the Service of the metrics and no other", name, monitor.Spec.Selector.MatchLabels)
		}
		if monitor.Spec.Endpoints[0].Port != service.Spec.Ports[0].Name || service.Spec.ClusterIP != core.ClusterIPNone || !service.Spec.PublishNotReadyAddresses {
			t.Errorf("%s: it scrapes %+v of %+v", name, monitor.Spec.Endpoints, service.Spec)
		}
		if job := service.Labels[monitor.Spec.JobLabel]; !strings.Contains(read(t, alertsFile), `up{job="`+job+`"}`) {
			t.Errorf("%s: the job is %q, which no alert looks for", name, job)
		}
	}
}

// TestTheAlertsAreThoseOfTheFile compares all that is in both.
func TestTheAlertsAreThoseOfTheFile(t *testing.T) {
	for name, runbook := range map[string]string{"provider": "runbook.md", "replicas": "https://wiki.example.com/native-bridge/runbook"} {
		var want monitoring.PrometheusRuleSpec
		text := strings.ReplaceAll(read(t, alertsFile), "runbook_url: runbook.md#", "runbook_url: "+runbook+"#")
		if err := yaml.UnmarshalStrict([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		got := mustRender(t, name, valueSets(t)[name])["PrometheusRule/release-native-bridge"].(*monitoring.PrometheusRule).Spec
		if len(got.Groups) < 3 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the rules are %+v, want those of alerts.yml", name, got)
		}
	}
}

func TestTheNetworkIsOpenWhereItIsNeededAndNowhereElse(t *testing.T) {
	rules := mustRender(t, "replicas", valueSets(t)["replicas"])["NetworkPolicy/release-native-bridge"].(*networking.NetworkPolicy).Spec
	if len(rules.PolicyTypes) != 2 || len(rules.Ingress) != 2 || len(rules.Ingress[0].From) != 1 || len(rules.Ingress[1].From) != 1 {
		t.Errorf("let in is %+v", rules.Ingress)
	}
	var ports []string
	for _, rule := range rules.Egress {
		for _, port := range rule.Ports {
			ports = append(ports, port.Port.String())
		}
	}
	if want := []string{"53", "53", "443", "6380", "26379", "4318"}; !slices.Equal(ports, want) {
		t.Errorf("let out are %v, want %v", ports, want)
	}
	alone := mustRender(t, "least", with(t, "least", "networkPolicy: { enabled: true }"))["NetworkPolicy/release-native-bridge"].(*networking.NetworkPolicy).Spec
	if len(alone.Ingress) != 1 || alone.Ingress[0].Ports[0].Port.String() != "http" || len(alone.Egress) != 2 {
		t.Errorf("without operators and Redis: %+v", alone)
	}
}

func TestValuesThatAreWrongAreRefused(t *testing.T) {
	for name, tt := range map[string]struct{ change, says string }{
		"a misspelt value":                {"replica: 2", "replica"},
		"a misspelt value further inside": {"metrics: { enabeld: true }", "enabeld"},
		"a misspelt setting":              {"settings: { AUTH0_DOMIAN: x }", "AUTH0_DOMIAN"},
		"a secret among the settings":     {"settings: { AUTH0_CLIENT_SECRET: x }", "AUTH0_CLIENT_SECRET"},
		"a setting that the chart sets":   {"settings: { LISTEN_ADDR: ':80' }", "LISTEN_ADDR"},
		"a setting among the secrets":     {"secrets: { keys: { AUTH0_DOMAIN: x } }", "AUTH0_DOMAIN"},
		"a path for a key":                {"secrets: { keys: { AUTHSIGNAL_SECRET: ../x } }", "AUTHSIGNAL_SECRET"},
		"a password in the URL of Redis":  {"redis: { url: 'redis://bridge:s3cr3t@cache' }", "redis"},
		"a setting as more environment":   {"extraEnv: [{ name: AUTH0_CLIENT_SECRET, value: x }]", "extraEnv"},
		"a drain that is too long":        {"drainSeconds: 61", "drainSeconds"},
		"no image":                        {"image: { repository: '' }", "set image.repository"},
		"no tag":                          {"image: { tag: '' }", "set image.tag"},
		"no Secret":                       {"secrets: { existingSecret: '' }", "set secrets.existingSecret"},
		"a secret that is kept nowhere": {"secrets: { externalSecret: { enabled: true, store: { name: vault }, remote: { authsignal-secret: { key: a } } } }",
			"say in secrets.externalSecret.remote where auth0-client-secret is"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := render(with(t, "least", tt.change)); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v, want %q in it", err, tt.says)
			}
		})
	}
}

// TestEveryValueIsDescribed wants each value of values.yaml in the schema, with words.
func TestEveryValueIsDescribed(t *testing.T) {
	var schema, values map[string]any
	parse(t, chartFolder+"/values.schema.json", &schema)
	parse(t, chartFolder+"/values.yaml", &values)
	described(t, "", values, schema)
}

func described(t *testing.T, path string, values, schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for name, value := range values {
		property, _ := properties[name].(map[string]any)
		if text, _ := property["description"].(string); text == "" {
			t.Errorf("%s%s is in values.yaml and not described", path, name)
		}
		if inner, ok := value.(map[string]any); ok {
			described(t, path+name+".", inner, property)
		}
	}
	if _, free := schema["additionalProperties"].(map[string]any); !free && schema["additionalProperties"] != false {
		t.Errorf("%s takes what it does not know", path)
	}
}
