package httpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"nativebridge/adapters/internal/network"
	"nativebridge/app"
	"nativebridge/domain"
)

// hookPath is where Authsignal tells of deleted passkeys.
const hookPath = "/hooks/authsignal"

// hookSignature is the header that has a webhook's signature ("Webhooks", Authsignal
// documentation).
const hookSignature = "X-Signature-V2"

// Departures reads what the authority tells of people who lost a passkey.
type Departures interface {
	// Read returns the departure that a message tells of; tells is false if it is about
	// something else. The error wraps domain.ErrTokenRejected if the message is not
	// proven to come from the authority; any other one says that it is not well-formed.
	Read(signature string, body []byte) (departure domain.Departure, tells bool, err error)
}

// Ender is app.EndSessions.
type Ender interface {
	Execute(ctx context.Context, told app.Ending) error
}

// hook answers POST /hooks/authsignal: 200 with an empty body once what it tells is done,
// or if there is nothing to do. After any other answer Authsignal tells it again, up to
// three times.
func (s *Server) hook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err != nil {
		s.refuse(w, r, *unreadable(err))
		return
	}
	departure, tells, err := s.use.Departures.Read(r.Header.Get(hookSignature), body)
	switch {
	case errors.Is(err, domain.ErrTokenRejected):
		s.refuseForgery(w, r, err)
		return
	case err != nil:
		s.refuse(w, r, invalidRequest(err.Error()))
		return
	case tells:
		if err := s.use.End.Execute(r.Context(), app.Ending{Departure: departure, Client: clientOf(r)}); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	w.WriteHeader(http.StatusOK)
}

// refuseForgery refuses a message without a right signature. It is a failure of its address,
// and a warning: it may be the tenant's, and the bridge may have the wrong key.
func (s *Server) refuseForgery(w http.ResponseWriter, r *http.Request, cause error) {
	s.forged.Add(1)
	if caller, certain := s.certainAddr(r); certain && s.use.Limits != nil {
		s.use.Limits.Count(caller, true)
	}
	p := invalidRequest("the signature is not that of the Authsignal tenant")
	client := clientOf(r)
	if s.refusals.Take(refusal{slog.LevelWarn, p.Code, network.Of(client.Addr)}) {
		s.log.WarnContext(r.Context(), "a webhook is refused: it may be forged", "code", p.Code, "status", p.Status,
			"cause", cause.Error(), "request_id", client.RequestID, "client", client.Addr.String())
	}
	s.writeProblem(w, r, p)
}

// WebhooksForged returns how many webhooks had no right signature so far.
func (s *Server) WebhooksForged() int64 { return s.forged.Load() }

// isHook reports whether r is for the hook. The limits of an address do not hold there: all
// messages come from few addresses, and what is signed is no guess.
func (s *Server) isHook(r *http.Request) bool {
	return s.use.Departures != nil && r.URL.Path == hookPath
}
