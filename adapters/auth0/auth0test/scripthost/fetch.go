package scripthost

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/dop251/goja"
)

// maxRedirects is the bound of the Fetch standard.
const maxRedirects = 20

// fetchFunctions are what the prelude builds `fetch` from.
func (c *container) fetchFunctions() map[string]any {
	return map[string]any{"fetch": c.fetch}
}

// fetch sends a request and calls done(failure, status) once the head of the answer is there. The body is read apart,
// because it may hang after the head has come. The object it returns has abort(), which ends the request and the reading
// of its body, and read(done), which calls done(failure, text).
func (c *container) fetch(method, address, redirect string, headers map[string]string, body string, done goja.Value) *goja.Object {
	ctx, cancel := context.WithCancel(context.WithValue(c.run.io, redirectMode{}, redirect))
	var response *http.Response
	c.begin(done, func() (result any, err error) {
		if response, err = c.host.send(ctx, method, address, headers, body); err != nil {
			return nil, err
		}
		return response.StatusCode, nil
	})
	exchange := c.vm.NewObject()
	must(exchange.Set("abort", func() { cancel() }))
	must(exchange.Set("read", func(done goja.Value) {
		c.begin(done, func() (any, error) {
			defer response.Body.Close()
			content, err := io.ReadAll(response.Body)
			return strings.TrimPrefix(textOf(content), "\ufeff"), err
		})
	}))
	return exchange
}

// begin starts a host operation in a goroutine of its own, and calls done(failure, result) on the loop when it is over.
func (c *container) begin(done goja.Value, operation func() (result any, err error)) {
	r := c.run
	r.pending++
	go func() {
		result, err := operation()
		r.hand(func() error {
			r.pending--
			failure := goja.Null()
			if err != nil {
				failure = c.vm.ToValue(reasonOf(err))
			}
			_, err := c.call(done, failure, c.vm.ToValue(result))
			return err
		})
	}()
}

// reasonOf leaves method and URL out.
func reasonOf(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return err.Error()
}

// send does what fetch does by default in Node: the headers of undici, and no proxy.
func (h *Host) send(ctx context.Context, method, address string, headers map[string]string, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{
		"Accept":          {"*/*"},
		"Accept-Language": {"*"},
		"Sec-Fetch-Mode":  {"cors"},
		"User-Agent":      {"node"},
	}
	if body != "" {
		request.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	return h.client.Do(request)
}

// redirectMode is the key under which a request's context holds "follow" or "manual".
type redirectMode struct{}

// checkRedirect follows redirects as the script asked. With "manual", Node hands out the redirect itself.
func checkRedirect(request *http.Request, via []*http.Request) error {
	if request.Context().Value(redirectMode{}) == "manual" {
		return http.ErrUseLastResponse
	}
	if len(via) > maxRedirects {
		return errors.New("redirect count exceeded")
	}
	return nil
}
