package serving_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"nativebridge/adapters/internal/patience"
	"nativebridge/adapters/internal/serving"
)

func TestAddressesOverlapIfOneProcessCannotListenOnBoth(t *testing.T) {
	tests := map[string]struct {
		a, b serving.Addr
		want bool
	}{
		"the same":                        {"127.0.0.1:80", "127.0.0.1:80", true},
		"every host, twice":               {":80", ":80", true},
		"every host and one":              {":80", "10.0.0.1:80", true},
		"every host, spelt as an address": {"10.0.0.1:80", "0.0.0.0:80", true},
		"every host, of IPv6":             {"[::]:80", "10.0.0.1:80", true},
		"two hosts":                       {"10.0.0.1:80", "10.0.0.2:80", false},
		"two ports":                       {":80", ":81", false},
		"any port that is free, twice":    {"127.0.0.1:0", "127.0.0.1:0", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.a.Overlaps(tt.b) != tt.want || tt.b.Overlaps(tt.a) != tt.want {
				t.Errorf("%s and %s: want %t, both ways", tt.a, tt.b, tt.want)
			}
		})
	}
}

func TestAnAddressIsHostAndPort(t *testing.T) {
	for text, want := range map[string]bool{
		":8080": true, "127.0.0.1:8080": true, "[::1]:8080": true,
		"": false, "8080": false, "127.0.0.1": false, "::1:8080": false,
	} {
		t.Run(text, func(t *testing.T) {
			addr := serving.Addr("before")
			err := addr.UnmarshalText([]byte(text))
			if (err == nil) != want {
				t.Errorf("err = %v, want none: %t", err, want)
			}
			if kept := serving.Addr("before"); want && addr != serving.Addr(text) || !want && addr != kept {
				t.Errorf("the address is %q", addr)
			}
		})
	}
}

func TestAnAddressThatIsTakenIsReportedWithItsSetting(t *testing.T) {
	listener, err := serving.Listen(t.Context(), "THE_ADDR", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := listener.Addr().String()
	if _, err := serving.Listen(t.Context(), "THE_ADDR", serving.Addr(taken)); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "THE_ADDR "+taken) {
		t.Errorf("err = %v, want why, the setting and the address", err)
	}
}

// underWay is a server that is answering one request, which waits for leave.
type underWay struct {
	address  string
	stop     context.CancelFunc
	done     chan error // gets what Until returns
	leave    chan struct{}
	answered chan int // gets the status of the answer, 0 if there is none
}

func begin(t *testing.T, writeTimeout time.Duration) *underWay {
	t.Helper()
	listener, err := serving.Listen(t.Context(), "THE_ADDR", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &underWay{address: listener.Addr().String(), done: make(chan error, 1), leave: make(chan struct{}), answered: make(chan int, 1)}
	entered := make(chan struct{})
	server := &http.Server{ReadHeaderTimeout: time.Minute, WriteTimeout: writeTimeout, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-u.leave
	})}
	var ctx context.Context
	ctx, u.stop = context.WithCancel(context.Background())
	t.Cleanup(u.stop)
	go func() { u.done <- serving.Until(ctx, server, listener) }()
	go func() {
		resp, err := http.Get("http://" + u.address)
		if err != nil {
			u.answered <- 0
			return
		}
		_ = resp.Body.Close()
		u.answered <- resp.StatusCode
	}()
	patience.Receive(t, entered, "the request to begin")
	return u
}

func TestAStopFinishesWhatIsInFlight(t *testing.T) {
	u := begin(t, time.Minute)
	u.stop()
	for refused := false; !refused && t.Context().Err() == nil; {
		c, err := net.Dial("tcp", u.address)
		if refused = err != nil; !refused {
			_ = c.Close()
		}
	}
	select {
	case err := <-u.done:
		t.Fatalf("it stopped with a request in flight: %v", err)
	default:
	}
	close(u.leave)
	if status := patience.Receive(t, u.answered, "the answer"); status != http.StatusOK {
		t.Errorf("the request in flight was answered %d, want 200", status)
	}
	if err := patience.Receive(t, u.done, "the end"); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestAStopCutsOffWhatTakesLongerThanAnAnswerMay(t *testing.T) {
	u := begin(t, time.Millisecond)
	defer close(u.leave)
	u.stop()
	if err := patience.Receive(t, u.done, "the end"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "after 1ms") {
		t.Errorf("stop: %v, want that requests were cut off, and after how long", err)
	}
	if status := patience.Receive(t, u.answered, "the end of the connection"); status != 0 {
		t.Errorf("answered %d, want no answer", status)
	}
}

func TestAListenerThatFailsEndsTheServer(t *testing.T) {
	listener, err := serving.Listen(t.Context(), "THE_ADDR", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	done := make(chan error, 1)
	go func() { done <- serving.Until(t.Context(), &http.Server{ReadHeaderTimeout: time.Minute}, listener) }()
	if err := patience.Receive(t, done, "the end"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("err = %v, want that of the listener", err)
	}
}
