//go:build skeleton

package nativebridge

import (
	_ "github.com/redis/go-redis/extra/redisotel/v9"
	_ "github.com/sony/gobreaker/v2"
	_ "github.com/throttled/throttled/v2"
	_ "github.com/throttled/throttled/v2/store/memstore"
	_ "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	_ "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	_ "go.opentelemetry.io/otel/sdk/trace"
	_ "golang.org/x/time/rate"
)
