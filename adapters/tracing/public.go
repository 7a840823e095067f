package tracing

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The names of attributes of our own.
const (
	adapterKey = "native_bridge.adapter" // who took a step, such as "authsignal"
	outcomeKey = "native_bridge.outcome" // why a step failed: a reason such as "token_rejected", or "fault"
	routeKey   = "http.route"
)

// sent are the attributes that may leave the process. The libraries set more, and newer
// versions of them will set others: addresses with user ids in them, of callers, and words
// of errors.
var sent = []attribute.Key{
	adapterKey, outcomeKey, routeKey,
	"http.request.method", "http.response.status_code", "http.request.body.size", "http.response.body.size",
	"network.protocol.name", "network.protocol.version", "url.scheme", "error.type",
	"server.address", "server.port",
	"db.system", "db.redis.num_cmd",
}

// publicSpan is a span without what must not leave the process: attributes that are not in
// the list, events and links, which have attributes too, and any words but ours about an
// error.
type publicSpan struct{ sdktrace.ReadOnlySpan }

func publicSpans(spans []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	public := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		public[i] = publicSpan{span}
	}
	return public
}

// Attributes implements sdktrace.ReadOnlySpan. The address of our own server is left out:
// it is what the caller wrote into Host.
func (s publicSpan) Attributes() []attribute.KeyValue {
	ofServer := s.SpanKind() == trace.SpanKindServer
	return slices.DeleteFunc(slices.Clone(s.ReadOnlySpan.Attributes()), func(a attribute.KeyValue) bool {
		return !slices.Contains(sent, a.Key) || ofServer && (a.Key == "server.address" || a.Key == "server.port")
	})
}

// Events implements sdktrace.ReadOnlySpan.
func (publicSpan) Events() []sdktrace.Event { return nil }

// Links implements sdktrace.ReadOnlySpan.
func (publicSpan) Links() []sdktrace.Link { return nil }

// Status implements sdktrace.ReadOnlySpan.
func (s publicSpan) Status() sdktrace.Status {
	status := s.ReadOnlySpan.Status()
	if s.InstrumentationScope().Name != ourScope {
		status.Description = ""
	}
	return status
}
