package main

import (
	"os"
	"testing"
	"time"
)

const page = "../../docs/operate/capacity.md"

func TestThePageHasTheTablesOfToday(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want, err := written(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if want != string(text) {
		t.Error("docs/operate/capacity.md has other tables: run 'go run ./.ci/capacity -update'")
	}
}

// TestASimulationKeepsLittlesLaw has 100 callers, each of whom is away for 160 ms, and a core
// with time to spare: then with none.
func TestASimulationKeepsLittlesLaw(t *testing.T) {
	away := vendors{verify: between(40 * time.Millisecond), issue: between(120 * time.Millisecond)}
	for cpu, want := range map[time.Duration]float64{3 * time.Microsecond: 100 / 0.160, 3 * time.Millisecond: 1 / 0.003} {
		got := site{vendors: away, settings: settings{places: 256, cpu: cpu}}.circle(100, 20*time.Second)
		if got < 0.98*want || got > 1.02*want {
			t.Errorf("with %v of CPU: %.0f sessions a second, want %.0f", cpu, got, want)
		}
	}
}

func TestNoMoreIsAskedOfAuth0ThanItAllows(t *testing.T) {
	l := load{"too many", 20}
	o := l.site(plan{"small", 5}).rush(func(time.Duration) float64 { return l.peak }, l.peak, time.Minute)
	seconds := (time.Minute + 2*tokenLife).Seconds()
	if sessions := float64(o.first + o.later); sessions > 5*ours*seconds || o.later == 0 {
		t.Errorf("%.0f sessions, %d of them later: want at most what the budget allows, and some later", sessions, o.later)
	}
	if o.first+o.later+o.gaveUp != o.people {
		t.Errorf("%d people came, and %d + %d + %d is known", o.people, o.first, o.later, o.gaveUp)
	}
}

func TestWhatWasMeasuredIsRead(t *testing.T) {
	all, err := measurements("| load | implementation | sessions/s | ratio | CPU µs each | ratio |\n" +
		"| plain HTTP, 40 + 120 ms, 256 at once | floor | 1500 | 1.00 | 250 | 1.00 |\n|  | native-bridge | 1400 | 0.93 | 500 | 2.00 |\n")
	if err != nil || len(all) != 1 || all[0].callers != 256 || all[0].rate != 1400 || all[0].cpu != 500*time.Microsecond {
		t.Fatalf("%+v, %v", all, err)
	}
	if _, holds := all[0].simulated(); !holds {
		t.Error("1,400 sessions a second by 256 callers and 160 ms are not expected")
	}
}
