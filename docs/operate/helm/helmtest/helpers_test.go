package helmtest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// valueSets are the files of testdata, by their names, and the values that the chart's
// README begins with.
func valueSets(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%q, %v", files, err)
	}
	var shown map[string]any
	_, values, _ := strings.Cut(read(t, "../README.md"), "```yaml\n")
	values, _, _ = strings.Cut(values, "```")
	if err := yaml.Unmarshal([]byte(values), &shown); err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]any{"README": shown}
	for _, file := range files {
		var values map[string]any
		parse(t, file, &values)
		all[strings.TrimSuffix(filepath.Base(file), ".yaml")] = values
	}
	return all
}

// with returns a set with a change to it.
func with(t *testing.T, name, change string) map[string]any {
	t.Helper()
	var over map[string]any
	if err := yaml.Unmarshal([]byte(change), &over); err != nil {
		t.Fatal(err)
	}
	return chartutil.CoalesceTables(over, valueSets(t)[name])
}

// render returns the texts of the chart's templates, by their files.
func render(values map[string]any) (map[string]string, error) {
	chart, err := loader.LoadDir(chartFolder)
	if err != nil {
		return nil, err
	}
	release := chartutil.ReleaseOptions{Name: "release", Namespace: "identity", IsInstall: true}
	top, err := chartutil.ToRenderValues(chart, values, release, nil)
	if err != nil {
		return nil, err
	}
	return engine.Render(chart, top)
}

// mustRender returns the chart's objects by kind and name, each read as strictly as can be:
// a field that Kubernetes does not know is a fault.
func mustRender(t *testing.T, set string, values map[string]any) map[string]any {
	t.Helper()
	texts, err := render(values)
	if err != nil {
		t.Fatalf("%s: %v", set, err)
	}
	objects := map[string]any{}
	for file, text := range texts {
		if !strings.HasSuffix(file, ".yaml") {
			continue
		}
		for document := range strings.SplitSeq(text, "\n---\n") {
			var head struct {
				APIVersion, Kind string
				Metadata         struct{ Name, Namespace string }
			}
			if err := yaml.Unmarshal([]byte(document), &head); err != nil {
				t.Fatalf("%s: %s: %v\n%s", set, file, err, document)
			}
			if head.Kind == "" {
				continue
			}
			empty := kinds[head.APIVersion+" "+head.Kind]
			if empty == nil {
				t.Fatalf("%s: %s has a %s of %s, for which there is no type here", set, file, head.Kind, head.APIVersion)
			}
			object := empty()
			if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
				t.Errorf("%s: %s: %v\n%s", set, file, err, document)
			}
			if head.Metadata.Namespace != "identity" {
				t.Errorf("%s: %s is in the namespace %q", set, file, head.Metadata.Namespace)
			}
			objects[head.Kind+"/"+head.Metadata.Name] = object
		}
	}
	return objects
}

func podOf(t *testing.T, objects map[string]any) core.PodSpec {
	t.Helper()
	return objects["Deployment/release-native-bridge"].(*apps.Deployment).Spec.Template.Spec
}

func container(t *testing.T, objects map[string]any) core.Container {
	t.Helper()
	return podOf(t, objects).Containers[0]
}

func valueOf(c core.Container, name string) string {
	for _, variable := range c.Env {
		if variable.Name == name {
			return variable.Value
		}
	}
	return ""
}

// mountedAt returns the Secret that the container has in that folder, to be read only, or nil.
func mountedAt(t *testing.T, objects map[string]any, folder string) *core.SecretVolumeSource {
	t.Helper()
	for _, mount := range container(t, objects).VolumeMounts {
		for _, volume := range podOf(t, objects).Volumes {
			if mount.MountPath == folder && mount.ReadOnly && mount.Name == volume.Name {
				return volume.Secret
			}
		}
	}
	return nil
}

// portOf returns the number of a port that is named, or 0.
func portOf(c core.Container, named intstr.IntOrString) int32 {
	for _, port := range c.Ports {
		if port.Name == named.String() {
			return port.ContainerPort
		}
	}
	return 0
}

func contains(labels, selector map[string]string) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return len(selector) > 0
}

func parse(t *testing.T, file string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, file)), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// newCertificate returns a certificate and its private key, as PEM. As the bridge has one
// certificate and one authority in these tests, it is both.
func newCertificate(t *testing.T) (certificate, private string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"bridge.example.com"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
