package main

import (
	"slices"
	"time"
)

// site is a number of replicas alike.
type site struct {
	vendors
	settings
	replicas int
}

// outcome is what became of a crowd.
type outcome struct {
	people, first, later, gaveUp int             // first: by their first request
	waits                        []time.Duration // of those with a session, from their first request; sorted
	verified                     int             // calls of the bridge to Authsignal
	mostInFlight, mostScripts    int             // in one replica; in all
	busy                         float64         // share of its core that a replica worked
}

// percentile returns how long p percent of those with a session waited at most.
func (o outcome) percentile(p int) time.Duration {
	if len(o.waits) == 0 {
		return 0
	}
	return o.waits[(len(o.waits)-1)*p/100]
}

// rush has people come by chance (a Poisson process) whose rate, in people a second, is that
// of the time, and never more than peak. Each comes back with the same token when
// Retry-After has passed, and up to a second later, for as long as the token lives.
func (s site) rush(rate func(time.Duration) float64, peak float64, lasts time.Duration) outcome {
	w := newWorld(s.vendors)
	all := make([]*replica, s.replicas)
	for i := range all {
		all[i] = w.newReplica(s.settings)
	}
	var o outcome
	next := 0 // the load balancer takes turns
	var try func(came time.Duration, again bool)
	try = func(came time.Duration, again bool) {
		next++
		all[next%len(all)].exchange(func(comeBack time.Duration) {
			wait := comeBack + time.Duration(float64(time.Second)*w.random.Float64())
			switch {
			case comeBack == 0 && !again:
				o.first, o.waits = o.first+1, append(o.waits, w.now-came)
			case comeBack == 0:
				o.later, o.waits = o.later+1, append(o.waits, w.now-came)
			case w.now+wait-came > tokenLife:
				o.gaveUp++
			default:
				w.after(wait, func() { try(came, true) })
			}
		})
	}
	var arrive func()
	arrive = func() {
		if w.now > lasts {
			return
		}
		if w.random.Float64()*peak < rate(w.now) {
			o.people++
			try(w.now, false)
		}
		w.after(time.Duration(float64(time.Second)*w.random.ExpFloat64()/peak), arrive)
	}
	w.after(0, arrive)
	w.run(lasts + 2*tokenLife)
	slices.Sort(o.waits)
	o.verified, o.mostScripts = w.verified, w.mostScripts
	for _, r := range all {
		o.mostInFlight = max(o.mostInFlight, r.mostInFlight)
		o.busy = max(o.busy, r.worked.Seconds()/lasts.Seconds())
	}
	return o
}

// circle has so many callers ask one replica again and again, each when it has its answer,
// as 'make bench' does. It returns the sessions in a second.
func (s site) circle(callers int, lasts time.Duration) (rate float64) {
	w := newWorld(s.vendors)
	r := w.newReplica(s.settings)
	sessions := 0
	const warmUp = time.Second
	var ask func()
	ask = func() {
		r.exchange(func(comeBack time.Duration) {
			if comeBack == 0 && w.now >= warmUp {
				sessions++
			}
			w.after(comeBack, ask)
		})
	}
	for range callers {
		w.after(0, ask)
	}
	w.run(warmUp + lasts)
	return float64(sessions) / lasts.Seconds()
}
