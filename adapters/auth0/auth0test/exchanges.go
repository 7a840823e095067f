package auth0test

import (
	"slices"
	"sync"
	"time"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// maxExchanges is how many exchanges are kept.
const maxExchanges = 1000

// Exchange is the record of a request, or of a run of a Login script or an
// Action. It never holds a body, a credential or a token. A request is recorded
// just before its answer is sent, or before the fault that keeps it from being
// sent.
type Exchange struct {
	Kind     ExchangeKind  `json:"kind"`
	Time     time.Time     `json:"time"`     // by Options.Now
	Duration time.Duration `json:"duration"` // by the real clock, in nanoseconds

	Method       string      `json:"method,omitempty"`
	Path         string      `json:"path,omitempty"`
	Proto        string      `json:"proto,omitempty"`
	Status       int         `json:"status,omitempty"` // 0: no answer was sent
	Error        string      `json:"error,omitempty"`  // the error code answered
	GrantType    string      `json:"grant_type,omitempty"`
	ClientID     string      `json:"client_id,omitempty"` // once it is known to be one
	ForwardedFor string      `json:"forwarded_for,omitempty"`
	ClientIP     string      `json:"client_ip,omitempty"` // the address limits count: the forwarded one only if trusted
	UserAgent    string      `json:"user_agent,omitempty"`
	Faults       []FaultKind `json:"faults,omitempty"`

	Connection string          `json:"connection,omitempty"`
	Outcome    scripthost.Kind `json:"outcome,omitempty"` // of the Login script or the Action
	Notes      []string        `json:"notes,omitempty"`   // what the engine has to say about the run
}

// ExchangeKind tells what an [Exchange] is about.
type ExchangeKind string

// The kinds. A script's run is recorded before the request that caused it.
const (
	Request     ExchangeKind = "request"
	LoginScript ExchangeKind = "login_script"
	Action      ExchangeKind = "action"
)

// Exchanges returns the last thousand, oldest first.
func (s *Server) Exchanges() []Exchange { return s.log.all() }

func (s *Server) tell(e Exchange) {
	s.log.add(e)
	if s.observe != nil {
		s.observe(e)
	}
}

type exchangeLog struct {
	mu   sync.Mutex
	kept []Exchange
}

func (l *exchangeLog) add(e Exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.kept) == maxExchanges {
		l.kept = slices.Delete(l.kept, 0, 1)
	}
	l.kept = append(l.kept, e)
}

func (l *exchangeLog) all() []Exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.kept)
}

// knownGrant keeps unknown grant types out of the log: a caller can write
// anything there.
func knownGrant(grant string) string {
	switch grant {
	case "", GrantPassword, GrantPasswordRealm, GrantRefreshToken, GrantTokenExchange, GrantClientCredentials:
		return grant
	}
	return "other"
}
