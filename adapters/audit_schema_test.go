package adapters_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"nativebridge/adapters"
)

// Readers of the audit log go by the documented issuers.
func TestTheSchemaOfAuditLinesHasEveryIssuer(t *testing.T) {
	text, err := os.ReadFile("../docs/audit.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties struct{ Issuer struct{ Enum []string } }
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, issuer := range adapters.Issuers() {
		names = append(names, issuer.Name)
	}
	slices.Sort(names)
	if got := slices.Sorted(slices.Values(schema.Properties.Issuer.Enum)); !slices.Equal(got, names) {
		t.Errorf("docs/audit.schema.json knows the issuers %q, want %q", got, names)
	}
}
