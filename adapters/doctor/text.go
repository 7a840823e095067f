package doctor

import (
	"fmt"
	"io"
	"strings"

	"nativebridge/domain"
)

// Text shows findings to a person, one after another as they come.
type Text struct {
	Out io.Writer
	// Fancy is whether Out is a terminal, which shows symbols, and Colours whether it may
	// also have colours.
	Fancy, Colours bool

	area, because string // of the last finding; because if it was not made
}

// Report shows one finding.
func (t *Text) Report(finding domain.Finding) {
	if area := AreaOf(finding.Check); area != t.area {
		t.area, t.because = area, ""
		t.printf("\n%s\n", t.coloured(bold, area))
	}
	t.printf("  %s %s  %s\n", t.mark(finding), finding.Code, finding.Asks)
	told := t.because
	t.because = ""
	switch finding.Outcome {
	case domain.Passed:
	case domain.Failed:
		t.detail("problem", finding.Problem)
		t.detail("why", finding.Why)
		t.detail("fix", finding.Fix)
	case domain.NotMade:
		t.because = finding.Problem + finding.Fix
		if t.because == told {
			return // the line before says it
		}
		t.detail("because", finding.Problem)
		t.detail("do", finding.Fix)
	}
}

// Conclude shows how many checks had which outcome, and what to mend first.
func (t *Text) Conclude(diagnosis domain.Diagnosis) {
	c := count(diagnosis)
	t.printf("\n%d checks: %d passed, %d failed, %d warnings, %d not made.", len(diagnosis), c.Passed, c.Failed, c.Warnings, c.NotMade)
	if first, found := first(diagnosis); found {
		t.printf(" %s", t.coloured(bold, fmt.Sprintf("Mend %s first: %s", first.Code, firstLine(first.Problem))))
	}
	t.printf("\n")
}

// detail shows a text under its finding, with all its lines behind each other.
func (t *Text) detail(name, text string) {
	if text == "" {
		return
	}
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			name = ""
		}
		t.printf("      %-8s %s\n", name, line)
	}
}

// The escape sequences of ECMA-48 (SGR).
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// mark stands before a finding: a symbol on a terminal, else a word.
func (t *Text) mark(finding domain.Finding) string {
	symbol, word, colour := "✓", "ok", green
	switch {
	case finding.Outcome == domain.NotMade:
		symbol, word, colour = "?", "not made", yellow
	case finding.Outcome == domain.Failed && finding.Grade == domain.Warning:
		symbol, word, colour = "!", "warning", yellow
	case finding.Outcome == domain.Failed:
		symbol, word, colour = "✗", "FAILED", red
	}
	if t.Fancy {
		return t.coloured(colour, symbol)
	}
	return fmt.Sprintf("%-8s", word)
}

func (t *Text) coloured(colour, text string) string {
	if !t.Colours {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (t *Text) printf(format string, args ...any) { _, _ = fmt.Fprintf(t.Out, format, args...) }

func firstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if more {
		return line + " …"
	}
	return line
}
