package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// A guard refuses proofs that may be older than its memory, and a vendor's clock is known to
// a second or two.
func TestWhoSignsInOnceTheBridgeIsReadyIsServed(t *testing.T) {
	authsignal, auth0 := stubVendors(t, 0, 0)
	p := startPiped(t, "audit", "AUTHSIGNAL_API_URL="+authsignal, "AUTH0_DOMAIN="+auth0)
	go func() { _, _ = io.Copy(io.Discard, p.rest) }()
	resp, err := http.Post(p.api+"/v1/sessions", "application/json", strings.NewReader(`{"token":"`+liveToken()+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %s, want a session", resp.Status, body)
	}
}
