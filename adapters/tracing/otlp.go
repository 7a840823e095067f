package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// maxAnswerBytes bounds a collector's answer.
const maxAnswerBytes = 64 << 10

// otlp is an otlptrace.Client that sends spans by OTLP/HTTP in protobuf, once. Its errors
// have neither the collector's words nor its address in them. OpenTelemetry's own links
// gRPC, which makes the program twice as large (docs/decisions/0041).
type otlp struct {
	to   target
	http *http.Client
}

var _ otlptrace.Client = otlp{}

func newOTLP(to target) otlp {
	return otlp{to, &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: to.tls, ForceAttemptHTTP2: true, MaxConnsPerHost: 1, MaxResponseHeaderBytes: maxAnswerBytes,
		},
		Timeout:       to.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // headers are credentials
	}}
}

// Start implements otlptrace.Client. It does nothing.
func (otlp) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (o otlp) Stop(context.Context) error {
	o.http.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client.
func (o otlp) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// On the wire this is an ExportTraceServiceRequest, whose Go type links gRPC.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return errors.New("the spans cannot be encoded")
	}
	req, err := o.request(ctx, body)
	if err != nil {
		return err
	}
	resp, err := o.http.Do(req)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err // without the URL
	} else if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return fmt.Errorf("it answers with status %d", resp.StatusCode)
	case err != nil:
		return errors.New("its answer breaks off")
	}
	if rejected := rejectedSpans(answer); rejected > 0 {
		return fmt.Errorf("it rejects %d spans of a batch", rejected)
	}
	return nil
}

func (o otlp) request(ctx context.Context, body []byte) (*http.Request, error) {
	if o.to.gzip {
		var small bytes.Buffer
		writer := gzip.NewWriter(&small)
		if _, err := writer.Write(body); err != nil || writer.Close() != nil {
			return nil, errors.New("the spans cannot be compressed")
		}
		body = small.Bytes()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.to.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("its URL cannot be used")
	}
	req.Header = o.to.headers.Clone()
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("User-Agent", "native-bridge")
	if o.to.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req, nil
}

// rejectedSpans reads the one number of an ExportTraceServiceResponse that matters:
// partial_success.rejected_spans, which is field 1 of field 1.
func rejectedSpans(answer []byte) uint64 {
	for len(answer) > 0 {
		number, kind, size := protowire.ConsumeTag(answer)
		if size < 0 {
			return 0
		}
		answer = answer[size:]
		if number == 1 && kind == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(answer)
			return firstNumber(inner)
		}
		if size = protowire.ConsumeFieldValue(number, kind, answer); size < 0 {
			return 0
		}
		answer = answer[size:]
	}
	return 0
}

// firstNumber returns field 1 of a message, which encoders write before the others.
func firstNumber(message []byte) uint64 {
	number, kind, size := protowire.ConsumeTag(message)
	if size < 0 || number != 1 || kind != protowire.VarintType {
		return 0
	}
	value, _ := protowire.ConsumeVarint(message[size:])
	return value
}
