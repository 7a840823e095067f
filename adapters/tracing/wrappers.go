package tracing

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	"nativebridge/domain"
)

// ourScope names the spans that are not a library's.
const ourScope = "nativebridge"

// Handler wraps the handlers of a chi router: it must be the first middleware. Each request
// gets a span named by its method and its route, inside the caller's if the caller names
// one.
func (t *Tracing) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	named := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer nameByRoute(r)
		next.ServeHTTP(w, r)
	})
	return otelhttp.NewHandler(named, "", otelhttp.WithTracerProvider(t.provider), otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		otelhttp.WithPropagators(t.from), otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return methodOf(r) }))
}

// nameByRoute names the span of a request when its route is known. There is none for a
// path that nobody answers.
func nameByRoute(r *http.Request) {
	routes := chi.RouteContext(r.Context())
	if routes == nil || routes.RoutePattern() == "" {
		return
	}
	span := trace.SpanFromContext(r.Context())
	span.SetName(methodOf(r) + " " + routes.RoutePattern())
	span.SetAttributes(attribute.String(routeKey, routes.RoutePattern()))
}

// methodOf returns the method of r, if it is one that the bridge knows: it is the caller's
// word.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
		return r.Method
	}
	return "HTTP"
}

// Transport wraps the transport of requests to the party of that name. A request that is
// made for none of ours, such as a warm-up, gets no span.
func (t *Tracing) Transport(party string, next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return otelhttp.NewTransport(next, otelhttp.WithTracerProvider(t.within), otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		otelhttp.WithPropagators(t.to), otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return methodOf(r) + " " + party }),
		otelhttp.WithFilter(func(r *http.Request) bool { return trace.SpanContextFromContext(r.Context()).IsValid() }))
}

// Redis makes spans of the commands that a client sends for a request. They show no
// arguments.
func (t *Tracing) Redis(client redis.UniversalClient) {
	if t == nil {
		return
	}
	// The error says that it is no kind of client that the library knows: then there are no spans.
	_ = redisotel.InstrumentTracing(client, redisotel.WithTracerProvider(t.within), redisotel.WithDBStatement(false), redisotel.WithCallerEnabled(false))
}

// Begin makes a span of a step that an adapter takes for a request. The function ends it,
// with the reason of err and not its words.
func (t *Tracing) Begin(ctx context.Context, step, adapter string) (context.Context, func(error)) {
	ctx, span := t.steps.Start(ctx, step, trace.WithAttributes(attribute.String(adapterKey, adapter)))
	return ctx, func(err error) {
		if err != nil {
			outcome := domain.Attempt{Err: err}.Outcome()
			span.SetAttributes(attribute.String(outcomeKey, outcome))
			span.SetStatus(codes.Error, outcome)
		}
		span.End()
	}
}

// within makes spans inside of others only: what is done for no request is in no trace.
type within struct{ trace.TracerProvider }

// Tracer implements trace.TracerProvider.
func (w within) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return tracerWithin{w.TracerProvider.Tracer(name, options...)}
}

type tracerWithin struct{ trace.Tracer }

// Start implements trace.Tracer.
func (t tracerWithin) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if outer := trace.SpanFromContext(ctx); !outer.SpanContext().IsValid() {
		return ctx, outer // it is of no trace, and does nothing
	}
	return t.Tracer.Start(ctx, name, options...)
}
