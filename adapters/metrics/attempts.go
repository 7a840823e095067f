package metrics

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"nativebridge/domain"
)

// deliveredKept is how many proofs that have opened a session are remembered, in some
// 6 MiB: those of eleven minutes, for which a claim is kept by default, at a hundred
// sign-ins a second. A replay of an older one is counted as any other.
const deliveredKept = 1 << 16

// nobody is the verifier of an attempt that proved nobody.
const nobody = "none"

// outcomes are how an attempt can end besides well: with a reason, or as a fault of ours.
var outcomes = []string{
	string(domain.ErrTokenRejected), string(domain.ErrTokenReplayed), string(domain.ErrAccessDenied), string(domain.ErrMFARequired),
	string(domain.ErrAccountBlocked), string(domain.ErrGrantInvalid), string(domain.ErrScopeInvalid), string(domain.ErrTargetInvalid),
	string(domain.ErrBusy), string(domain.ErrUnavailable), "fault",
}

// passkeyEvents are those of people who manage their passkeys by an access token, and
// passkeyOutcomes how these can end beyond outcomes.
var (
	passkeyEvents   = []domain.Event{domain.EventEnrol, domain.EventList, domain.EventRemove}
	passkeyOutcomes = []string{
		string(domain.ErrAccessTokenInvalid), string(domain.ErrScopeInsufficient), string(domain.ErrSignInTooOld),
		string(domain.ErrEnrolmentDenied), string(domain.ErrPasskeyUnknown),
	}
)

// outcomesOf are how an attempt of the event can end.
func outcomesOf(event domain.Event) []string {
	ends := append([]string{domain.Attempt{Event: event}.Outcome()}, outcomes...)
	if slices.Contains(passkeyEvents, event) {
		ends = append(ends, passkeyOutcomes...)
	}
	return ends
}

// attempts counts the calls of the use cases.
type attempts struct {
	verifiers map[string]string // names of ours, by authority
	issuer    string
	total     *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	notes     *prometheus.CounterVec
	replays   prometheus.Counter
	renewals  renewals
	delivered delivered
}

// renewals counts what a lost answer, or an app that renews twice at once, comes to.
type renewals struct{ repeated, waited, doubted prometheus.Counter }

func (m *Metrics) newRenewals() renewals {
	return renewals{
		repeated: m.counters("renewals_repeated_total", "Renewals that got the answer to an earlier one again, with the same refresh token.").WithLabelValues(),
		waited:   m.counters("renewals_waited_total", "Renewals that waited for another one with the same refresh token.").WithLabelValues(),
		doubted:  m.counters("renewals_in_doubt_total", "Renewals that left or met doubt: the issuer may have used the refresh token up, and nobody has the answer.").WithLabelValues(),
	}
}

func (r renewals) count(attempt domain.Attempt) {
	switch {
	case attempt.Waited:
		r.waited.Inc()
	case attempt.Repeated && attempt.Err == nil:
		r.repeated.Inc()
	}
	if domain.ProofInDoubt(attempt.Err) {
		r.doubted.Inc()
	}
}

// CountAttempts adds the metrics of attempts, which Attempt feeds. Verifiers has the name
// of the verifier that is chosen for each authority, and issuer is the issuer's name. To
// be called once, before the first attempt. Every series is there from the start, so that
// the first fault is seen as an increase.
func (m *Metrics) CountAttempts(verifiers map[string]string, issuer string) {
	if m == nil {
		return
	}
	a := &attempts{verifiers: verifiers, issuer: issuer, delivered: delivered{known: map[domain.ProofKey]bool{}}}
	a.total = m.counters("attempts_total", "Calls of a use case, by how they ended; verifier is none if nobody was proven.", "event", "outcome", "verifier", "issuer")
	a.duration = m.histograms("attempt_duration_seconds", "How long a call of a use case took.",
		[]float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "event")
	a.replays = m.counters("replays_after_delivery_total", "Proofs that came again after this process had delivered a session for them.").WithLabelValues()
	a.renewals = m.newRenewals()
	a.notes = m.counters("attempt_notes_total", "Attempts that say more than how they ended, such as why a session was over.", "event", "note")
	for _, note := range []domain.Note{domain.NoteEnded, domain.NoteNoPasskey, domain.NoteNotRechecked} {
		a.notes.WithLabelValues(string(domain.EventRenew), string(note))
	}
	for _, note := range []domain.Note{domain.NotePasskeyDeleted, domain.NoteUserDeleted, domain.NotePasskeyLeft} {
		a.notes.WithLabelValues(string(domain.EventEnd), string(note))
	}
	a.total.WithLabelValues(string(domain.EventEnd), "sessions_kept", nobody, issuer)
	for _, event := range append([]domain.Event{domain.EventExchange, domain.EventRenew, domain.EventRevoke, domain.EventEnd}, passkeyEvents...) {
		a.duration.WithLabelValues(string(event))
		for _, outcome := range outcomesOf(event) {
			a.total.WithLabelValues(string(event), outcome, nobody, issuer)
		}
	}
	for _, verifier := range verifiers {
		for _, outcome := range outcomesOf(domain.EventExchange) {
			a.total.WithLabelValues(string(domain.EventExchange), outcome, verifier, issuer)
		}
	}
	m.attempts = a
}

// Attempt counts an attempt that is over. It does nothing before CountAttempts.
func (m *Metrics) Attempt(attempt domain.Attempt) {
	if m == nil || m.attempts == nil {
		return
	}
	a, outcome := m.attempts, attempt.Outcome()
	verifier := nobody
	if attempt.Event != domain.EventEnd { // no token proved anybody
		verifier = a.verifierOf(attempt.Identity)
	}
	a.total.WithLabelValues(string(attempt.Event), outcome, verifier, a.issuer).Inc()
	a.duration.WithLabelValues(string(attempt.Event)).Observe(attempt.Took.Seconds())
	if attempt.Note != "" {
		a.notes.WithLabelValues(string(attempt.Event), string(attempt.Note)).Inc()
	}
	if attempt.Event == domain.EventRenew {
		a.renewals.count(attempt)
	}
	switch {
	case attempt.Event != domain.EventExchange || attempt.Proof == domain.ProofKey{}:
	case attempt.Err == nil:
		a.delivered.add(attempt.Proof)
	case outcome == string(domain.ErrTokenReplayed) && a.delivered.has(attempt.Proof):
		a.replays.Inc()
	}
}

// verifierOf returns the name of the verifier that proved the identity. An authority that
// no verifier has vouches for nobody.
func (a *attempts) verifierOf(identity domain.Identity) string {
	if name, known := a.verifiers[identity.Authority]; known {
		return name
	}
	return nobody
}

// delivered remembers the proofs that have opened a session, the last deliveredKept of
// them.
type delivered struct {
	mu    sync.Mutex
	known map[domain.ProofKey]bool
	order []domain.ProofKey // a ring, once it is full
	next  int               // the place of the oldest in it, then
}

func (d *delivered) add(proof domain.ProofKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known[proof] {
		return
	}
	d.known[proof] = true
	if len(d.order) < deliveredKept {
		d.order = append(d.order, proof)
		return
	}
	delete(d.known, d.order[d.next])
	d.order[d.next] = proof
	d.next = (d.next + 1) % deliveredKept
}

func (d *delivered) has(proof domain.ProofKey) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[proof]
}
