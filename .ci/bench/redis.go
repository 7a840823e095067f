package main

import (
	"fmt"
	"strings"
)

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
			table.row(fmt.Sprint(callers, " at once"), name, figure(m.of(name, round.rate)), m.ratio(name, memory, round.rate), figure(m.of(name, round.cpuEach)),
				m.ratio(name, memory, round.cpuEach), m.failed(name), figure(m.of(name, round.busy)), figure(m.of(name, round.noise)))
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
			round, err := measure(processes, 96*len(processes), b.warmUp, b.length)
			if err != nil {
				return err
			}
			if n > 0 { // the first is to warm up
				m[name] = append(m[name], round)
			}
		}
	}
	table := b.table("Several processes on one Redis", "96 callers at once for each process. All processes share the one core: three cores would deliver three times as much if a session costs no more CPU time with three.",
		"processes", "sessions/s", "ratio", "CPU µs each", "ratio")
	for _, name := range []string{one, three} {
		table.row(name, figure(m.of(name, round.rate)), m.ratio(name, one, round.rate), figure(m.of(name, round.cpuEach)), m.ratio(name, one, round.cpuEach))
	}
	b.promise("CPU of a session, three processes on one Redis ÷ one", m.ratio(three, one, round.cpuEach).median, true, 1.1, "")
	return nil
}
