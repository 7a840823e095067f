package httpapi

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"nativebridge/adapters/internal/sampling"
)

// What is logged of refused requests. Faults of ours are always logged.
const (
	// loggedEach is how many lines of one refusal are logged in logWindow.
	loggedEach = 10
	logWindow  = time.Minute
	// loggedKinds is how many refusals are told apart at once, each of some 200 bytes.
	// Those beyond share one for each code.
	loggedKinds = 1024
)

// refusal is what lines of refused requests are alike in.
type refusal struct {
	level slog.Level
	code  string
	from  netip.Prefix // of the app's address; zero if it is not known, or one of too many
}

// newRefusals returns a sampler of refusals that tells log what it left out.
func newRefusals(log *slog.Logger) *sampling.Sampler[refusal] {
	return sampling.New(sampling.Options[refusal]{
		Each: loggedEach, Window: logWindow, Keys: loggedKinds,
		Common: func(r refusal) refusal { return refusal{level: r.level, code: r.code} },
		Tell: func(r refusal, leftOut int) {
			log.Log(context.Background(), r.level, "requests failed: "+r.code+", and their lines were left out",
				"code", r.code, "network", r.network(), "left_out", leftOut)
		},
	})
}

func (r refusal) network() string {
	if !r.from.IsValid() {
		return "any"
	}
	return r.from.String()
}

// LogLinesLeftOut returns how many lines of refused requests were not logged so far.
func (s *Server) LogLinesLeftOut() int64 { return s.refusals.LeftOut() }
