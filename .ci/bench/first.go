package main

import (
	"fmt"
	"time"
)

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
			first, warm, err := r.firstAndLater()
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

// firstAndLater returns what the next session takes, and the median of those that follow,
// in milliseconds.
func (r *running) firstAndLater() (first, later float64, err error) {
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
	first, later, ratio := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	for range 3 {
		for _, r := range all {
			if _, err := r.measure(8, time.Second, 0); err != nil {
				return err
			}
		}
		time.Sleep(b.idle)
		for _, r := range all {
			one, more, err := r.firstAndLater()
			if err != nil {
				return err
			}
			first[r.name], later[r.name], ratio[r.name] = append(first[r.name], one), append(later[r.name], more), append(ratio[r.name], one/more)
		}
	}
	table := b.table("The first session after nobody came", fmt.Sprintf("TLS and HTTP/2, 0 ms, and %d ms for each handshake. Vendors close connections that were idle for %v, and nobody comes for %v, which stands for ten minutes and vendors that close after more than %[2]v. Medians of 3 times.",
		handshake.Milliseconds(), b.idleLimit, b.idle), "implementation", "first, ms", "later, ms", "first ÷ later")
	for _, r := range all {
		table.row(r.name, figure(median(first[r.name])), figure(median(later[r.name])), figure(median(ratio[r.name])))
	}
	b.promise("first session after idling ÷ later ones", median(ratio[bridgeName]), true, 2, "")
	return nil
}
