package main

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// measurement is a row of what 'make bench' prints: a replica with one core, whose callers
// ask again when they have their answer.
type measurement struct {
	load    string
	vendors vendors
	callers int
	rate    float64       // sessions in a second
	cpu     time.Duration // of each
}

// measurements reads the bridge's rows of the table "Throughput and cost". The load stands
// in the first row of those that it was measured for.
func measurements(text string) ([]measurement, error) {
	var all []measurement
	load := ""
	for row := range strings.Lines(text) {
		cells := strings.Split(row, " | ")
		if len(cells) < 6 {
			continue
		}
		if words := strings.Trim(cells[0], "| "); words != "" {
			load = words
		}
		if cells[1] != "native-bridge" {
			continue
		}
		m, ok, err := measurementOf(load, cells[2], cells[4])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", row, err)
		}
		if ok {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no row of native-bridge")
	}
	return all, nil
}

var words = regexp.MustCompile(`^(?:plain HTTP|TLS and HTTP/2), (\d+)(?: \+ (\d+))? ms, (\d+) at once$`)

// measurementOf reads a row. It is not ok if it is of another kind of table.
func measurementOf(load, rate, cpu string) (m measurement, ok bool, err error) {
	of := words.FindStringSubmatch(load)
	if of == nil {
		return m, false, nil
	}
	m.load = load
	ms := func(text string) time.Duration {
		n, _ := strconv.Atoi(text)
		return time.Duration(n) * time.Millisecond
	}
	m.vendors = vendors{verify: between(ms(of[1])), issue: between(ms(of[2]))}
	if m.callers, err = strconv.Atoi(of[3]); err != nil {
		return m, false, err
	}
	if m.rate, err = strconv.ParseFloat(rate, 64); err != nil {
		return m, false, err
	}
	micros, err := strconv.ParseFloat(cpu, 64)
	m.cpu = time.Duration(micros * float64(time.Microsecond))
	return m, err == nil, err
}

// tolerance is by how much the simulation may be off: by what the vendors' timers and the
// callers' core are late, which it does not know.
const tolerance = 0.15

// simulated returns the sessions a second that the simulation expects, and whether that is
// what was measured.
func (m measurement) simulated() (rate float64, holds bool) {
	one := site{vendors: m.vendors, settings: settings{places: heldPlaces, cpu: m.cpu}}
	rate = one.circle(m.callers, 20*time.Second)
	return rate, math.Abs(rate/m.rate-1) <= tolerance
}

func comparison(all []measurement) string {
	t := table{head: []string{"load", "CPU µs each, measured", "sessions/s, measured", "simulated", "÷ measured"}}
	for _, m := range all {
		rate, _ := m.simulated()
		t.row(m.load, fmt.Sprint(m.cpu.Microseconds()), number(m.rate), number(rate), fmt.Sprintf("%.2f", rate/m.rate))
	}
	return t.String()
}
