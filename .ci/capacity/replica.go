package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// What the bridge does by default, and an app by its contract.
const (
	requestTimeout = 10 * time.Second // REQUEST_TIMEOUT
	leastForAnswer = time.Second      // what the budget leaves of it for Auth0's answer
	retryAfter     = 5 * time.Second  // Retry-After, if nothing better is known
	tokenLife      = 10 * time.Minute // AUTHSIGNAL_MAX_AGE: then the person must sign in again
)

// vendors are how long the two take to answer.
type vendors struct {
	verify, issue latency
	script        time.Duration // the last part of issue, in which Auth0 runs the Login script
}

// latency draws how long an answer takes.
type latency func(*rand.Rand) time.Duration

// usually returns answers that take half of the mean always, and the rest by chance
// (exponentially): one in a hundred takes 2.8 times the mean.
func usually(mean time.Duration) latency {
	return func(r *rand.Rand) time.Duration {
		return mean/2 + time.Duration(float64(mean/2)*r.ExpFloat64())
	}
}

// between returns answers that take the mean, and up to a quarter more or less.
func between(mean time.Duration) latency {
	return func(r *rand.Rand) time.Duration {
		return mean*3/4 + time.Duration(float64(mean/2)*r.Float64())
	}
}

// settings are those of a replica that matter here.
type settings struct {
	places    int           // MAX_IN_FLIGHT
	cpu       time.Duration // that an exchange takes of a core
	perSecond float64       // AUTH0_RATE_LIMIT; 0 if there is none
}

// replica is one process with one core.
type replica struct {
	*world
	settings
	inFlight, mostInFlight int
	coreFree               time.Duration // when the core has done all that it has been given
	worked                 time.Duration
	turn                   time.Duration // when the next request to Auth0 would be due at an even pace
}

// world is what all replicas share.
type world struct {
	clock
	vendors
	random      *rand.Rand
	verified    int // calls of the bridge to Authsignal
	scripts     int // Login scripts that run
	mostScripts int
}

func newWorld(v vendors) *world { return &world{vendors: v, random: rand.New(rand.NewPCG(1, 2))} }

// newReplica returns one that nobody has asked yet.
func (w *world) newReplica(s settings) *replica {
	return &replica{world: w, settings: s, turn: -time.Hour}
}

// exchange turns a token into a session, and tells done when. If it is refused, comeBack is
// Retry-After; otherwise 0.
func (r *replica) exchange(done func(comeBack time.Duration)) {
	if r.inFlight == r.places {
		done(retryAfter)
		return
	}
	deadline := r.now + requestTimeout
	r.inFlight++
	r.mostInFlight = max(r.mostInFlight, r.inFlight)
	leave := func(comeBack time.Duration) {
		r.inFlight--
		done(comeBack)
	}
	r.work(func() {
		r.verified++
		r.after(r.verify(r.random), func() {
			r.work(func() {
				wait, given := r.takeTurn(deadline)
				if !given {
					leave(max(wait, time.Second))
					return
				}
				r.after(wait, func() { r.open(func() { r.work(func() { leave(0) }) }) })
			})
		})
	})
}

// work takes a third of an exchange's time of the core, after all that came before.
func (r *replica) work(then func()) {
	r.worked += r.cpu / 3
	r.coreFree = max(r.coreFree, r.now) + r.cpu/3
	r.after(r.coreFree-r.now, then)
}

// takeTurn returns how long the next turn at Auth0 is away. It is not given if no time
// would be left for the answer. A replica that has been silent for a second may send a
// second's requests at once.
func (r *replica) takeTurn(deadline time.Duration) (wait time.Duration, given bool) {
	if r.perSecond == 0 {
		return 0, true
	}
	pace := time.Duration(float64(time.Second) / r.perSecond)
	burst := time.Duration(math.Max(1, math.Floor(r.perSecond))) * pace
	due := max(r.turn, r.now+pace-burst)
	wait = max(0, due-r.now)
	if wait > 0 && deadline-r.now < wait+leastForAnswer {
		return wait, false
	}
	r.turn = due + pace
	return wait, true
}

// open has Auth0 open the session.
func (r *replica) open(then func()) {
	takes := r.issue(r.random)
	script := min(r.script, takes)
	r.after(takes-script, func() {
		r.scripts++
		r.mostScripts = max(r.mostScripts, r.scripts)
		r.after(script, func() {
			r.scripts--
			then()
		})
	})
}
