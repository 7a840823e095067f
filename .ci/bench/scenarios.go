package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bench is one run of this program.
type bench struct {
	plan
	all       []implementation
	baseline  string // the implementation that ratios are taken to
	folder    string // for what lasts no longer than the run
	idle      time.Duration
	idleLimit time.Duration
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
	scenarios := map[string]func() error{"cold": b.cold, "idle": b.afterIdling, "connections": b.connections, "redis": b.redis, "replicas": b.replicas, "faults": b.faults}
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
		"cores: those of vendors and callers, who would hold everybody back near 1, and those of other work on this machine, which spoils a figure above 0.1.",
		"load", "implementation", "sessions/s", "ratio", "CPU µs each", "ratio", "overhead p50 / p99 ms", "peak MiB", "no session", "rig", "other")
	for _, one := range all {
		name := one.name
		failed := 0
		for _, r := range m[name] {
			failed += len(r.answers) - r.sessions()
		}
		table.row(words, name, figure(m.of(name, round.rate)), m.ratio(name, b.baseline, round.rate), figure(m.of(name, round.cpuEach)),
			m.ratio(name, b.baseline, round.cpuEach), figure(m.of(name, overheadP50))+" / "+figure(m.of(name, overheadP99)),
			figure(slices.Max(values(m[name], peakOf))), failed, figure(m.of(name, round.busy)), figure(m.of(name, round.noise)))
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

// startAll starts all implementations. What was started is returned with the error, too.
func (b *bench) startAll(under conditions) ([]*running, error) {
	var all []*running
	for _, one := range b.all {
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
	i := slices.IndexFunc(b.all, func(one implementation) bool { return one.name == bridgeName })
	return b.all[i]
}

// one asks for a session on a connection of its own, and returns the milliseconds that it
// took.
func (r *running) one() (float64, error) {
	caller := r.load().caller(0)
	defer caller.hangUp()
	a := caller.ask(time.Now())
	if !a.session {
		return 0, fmt.Errorf("%s answered %d", r.name, a.status)
	}
	return a.took.Seconds() * 1000, nil
}

// cold measures the first session of a process, right after it is ready, against later ones.
func (b *bench) cold() error {
	type times struct{ listening, first, warm, ratio []float64 }
	results := map[string]*times{}
	for n := range b.rounds {
		for i := range b.all {
			one := b.all[(i+n)%len(b.all)]
			t := results[one.name]
			if t == nil {
				t = &times{}
				results[one.name] = t
			}
			r, err := one.start(b.folder, conditions{tls: true, handshake: handshake})
			if err != nil {
				return err
			}
			first, warm, err := r.firstAndLater(0)
			r.stop()
			if err != nil {
				return err
			}
			t.listening = append(t.listening, r.listening.Seconds()*1000)
			t.first, t.warm, t.ratio = append(t.first, first), append(t.warm, warm), append(t.ratio, first/warm)
		}
	}
	table := b.table("The first session of a process", fmt.Sprintf("TLS and HTTP/2, 0 ms, and %d ms for each handshake. A process starts, and its first session is asked for as soon as it is ready (if it has a probe; otherwise as soon as it listens). Medians of %d starts.", handshake.Milliseconds(), b.rounds),
		"implementation", "start to listening, ms", "first, ms", "later, ms", "first ÷ later")
	for _, one := range b.all {
		t := results[one.name]
		table.row(one.name, figure(median(t.listening)), figure(median(t.first)), figure(median(t.warm)), figure(median(t.ratio)))
	}
	if t := results[bridgeName]; t != nil {
		b.promise("first session ÷ later ones", median(t.ratio), true, 2, "")
		b.promise("start to listening", median(t.listening), true, 50, " ms")
	}
	return nil
}

// handshake is what one takes where connections are dear: two round trips of 30 ms.
const handshake = 60 * time.Millisecond

// firstAndLater returns what the next session takes after the process was idle, and the
// median of those that follow, in milliseconds.
func (r *running) firstAndLater(idle time.Duration) (first, later float64, err error) {
	time.Sleep(idle)
	if first, err = r.one(); err != nil {
		return 0, 0, err
	}
	var more []float64
	for range 30 {
		took, err := r.one()
		if err != nil {
			return 0, 0, err
		}
		more = append(more, took)
	}
	return first, median(more), nil
}

// afterIdling measures the first session after nobody has come for so long that vendors
// closed their connections.
func (b *bench) afterIdling() error {
	all, err := b.startAll(conditions{tls: true, handshake: handshake, idleLimit: b.idleLimit})
	defer stopAll(all)
	if err != nil {
		return err
	}
	table := b.table("The first session after nobody came", fmt.Sprintf("TLS and HTTP/2, 0 ms, and %d ms for each handshake. Vendors close connections that were idle for %v, and nobody comes for %v: that stands for ten minutes, with vendors that close after more.", handshake.Milliseconds(), b.idleLimit, b.idle),
		"implementation", "first, ms", "later, ms", "first ÷ later")
	for _, r := range all {
		if _, err := r.measure(8, time.Second, 0); err != nil {
			return err
		}
	}
	time.Sleep(b.idle)
	for _, r := range all {
		first, later, err := r.firstAndLater(0)
		if err != nil {
			return err
		}
		table.row(r.name, figure(first), figure(later), figure(first/later))
		if r.name == bridgeName {
			b.promise("first session after idling ÷ later ones", first/later, true, 2, "")
		}
	}
	return nil
}

// connections measures the memory of a process to which many apps are connected.
func (b *bench) connections() error {
	const apps = 4000
	table := b.table("Memory", fmt.Sprintf("%d apps sign in over plain HTTP, 256 at once, and stay connected. The bridge has `MAX_CONNECTIONS=4608`.", apps),
		"implementation", "peak MiB")
	for _, one := range b.all {
		r, err := one.start(b.folder, conditions{}, "MAX_CONNECTIONS=4608")
		if err != nil {
			return err
		}
		if err := r.connect(apps); err != nil {
			r.stop()
			return err
		}
		table.row(r.name, figure(r.peak()))
		if r.name == bridgeName {
			b.promise(fmt.Sprintf("peak memory, %d idle connections", apps), r.peak(), true, 128, " MiB")
		}
		r.stop()
	}
	return nil
}

// connect has so many callers sign in, who then stay connected until all have.
func (r *running) connect(callers int) error {
	if err := r.forgetPeak(); err != nil {
		return err
	}
	load := r.load()
	places := make(chan struct{}, 256)
	all := make([]*caller, callers)
	var answers []answer
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range all {
		all[i] = load.caller(i)
		defer all[i].hangUp()
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			one := all[i].ask(time.Now())
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, one)
		})
	}
	group.Wait()
	for _, a := range answers {
		if !a.session {
			return fmt.Errorf("%s answered %d", r.name, a.status)
		}
	}
	return nil
}

// startRedis starts a Redis on the vendors' core, and returns its URL.
func startRedis() (*process, string, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, "", err
	}
	_, port, _ := strings.Cut(addr, ":")
	p, err := start(ourCore, "", nil, "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no")
	if err != nil {
		return nil, "", err
	}
	return p, "redis://" + addr, p.await(func() bool { return listens(addr) })
}

// redis compares the two replay guards.
func (b *bench) redis() error {
	server, url, err := startRedis()
	if err != nil {
		return err
	}
	defer server.stop()
	const memory, shared = "memory", "Redis"
	var all []*running
	defer func() { stopAll(all) }()
	for name, setting := range map[string]string{memory: "REPLAY_STORE=memory", shared: "REPLAY_STORE=" + url} {
		r, err := b.bridge().start(b.folder, conditions{}, setting)
		if err != nil {
			return err
		}
		r.name = name
		all = append(all, r)
	}
	table := b.table("Redis against memory", "`native-bridge` with `REPLAY_STORE` on a Redis of this machine, which runs on the vendors' core, and without. Plain HTTP, 0 ms.",
		"load", "`REPLAY_STORE`", "sessions/s", "ratio", "CPU µs each", "ratio", "no session", "rig", "other")
	for _, callers := range []int{32, 256} {
		m, err := b.compare(all, callers)
		if err != nil {
			return err
		}
		for _, name := range []string{memory, shared} {
			failed := 0
			for _, r := range m[name] {
				failed += len(r.answers) - r.sessions()
			}
			table.row(fmt.Sprint(callers, " at once"), name, figure(m.of(name, round.rate)), m.ratio(name, memory, round.rate), figure(m.of(name, round.cpuEach)),
				m.ratio(name, memory, round.cpuEach), failed, figure(m.of(name, round.busy)), figure(m.of(name, round.noise)))
		}
		b.promise(fmt.Sprintf("sessions/s with Redis ÷ with memory, %d at once", callers), m.ratio(shared, memory, round.rate).median, false, 0.85, "")
	}
	return nil
}

// replicas compares three processes that share a Redis with one that has it alone. They
// share a core, too, so that only the CPU time of a session can tell what a third core
// would bring.
func (b *bench) replicas() error {
	server, url, err := startRedis()
	if err != nil {
		return err
	}
	defer server.stop()
	v, err := conditions{}.open(b.folder)
	if err != nil {
		return err
	}
	defer v.close()
	var all []*running
	defer func() {
		for _, r := range all {
			r.process.stop()
		}
	}()
	for range 3 {
		r, err := b.bridge().join(v, "REPLAY_STORE="+url)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	m := measured{}
	const one, three = "1", "3"
	for n := range b.rounds + 1 {
		for name, processes := range map[string][]*running{one: all[:1], three: all} {
			round, err := measure(processes, 96, b.warmUp, b.length)
			if err != nil {
				return err
			}
			if n > 0 { // the first is to warm up
				m[name] = append(m[name], round)
			}
		}
	}
	table := b.table("Several processes on one Redis", "96 callers at once, spread over the processes, which all share the one core: so many cores would deliver so many times as much if a session costs no more CPU time.",
		"processes", "sessions/s", "ratio", "CPU µs each", "ratio")
	for _, name := range []string{one, three} {
		table.row(name, figure(m.of(name, round.rate)), m.ratio(name, one, round.rate), figure(m.of(name, round.cpuEach)), m.ratio(name, one, round.cpuEach))
	}
	b.promise("CPU of a session, three processes on one Redis ÷ one", m.ratio(three, one, round.cpuEach).median, true, 1.1, "")
	return nil
}

// faults has vendors fail in each way, and looks at what callers get.
func (b *bench) faults() error {
	table := b.table("When vendors fail", fmt.Sprintf("Vendors of 40 and 120 ms, both of which fail in the way and as often as the row says; 60 new requests a second for 5 s, and the same luck for everybody. Late is what took longer than the time limit of %v, which the guide's back end lacks, and half a second. Sent twice is how many tokens Authsignal and Auth0 saw more than once.", deadline),
		"fault", "implementation", "sessions of 300", "answers", "longest, s", "late", "sent twice to Authsignal / Auth0")
	for _, f := range faults {
		if err := b.fail(f, table); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) fail(f fault, table *section) error {
	all, err := b.startAll(upstreams["delayed"].conditions)
	defer stopAll(all)
	if err != nil {
		return err
	}
	tokens := newMint()
	answers := make([][]answer, len(all))
	var group sync.WaitGroup
	for i, r := range all {
		if _, err := r.measure(8, time.Second, 0); err != nil {
			return err
		}
		r.authsignal.fault.Store(&f)
		r.auth0.fault.Store(&f)
		load := r.load()
		load.mint = &mint{name: tokens.name, issued: tokens.issued}
		group.Go(func() { answers[i] = load.arriving(60, 5*time.Second) })
	}
	group.Wait()
	words := fmt.Sprintf("%s, %v %%", f.name, f.share*100)
	for i, r := range all {
		sessions, late, longest := 0, 0, time.Duration(0)
		for _, a := range answers[i] {
			if a.session {
				sessions++
			}
			if a.took > deadline+500*time.Millisecond {
				late++
			}
			longest = max(longest, a.took)
		}
		table.row(words, r.name, sessions, statuses(answers[i]), fmt.Sprintf("%.1f", longest.Seconds()), late, fmt.Sprint(r.authsignal.twice(), " / ", r.auth0.twice()))
		words = ""
	}
	return nil
}

// statuses says how often there was which: "200: 290, none: 10".
func statuses(answers []answer) string {
	counts := map[string]int{}
	for _, a := range answers {
		switch {
		case a.status == 0:
			counts["none"]++
		case a.status == 200 && !a.session:
			counts["200 without a session"]++
		default:
			counts[strconv.Itoa(a.status)]++
		}
	}
	var words []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s: %d", status, counts[status]))
	}
	return strings.Join(words, ", ")
}
