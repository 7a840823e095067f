package doctor

import (
	"encoding/json"
	"io"

	"nativebridge/domain"
)

// Report is a diagnosis for machines. docs/doctor.schema.json describes it as JSON.
type Report struct {
	// Schema is the version of the form. It grows when a reader of the old form would
	// misunderstand the new one.
	Schema   int       `json:"schema"`
	Findings []Finding `json:"findings"`
	Counts   Counts    `json:"counts"`
	// MendFirst is the code of the finding to mend first; "" if none failed.
	MendFirst string `json:"mend_first"`
}

// Finding is a domain.Finding in the report's words.
type Finding struct {
	Code    string `json:"code"`
	Area    string `json:"area"`
	Asks    string `json:"asks"`
	Why     string `json:"why"`
	Grade   string `json:"grade"`   // failure or warning
	Outcome string `json:"outcome"` // passed, failed or not_made
	Problem string `json:"problem"`
	Fix     string `json:"fix"`
}

// Counts say how many checks had which outcome.
type Counts struct {
	Passed   int `json:"passed"`
	Failed   int `json:"failed"`   // those of the grade failure
	Warnings int `json:"warnings"` // those that failed and have the grade warning
	NotMade  int `json:"not_made"`
}

// NewReport returns the report of a diagnosis.
func NewReport(diagnosis domain.Diagnosis) Report {
	grades := map[domain.Grade]string{domain.Failure: "failure", domain.Warning: "warning"}
	outcomes := map[domain.Outcome]string{domain.Passed: "passed", domain.Failed: "failed", domain.NotMade: "not_made"}
	report := Report{Schema: 1, Findings: []Finding{}, Counts: count(diagnosis)}
	for _, f := range diagnosis {
		report.Findings = append(report.Findings, Finding{
			Code: f.Code, Area: AreaOf(f.Check), Asks: f.Asks, Why: f.Why, Grade: grades[f.Grade],
			Outcome: outcomes[f.Outcome], Problem: f.Problem, Fix: f.Fix,
		})
	}
	if found, ok := first(diagnosis); ok {
		report.MendFirst = found.Code
	}
	return report
}

// Write writes the report as JSON.
func (r Report) Write(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Exit statuses of the command.
const (
	exitWarnings = 1
	exitFailures = 2
)

// Status returns the exit status that a diagnosis stands for. A warning counts only if
// strict; a check that could not be made does not count.
func Status(diagnosis domain.Diagnosis, strict bool) int {
	switch c := count(diagnosis); {
	case c.Failed > 0:
		return exitFailures
	case c.Warnings > 0 && strict:
		return exitWarnings
	}
	return 0
}

func count(diagnosis domain.Diagnosis) (c Counts) {
	for _, finding := range diagnosis {
		switch {
		case finding.Outcome == domain.Passed:
			c.Passed++
		case finding.Outcome == domain.NotMade:
			c.NotMade++
		case finding.Grade == domain.Warning:
			c.Warnings++
		default:
			c.Failed++
		}
	}
	return c
}

// first returns the failure to mend first, or else the first warning.
func first(diagnosis domain.Diagnosis) (domain.Finding, bool) {
	failure, failed := diagnosis.First(domain.Failure)
	warning, warned := diagnosis.First(domain.Warning)
	if failed {
		return failure, true
	}
	return warning, warned
}
