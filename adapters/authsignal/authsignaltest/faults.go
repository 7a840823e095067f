package authsignaltest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// Faults are the knobs of the emulator: which of two plausible forms an answer
// takes where Authsignal's documentation is silent, and what goes wrong. The
// zero value is a well-behaved tenant. As JSON it is what a control panel
// edits; unknown forms and kinds are refused while decoding.
type Faults struct {
	// BadToken is how /validate answers a token that is malformed, expired,
	// wrongly signed, of another tenant or of an action nobody knows:
	// FormInvalid (default), FormBadRequest or FormUnauthorized. /get-user and
	// /sessions have no 200 form and answer FormInvalid with a 401.
	BadToken Form `json:"badToken,omitempty"`

	// Mismatch is how /validate answers when the caller's userId or action is
	// not the token's: any Form, FormInvalid by default.
	Mismatch Form `json:"mismatch,omitempty"`

	// SingleUse, if not "", makes a token good for one accepting answer of
	// /validate, /get-user or /sessions, and says how /validate answers the
	// second. Nothing documents tokens to be single-use.
	SingleUse Form `json:"singleUse,omitempty"`

	// Unverified is how the Client API answers a passkey ceremony that fails
	// verification: FormBadRequest (default, error code invalid_credential),
	// FormUnauthorized or FormInvalid (200 {"isVerified":false}).
	Unverified Form `json:"unverified,omitempty"`

	// StrictGetUser makes /get-user refuse tokens whose challenge was not
	// completed. The lenient default resolves every genuine token.
	StrictGetUser bool `json:"strictGetUser,omitempty"`

	// AllowIsValid makes /validate answer isValid:true for state ALLOW.
	AllowIsValid bool `json:"allowIsValid,omitempty"`

	// TrackState is the state of newly tracked actions; "" means what the
	// tenant's configuration of the action says.
	TrackState State `json:"trackState,omitempty"`

	// Audience is the "aud" of tokens signed from now on; "" means the tenant
	// id. The real value is not public.
	Audience string `json:"audience,omitempty"`

	// Omit names fields left out of accepting and rejecting 200 answers of
	// /validate, such as "stateUpdatedAt" or "verificationMethod".
	Omit []string `json:"omit,omitempty"`

	// Replace overrides fields of such answers, after Omit, with any JSON
	// value: {"verificationMethod":"SMS"}, {"isValid":"true"}.
	Replace map[string]any `json:"replace,omitempty"`

	// TokenSeconds is the life of tokens signed from now on; 0 means the
	// tenant's tokenDurationInMinutes, or the documented 10 minutes if that was
	// never set.
	TokenSeconds int `json:"tokenSeconds,omitempty"`

	// ChallengeSeconds is the life of passkey challenges issued from now on.
	// 0 means 10 minutes: autofill asks for one long before it is used. The
	// real value is not public.
	ChallengeSeconds int `json:"challengeSeconds,omitempty"`

	// UnconfiguredAction is what becomes of an action that the tenant has not
	// configured; "" means OutcomeChallenge, OutcomeRefused an error.
	UnconfiguredAction Outcome `json:"unconfiguredAction,omitempty"`

	// UseConfigures makes the first use of an action configure it, with the
	// outcome CHALLENGE.
	UseConfigures bool `json:"useConfigures,omitempty"`

	// Facts are the values of variables in the conditions of rules, by dotted
	// name: {"device.isNew": true}. One that is not there is null.
	Facts map[string]any `json:"facts,omitempty"`

	// UserDeletion is what webhooks tell when a user is deleted, which is not documented.
	UserDeletion UserDeletion `json:"userDeletion,omitempty"`

	// ServerKeyStatus is how the Management API refuses a Server API key: 403
	// (0 means that) or 401.
	ServerKeyStatus int `json:"serverKeyStatus,omitempty"`

	// PatchReplaces makes a PATCH of the Management API replace the whole
	// object. The default merges.
	PatchReplaces bool `json:"patchReplaces,omitempty"`

	// IgnoredFields are members that the Management API accepts and does not
	// store.
	IgnoredFields []string `json:"ignoredFields,omitempty"`

	// HideCredentials leaves vendors' credentials out of authenticator
	// configurations that are read. The default shows them.
	HideCredentials bool `json:"hideCredentials,omitempty"`

	// DuplicateStatus is how an action is refused that is configured already:
	// 400 (0 means that) or 409; 200 replaces the old one.
	DuplicateStatus int `json:"duplicateStatus,omitempty"`

	// AllowedIPs, if not nil, are the addresses that Server API keys may be used
	// from. Whether Authsignal has such a list is not public.
	AllowedIPs []netip.Prefix `json:"allowedIPs,omitempty"`

	// IPStatus is how another address is refused: 403 (0 means that) or 401.
	IPStatus int `json:"ipStatus,omitempty"`

	// Inject breaks whole answers. Of the faults that match a request and are due,
	// only the first applies.
	Inject []Fault `json:"inject,omitempty"`
}

// Form is the form of a refusal.
type Form string

// The forms a refusal may take. Which one Authsignal uses is not documented.
const (
	FormInvalid      Form = "200"      // 200 {"isValid":false,"error":code}
	FormInvalidFull  Form = "200-full" // 200 isValid:false beside all fields of the action, CHALLENGE_SUCCEEDED included
	FormBadRequest   Form = "400"      // 400 invalid_request
	FormUnauthorized Form = "401"      // 401 expired_token or invalid_token
	FormIgnored      Form = "ignored"  // accepted all the same
)

// UnmarshalText accepts the forms above and "".
func (f *Form) UnmarshalText(text []byte) error {
	return oneOf(f, text, "", FormInvalid, FormInvalidFull, FormBadRequest, FormUnauthorized, FormIgnored)
}

// Fault breaks the answers to some requests.
type Fault struct {
	// Route is a pattern from the list of endpoints, such as "/v1/validate" or
	// "POST /v1/users/{userId}/actions/{action}"; a trailing "*" matches all
	// patterns that begin so. "" matches every endpoint. CORS preflights and
	// unknown paths are never broken.
	Route string `json:"route,omitempty"`

	After       int       `json:"after,omitempty"`       // matching requests to let pass first
	Times       int       `json:"times,omitempty"`       // matching requests after those to break; 0 means all
	DelayMillis int       `json:"delayMillis,omitempty"` // milliseconds to wait before doing anything else
	Kind        FaultKind `json:"kind,omitempty"`        // "" means FaultDelay
	Status      int       `json:"status,omitempty"`      // of FaultError (0 means 500) and FaultHTML (0 means 502)
	Code        string    `json:"code,omitempty"`        // error code of FaultError; "" means the usual one of Status
	RetryAfter  string    `json:"retryAfter,omitempty"`  // Retry-After header of FaultError and FaultHTML; "" sends none
}

// FaultKind is what a Fault does.
type FaultKind string

// The kinds of fault. FaultError, FaultHTML, FaultHang and FaultReset keep the
// request from taking effect; the others do not.
const (
	FaultDelay     FaultKind = "delay"     // answers normally, after DelayMillis
	FaultError     FaultKind = "error"     // answers an error of the API: 401 unauthorized, 429, 5xx …
	FaultHTML      FaultKind = "html"      // answers a load balancer's page
	FaultHang      FaultKind = "hang"      // answers nothing until the caller gives up
	FaultReset     FaultKind = "reset"     // resets the connection
	FaultLost      FaultKind = "lost"      // does what was asked, then resets the connection
	FaultTruncated FaultKind = "truncated" // breaks off in the middle of the body
	FaultMalformed FaultKind = "malformed" // sends half the JSON as if it were all
	FaultDrip      FaultKind = "drip"      // sends a byte of the body every 200 ms
)

// UnmarshalText accepts the kinds above and "".
func (k *FaultKind) UnmarshalText(text []byte) error {
	return oneOf(k, text, "", FaultDelay, FaultError, FaultHTML, FaultHang, FaultReset, FaultLost, FaultTruncated, FaultMalformed, FaultDrip)
}

// SetFaults replaces all knobs and starts the counts of Fault.After and
// Fault.Times anew. Requests under way may see either set.
func (s *Server) SetFaults(f Faults) {
	s.behaviour.mu.Lock()
	defer s.behaviour.mu.Unlock()
	s.behaviour.faults = f
	s.behaviour.seen = make([]int, len(f.Inject))
}

// Faults returns the knobs as they were set. Its slices and maps must not be
// changed.
func (s *Server) Faults() Faults {
	s.behaviour.mu.Lock()
	defer s.behaviour.mu.Unlock()
	return s.behaviour.faults
}

// allows reports whether a Server API key may be used from address, which has a
// port.
func (f Faults) allows(address string) bool {
	if f.AllowedIPs == nil {
		return true
	}
	from, err := netip.ParseAddrPort(address)
	return err == nil && slices.ContainsFunc(f.AllowedIPs, func(p netip.Prefix) bool { return p.Contains(from.Addr().Unmap()) })
}

type behaviour struct {
	mu     sync.Mutex
	faults Faults
	seen   []int // matching requests so far, by index of Inject
}

// next returns the fault to apply to a request, if any.
func (b *behaviour) next(method, route string) (Fault, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var apply Fault
	var found bool
	for i, f := range b.faults.Inject {
		if !f.matches(method, route) {
			continue
		}
		b.seen[i]++
		n := b.seen[i] - f.After
		if !found && n > 0 && (f.Times == 0 || n <= f.Times) {
			apply, found = f, true
		}
	}
	return apply, found
}

func (f Fault) matches(method, route string) bool {
	want := f.Route
	if m, pattern, ok := strings.Cut(want, " "); ok {
		if m != method {
			return false
		}
		want = pattern
	}
	if prefix, ok := strings.CutSuffix(want, "*"); ok {
		return strings.HasPrefix(route, prefix)
	}
	return want == "" || want == route
}

// misbehave applies Faults.Inject.
func (s *Server) misbehave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := s.behaviour.next(r.Method, chi.RouteContext(r.Context()).RoutePattern())
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		a := w.(*answer) // record is always around
		a.fault = cmp.Or(f.Kind, FaultDelay)
		select {
		case <-time.After(time.Duration(f.DelayMillis) * time.Millisecond):
		case <-r.Context().Done():
		}
		f.apply(a, r, next)
	})
}

func (f Fault) apply(a *answer, r *http.Request, next http.Handler) {
	if f.RetryAfter != "" {
		a.Header().Set("Retry-After", f.RetryAfter)
	}
	switch f.Kind {
	case FaultError:
		writeError(a, cmp.Or(f.Status, http.StatusInternalServerError), f.Code, "")
	case FaultHTML:
		status := cmp.Or(f.Status, http.StatusBadGateway)
		a.Header().Set("Content-Type", "text/html")
		a.WriteHeader(status)
		fmt.Fprintf(a, "<html><body><h1>%d %s</h1></body></html>\n", status, http.StatusText(status))
	case FaultHang:
		<-r.Context().Done()
	case FaultReset:
	case "", FaultDelay, FaultLost, FaultTruncated, FaultMalformed, FaultDrip:
		next.ServeHTTP(a, r)
	}
}

// oneOf sets dst to text if it is among the allowed values.
func oneOf[T ~string](dst *T, text []byte, allowed ...T) error {
	if v := T(text); slices.Contains(allowed, v) {
		*dst = v
		return nil
	}
	return fmt.Errorf("%q is not one of %q", text, allowed)
}
