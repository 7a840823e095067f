package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"nativebridge/adapters/doctor"
	"nativebridge/domain"
)

const doctorDoc = "../../docs/doctor.md"

// TestEveryCodeOfDoctorIsDocumented holds docs/doctor.md against the checks;
// 'make generate' writes it anew.
func TestEveryCodeOfDoctorIsDocumented(t *testing.T) {
	want := doctorDocumentation(doctor.Checks())
	if *update {
		if err := os.WriteFile(doctorDoc, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(doctorDoc)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/doctor.md is out of date: run 'make generate'")
	}
}

func doctorDocumentation(checks []domain.Check) string {
	var text strings.Builder
	text.WriteString(`# What doctor checks

<!-- Written by 'make generate' from the checks themselves. Do not edit. -->

` + "`native-bridge doctor`" + ` says what keeps people from signing in, and how to mend it. Its checks stand in the
order in which they build upon each other, so mend the first that failed, and run it again. [operate.md](operate.md#doctor)
says when to run it. It changes nothing at any party.

Each finding has a code. A code is never changed and never given to another check, so scripts may go by it; the words
may change. ` + "`--json`" + ` writes all findings as one document of [this form](doctor.schema.json).

A check **failed**, with a problem and a fix; or it is **not made**, because a right is missing, a party is away, or a
check before it has not passed. *Warning* beside a code means that sign-ins work and that somebody should look at it.
`)
	area := ""
	for _, check := range checks {
		if a := doctor.AreaOf(check); a != area {
			area = a
			fmt.Fprintf(&text, "\n## %s\n\n| code | what should be true | if it is not | what to do |\n|---|---|---|---|\n", area)
		}
		code := check.Code
		if check.Grade == domain.Warning {
			code += " *warning*"
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", code, cell(check.Asks), cell(check.Why), cell(check.Remedy))
	}
	return text.String()
}

// cell escapes what would end a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
