package authsignaltest

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// Exchange is one request and how it was answered. It holds no header, query
// or body, so that it can be shown and logged.
type Exchange struct {
	Time      time.Time     `json:"time"`     // of arrival, by Options.Now
	Duration  time.Duration `json:"duration"` // in nanoseconds of real time, injected delays included
	Method    string        `json:"method"`
	Path      string        `json:"path"`
	Route     string        `json:"route"`  // pattern that matched, as in the list of endpoints; "" for none
	Status    int           `json:"status"` // 0 if the connection was cut in place of an answer
	UserAgent string        `json:"userAgent"`
	Fault     FaultKind     `json:"fault,omitempty"` // what Faults.Inject did to it
}

// Exchanges returns the requests answered so far, oldest first: at most the
// last 10,000. CORS preflights are included.
func (s *Server) Exchanges() []Exchange {
	s.exchanges.mu.Lock()
	defer s.exchanges.mu.Unlock()
	return slices.Clone(s.exchanges.list)
}

const maxExchanges = 10_000

type exchangeLog struct {
	observe func(Exchange)

	mu   sync.Mutex
	list []Exchange
}

func (l *exchangeLog) add(x Exchange) {
	l.mu.Lock()
	if len(l.list) == maxExchanges {
		l.list = l.list[1:]
	}
	l.list = append(l.list, x)
	l.mu.Unlock()

	if l.observe != nil {
		l.observe(x)
	}
}

const maxBody = 1 << 20

// record is the outermost middleware. It reads the whole request, lets the
// rest of the chain fill an answer, notes the exchange and only then sends, so
// that a client with the answer finds it in Exchanges.
func (s *Server) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived, start := s.now(), time.Now()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		r.Body = io.NopCloser(bytes.NewReader(body))

		a := &answer{header: http.Header{"Date": {s.now().UTC().Format(http.TimeFormat)}}}
		if err != nil {
			writeError(a, http.StatusRequestEntityTooLarge, codeInvalidRequest, "The request body is too large or was cut off.")
		} else {
			next.ServeHTTP(a, r)
		}

		s.exchanges.add(Exchange{
			Time: arrived, Duration: time.Since(start),
			Method: r.Method, Path: r.URL.Path, Route: chi.RouteContext(r.Context()).RoutePattern(),
			Status: a.seenStatus(), UserAgent: r.UserAgent(), Fault: a.fault,
		})
		a.send(r.Context(), w)
	})
}

// answer is a response held back until it is complete.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
	fault  FaultKind
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// seenStatus returns the status the caller gets to see.
func (a *answer) seenStatus() int {
	switch a.fault {
	case FaultHang, FaultReset, FaultLost:
		return 0
	default:
		return a.status
	}
}

func (a *answer) send(ctx context.Context, w http.ResponseWriter) {
	switch a.fault {
	case FaultHang, FaultReset, FaultLost:
		cutConnection(w)
		return
	case FaultMalformed:
		a.body.Truncate(a.body.Len() / 2)
	}
	body := a.body.Bytes()
	maps.Copy(w.Header(), a.header)
	if a.fault == FaultDrip {
		w.WriteHeader(a.status)
		drip(ctx, w, body)
		return
	}
	if a.fault != FaultTruncated {
		w.WriteHeader(a.status)
		_, _ = w.Write(body)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler) // closes the connection before the promised length
}

// drip sends a body so slowly that the caller's patience ends first.
func drip(ctx context.Context, w http.ResponseWriter, body []byte) {
	pace := time.NewTicker(200 * time.Millisecond)
	defer pace.Stop()
	for i := range body {
		_, _ = w.Write(body[i : i+1])
		_ = http.NewResponseController(w).Flush()
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
	}
}

// cutConnection ends the connection with a TCP reset.
func cutConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
