package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// page serves what people and scripts try the sandbox from.
func (s *sandbox) page() http.Handler {
	r := chi.NewRouter()
	r.Post("/dev/token", s.devToken)
	return r
}

// devToken answers POST /dev/token: it goes through a passkey sign-in with a
// software passkey, as the optional wish says.
func (s *sandbox) devToken(w http.ResponseWriter, r *http.Request) {
	var asked wish
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil && !errors.Is(err, io.EOF) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": `send nothing, or {"user":…, "action":…, "flaw":…}: ` + err.Error()})
		return
	}
	token, userID, err := s.phones.token(r.Context(), asked)
	switch {
	case errors.Is(err, errUnknownFlaw):
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
	case err != nil:
		writeJSON(w, http.StatusBadGateway, map[string]string{"error": err.Error()})
	default:
		writeJSON(w, http.StatusOK, map[string]string{"token": token, "user_id": userID})
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
