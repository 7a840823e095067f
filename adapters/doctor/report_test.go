package doctor_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters/doctor"
	"nativebridge/domain"
)

var (
	grave = domain.Check{Code: "NB202", Asks: "the key is right", Why: "nobody signs in", Grade: domain.Failure}
	light = domain.Check{Code: "NB801", Asks: "the proxies are named", Why: "all share an address", Grade: domain.Warning}
	later = domain.Check{Code: "NB204", Asks: "passkeys are on", Why: "nobody has one", Grade: domain.Failure}
)

func TestTheExitStatusTellsFailuresFromWarnings(t *testing.T) {
	for name, tt := range map[string]struct {
		diagnosis   domain.Diagnosis
		lax, strict int
		mendFirst   string
		conclusion  string
	}{
		"all is well":                 {domain.Diagnosis{grave.Pass(), light.Pass()}, 0, 0, "", "2 checks: 2 passed, 0 failed, 0 warnings, 0 not made.\n"},
		"something cannot be told":    {domain.Diagnosis{grave.CannotTell("a right is missing", "add it")}, 0, 0, "", "1 checks: 0 passed, 0 failed, 0 warnings, 1 not made.\n"},
		"there is a warning":          {domain.Diagnosis{grave.Pass(), light.Fail("none is", "name them")}, 0, 1, "NB801", "1 warnings, 0 not made. Mend NB801 first: none is\n"},
		"a warning before a failure":  {domain.Diagnosis{light.Fail("none is", "name them"), grave.Fail("it is not", "set it")}, 2, 2, "NB202", "Mend NB202 first: it is not\n"},
		"a failure of several lines":  {domain.Diagnosis{grave.Fail("one\ntwo", "set it")}, 2, 2, "NB202", "Mend NB202 first: one …\n"},
		"a check that was not made":   {domain.Diagnosis{grave.Fail("it is not", "set it"), later.CannotTell("it builds upon NB202", "")}, 2, 2, "NB202", "1 not made. Mend NB202 first"},
		"a warning that was not made": {domain.Diagnosis{light.CannotTell("who knows", "")}, 0, 0, "", "1 not made.\n"},
		"nothing was to be asked":     {nil, 0, 0, "", "0 checks"},
	} {
		t.Run(name, func(t *testing.T) {
			if lax, strict := doctor.Status(tt.diagnosis, false), doctor.Status(tt.diagnosis, true); lax != tt.lax || strict != tt.strict {
				t.Errorf("the status is %d, and %d if strict; want %d and %d", lax, strict, tt.lax, tt.strict)
			}
			if got := doctor.NewReport(tt.diagnosis).MendFirst; got != tt.mendFirst {
				t.Errorf("mend_first is %q, want %q", got, tt.mendFirst)
			}
			var out strings.Builder
			text := doctor.Text{Out: &out}
			text.Conclude(tt.diagnosis)
			if !strings.Contains(out.String(), tt.conclusion) {
				t.Errorf("it concludes %q, want %q in it", out.String(), tt.conclusion)
			}
		})
	}
}

func TestColoursAndSymbolsAreForATerminal(t *testing.T) {
	show := func(fancy, colours bool) string {
		var out strings.Builder
		text := doctor.Text{Out: &out, Fancy: fancy, Colours: colours}
		for _, finding := range []domain.Finding{grave.Fail("it is\nnot", "set it"), later.CannotTell("it builds upon NB202", ""), light.Fail("none is", "name them"), light.Pass()} {
			text.Report(finding)
		}
		return out.String()
	}
	want := `
Authsignal
  FAILED   NB202  the key is right
      problem  it is
               not
      why      nobody signs in
      fix      set it
  not made NB204  passkeys are on
      because  it builds upon NB202

Around the bridge
  warning  NB801  the proxies are named
      problem  none is
      why      all share an address
      fix      name them
  ok       NB801  the proxies are named
`
	if got := show(false, false); got != want {
		t.Errorf("it shows\n%s\nwant\n%s", got, want)
	}
	if got := show(true, false); strings.Contains(got, "\x1b") || !strings.Contains(got, "  ✗ NB202") || !strings.Contains(got, "  ? NB204") || !strings.Contains(got, "  ! NB801") || !strings.Contains(got, "  ✓ NB801") {
		t.Errorf("without colours it shows\n%s", got)
	}
	if got := show(true, true); !strings.Contains(got, "\x1b[31m✗\x1b[0m") {
		t.Errorf("with colours it shows %q", got)
	}
}

// The schema is held against the report's types, and a report is read by them strictly.
func TestTheReportIsAsItsSchemaSays(t *testing.T) {
	text, err := os.ReadFile("../../docs/doctor.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema object
	decode(t, text, &schema)
	wantObject(t, "the report", schema, reflect.TypeFor[doctor.Report]())
	wantObject(t, "a finding", schema.Defs["finding"], reflect.TypeFor[doctor.Finding]())
	wantObject(t, "the counts", schema.Defs["counts"], reflect.TypeFor[doctor.Counts]())

	diagnosis := domain.Diagnosis{grave.Fail("it is not", "set it"), later.CannotTell("it builds upon NB202", ""), light.Pass()}
	var out bytes.Buffer
	if err := doctor.NewReport(diagnosis).Write(&out); err != nil {
		t.Fatal(err)
	}
	var report doctor.Report
	decode(t, out.Bytes(), &report)
	if report.Schema != 1 || len(report.Findings) != 3 || report.Counts != (doctor.Counts{Passed: 1, Failed: 1, NotMade: 1}) {
		t.Errorf("the report is %s", out.String())
	}
	for _, f := range report.Findings {
		properties := schema.Defs["finding"].Properties
		if !slices.Contains(properties["grade"].Enum, f.Grade) || !slices.Contains(properties["outcome"].Enum, f.Outcome) {
			t.Errorf("grade %q and outcome %q are not in the schema", f.Grade, f.Outcome)
		}
	}
	var empty bytes.Buffer
	if err := doctor.NewReport(nil).Write(&empty); err != nil || !strings.Contains(empty.String(), `"findings": []`) {
		t.Errorf("without findings it is %s, %v", empty.String(), err)
	}
}

// object is what is used of JSON Schema.
type object struct {
	Schema      string            `json:"$schema"`
	Title       string            `json:"title"`
	Type        string            `json:"type"`
	Ref         string            `json:"$ref"`
	Description string            `json:"description"`
	Pattern     string            `json:"pattern"`
	Const       int               `json:"const"`
	Enum        []string          `json:"enum"`
	Items       *object           `json:"items"`
	More        *bool             `json:"additionalProperties"`
	Required    []string          `json:"required"`
	Properties  map[string]object `json:"properties"`
	Defs        map[string]object `json:"$defs"`
}

// wantObject fails the test unless the schema has exactly the members of a struct.
func wantObject(t *testing.T, what string, schema object, of reflect.Type) {
	t.Helper()
	types := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Slice: "array"}
	var names []string
	for i := range of.NumField() {
		field := of.Field(i)
		name := field.Tag.Get("json")
		names = append(names, name)
		property, found := schema.Properties[name]
		if want := types[field.Type.Kind()]; !found || property.Type != "" && property.Type != want {
			t.Errorf("%s: the schema says of %s that it is %q, want %q", what, name, property.Type, want)
		}
	}
	if schema.More == nil || *schema.More || !slices.Equal(schema.Required, names) || len(schema.Properties) != len(names) {
		t.Errorf("%s: the schema requires %q, want exactly %q", what, schema.Required, names)
	}
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatal(err)
	}
}
