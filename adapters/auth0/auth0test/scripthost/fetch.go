package scripthost

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/dop251/goja"
)

const (
	// maxBody bounds what a script can read of one answer. Node has no such bound.
	maxBody = 10 << 20

	// maxRedirects is the bound of the Fetch standard.
	maxRedirects = 20
)

// fetchFunctions are what the prelude builds `fetch` from.
func (c *container) fetchFunctions() map[string]any {
	return map[string]any{"fetch": c.fetch}
}

// fetchRequest is a request in the terms of Go.
type fetchRequest struct {
	method, url string
	headers     []string // name, value, name, value, …
	body        []byte   // nil: none
}

// fetch sends a request and calls done(failure, response) once the head of the answer is there. The body is read
// apart, because it may hang after the head has come. The object it returns has abort(), which ends the request and
// the reading of its body, and read(done), which calls done(failure, bytes).
func (c *container) fetch(method, address, redirect string, headers []string, body, done goja.Value) *goja.Object {
	ctx, cancel := context.WithCancel(context.WithValue(c.run.io, redirectMode{}, redirect))
	request := fetchRequest{method: method, url: address, headers: headers, body: bytes.Clone(bytesOf(body))}
	var response *http.Response
	c.run.begin(func() func() error {
		answer, err := c.host.send(ctx, request)
		return func() error {
			if err != nil {
				return c.finish(done, c.failure(err), goja.Null())
			}
			response = answer
			return c.finish(done, goja.Null(), c.responseHead(answer, address))
		}
	})
	handle := c.vm.NewObject()
	must(handle.Set("abort", func() { cancel() }))
	must(handle.Set("read", func(done goja.Value) {
		c.run.begin(func() func() error {
			content, err := readBody(response.Body)
			return func() error {
				if err != nil {
					return c.finish(done, c.failure(err), goja.Null())
				}
				return c.finish(done, goja.Null(), c.bytes(content))
			}
		})
	}))
	return handle
}

func (c *container) finish(done goja.Value, failure, result goja.Value) error {
	_, err := c.call(done, failure, result)
	return err
}

// send does what fetch does by default in Node: the headers of undici, and no proxy.
func (h *Host) send(ctx context.Context, r fetchRequest) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	request, err := http.NewRequestWithContext(ctx, r.method, r.url, body)
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{
		"Accept":          {"*/*"},
		"Accept-Language": {"*"},
		"Sec-Fetch-Mode":  {"cors"},
		"User-Agent":      {"node"},
	}
	for pair := range slices.Chunk(r.headers, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	return h.client.Do(request)
}

// redirectMode is the key under which a request's context holds "follow", "manual" or "error".
type redirectMode struct{}

var errUnexpectedRedirect = errors.New("unexpected redirect")

// checkRedirect follows redirects as the script asked. With "manual", Node hands out the redirect itself.
func checkRedirect(request *http.Request, via []*http.Request) error {
	switch request.Context().Value(redirectMode{}) {
	case "manual":
		return http.ErrUseLastResponse
	case "error":
		return errUnexpectedRedirect
	}
	if len(via) > maxRedirects {
		return errors.New("redirect count exceeded")
	}
	return nil
}

// responseHead describes an answer to the prelude.
func (c *container) responseHead(answer *http.Response, asked string) goja.Value {
	var headers []any
	for _, name := range slices.Sorted(maps.Keys(answer.Header)) {
		for _, value := range answer.Header[name] {
			headers = append(headers, []any{name, value})
		}
	}
	final := answer.Request.URL.String()
	return c.vm.ToValue(map[string]any{
		"status":     answer.StatusCode,
		"statusText": strings.TrimPrefix(strings.TrimPrefix(answer.Status, fmt.Sprint(answer.StatusCode)), " "),
		"headers":    c.vm.NewArray(headers...),
		"url":        final,
		"redirected": final != asked,
	})
}

var errBodyTooLong = fmt.Errorf("the body is longer than the %d bytes the script host reads", maxBody)

func readBody(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	content, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxBody {
		return nil, errBodyTooLong
	}
	return content, nil
}

// failure describes a failed request or body as the `cause` of the TypeError that Node's fetch throws.
func (c *container) failure(err error) goja.Value {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // without method and URL
	}
	if errors.Is(err, errBodyTooLong) {
		c.warn(err.Error())
	}
	return c.vm.ToValue(map[string]any{"code": failureCode(err), "message": err.Error()})
}

// failureCode is the code Node gives to such a failure, or "".
func failureCode(err error) string {
	_, unknownHost := errors.AsType[*net.DNSError](err)
	_, untrusted := errors.AsType[x509.UnknownAuthorityError](err)
	_, otherName := errors.AsType[x509.HostnameError](err)
	_, badCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "ECONNREFUSED"
	case errors.Is(err, syscall.ECONNRESET):
		return "ECONNRESET"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "UND_ERR_SOCKET"
	case unknownHost:
		return "ENOTFOUND"
	case untrusted:
		return "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
	case otherName:
		return "ERR_TLS_CERT_ALTNAME_INVALID"
	case badCertificate:
		return "CERT_HAS_EXPIRED"
	}
	return ""
}
