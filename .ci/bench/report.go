package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// report is what was measured, for people.
type report struct {
	sections []section
	targets  []target
	panels   []panel
}

// section is a table with words before it.
type section struct {
	title, words string
	head         []string
	rows         [][]string
}

// row adds a row; each cell is printed as fmt.Sprint does.
func (s *section) row(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = fmt.Sprint(cell)
	}
	s.rows = append(s.rows, row)
}

func (s section) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "### %s\n\n%s\n\n", s.title, s.words)
	line := func(cells []string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	line(s.head)
	line(slices.Repeat([]string{"---"}, len(s.head)))
	for _, row := range s.rows {
		line(row)
	}
	return text.String()
}

// target is a figure that was promised.
type target struct {
	what   string
	got    float64
	bound  float64
	atMost bool // otherwise at least
	unit   string
}

func (t target) met() bool {
	if t.atMost {
		return t.got <= t.bound
	}
	return t.got >= t.bound
}

// promise notes a target, if it was measured.
func (r *report) promise(what string, got float64, atMost bool, bound float64, unit string) {
	if !math.IsNaN(got) {
		r.targets = append(r.targets, target{what, got, bound, atMost, unit})
	}
}

func (r *report) String() string {
	var text strings.Builder
	if len(r.targets) > 0 {
		promised := section{title: "Targets", words: "Of `native-bridge`, from the tables below.", head: []string{"target", "bound", "measured", ""}}
		for _, t := range r.targets {
			sign, verdict := "≥", "**missed**"
			if t.atMost {
				sign = "≤"
			}
			if t.met() {
				verdict = "met"
			}
			promised.row(t.what, fmt.Sprintf("%s %v%s", sign, t.bound, t.unit), figure(t.got)+t.unit, verdict)
		}
		fmt.Fprintln(&text, promised)
	}
	for _, s := range r.sections {
		fmt.Fprintln(&text, s)
	}
	return text.String()
}

// figure prints a number with as many digits as it deserves.
func figure(x float64) string {
	switch {
	case math.IsNaN(x):
		return "–"
	case math.Abs(x) >= 100:
		return fmt.Sprintf("%.0f", x)
	case math.Abs(x) >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}

func (s spread) String() string {
	if s == (spread{}) {
		return "–"
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.low, s.high)
}

// What stands between these lines of a page is written by this program.
const begin, end = "<!-- Written by 'make bench'. Do not edit. -->", "<!-- The end of what 'make bench' wrote. -->"

// put writes the text between the lines of the file.
func put(file, text string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has no place for the tables: the lines %q and %q", file, begin, end)
	}
	return os.WriteFile(file, []byte(before+begin+"\n\n"+strings.TrimSpace(text)+"\n\n"+end+after), 0o644)
}
