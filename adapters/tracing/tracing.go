// Package tracing sends spans of what the bridge does to a collector, by OTLP over HTTP. It
// is off unless the standard OTEL_* variables name a collector. It never makes a request or
// a stop wait for the collector, and sends no attribute that is not in its list.
package tracing

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// closeTime bounds how long a stop waits for the collector.
const closeTime = 2 * time.Second

// Config has what the OTEL_* variables do not say.
type Config struct {
	Upstreams bool `env:"TRACE_UPSTREAMS" envDefault:"false" help:"true: requests to vendors carry the trace (traceparent), so that they can see which of your requests belong together; false: they do not; docs/operate/traces.md says how to turn traces on"`
}

// Tracing makes spans and sends them. It is safe for concurrent use. A nil one does
// nothing, and what it wraps comes back as it was. Make one with Open, and Close it.
type Tracing struct {
	provider  *sdktrace.TracerProvider
	within    within // makes spans inside of others only
	steps     trace.Tracer
	from, to  propagation.TextMapPropagator // of callers, and to parties
	collector *collector
}

// Open returns what the OTEL_* variables of the process' environment ask for, or nil if they
// ask for no traces. What is wrong with them is a warning in log that names the variable and
// never shows a value: some hold credentials. Version is that of the build; "" means what the
// Go tool knows. Open does not connect.
//
// OpenTelemetry's own messages are the process': the last call of Open decides where they
// go.
func Open(config Config, version string, log *slog.Logger) *Tracing {
	found := readVariables()
	for _, fault := range found.faults {
		log.Warn("traces: " + fault)
	}
	if !found.on {
		return nil
	}
	otel.SetLogger(logr.Discard()) // it shows values, and what it says is among the faults
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {
		if len(found.faults) == 0 {
			log.Warn("traces: OpenTelemetry reports a fault: check the OTEL_* variables (docs/operate/traces.md)")
		}
	}))
	exporter, _ := otlptrace.New(context.Background(), newOTLP(found.to)) // starting it does nothing that can fail
	t := &Tracing{collector: newCollector(exporter, int64(found.queueSize), log)}
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(bounded{sdktrace.NewBatchSpanProcessor(t.collector, found.batching()...), t.collector}),
		sdktrace.WithResource(whoWeAre(version)),
	)
	t.within = within{t.provider}
	t.steps = t.within.Tracer(ourScope)
	t.from, t.to = found.propagator(true), found.propagator(config.Upstreams)
	return t
}

// whoWeAre describes this process: what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say
// goes before the defaults.
func whoWeAre(version string) *resource.Resource {
	if build, ok := debug.ReadBuildInfo(); ok && version == "" {
		version = build.Main.Version
	}
	described, _ := resource.New(context.Background(), // what is wrong is among the faults of the variables
		resource.WithAttributes(attribute.String("service.name", "native-bridge"), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if described == nil {
		return resource.Empty()
	}
	return described
}

// Close sends the spans that wait, for two seconds at most. Later ones are lost.
func (t *Tracing) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the collector tells what is lost
	t.collector.close()
}
