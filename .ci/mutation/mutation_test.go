package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const fixture = ".ci/mutation/testdata/fixture/"

// holes are what the fixture's tests do not notice.
var holes = []string{
	"fixture.go Most: 100 => 101",
	"fixture.go Open: Owner: owner => Owner: (zero)",
	"fixture.go Account.Pay: amount < 0 => amount <= 0",
	"fixture.go Account.Pay: 0 => 1",
	"fixture.go Account.Pay: a.Balance+amount > Most => a.Balance+amount >= Most",
	"fixture.go Untested: return a - b => return 0",
	"fixture.go Untested: a - b => a + b",
	`greeting.js greet: throw new Error("nobody is there") => 0`,
}

func TestTheHolesOfAPackagesTestsAreFound(t *testing.T) {
	packages, err := goList("testdata/fixture", ".")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := load(packages[0])
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := try(loaded, t.TempDir(), 2, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	verdictOf := map[string]verdict{}
	for i, m := range loaded.mutants {
		key := strings.TrimPrefix(m.key(), fixture)
		verdictOf[key] = verdicts[i]
		if verdicts[i] == survived || verdicts[i] == unreached {
			found = append(found, key)
		}
	}
	slices.Sort(found)
	if want := slices.Sorted(slices.Values(holes)); !slices.Equal(found, want) {
		t.Errorf("survivors:\n%s\nwant:\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
	for key, want := range map[string]verdict{
		"fixture.go Account.Close: a.Closed = true => (removed)": caught,
		"fixture.go Count: n++ => (removed)":                     timedOut,
		"fixture.go Untested: a - b => a + b":                    unreached,
		`greeting.js greet: "hello " => ""`:                      caught,
	} {
		if got, ok := verdictOf[key]; !ok || got != want {
			t.Errorf("%s: verdict %d, %t, want %d", key, got, ok, want)
		}
	}
	t.Run("and told", func(t *testing.T) { reports(t, loaded, verdicts) })
}

func TestAPackageThatImportsNothingHasMutants(t *testing.T) {
	packages, err := goList("testdata/plain", ".")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := load(packages[0])
	if err != nil || len(loaded.mutants) == 0 {
		t.Fatalf("%v", err)
	}
	verdicts, err := try(loaded, t.TempDir(), 1, 5*time.Second)
	if err != nil || slices.ContainsFunc(verdicts, func(v verdict) bool { return v != caught }) {
		t.Errorf("verdicts = %v, %v; want that all are caught", verdicts, err)
	}
}

// reports tries what is said of the holes, and of accepted mutants.
func reports(t *testing.T, loaded *target, verdicts []verdict) {
	all := map[string]string{}
	for _, hole := range holes {
		all[fixture+hole] = "it is wanted"
	}
	for name, tt := range map[string]struct {
		accepted map[string]string
		good     bool
		says     string
	}{
		"a hole is printed with its place":  {nil, true, fixture + "fixture.go:27\n" + fixture + "fixture.go Open: Owner: owner"},
		"what no test reaches is told":      {nil, true, "no test reaches this\n" + fixture + "fixture.go Untested: a - b"},
		"accepted holes are not printed":    {all, true, ""},
		"an accepted mutant must exist":     {map[string]string{fixture + "fixture.go Open: gone => away": "x"}, false, "there is no such mutant"},
		"an accepted mutant must be a hole": {map[string]string{fixture + "fixture.go Account.Close: a.Closed = true => (removed)": "x"}, false, "a test catches it"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			row, good := report(&out, loaded, verdicts, tt.accepted)
			if good != tt.good || !strings.Contains(out.String(), tt.says) || tt.says == "" && out.Len() > 0 {
				t.Errorf("good = %t, want %t; it says\n%s", good, tt.good, out.String())
			}
			if row.mutants != len(loaded.mutants) {
				t.Errorf("%d mutants, want %d", row.mutants, len(loaded.mutants))
			}
		})
	}
}

func TestAnAcceptedMutantHasAReason(t *testing.T) {
	for name, tt := range map[string]struct {
		text  string
		keys  int
		fault string
	}{
		"one with its reason": {"# why\na.go F: x => y\n\tbecause\n\tof that\n", 1, ""},
		"no reason":           {"a.go F: x => y\na.go F: y => z\n\tbecause\n", 0, "no reason"},
		"twice":               {"a.go F: x => y\n\tbecause\na.go F: x => y\n\tagain\n", 0, "twice"},
		"a reason of nothing": {"\tbecause\n", 0, "begins with a reason"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "equivalents.txt")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			accepted, err := readEquivalents(file)
			if len(accepted) != tt.keys || (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%v, %v", accepted, err)
			}
		})
	}
}

func TestMutantsThatReadAlikeHaveKeysOfTheirOwn(t *testing.T) {
	alike := mutant{file: "a.go", in: "F", old: "x", new: "y"}
	all := distinguish([]mutant{alike, alike, {file: "a.go", in: "G", old: "x", new: "y"}})
	if all[0].key() == all[1].key() || all[0].key() != alike.key() || all[2].key() != "a.go G: x => y" {
		t.Errorf("keys %q, %q, %q", all[0].key(), all[1].key(), all[2].key())
	}
}

func TestTheGuardsAreWantedWhole(t *testing.T) {
	for folder, want := range map[string]float64{
		"domain": 95, "app": 95, "adapters/memory": 95, "adapters/redis": 95,
		"adapters/auth0": 90, "adapters/internal/upstream": 90,
		"adapters/auth0/auth0test": 0, "adapters/auth0/auth0test/scripthost": 0, "adapters": 0, "ports/portstest": 0, "cmd/sandbox": 0,
	} {
		if got := wanted(folder); got != want {
			t.Errorf("wanted(%q) = %v, want %v", folder, got, want)
		}
	}
}
