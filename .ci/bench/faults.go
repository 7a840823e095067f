package main

import (
	"net/http"
	"strconv"
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
