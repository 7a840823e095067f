package metrics

import (
	"nativebridge/adapters/internal/serving"
	"nativebridge/adapters/internal/settings"
)

// Config says where the metrics are read.
type Config struct {
	Addr  serving.Addr    `env:"METRICS_ADDR" help:"the address that Prometheus reads the metrics from, at /metrics, such as :9464 or 127.0.0.1:9464; the probes answer there too; it must not be that of LISTEN_ADDR or OPS_ADDR, and apps should not reach it; without it there are no metrics"`
	Pprof settings.Switch `env:"METRICS_PPROF" envDefault:"off" help:"on if profiles of the process, for go tool pprof, are to be had at /debug/pprof/ of METRICS_ADDR; they slow the process down while somebody takes one"`
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	if !c.Pprof || c.Addr != "" {
		return nil
	}
	return []settings.Fault{{
		Name:    "METRICS_PPROF",
		Problem: "is on, and METRICS_ADDR is not set",
		Fix:     "set METRICS_ADDR too, such as to 127.0.0.1:9464: profiles are only to be had there",
	}}
}
