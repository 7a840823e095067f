package main

import (
	"fmt"
	"math"
	"time"
)

// What the model assumes, and what was measured or documented. docs/operate/capacity.md says
// where each comes from.
const (
	peakFactor = 10 // the busiest minute's sign-ins are so many times those of an average minute

	verifyTakes = 80 * time.Millisecond  // Authsignal's answer
	issueTakes  = 400 * time.Millisecond // Auth0's, with the Login script
	scriptTakes = 200 * time.Millisecond // the script's part of that
	slowTakes   = 2 * time.Second        // both together when vendors are slow: places must do for that

	cpuEach       = 900 * time.Microsecond // of a core, for an exchange
	heldPlaces    = 256                    // MAX_IN_FLIGHT
	keptFor       = 670 * time.Second      // a claim
	claimBytes    = 300                    // in the process: 150, and as much again until they are collected
	redisBytes    = 260 + 600              // a claim, and three counts of the limits
	redisCalls    = 1 + 6                  // a claim; a read and a swap for each of three limits
	auditBytes    = 700
	baseMiB       = 80 // the process with MAX_IN_FLIGHT exchanges in flight
	connectionKiB = 40 // an idle connection of an app
	idleFor       = 2 * time.Minute
	mostScripts   = 250 // that a public tenant runs at once, Actions included

	ours     = 0.8 // the bridge's share of the tenant's limit: the rest is other applications'
	headroom = 1.5 // over the busiest minute: renewals, and chance
)

// plan is a limit of Auth0's Authentication API for a whole tenant.
type plan struct {
	name      string
	perSecond float64
}

func plans() []plan {
	return []plan{{"Free", 5}, {"Professional", 25}, {"Enterprise", 100}, {"Enterprise with a burst of 2", 200}}
}

// load is how many people sign in.
type load struct {
	name string
	peak float64 // sign-ins a second in the busiest minute
}

func loads() []load {
	return []load{
		{"1 a minute", 1. / 60}, {"1 a second", 1}, {"10 a second", 10}, {"100 a second", 100},
		{"a day of a million", 1e6 * peakFactor / 86400},
	}
}

// day returns how many people sign in in a day.
func (l load) day() float64 { return l.peak * 86400 / peakFactor }

// plan returns the least that is enough.
func (l load) plan() plan {
	for _, p := range plans() {
		if p.perSecond*ours >= l.peak*headroom || p == plans()[len(plans())-1] {
			return p
		}
	}
	panic("unreachable")
}

// replicas returns how many there must be: one more than have places enough while vendors
// are slow. One is enough for somebody whom a minute without sign-ins does not hurt.
func (l load) replicas() int {
	if l.peak < 0.1 {
		return 1
	}
	return 1 + int(math.Ceil(l.peak*slowTakes.Seconds()/heldPlaces))
}

// site returns what is to be run for the load on that plan.
func (l load) site(p plan) site {
	return site{
		vendors:  vendors{verify: usually(verifyTakes), issue: usually(issueTakes), script: scriptTakes},
		settings: settings{places: heldPlaces, cpu: cpuEach, perSecond: p.perSecond * ours / float64(l.replicas())},
		replicas: l.replicas(),
	}
}

// line is a line of the arithmetic: what, how, and how much for a load.
type line struct {
	what, how string
	of        func(load) string
}

func model() []line {
	took := (verifyTakes + issueTakes).Seconds()
	return []line{
		{"sign-ins in a day", "peak × 86,400 s ÷ 10", func(l load) string { return number(l.day()) }},
		{"requests to Auth0", "1 × peak", func(l load) string { return number(l.peak) + "/s" }},
		{"… with headroom", "× 1.5", func(l load) string { return number(l.peak*headroom) + "/s" }},
		{"**Auth0's plan**", "its limit × 0.8 ≥ that", func(l load) string { return fmt.Sprintf("%s, %.0f/s", l.plan().name, l.plan().perSecond) }},
		{"requests to Authsignal", "3 × peak", func(l load) string { return number(3*l.peak) + "/s" }},
		{"Login scripts at once", "peak × 0.2 s, of 250", func(l load) string { return number(l.peak * scriptTakes.Seconds()) }},
		{"… reach 250 when one takes", "250 ÷ peak; it gives up at 4 s", func(l load) string { return number(mostScripts/l.peak) + " s" }},
		{"in flight", "peak × 0.48 s", func(l load) string { return number(l.peak * took) }},
		{"… while vendors are slow", "peak × 2 s", func(l load) string { return number(l.peak * slowTakes.Seconds()) }},
		{"**replicas**", "1 + the last line ÷ 256, rounded up", func(l load) string { return fmt.Sprint(l.replicas()) }},
		{"**`AUTH0_RATE_LIMIT`**", "the plan's × 0.8 ÷ replicas", func(l load) string { return number(l.site(l.plan()).perSecond) }},
		{"**`REPLAY_STORE`**", "Redis from two replicas on", func(l load) string { return map[bool]string{true: "`memory`", false: "Redis"}[l.replicas() == 1] }},
		{"CPU, all replicas", "peak × 0.9 ms", func(l load) string { return number(l.peak*cpuEach.Seconds()) + " cores" }},
		{"claims kept", "peak × 670 s", func(l load) string { return number(l.peak * keptFor.Seconds()) }},
		{"… in `memory`", "× 300 bytes", func(l load) string { return bytes(l.peak * keptFor.Seconds() * claimBytes) }},
		{"… in Redis, with the limits'", "× 860 bytes", func(l load) string { return bytes(l.peak * keptFor.Seconds() * redisBytes) }},
		{"scripts in Redis", "7 × peak", func(l load) string { return number(redisCalls*l.peak) + "/s" }},
		{"connections of apps, each replica", "peak × 120 s ÷ replicas, at most 2,048", func(l load) string { return number(l.connections()) }},
		{"**memory of a replica**", "80 MiB + 40 KiB for each", func(l load) string { return fmt.Sprintf("%.0f MiB", baseMiB+l.connections()*connectionKiB/1024) }},
		{"audit log", "sign-ins in a day × 700 bytes", func(l load) string { return bytes(l.day()*auditBytes) + " a day" }},
	}
}

// connections returns how many apps stay connected to a replica, if no load balancer holds
// their connections.
func (l load) connections() float64 {
	return min(2048, l.peak*idleFor.Seconds()/float64(l.replicas()))
}

// number prints with as many digits as it deserves.
func number(x float64) string {
	switch {
	case x >= 1000:
		return thousands(int(math.Round(x)))
	case x >= 9.95:
		return fmt.Sprintf("%.0f", x)
	case x >= 0.95:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2g", x)
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

func bytes(x float64) string {
	for _, unit := range []string{"B", "kB", "MB"} {
		if x < 999.5 {
			return number(x) + " " + unit
		}
		x /= 1000
	}
	return number(x) + " GB"
}
