package doctor_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"nativebridge/adapters/doctor"
)

var update = flag.Bool("update", false, "add new codes to testdata/codes.txt")

const (
	codesFile = "testdata/codes.txt"
	retired   = "retired: "
)

// readCodes returns what each code was given to, ever.
func readCodes(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(codesFile)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		code, asks, _ := strings.Cut(line, " ")
		if _, twice := codes[code]; twice {
			t.Errorf("%s stands in %s twice", code, codesFile)
		}
		codes[code] = asks
	}
	return codes
}

// A code that means something else one day than the day before breaks scripts, and sends
// people who look an old ticket up to the wrong place.
func TestACodeKeepsItsMeaningForEver(t *testing.T) {
	codes := readCodes(t)
	live := map[string]bool{}
	for _, check := range doctor.Checks() {
		if live[check.Code] {
			t.Errorf("%s is given to two checks", check.Code)
		}
		live[check.Code] = true
		switch asks, known := codes[check.Code]; {
		case !known && *update:
			add(t, check.Code+" "+check.Asks)
		case !known:
			t.Errorf("%s is not in %s: add it by 'go test ./adapters/doctor -run ACodeKeeps -update'", check.Code, codesFile)
		case asks != check.Asks:
			t.Errorf("%s asks %q, and %s says %q: if it means the same in other words, correct the file; else take a new code", check.Code, check.Asks, codesFile, asks)
		}
	}
	for code, asks := range codes {
		if !live[code] && !strings.HasPrefix(asks, retired) {
			t.Errorf("no check has %s any more: keep its line, and put %q before its text", code, retired)
		}
	}
}

func add(t *testing.T, line string) {
	t.Helper()
	file, err := os.OpenFile(codesFile, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintln(file, line); err != nil {
		t.Fatal(err)
	}
}

func TestEveryCheckSaysWhatItAsksWhyAndWhatToDo(t *testing.T) {
	form := regexp.MustCompile(`^NB[0-9]{3}$`)
	checks := doctor.Checks()
	if len(checks) < 20 {
		t.Fatalf("only %d checks are found", len(checks))
	}
	for _, check := range checks {
		if !form.MatchString(check.Code) || doctor.AreaOf(check) == "" {
			t.Errorf("%q is no code of a range that has a name", check.Code)
		}
		for what, text := range map[string]string{"asks": check.Asks, "why": check.Why, "remedy": check.Remedy} {
			if text == "" || strings.HasSuffix(text, ".") {
				t.Errorf("%s: %s is %q, want a sentence without a full stop", check.Code, what, text)
			}
		}
	}
}
