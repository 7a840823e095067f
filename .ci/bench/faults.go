package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fault is a way in which a vendor fails, and how often it does.
type fault struct {
	name   string
	share  float64 // of the requests, from 0 to 1
	answer func(w http.ResponseWriter, r *http.Request, body []byte)
}

// faults are those that an implementation is tried with, each at both vendors.
var faults = []fault{
	{"500", 0.1, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"error":"internal_error"}`))
	}},
	{"429, Retry-After: 1", 0.1, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("x-ratelimit-limit", "100")
		w.Header().Set("x-ratelimit-remaining", "0")
		w.Header().Set("x-ratelimit-reset", strconv.FormatInt(time.Now().Unix()+1, 10))
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"error":"too_many_requests","errorCode":"too_many_requests","error_description":"Global limit has been reached"}`))
	}},
	{"hangs", 0.02, func(_ http.ResponseWriter, r *http.Request, _ []byte) {
		pause(r.Context(), time.Minute)
		panic(http.ErrAbortHandler)
	}},
	{"resets the connection", 0.05, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.(interface{ SetLinger(int) error }).SetLinger(0)
			_ = conn.Close()
		}
	}},
	{"breaks off in the middle", 0.05, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}},
	{"answers what is no JSON", 0.05, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		_, _ = w.Write(append(body[:len(body)/2:len(body)/2], ",,]"...))
	}},
	{"drips 16 bytes each 200 ms", 0.02, func(w http.ResponseWriter, r *http.Request, body []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		for len(body) > 0 && r.Context().Err() == nil {
			n := min(16, len(body))
			_, _ = w.Write(body[:n])
			_ = http.NewResponseController(w).Flush()
			body = body[n:]
			pause(r.Context(), 200*time.Millisecond)
		}
	}},
}

// faults has vendors fail in each way, and looks at what callers get.
func (b *bench) faults() error {
	table := b.table("When vendors fail", fmt.Sprintf("Vendors of 40 and 120 ms, both of which fail in the way and as often as the row says; 60 new requests a second for 5 s, and the same luck for everybody: an answer of 200 is a session. Late is what took longer than the time limit of %v, which the guide's back end lacks, and half a second. Sent twice is how many tokens Authsignal and Auth0 saw more than once.", deadline),
		"fault", "implementation", "answers", "longest, s", "late", "sent twice to Authsignal / Auth0")
	for _, f := range faults {
		if err := b.fail(f, table); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) fail(f fault, table *section) error {
	all, err := b.startAll(upstreams["delayed"].conditions, floorName) // which fails as floor-verify does
	defer stopAll(all)
	if err != nil {
		return err
	}
	tokens := newMint()
	answers := make([][]answer, len(all))
	var group sync.WaitGroup
	for i, r := range all {
		group.Go(func() {
			load := r.load()
			load.steady(8, time.Second, 0, func() {})
			r.authsignal.fault.Store(&f)
			r.auth0.fault.Store(&f)
			load.mint = &mint{name: tokens.name, issued: tokens.issued}
			answers[i] = load.arriving(60, 5*time.Second)
		})
	}
	group.Wait()
	words := fmt.Sprintf("%s, %v %%", f.name, f.share*100)
	for i, r := range all {
		late, longest := 0, time.Duration(0)
		for _, a := range answers[i] {
			if a.took > deadline+500*time.Millisecond {
				late++
			}
			longest = max(longest, a.took)
		}
		table.row(words, r.name, statuses(answers[i]), fmt.Sprintf("%.1f", longest.Seconds()), late, fmt.Sprint(r.authsignal.twice(), " / ", r.auth0.twice()))
		words = ""
	}
	return nil
}

// statuses says how often there was which: "200: 290, none: 10".
func statuses(answers []answer) string {
	counts := map[string]int{}
	for _, a := range answers {
		switch {
		case a.status == 0:
			counts["none"]++
		case a.status == 200 && !a.session:
			counts["200 without a session"]++
		default:
			counts[strconv.Itoa(a.status)]++
		}
	}
	var words []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s: %d", status, counts[status]))
	}
	return strings.Join(words, ", ")
}
