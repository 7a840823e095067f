package tenant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// callTimeout bounds one request, its answer included.
	callTimeout = 20 * time.Second
	// maxAnswer bounds an answer: a page of fifty connections with their scripts.
	maxAnswer = 8 << 20
	// maxAttempts is how often a request is sent that the rate limit turns away.
	maxAttempts = 6
	// maxWait bounds a wait that the tenant asks for. Auth0's budgets are by the
	// second and the minute ("Management API Endpoint Rate Limits", auth0.com/docs).
	maxWait = time.Minute
)

// pace is a transport that keeps to the tenant's budget: it waits while none is left,
// and sends a request again that was turned away with 429, which Auth0 has not
// processed. Nothing else is sent twice.
type pace struct {
	next http.RoundTripper
	now  func() time.Time
	wait func(context.Context, time.Duration) error

	mu   sync.Mutex
	hold time.Time // until then the budget is used up
}

// RoundTrip implements http.RoundTripper. The body of its answers is in memory.
func (p *pace) RoundTrip(request *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		if err := p.wait(request.Context(), p.left()); err != nil {
			return nil, err
		}
		response, err := p.once(request)
		if err != nil || response.StatusCode != http.StatusTooManyRequests || attempt == maxAttempts {
			return response, err
		}
		if request, err = again(request); err != nil {
			return nil, err
		}
	}
}

func (p *pace) once(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(request.Context(), callTimeout)
	defer cancel()
	response, err := p.next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, errors.New("the answer is too long")
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	p.note(response)
	return response, nil
}

// note reads how much of the budget is left ("Rate Limit Policy", auth0.com/docs).
func (p *pace) note(response *http.Response) {
	remaining, err := strconv.Atoi(response.Header.Get("X-RateLimit-Remaining"))
	usedUp := err == nil && remaining == 0
	if !usedUp && response.StatusCode != http.StatusTooManyRequests {
		return
	}
	hold := p.now().Add(time.Second)
	if reset, err := strconv.ParseInt(response.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil {
		hold = time.Unix(reset, 0)
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		hold = p.now().Add(time.Duration(seconds) * time.Second)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = hold
}

func (p *pace) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return min(max(p.hold.Sub(p.now()), 0), maxWait)
}

// again returns the request with its body from the beginning.
func again(request *http.Request) (*http.Request, error) {
	request = request.Clone(request.Context())
	if request.GetBody == nil {
		return request, nil
	}
	body, err := request.GetBody()
	if err != nil {
		return nil, fmt.Errorf("send the request again: %w", err)
	}
	request.Body = body
	return request, nil
}
