package adapters

import (
	"context"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/lines"
	"nativebridge/adapters/memory"
	"nativebridge/adapters/metrics"
	"nativebridge/adapters/ops"
	"nativebridge/adapters/redis"
	"nativebridge/domain"
	"nativebridge/ports"
)

// This file says what the metrics read, besides what wrappers tell them. Nothing here
// asks a party: a scrape reads what the process knows.

// newMetrics returns the metrics of a process that serves.
func newMetrics(c Config, run Runtime) *metrics.Metrics {
	verifiers := map[string]string{}
	for _, choice := range c.verifiers() {
		verifiers[choice.Config(&c).Policy(c.ClockSkew).Authority] = choice.Name
	}
	m := metrics.New()
	m.Build(run.Version)
	m.CountAttempts(verifiers, string(c.Issuer))
	if run.Reloads != nil {
		m.Gauge("reload_trouble", "1 while what was read last from the files of secrets and certificates has a fault, so that the ones of before are used.", nil, func() float64 { return oneIf(run.Reloads.Trouble()) })
	}
	if run.LogStream != nil {
		m.Counter("log_lines_lost_total", "Log lines that were never written.", nil, func() float64 { return float64(run.LogStream().Lost) })
		m.Gauge("log_trouble", "1 while log lines are late or lost.", nil, func() float64 { return troubleOf(run.LogStream()) })
	}
	return m
}

// countedAuditLog counts attempts once they are on record.
type countedAuditLog struct {
	next ports.AuditLog
	to   *metrics.Metrics
}

func (l countedAuditLog) Record(ctx context.Context, attempt domain.Attempt) error {
	err := l.next.Record(ctx, attempt)
	if err != nil && attempt.Err == nil { // a success that must be on record and is not
		if attempt.Event != domain.EventRevoke && attempt.Event != domain.EventRemove && attempt.Event != domain.EventEnd { // those take place all the same
			return err // the use case records it again, as a failure
		}
		attempt.Err = err
	}
	l.to.Attempt(attempt)
	return err
}

// meterAuditLog adds the metrics of the audit log's output.
func meterAuditLog(stream ops.Stream, to *metrics.Metrics) {
	to.Counter("audit_lines_lost_total", "Audit lines that were never written.", nil, func() float64 { return float64(stream().Lost) })
	to.Gauge("audit_trouble", "1 while audit lines are late or lost.", nil, func() float64 { return troubleOf(stream()) })
}

// meterInFlight adds the metrics of the bound of what is in flight.
func meterInFlight(bound inFlight, to *metrics.Metrics) {
	to.Gauge("in_flight", "Exchanges, renewals and revocations that are in flight.", nil, func() float64 { return float64(len(bound.places)) })
	to.Gauge("in_flight_limit", "How many may be in flight at once (MAX_IN_FLIGHT).", nil, func() float64 { return float64(cap(bound.places)) })
	const name, help = "overload_refusals_total", "Requests that were refused at once, because too many are in flight, because their turn came too late, or because work waits for a CPU."
	to.Counter(name, help, metrics.Labels{"why": "in_flight"}, func() float64 { return float64(bound.full.Load()) })
	to.Counter(name, help, metrics.Labels{"why": "too_late"}, func() float64 { return float64(bound.late.Load()) })
	to.Counter(name, help, metrics.Labels{"why": "cpu"}, func() float64 { return float64(bound.slow.Load()) })
}

// meterRenewalMemory adds the metrics of a memory of renewals in the process.
func meterRenewalMemory(renewals *memory.RenewalMemory, to *metrics.Metrics) {
	to.Gauge("renewal_memory_bytes", "What the kept answers to renewals take up, if they are kept in the process.", nil, func() float64 { return float64(renewals.Held()) })
	to.Gauge("renewal_memory_capacity_bytes", "What they may take up, if they are kept in the process.", nil, func() float64 { return memory.RenewalCapacity })
}

const memoryAge, memoryAgeHelp = "guard_memory_age_seconds", "How far back the guard of used proofs remembers; it refuses whatever is older."

// meterMemoryGuard adds the metrics of a guard that remembers in the process.
func meterMemoryGuard(guard *memory.ReplayGuard, born time.Time, now Clock, to *metrics.Metrics) {
	to.Gauge("guard_claims", "Used proofs that the guard remembers, if it does so in the process.", nil, func() float64 { return float64(guard.Claims()) })
	to.Gauge("guard_capacity", "How many used proofs the guard can remember, if it does so in the process.", nil, func() float64 { return memory.Capacity })
	to.Gauge(memoryAge, memoryAgeHelp, nil, func() float64 { return max(0, now().Sub(born).Seconds()) })
}

// meterStore adds the metrics of a guard that remembers in the store.
func meterStore(store *redis.Store, to *metrics.Metrics) {
	to.Gauge(memoryAge, memoryAgeHelp, nil, func() float64 { return store.MemoryAge().Seconds() })
}

// meterServer adds the metrics of the process as a whole: what readiness tells, and the
// connections of apps.
func meterServer(api *httpapi.Server, health *ops.Health, to *metrics.Metrics) {
	to.Gauge("ready", "1 while the bridge is ready.", nil, func() float64 { return oneIf(health.Ready()) })
	for _, party := range health.Upstreams() {
		to.Gauge("upstream_trouble", "1 while what a party was asked last met trouble, or while it refuses the bridge.",
			metrics.Labels{"upstream": party.Name()}, func() float64 { return oneIf(party.Trouble() != nil) })
	}
	if !api.CertificateExpires().IsZero() {
		to.Gauge("tls_certificate_expiry_timestamp_seconds", "When the certificate that apps see expires, in Unix time, if the bridge serves TLS.", nil,
			func() float64 { return float64(api.CertificateExpires().Unix()) })
	}
	to.Gauge("http_connections", "Connections of apps that are open.", nil, func() float64 {
		open, _ := api.OpenConnections()
		return float64(open)
	})
	to.Gauge("http_connections_limit", "How many connections of apps may be open at once.", nil, func() float64 {
		_, most := api.OpenConnections()
		return float64(most)
	})
	to.Counter("log_lines_left_out_total", "Log lines of refused requests that were left out because many were alike.", nil,
		func() float64 { return float64(api.LogLinesLeftOut()) })
	to.Counter("webhooks_forged_total", "Webhooks that were refused because no active key of the Authsignal tenant had signed them, or at another time.", nil,
		func() float64 { return float64(api.WebhooksForged()) })
}

func troubleOf(status lines.Status) float64 { return oneIf(status.Trouble != "") }

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}

// meterEndedMemory adds the metrics of marks that are remembered in the process.
func meterEndedMemory(sessions *memory.EndedSessions, to *metrics.Metrics) {
	to.Gauge("ended_marks", "Persons whose sessions have ended, as far as the process remembers them by itself.", nil, func() float64 { return float64(sessions.Marks()) })
	to.Gauge("ended_marks_capacity", "How many of them it can remember.", nil, func() float64 { return memory.EndedCapacity })
}

// meterEndings adds the metrics of what the issuer is to end.
func meterEndings(e *endings, to *metrics.Metrics) {
	to.Gauge("issuer_endings_waiting", "Persons whose sessions the issuer is still to end.", nil, func() float64 { return float64(e.waits()) })
	const name, help = "issuer_endings_total", "Persons whose sessions the issuer was to end, by how that ended."
	to.Counter(name, help, metrics.Labels{"outcome": "ended"}, func() float64 { return float64(e.done.Load()) })
	to.Counter(name, help, metrics.Labels{"outcome": "given_up"}, func() float64 { return float64(e.failed.Load()) })
}
