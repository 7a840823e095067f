package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// bench is one run of this program.
type bench struct {
	plan
	known     []implementation // all
	all       []implementation // that are measured
	baseline  string           // the implementation that ratios are taken to
	folder    string           // for what lasts no longer than the run
	idle      time.Duration
	idleLimit time.Duration
	noisiest  float64 // of the rounds
	report
}

// run runs a scenario: one of the words below, or a load such as plain-32: kind of
// upstreams and callers at once.
func (b *bench) run(name string) error {
	if work := regexp.MustCompile(`^(plain|tls|delayed)-(\d+)$`).FindStringSubmatch(name); work != nil {
		callers, err := strconv.Atoi(work[2])
		if err != nil {
			return err
		}
		return b.throughput(work[1], callers)
	}
	scenarios := map[string]func() error{"where": b.where, "cold": b.cold, "idle": b.afterIdling, "connections": b.connections, "redis": b.redis, "replicas": b.replicas, "faults": b.faults}
	if scenarios[name] == nil {
		return fmt.Errorf("there is no scenario %q", name)
	}
	return scenarios[name]()
}

// upstreams are the kinds of vendors that loads are run against.
var upstreams = map[string]struct {
	words string
	conditions
}{
	"plain":   {"plain HTTP, 0 ms", conditions{}},
	"tls":     {"TLS and HTTP/2, 0 ms", conditions{tls: true}},
	"delayed": {"plain HTTP, 40 + 120 ms", conditions{verifying: 40 * time.Millisecond, granting: 120 * time.Millisecond}},
}

// throughput compares all implementations under one load.
func (b *bench) throughput(kind string, callers int) error {
	all, err := b.startAll(upstreams[kind].conditions)
	defer stopAll(all)
	if err != nil {
		return err
	}
	m, err := b.compare(all, callers)
	if err != nil {
		return err
	}
	words := fmt.Sprintf("%s, %d at once", upstreams[kind].words, callers)
	table := b.table("Throughput and cost", "Callers who ask again when they have their answer. Ratios are to `"+b.baseline+"` of the same round: the median of "+
		fmt.Sprint(b.rounds)+" rounds, and the lowest and the highest. Overhead is what a session took beyond the vendors' own time. The last two columns are "+
		"cores: those of vendors and callers, who would hold everybody back near 1, and those of other work on this machine, which spoils a figure above "+fmt.Sprint(quiet)+".",
		"load", "implementation", "sessions/s", "ratio", "CPU µs each", "ratio", "overhead p50 / p99 ms", "peak MiB", "no session", "rig", "other")
	for _, one := range all {
		name := one.name
		b.noisiest = max(b.noisiest, slices.Max(values(m[name], round.noise)))
		table.row(words, name, figure(m.of(name, round.rate)), m.ratio(name, b.baseline, round.rate), figure(m.of(name, round.cpuEach)),
			m.ratio(name, b.baseline, round.cpuEach), figure(m.of(name, overheadP50))+" / "+figure(m.of(name, overheadP99)),
			figure(slices.Max(values(m[name], peakOf))), m.failed(name), figure(m.of(name, round.busy)), figure(m.of(name, round.noise)))
		words = ""
	}
	b.judge(kind, callers, m)
	return nil
}

// judge notes which targets the load meets, and what the chart shows of it.
func (b *bench) judge(kind string, callers int, m measured) {
	if m[bridgeName] == nil || m[baselineName] == nil {
		return
	}
	words := fmt.Sprintf("%s, %d at once: ", upstreams[kind].words, callers)
	if kind == "delayed" {
		p99 := m.ratio(bridgeName, baselineName, overheadP99)
		b.promise(words+"overhead p99 ÷ floor's", p99.median, true, 1.5, "")
	} else {
		b.promise(words+"sessions/s ÷ floor's", m.ratio(bridgeName, baselineName, round.rate).median, false, 0.85, "")
	}
	b.promise(words+"CPU ÷ floor's", m.ratio(bridgeName, baselineName, round.cpuEach).median, true, 1.2, "")
	if callers == 256 {
		b.promise(words+"peak memory", slices.Max(values(m[bridgeName], peakOf)), true, 64, " MiB")
	}
	b.draw(kind, callers, m)
}

// table returns the report's section of that title, which is added if there is none.
func (b *bench) table(title, words string, head ...string) *section {
	for i := range b.sections {
		if b.sections[i].title == title {
			return &b.sections[i]
		}
	}
	b.sections = append(b.sections, section{title: title, words: words, head: head})
	return &b.sections[len(b.sections)-1]
}

// startAll starts all implementations, but those of the names. What was started is
// returned with an error, too.
func (b *bench) startAll(under conditions, without ...string) ([]*running, error) {
	var all []*running
	for _, one := range b.all {
		if slices.Contains(without, one.name) {
			continue
		}
		r, err := one.start(b.folder, under)
		if err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, nil
}

func stopAll(all []*running) {
	for _, r := range all {
		r.stop()
	}
}

// bridge returns the bridge's implementation, whether or not it was chosen.
func (b *bench) bridge() implementation {
	return b.known[slices.IndexFunc(b.known, func(one implementation) bool { return one.name == bridgeName })]
}
