package main

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/doctor"
	"nativebridge/app"
	"nativebridge/domain"
)

// patienceOfDoctor bounds the checks of one party.
const patienceOfDoctor = 20 * time.Second

// diagnose returns what 'native-bridge doctor' says of the bridge's settings and of its
// tenants. One diagnosis runs at a time.
func (s *sandbox) diagnose(ctx context.Context) doctor.Report {
	s.doctor.Lock()
	defer s.doctor.Unlock()
	defer s.hops.ignoreBridge()()
	settings := maps.Clone(s.settings)
	if s.enrols() { // the access tokens for it are made without an API and an Action, so doctor would miss these
		delete(settings, "ENROL_AUDIENCE")
	}
	diagnose := app.Diagnose{Patience: patienceOfDoctor, Probes: doctor.Probes(settings, adapters.Runtime{
		Log: slog.New(slog.DiscardHandler), Audit: io.Discard, Now: time.Now, Random: rand.Reader, RootCAs: s.rootCAs(),
	})}
	return doctor.NewReport(diagnose.Execute(ctx, func(domain.Finding) {}))
}

// devDoctor answers POST /dev/doctor.
func (s *sandbox) devDoctor(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, s.diagnose(r.Context()))
}
