package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// table is a table in Markdown.
type table struct {
	head []string
	rows [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	var text strings.Builder
	for _, row := range append([][]string{t.head, slices.Repeat([]string{"---"}, len(t.head))}, t.rows...) {
		fmt.Fprintf(&text, "| %s |\n", strings.Join(row, " | "))
	}
	return text.String()
}

// arithmetic is the model as a table.
func arithmetic() string {
	t := table{head: []string{"", "arithmetic"}}
	for _, l := range loads() {
		t.head = append(t.head, l.name)
	}
	for _, line := range model() {
		cells := []string{line.what, line.how}
		for _, l := range loads() {
			cells = append(cells, line.of(l))
		}
		t.row(cells...)
	}
	return t.String()
}

// launch is the shape of a launch: from a tenth of the peak up to all of it in one minute,
// three minutes of that, and down again in six.
func launch(peak float64) func(time.Duration) float64 {
	const up, stays, down = time.Minute, 3 * time.Minute, 6 * time.Minute
	return func(at time.Duration) float64 {
		switch {
		case at < up:
			return peak * (0.1 + 0.9*at.Seconds()/up.Seconds())
		case at < up+stays:
			return peak
		}
		return peak * max(0.1, 1-0.9*(at-up-stays).Seconds()/down.Seconds())
	}
}

// scenarios returns rows for each load on its plan, and for the largest two on a lesser one.
func scenarios() string {
	t := table{head: []string{"load", "Auth0's limit", "people", "session at once", "later", "sign in again", "wait: median", "99 %", "in flight, each replica", "Login scripts at once", "a core is busy", "calls to Authsignal for a session"}}
	all, of := loads(), plans()
	for i, l := range all {
		isLaunch := i == len(all)-1
		t.row(outcomeOf(l, l.plan(), isLaunch)...)
		if l.peak < 50 {
			continue
		}
		t.row(outcomeOf(l, of[2], isLaunch)...)
	}
	return t.String()
}

// outcomeOf simulates a load on a plan.
func outcomeOf(l load, p plan, isLaunch bool) []string {
	rate, lasts := func(time.Duration) float64 { return l.peak }, 5*time.Minute
	if isLaunch {
		rate, lasts = launch(l.peak), 10*time.Minute
	}
	if l.peak < 0.1 {
		lasts = 24 * time.Hour
	}
	o := l.site(p).rush(rate, l.peak, lasts)
	sessions := float64(o.first + o.later)
	return []string{
		l.name, fmt.Sprintf("%.0f/s", p.perSecond), thousands(o.people), share(o.first, o.people), share(o.later, o.people), share(o.gaveUp, o.people),
		seconds(o.percentile(50)), seconds(o.percentile(99)), fmt.Sprint(o.mostInFlight), fmt.Sprint(o.mostScripts),
		fmt.Sprintf("%.1f %%", 100*o.busy), fmt.Sprintf("%.1f", (float64(o.verified)+2*sessions)/sessions),
	}
}

func share(n, of int) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of)) }

func seconds(d time.Duration) string { return number(d.Seconds()) + " s" }

// What stands between these lines of the page is written by this program.
func marks(name string) (begin, end string) {
	return fmt.Sprintf("<!-- %s: written by 'go run ./.ci/capacity -update'. Do not edit. -->\n\n", name), fmt.Sprintf("\n<!-- end of %s -->", name)
}

// put writes text between the marks of the name.
func put(page, name, text string) (string, error) {
	begin, end := marks(name)
	before, rest, found := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("the page has no place for %s: the lines %q and %q", name, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + text + end + after, nil
}

// written returns the page with its tables as they are today.
func written(page string) (string, error) {
	for name, text := range map[string]string{"the arithmetic": arithmetic(), "the simulation": scenarios()} {
		var err error
		if page, err = put(page, name, text); err != nil {
			return "", err
		}
	}
	return page, nil
}
