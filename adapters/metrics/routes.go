package metrics

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
)

// other stands for every route and every method that is not known.
const other = "other"

// methods are those of RFC 9110, section 9, and PATCH (RFC 5789).
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	http.MethodConnect, http.MethodOptions, http.MethodTrace,
}

func (m *Metrics) newRoutes() *prometheus.CounterVec {
	return m.counters("http_requests_total", "Requests of apps, by the pattern of their route, which is other if there is none.", "route", "method", "status")
}

// Routes is a middleware that counts requests when they are answered. It must stand
// within a chi router, which knows the pattern of the route then.
func (m *Metrics) Routes(next http.Handler) http.Handler {
	if m == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() { m.routes.WithLabelValues(routeOf(r), methodOf(r), statusOf(answer)).Inc() }()
		next.ServeHTTP(answer, r)
	})
}

func routeOf(r *http.Request) string {
	if within := chi.RouteContext(r.Context()); within != nil && within.RoutePattern() != "" {
		return within.RoutePattern()
	}
	return other
}

func methodOf(r *http.Request) string {
	if slices.Contains(methods, r.Method) {
		return r.Method
	}
	return other
}

// statusOf returns "none" for a request whose connection was cut without an answer.
func statusOf(answer middleware.WrapResponseWriter) string {
	if answer.Status() == 0 {
		return "none"
	}
	return strconv.Itoa(answer.Status())
}
