package docs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"

	"nativebridge/adapters"
)

// 'make generate' sets it.
var update = flag.Bool("update", false, "write the generated files anew")

const chartSchema = "operate/helm/native-bridge/values.schema.json"

// byTheChart are the settings that the chart's templates set themselves.
var byTheChart = []string{"LISTEN_ADDR", "OPS_ADDR", "METRICS_ADDR", "REQUEST_TIMEOUT", "DRAIN_DELAY", "REPLAY_STORE",
	"TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE"}

// TestTheChartsSchemaKnowsEverySetting holds the schema of the Helm chart's values against
// the structs that the configuration is read into, so that helm refuses what is misspelt
// and nothing else. docs/operate/helm/helmtest renders the chart.
func TestTheChartsSchemaKnowsEverySetting(t *testing.T) {
	got := read(t, chartSchema)
	want := withSettings(t, got)
	if *update {
		if err := os.WriteFile(chartSchema, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		got = want
	}
	if got != want {
		t.Errorf("%s is out of date: run 'make generate'", chartSchema)
	}
}

// withSettings is the schema with a property for each setting: secrets among those that
// come from files, the others among those that come from the environment.
func withSettings(t *testing.T, schema string) string {
	type object = map[string]any
	var all object
	if err := json.Unmarshal([]byte(schema), &all); err != nil {
		t.Fatal(err)
	}
	plain, secret := object{}, object{}
	for _, setting := range adapters.Settings() {
		property := object{"description": "Set it to " + setting.Help, "type": []string{"string", "integer", "boolean"}}
		switch {
		case slices.Contains(byTheChart, setting.Name):
		case setting.Secret:
			property["type"], property["pattern"] = "string", "^[-._a-zA-Z0-9]+$"
			property["description"] = "The key of the Secret that has " + setting.Help
			secret[setting.Name] = property
		default:
			plain[setting.Name] = property
		}
	}
	properties := all["properties"].(object)
	properties["settings"].(object)["properties"] = plain
	properties["secrets"].(object)["properties"].(object)["keys"].(object)["properties"] = secret
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(all); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
