// Package otlptest is a collector of traces for tests: it takes spans by OTLP over HTTP, in
// protobuf, decoded with OpenTelemetry's own types.
package otlptest

import (
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Span is a span that a collector has taken.
type Span struct {
	Name       string
	ID         string // hexadecimal, as the next two
	Parent     string // "" if it has none
	Trace      string
	Kind       string // "server", "client" or "internal"
	Failure    string // words of its status; "failed" if it failed without words
	Attributes map[string]string
	Resource   map[string]string

	begin uint64
	all   string // all of it, as JSON
}

// Collector is a server that takes spans. Its methods are safe for concurrent use.
type Collector struct {
	URL string // for OTEL_EXPORTER_OTLP_ENDPOINT

	mu       sync.Mutex
	answer   http.HandlerFunc
	spans    []Span
	requests []*http.Request
}

// Start returns a collector that listens until the test ends. Requests of the bridge that it
// cannot read fail the test.
func Start(t testing.TB) *Collector {
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.requests = append(c.requests, r.Clone(r.Context()))
		answer := c.answer
		c.mu.Unlock()
		if answer != nil {
			answer(w, r)
			return
		}
		if err := c.take(r); err != nil {
			t.Errorf("the collector cannot read a request: %v", err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// Answer makes the collector answer as handler does, and take nothing; nil ends that.
func (c *Collector) Answer(handler http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = handler
}

// Requests returns the requests that came, without their bodies.
func (c *Collector) Requests() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Spans returns the spans that it has taken, in the order in which they began.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	spans := slices.Clone(c.spans)
	slices.SortStableFunc(spans, func(a, b Span) int {
		if a.begin < b.begin {
			return -1
		}
		return 1
	})
	return spans
}

func (c *Collector) take(r *http.Request) error {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("%s with %q", r.Method, r.Header.Get("Content-Type"))
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = unzipped
	}
	content, err := io.ReadAll(body)
	var sent collectorpb.ExportTraceServiceRequest
	if err = errors.Join(err, proto.Unmarshal(content, &sent)); err != nil {
		return err
	}
	if len(sent.ProtoReflect().GetUnknown()) > 0 {
		return errors.New("it has fields that OTLP does not have")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range sent.ResourceSpans {
		for _, scope := range from.ScopeSpans {
			for _, span := range scope.Spans {
				c.spans = append(c.spans, spanOf(span, from))
			}
		}
	}
	return nil
}

func spanOf(span *tracepb.Span, from *tracepb.ResourceSpans) Span {
	failure := span.Status.GetMessage()
	if failure == "" && span.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		failure = "failed"
	}
	return Span{
		Name: span.Name, ID: hex.EncodeToString(span.SpanId), Parent: hex.EncodeToString(span.ParentSpanId), Trace: hex.EncodeToString(span.TraceId),
		Kind:    strings.ToLower(strings.TrimPrefix(span.Kind.String(), "SPAN_KIND_")),
		Failure: failure, Attributes: texts(span.Attributes), Resource: texts(from.Resource.GetAttributes()),
		begin: span.StartTimeUnixNano, all: protojson.Format(span) + protojson.Format(from.Resource),
	}
}

func texts(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		text := a.Value.GetStringValue()
		if _, isText := a.Value.GetValue().(*commonpb.AnyValue_StringValue); !isText {
			text = fmt.Sprint(a.Value.GetIntValue())
		}
		all[a.Key] = text
	}
	return all
}

// Tree returns spans as text, a line each, the children of one indented below it. A failure
// stands behind the name.
func Tree(spans []Span) string {
	var text strings.Builder
	known := map[string]bool{}
	for _, span := range spans {
		known[span.ID] = true
	}
	var show func(parent, indent string)
	line := func(span Span, indent string) {
		text.WriteString(indent + span.Name)
		if span.Failure != "" {
			text.WriteString(" (" + span.Failure + ")")
		}
		text.WriteString("\n")
		show(span.ID, indent+"  ")
	}
	show = func(parent, indent string) {
		for _, span := range spans {
			if span.Parent == parent {
				line(span, indent)
			}
		}
	}
	for _, span := range spans {
		if !known[span.Parent] {
			line(span, "")
		}
	}
	return text.String()
}

// Everything returns all that is in the spans, as text in which a secret can be looked for.
func Everything(spans []Span) string {
	var text strings.Builder
	for _, span := range spans {
		text.WriteString(span.all)
	}
	return text.String()
}
