package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// round is what was measured of one implementation while its callers asked for a while.
type round struct {
	answers []answer
	took    time.Duration
	cpu     time.Duration // of the implementation
	ours    time.Duration // of the vendors and callers
	foreign time.Duration // of everything else on this machine
	peak    float64       // memory, MiB
}

// sessions returns how many answers are sessions.
func (r round) sessions() int {
	n := 0
	for _, a := range r.answers {
		if a.session {
			n++
		}
	}
	return n
}

// rate returns the sessions in a second.
func (r round) rate() float64 { return float64(r.sessions()) / r.took.Seconds() }

// cpuEach returns the CPU time of a session, in microseconds.
func (r round) cpuEach() float64 {
	return float64(r.cpu.Microseconds()) / float64(max(r.sessions(), 1))
}

// busy returns how much of the vendors' and callers' core was used: near 1, they and not
// the implementation are what is measured.
func (r round) busy() float64 { return r.ours.Seconds() / r.took.Seconds() }

// noise returns how many cores something else used.
func (r round) noise() float64 { return max(0, r.foreign.Seconds()/r.took.Seconds()) }

// overhead returns the milliseconds beyond the vendors' own that p percent of the sessions
// took at most.
func (r round) overhead(p float64) float64 {
	var all []float64
	for _, a := range r.answers {
		if a.session {
			all = append(all, a.overhead.Seconds()*1000)
		}
	}
	return percentile(p, all)
}

func overheadP50(r round) float64 { return r.overhead(50) }
func overheadP99(r round) float64 { return r.overhead(99) }
func peakOf(r round) float64      { return r.peak }

// measure has so many callers ask for a while, and watches.
func (r *running) measure(callers int, warmUp, length time.Duration) (round, error) {
	return measure([]*running{r}, callers, warmUp, length)
}

// measure has so many callers ask processes of one kind, in equal parts.
func measure(processes []*running, callers int, warmUp, length time.Duration) (round, error) {
	load := processes[0].load()
	load.addresses = nil
	for _, p := range processes {
		load.addresses = append(load.addresses, p.api)
		if err := p.forgetPeak(); err != nil {
			return round{}, err
		}
	}
	type reading struct {
		at                 time.Time
		cpu, ours, machine time.Duration
	}
	var marks []reading
	answers := load.steady(callers, warmUp, length, func() {
		now := reading{at: time.Now(), ours: cpuOf(os.Getpid()), machine: machineCPU()}
		for _, p := range processes {
			now.cpu += p.cpu()
		}
		marks = append(marks, now)
	})
	begin, end := marks[0], marks[1]
	result := round{answers: answers, took: end.at.Sub(begin.at), cpu: end.cpu - begin.cpu, ours: end.ours - begin.ours}
	result.foreign = end.machine - begin.machine - result.cpu - result.ours
	for _, p := range processes {
		result.peak += p.peak()
	}
	return result, nil
}

// measured are the rounds of each implementation, in their order.
type measured map[string][]round

// plan says how much is measured.
type plan struct {
	rounds                 int
	settle, warmUp, length time.Duration // before the first round, before each, and of each
}

// compare measures all in turn, round by round, each time in another order, so that what
// disturbs the machine disturbs all of them.
func (p plan) compare(all []*running, callers int) (measured, error) {
	results := measured{}
	for _, one := range all {
		if _, err := one.measure(callers, 0, p.settle); err != nil {
			return nil, err
		}
	}
	for n := range p.rounds {
		for i := range all {
			one := all[(i+n)%len(all)]
			round, err := one.measure(callers, p.warmUp, p.length)
			if err != nil {
				return nil, err
			}
			if round.sessions() == 0 {
				return nil, fmt.Errorf("%s opens no session: %s", one.name, statuses(round.answers))
			}
			results[one.name] = append(results[one.name], round)
		}
	}
	return results, nil
}

// of returns the median of a value over an implementation's rounds.
func (m measured) of(name string, value func(round) float64) float64 {
	return median(values(m[name], value))
}

// failed returns how many answers to an implementation's callers were no sessions.
func (m measured) failed(name string) int {
	n := 0
	for _, r := range m[name] {
		n += len(r.answers) - r.sessions()
	}
	return n
}

// ratio returns the median of the ratios, round by round, of a value to the baseline's,
// with the lowest and the highest of them.
func (m measured) ratio(name, baseline string, value func(round) float64) spread {
	mine, theirs := values(m[name], value), values(m[baseline], value)
	var ratios []float64
	for i := range min(len(mine), len(theirs)) {
		ratios = append(ratios, mine[i]/theirs[i])
	}
	if len(ratios) == 0 {
		return spread{}
	}
	return spread{median(ratios), slices.Min(ratios), slices.Max(ratios)}
}

// spread is a median and the range that it comes from. The zero value means that nothing
// was measured.
type spread struct{ median, low, high float64 }

func values(rounds []round, of func(round) float64) []float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, of(r))
	}
	return all
}

func median(values []float64) float64 { return percentile(50, values) }

// percentile returns the value that p percent of the values do not exceed: with 50, the
// median. It is NaN if there are none.
func percentile(p float64, values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := p / 100 * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}
