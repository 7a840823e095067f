package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"nativebridge"
	"nativebridge/adapters"
	"nativebridge/adapters/auditlog/auditlogtest"
)

// serveBridges adds POST /bridges to mux: it starts a whole bridge with the settings
// in the body, for witnesses that it then talks to, and answers with its address. It trusts
// who is in trusted, for the emulated Auth0.
func serveBridges(t *testing.T, mux *http.ServeMux, trusted *x509.CertPool) {
	mux.HandleFunc("POST /bridges", func(w http.ResponseWriter, r *http.Request) {
		setting(func(environ map[string]string) {
			url, err := startBridge(t, environ, trusted)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]string{"url": url})
		})(w, r)
	})
}

// startBridge starts a bridge for witnesses whose proofs nobody has used before.
func startBridge(t *testing.T, environ map[string]string, trusted *x509.CertPool) (string, error) {
	environ["LISTEN_ADDR"], environ["OPS_ADDR"], environ["DRAIN_DELAY"] = "127.0.0.1:0", "127.0.0.1:0", "0s"
	config, err := adapters.LoadConfig(environ)
	if err != nil {
		return "", err
	}
	ctx, stop := context.WithCancel(t.Context())
	server, shut, err := nativebridge.NewServer(ctx, config, adapters.Runtime{
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Audit: auditlogtest.New(t), Now: time.Now, Random: rand.Reader,
		Born: time.Now().Add(-time.Minute), RootCAs: trusted,
	})
	if err != nil {
		stop()
		return "", err
	}
	listeners, err := server.Listen(ctx)
	if err != nil {
		stop()
		shut()
		return "", err
	}
	served := make(chan error)
	go func() { served <- server.Serve(ctx, listeners) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		shut()
	})
	return "http://" + listeners.API.Addr().String(), nil
}
