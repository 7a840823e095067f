package tracing

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// variables is what the OTEL_* variables say, but for those that the SDK reads itself.
type variables struct {
	on     bool
	faults []string // what is wrong with them, each with its name and never with its value

	to                           target
	queueSize, batchSize         int
	scheduleDelay, exportTimeout time.Duration
	acceptsParents               bool
}

// target is how the collector is asked.
type target struct {
	url     string
	headers http.Header // credentials
	gzip    bool
	timeout time.Duration
	tls     *tls.Config
}

// most bounds numbers, since the SDK reserves memory by some of them.
const most = 100_000

// readVariables reads the process' environment, as the SDK does. A value that cannot be used
// counts as unset.
func readVariables() (v variables) {
	if !v.wanted() {
		return v
	}
	if v.to.url = v.endpoint(); v.to.url == "" {
		return v
	}
	v.on = true
	v.to.headers = v.headers()
	v.to.gzip = v.oneOf("COMPRESSION", "none", "gzip") == "gzip"
	v.to.timeout = v.milliseconds(v.exporter("TIMEOUT"), 10_000)
	v.to.tls = v.tls()
	v.oneOf("PROTOCOL", "http/protobuf")

	v.queueSize = v.number("OTEL_BSP_MAX_QUEUE_SIZE", sdktrace.DefaultMaxQueueSize)
	v.batchSize = min(v.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", sdktrace.DefaultMaxExportBatchSize), v.queueSize)
	v.scheduleDelay = v.milliseconds("OTEL_BSP_SCHEDULE_DELAY", sdktrace.DefaultScheduleDelay)
	v.exportTimeout = v.milliseconds("OTEL_BSP_EXPORT_TIMEOUT", sdktrace.DefaultExportTimeout)
	v.acceptsParents = v.propagators()
	v.checkThoseOfSDK()
	return v
}

func get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

func (v *variables) fault(name, set string) {
	v.faults = append(v.faults, name+" has a value that cannot be used, and counts as unset: set it to "+set)
}

// exporter returns the name of a variable of the exporter: the one for traces alone, if it
// is set.
func (v *variables) exporter(name string) string {
	if forTraces := "OTEL_EXPORTER_OTLP_TRACES_" + name; get(forTraces) != "" {
		return forTraces
	}
	return "OTEL_EXPORTER_OTLP_" + name
}

// wanted reports whether nothing turns traces off.
func (v *variables) wanted() bool {
	if disabled := get("OTEL_SDK_DISABLED"); strings.EqualFold(disabled, "true") {
		return false
	} else if disabled != "" && !strings.EqualFold(disabled, "false") {
		v.fault("OTEL_SDK_DISABLED", "true or false")
	}
	switch get("OTEL_TRACES_EXPORTER") {
	case "", "otlp":
		return true
	case "none":
		return false
	}
	v.faults = append(v.faults, "OTEL_TRACES_EXPORTER names an exporter that the bridge does not have, so that no traces are sent: set it to otlp or none")
	return false
}

// endpoint returns where spans are sent to, or "" if nowhere.
func (v *variables) endpoint() string {
	name := v.exporter("ENDPOINT")
	value := get(name)
	if value == "" {
		if get("OTEL_TRACES_EXPORTER") != "" {
			v.faults = append(v.faults, "OTEL_TRACES_EXPORTER is otlp, but no traces are sent: set OTEL_EXPORTER_OTLP_ENDPOINT to the collector's URL, such as http://localhost:4318")
		}
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		v.faults = append(v.faults, name+" is no http:// or https:// URL, so that no traces are sent: set it to the collector's, such as http://localhost:4318")
		return ""
	}
	if name == "OTEL_EXPORTER_OTLP_ENDPOINT" { // the base of the addresses of all signals
		u.Path = path.Join("/", u.Path, "v1/traces")
	}
	return u.String()
}

func (v *variables) headers() http.Header {
	headers := http.Header{}
	name := v.exporter("HEADERS")
	value := get(name)
	if value == "" {
		return headers
	}
	for pair := range strings.SplitSeq(value, ",") {
		header, escaped, found := strings.Cut(pair, "=")
		header = strings.TrimSpace(header)
		text, err := url.PathUnescape(strings.TrimSpace(escaped))
		if !found || err != nil || !isToken(header) || strings.ContainsFunc(text, isControl) {
			v.fault(name, "name=value, several of them separated by commas, values escaped as in a URL")
			return http.Header{}
		}
		headers.Set(header, text)
	}
	return headers
}

// isToken reports whether name can be that of a header (RFC 9110, section 5.6.2).
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= '\x7f' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func isControl(r rune) bool { return r < ' ' || r == '\x7f' }

// tls returns what is trusted, and shown, if the endpoint is https.
func (v *variables) tls() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if name := v.exporter("CERTIFICATE"); get(name) != "" {
		roots := x509.NewCertPool()
		if content, err := os.ReadFile(get(name)); err == nil && roots.AppendCertsFromPEM(content) {
			config.RootCAs = roots
		} else {
			v.fault(name, "the path of a file with PEM certificates")
		}
	}
	certificate, key := v.exporter("CLIENT_CERTIFICATE"), v.exporter("CLIENT_KEY")
	if get(certificate) != "" || get(key) != "" {
		if pair, err := tls.LoadX509KeyPair(get(certificate), get(key)); err == nil {
			config.Certificates = []tls.Certificate{pair}
		} else {
			v.fault(certificate, "the path of a file with a PEM certificate, and "+key+" to that of its key")
		}
	}
	return config
}

// oneOf returns the value of a variable of the exporter, which can have no other values. The
// first is the default.
func (v *variables) oneOf(exporter string, values ...string) string {
	name := v.exporter(exporter)
	switch value := get(name); {
	case value == "":
		return values[0]
	case slices.Contains(values, value):
		return value
	}
	v.fault(name, strings.Join(values, " or ")+", which is all that the bridge has")
	return values[0]
}

func (v *variables) milliseconds(name string, otherwise int) time.Duration {
	return time.Duration(v.number(name, otherwise)) * time.Millisecond
}

// number returns the value of a variable from 1 to most.
func (v *variables) number(name string, otherwise int) int {
	value := get(name)
	if value == "" {
		return otherwise
	}
	number, err := strconv.Atoi(value)
	if err != nil || number < 1 || number > most {
		v.fault(name, fmt.Sprintf("a number from 1 to %d", most))
		return otherwise
	}
	return number
}

// propagators reports whether callers may say which trace a request is in. Baggage is
// never read: the bridge needs none, and would pass on what callers choose.
func (v *variables) propagators() (traceContext bool) {
	value := get("OTEL_PROPAGATORS")
	if value == "" {
		return true
	}
	for name := range strings.SplitSeq(value, ",") {
		switch strings.TrimSpace(name) {
		case "tracecontext":
			traceContext = true
		case "baggage", "none":
		default:
			v.faults = append(v.faults, "OTEL_PROPAGATORS names one that the bridge does not have, and leaves out: set it to tracecontext or none")
		}
	}
	return traceContext
}

// propagator returns one that reads or writes traceparent, or nothing.
func (v *variables) propagator(wanted bool) propagation.TextMapPropagator {
	if !wanted || !v.acceptsParents {
		return propagation.NewCompositeTextMapPropagator()
	}
	return propagation.TraceContext{}
}

// batching returns the options of the queue. They are set by us because the SDK panics if a
// variable has a negative number.
func (v *variables) batching() []sdktrace.BatchSpanProcessorOption {
	return []sdktrace.BatchSpanProcessorOption{
		sdktrace.WithMaxQueueSize(v.queueSize), sdktrace.WithMaxExportBatchSize(v.batchSize),
		sdktrace.WithBatchTimeout(v.scheduleDelay), sdktrace.WithExportTimeout(v.exportTimeout),
	}
}

var samplers = []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}

// checkThoseOfSDK finds what is wrong with the variables that the SDK reads. It ignores such
// values too, but shows them where nobody looks.
func (v *variables) checkThoseOfSDK() {
	check := func(name, set string, fits func(value string) bool) {
		if value := get(name); value != "" && !fits(value) {
			v.fault(name, set)
		}
	}
	check("OTEL_TRACES_SAMPLER", strings.Join(samplers, " or "), func(value string) bool { return slices.Contains(samplers, strings.ToLower(value)) })
	check("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1", func(value string) bool {
		ratio, err := strconv.ParseFloat(value, 64)
		return err == nil && ratio >= 0 && ratio <= 1
	})
	check("OTEL_RESOURCE_ATTRIBUTES", "name=value, several of them separated by commas, values escaped as in a URL", func(value string) bool {
		return !slices.ContainsFunc(strings.Split(value, ","), func(pair string) bool {
			name, escaped, found := strings.Cut(pair, "=")
			_, err := url.PathUnescape(escaped)
			return !found || err != nil || strings.TrimSpace(name) == ""
		})
	})
	for _, name := range []string{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"} {
		check(name, "a number", func(value string) bool { _, err := strconv.Atoi(value); return err == nil })
	}
}
