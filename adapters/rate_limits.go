package adapters

import (
	"nativebridge/adapters/limits"
	"nativebridge/adapters/metrics"
	"nativebridge/adapters/redis"
)

// OpenLimits opens the limits of persons and addresses, which count in the store if there
// is one. They are nil, and limit nobody, with RATE_LIMITS=off.
func OpenLimits(c Config, store OpenedStore, run Runtime, in Instruments) (*limits.Limits, func()) {
	if !c.Limits.On {
		return nil, func() {}
	}
	options := limits.Options{Log: run.Log, Now: run.Now}
	if store.Redis != nil {
		options.Shared = redis.NewLimitStore(store.Redis)
	}
	opened := limits.New(c.Limits, options)
	meterLimits(opened, in.Metrics)
	return opened, opened.Close
}

// meterLimits adds the metrics of the limits.
func meterLimits(l *limits.Limits, m *metrics.Metrics) {
	for _, kind := range limits.Kinds {
		m.Counter("rate_limit_refusals_total", "Requests that a limit of the bridge has refused, by limit.",
			metrics.Labels{"limit": kind}, func() float64 { return float64(l.Refused(kind)) })
	}
	m.Gauge("rate_limit_local", "1 while counts cannot be shared with the other replicas, so that each limits by itself.",
		nil, func() float64 { return oneIf(l.Local()) })
}
