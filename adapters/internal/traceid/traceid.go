// Package traceid tells which span of which trace a context belongs to, for log and audit
// lines.
package traceid

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// Of returns the ids of the trace and the span that ctx is in, in hexadecimal (W3C Trace
// Context), whether the trace is sampled or not. Both are "" if ctx is in none.
func Of(ctx context.Context) (traceID, spanID string) {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return "", ""
	}
	return span.TraceID().String(), span.SpanID().String()
}
