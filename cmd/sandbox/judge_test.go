package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters"
	"nativebridge/adapters/jwt"
	"nativebridge/domain"
	"nativebridge/ports"
)

// judge is the bridge's own verifier of JWTs and its rules of a sign-in, for
// witnesses that make tokens of their own. It gives its reasons, which a bridge
// keeps for the operator.
type judge struct {
	verifier ports.IdentityVerifier
	policy   domain.SignInPolicy
	ahead    atomic.Int64 // of the time, in nanoseconds
}

// serveJudge adds a judge to mux: PUT /jwt makes a new one, for one provider.
func serveJudge(mux *http.ServeMux) {
	var current atomic.Pointer[judge]
	mux.HandleFunc("PUT /jwt", setting(func(p passkeyProvider) { current.Store(newJudge(p)) }))
	mux.HandleFunc("POST /jwt/advance", setting(func(seconds int64) { current.Load().ahead.Add(seconds * int64(time.Second)) }))
	mux.HandleFunc("POST /jwt/verify", func(w http.ResponseWriter, r *http.Request) {
		setting(func(token string) { _ = json.NewEncoder(w).Encode(current.Load().verdict(r.Context(), token)) })(w, r)
	})
}

// passkeyProvider is what a witness tells of itself.
type passkeyProvider struct {
	Issuer   string   `json:"issuer"`
	Audience jwt.List `json:"audience"` // separated by commas
}

// newJudge has the usual settings, discovers where p publishes its keys, and knows
// none yet.
func newJudge(p passkeyProvider) *judge {
	const skew = 30 * time.Second
	config := jwt.Config{
		Issuer: jwt.Issuer(p.Issuer), Audience: p.Audience, Algorithms: jwt.Algorithms{jose.RS256, jose.ES256},
		SubjectClaim: "sub", TimeClaim: "auth_time", PasskeyAMR: jwt.List{"hwk"}, MaxAge: 10 * time.Minute,
	}
	j := &judge{policy: config.Policy(skew)}
	j.policy.Subjects.Prefix = "auth0|"
	client := adapters.Runtime{Now: j.now}.Client("jwt")
	j.verifier = jwt.NewVerifier(client, config, skew, j.now)
	return j
}

func (j *judge) now() time.Time { return time.Now().Add(time.Duration(j.ahead.Load())) }

// verdict says whom a token proves, or why it proves nobody.
func (j *judge) verdict(ctx context.Context, text string) map[string]string {
	token, err := domain.ParsePasskeyToken(text)
	if err != nil {
		return map[string]string{"reason": "malformed", "says": err.Error()}
	}
	identity, err := j.verifier.Verify(ctx, token)
	if err == nil {
		err = j.policy.Admit(identity, j.now())
	}
	if err != nil {
		reason, _ := domain.ReasonOf(err)
		return map[string]string{"reason": string(reason), "says": err.Error()}
	}
	return map[string]string{"subject": identity.Subject, "proof": identity.ProofID}
}
