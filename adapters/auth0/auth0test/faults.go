package auth0test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Faults is all that can be switched while the server runs. The zero value is
// a tenant that behaves. Its JSON form is what a page or a script would post:
//
//	{"inject": [{"kind": "rate_limited", "times": 1, "reset_seconds": 2}],
//	 "variants": {"script_failure": "server_error"},
//	 "protection": {"brute_force": 10}}
type Faults struct {
	Inject     []Fault    `json:"inject,omitempty"`    // what goes wrong
	Variants   Variants   `json:"variants,omitzero"`   // which form an undocumented answer takes
	Protection Protection `json:"protection,omitzero"` // limits that are counted
}

// Fault makes matching requests go wrong. Several may hit the same request.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// At is the endpoint; "" means the token endpoint.
	At Endpoint `json:"at,omitempty"`
	// Grant narrows it to one grant type; "password" stands for both password
	// grants, "" for every one.
	Grant string `json:"grant,omitempty"`
	// Skip is how many matching requests pass first.
	Skip int `json:"skip,omitempty"`
	// Times is how many matching requests it hits before it is gone; 0: all.
	Times int `json:"times,omitempty"`
	// After lets the request be processed first: the Login script runs, tokens
	// are issued or revoked, and only then the delay, hang, reset or answer comes.
	After bool `json:"after,omitempty"`

	Status       int    `json:"status,omitempty"`        // instead of the kind's own HTTP status
	Form         Form   `json:"form,omitempty"`          // of the error's body
	Text         string `json:"text,omitempty"`          // instead of the kind's own description
	Location     string `json:"location,omitempty"`      // of Redirect; "" means /redirected here
	DelayMillis  int    `json:"delay_millis,omitempty"`  // of Delay
	ResetSeconds int    `json:"reset_seconds,omitempty"` // of RateLimited: until x-ratelimit-reset
}

// Endpoint is a place a fault can strike.
type Endpoint string

// The endpoints. The zero value of [Fault.At] means [AtToken].
const (
	AtToken      Endpoint = "token"
	AtRevoke     Endpoint = "revoke"
	AtUserInfo   Endpoint = "userinfo"
	AtJWKS       Endpoint = "jwks"
	AtDiscovery  Endpoint = "discovery"
	AtManagement Endpoint = "management" // every call of the Management API
	Everywhere   Endpoint = "everywhere" // every path, also one that does not exist

	atElsewhere Endpoint = "elsewhere"
)

// UnmarshalText refuses an endpoint that does not exist.
func (e *Endpoint) UnmarshalText(text []byte) error {
	return unmarshalOneOf(e, text, "", AtToken, AtRevoke, AtUserInfo, AtJWKS, AtDiscovery, AtManagement, Everywhere)
}

// Form is the shape of an error's body. Auth0 uses all but the last for its
// own errors; a proxy in front of it answers in HTML.
type Form string

// The forms. The zero value is OAuth's.
const (
	FormOAuth Form = ""     // {"error", "error_description"}
	FormCode  Form = "code" // {"code", "description"}
	FormText  Form = "text" // the description, text/plain
	FormHTML  Form = "html" // a page

	formAPI Form = "api" // the Management API's {"statusCode", "error", "message", "errorCode"}, in the place of OAuth's there
)

// UnmarshalText refuses a form that does not exist.
func (f *Form) UnmarshalText(text []byte) error {
	return unmarshalOneOf(f, text, FormOAuth, FormCode, FormText, FormHTML)
}

// FaultKind names what goes wrong.
type FaultKind string

// Answers in place of the real one. MFARequired and AccessDenied come from a
// post-login Action: they strike only after the user has been authenticated, so
// the Login script has run. All others come at once, or after processing with
// [Fault.After].
const (
	MFARequired          FaultKind = "mfa_required"          // 403 with an mfa_token; the API description says 401
	AccessDenied         FaultKind = "access_denied"         // 403, an Action's api.access.deny(Text)
	TooManyAttempts      FaultKind = "too_many_attempts"     // 429, brute-force protection
	SuspiciousIP         FaultKind = "suspicious_ip"         // 429, suspicious IP throttling
	RateLimited          FaultKind = "rate_limited"          // 429 with x-ratelimit headers
	RequiresVerification FaultKind = "requires_verification" // 401, bot detection; status unknown
	PasswordLeaked       FaultKind = "password_leaked"       // 401
	UserBlocked          FaultKind = "user_blocked"          // 401 unauthorized; 400 has been seen
	UnauthorizedClient   FaultKind = "unauthorized_client"   // 403
	InvalidClient        FaultKind = "invalid_client"        // 401
	InvalidRequest       FaultKind = "invalid_request"       // 400
	InvalidGrant         FaultKind = "invalid_grant"         // 403
	ServerError          FaultKind = "server_error"          // 500; set Status for 502, 503, 504
	Redirect             FaultKind = "redirect"              // 307, which would make a client send its secret again
)

// What goes wrong on the wire. Hang, Reset and Delay come before processing
// unless [Fault.After]; Truncated, Malformed and Drip spoil the real answer.
const (
	Delay     FaultKind = "delay"     // waits DelayMillis
	Hang      FaultKind = "hang"      // never answers; ends with the client's patience or Close
	Reset     FaultKind = "reset"     // resets the TCP connection
	Truncated FaultKind = "truncated" // announces the whole body, sends half and hangs up
	Malformed FaultKind = "malformed" // sends half of the JSON as if it were all
	Drip      FaultKind = "drip"      // sends a byte of the body every 200 ms
)

// What is wrong with an otherwise good answer of the token endpoint.
const (
	NoIDToken           FaultKind = "no_id_token"
	NoAccessToken       FaultKind = "no_access_token"
	NoRefreshToken      FaultKind = "no_refresh_token"
	WrongSubject        FaultKind = "wrong_subject"     // every token is somebody else's
	MoreScope           FaultKind = "more_scope"        // admin:everything is granted too, as an Action can do it
	MoreScopeUntold     FaultKind = "more_scope_untold" // the same, and the answer leaves scope out
	IDWrongIssuer       FaultKind = "id_wrong_issuer"
	IDNoSlashIssuer     FaultKind = "id_no_slash_issuer" // the issuer without its slash
	IDWrongAudience     FaultKind = "id_wrong_audience"
	IDManyAudiences     FaultKind = "id_many_audiences" // two audiences and no azp
	IDWrongAZP          FaultKind = "id_wrong_azp"
	IDExpired           FaultKind = "id_expired"          // an hour ago
	IDIssuedInFuture    FaultKind = "id_issued_in_future" // in an hour
	IDWrongOrganization FaultKind = "id_wrong_organization"
	IDNonce             FaultKind = "id_nonce"   // a nonce nobody asked for
	IDAtHash            FaultKind = "id_at_hash" // a right at_hash, which Auth0 leaves out here
	IDWrongAtHash       FaultKind = "id_wrong_at_hash"
	IDUnsigned          FaultKind = "id_unsigned"       // alg none
	IDHS256             FaultKind = "id_hs256"          // signed with the client secret
	IDHS256WithKey      FaultKind = "id_hs256_with_key" // signed with the public key as a secret
	IDUnknownKey        FaultKind = "id_unknown_key"    // a kid the JWKS does not have
	IDForeignKey        FaultKind = "id_foreign_key"    // the right kid, another key
	IDBadSignature      FaultKind = "id_bad_signature"  // one bit off
)

// faultKinds holds the answer that each kind stands for, nil if it stands for
// none.
var faultKinds = map[FaultKind]*refusal{
	MFARequired:          {status: http.StatusForbidden, code: "mfa_required", description: "Multifactor authentication required"},
	AccessDenied:         {status: http.StatusForbidden, code: "access_denied", description: "Access denied."},
	TooManyAttempts:      {status: http.StatusTooManyRequests, code: "too_many_attempts", description: textBruteForce},
	SuspiciousIP:         {status: http.StatusTooManyRequests, code: "too_many_attempts", description: textSuspiciousIP},
	RateLimited:          {status: http.StatusTooManyRequests, code: "too_many_requests", description: textRateLimit},
	RequiresVerification: {status: http.StatusUnauthorized, code: "requires_verification", description: "Suspicious request requires verification"},
	PasswordLeaked:       {status: http.StatusUnauthorized, code: "password_leaked", description: textPasswordLeaked},
	UserBlocked:          {status: http.StatusUnauthorized, code: "unauthorized", description: textUserBlocked},
	UnauthorizedClient:   {status: http.StatusForbidden, code: "unauthorized_client", description: "The client is not authorized."},
	InvalidClient:        {status: http.StatusUnauthorized, code: "invalid_client", description: textInvalidClient},
	InvalidRequest:       {status: http.StatusBadRequest, code: "invalid_request", description: "Invalid request."},
	InvalidGrant:         {status: http.StatusForbidden, code: "invalid_grant", description: textWrongPassword},
	ServerError:          {status: http.StatusInternalServerError, code: "server_error", description: "Internal server error"},
	Redirect:             {status: http.StatusTemporaryRedirect, code: "redirect"},

	Delay: nil, Hang: nil, Reset: nil, Truncated: nil, Malformed: nil, Drip: nil,

	NoIDToken: nil, NoAccessToken: nil, NoRefreshToken: nil, WrongSubject: nil,
	MoreScope: nil, MoreScopeUntold: nil,
	IDWrongIssuer: nil, IDNoSlashIssuer: nil, IDWrongAudience: nil, IDManyAudiences: nil, IDWrongAZP: nil,
	IDExpired: nil, IDIssuedInFuture: nil, IDWrongOrganization: nil, IDNonce: nil, IDAtHash: nil, IDWrongAtHash: nil,
	IDUnsigned: nil, IDHS256: nil, IDHS256WithKey: nil, IDUnknownKey: nil, IDForeignKey: nil, IDBadSignature: nil,
}

// UnmarshalText refuses a kind that does not exist.
func (k *FaultKind) UnmarshalText(text []byte) error {
	if _, ok := faultKinds[FaultKind(text)]; !ok {
		return fmt.Errorf("no fault of kind %q", text)
	}
	*k = FaultKind(text)
	return nil
}

// Variants choose among the forms an answer may take where Auth0's
// documentation and SDKs leave it open. The zero value is the likelier form.
type Variants struct {
	// ScriptFailure is the answer to a Login script that fails in any way but
	// refusing the password.
	ScriptFailure ScriptFailure `json:"script_failure,omitempty"`
	// ScriptMessage sends the message of the script's
	// WrongUsernameOrPasswordError instead of "Wrong email or password."
	ScriptMessage bool `json:"script_message,omitempty"`
	// Unauthorized400 answers a blocked user and a script's UnauthorizedError
	// with 400 instead of 401. Both have been seen.
	Unauthorized400 bool `json:"unauthorized_400,omitempty"`
	// ClientAccessDenied answers a wrong client secret with access_denied
	// "Unauthorized" instead of invalid_client.
	ClientAccessDenied bool `json:"client_access_denied,omitempty"`
	// IgnoreRealm makes the grant "password" ignore realm. Auth0's pages
	// contradict each other here, and so do its SDKs.
	IgnoreRealm bool `json:"ignore_realm,omitempty"`
	// RequireEmail treats a profile without an email as a script failure.
	RequireEmail bool `json:"require_email,omitempty"`
	// MissingUserDenied answers an Action that sets somebody who does not exist
	// with 403 access_denied instead of 400 invalid_request.
	MissingUserDenied bool `json:"missing_user_denied,omitempty"`
	// ExchangeScopeAsAsked keeps token exchange from granting more scopes than are
	// asked for. The rule that grants more is documented for the password grants.
	ExchangeScopeAsAsked bool `json:"exchange_scope_as_asked,omitempty"`
	// WidenRefresh applies that rule to a renewal that asks for a scope, too. The
	// documents speak of a reduced set there.
	WidenRefresh bool `json:"widen_refresh,omitempty"`
	// KeepConfiguration lets a connection keep its configuration when a change of its
	// options leaves that out. Whether Auth0 does is not recorded; it is documented that
	// options are replaced.
	KeepConfiguration bool `json:"keep_configuration,omitempty"`
	// LesserPlan is the answer of the Management API to what is not on every plan:
	// token-exchange profiles, rate-limit policies and bot detection.
	LesserPlan LesserPlan `json:"lesser_plan,omitempty"`
	// SessionID adds a sid claim to ID tokens.
	SessionID bool `json:"session_id,omitempty"`
}

// ScriptFailure is how a failed Login script is answered.
type ScriptFailure string

// The forms reported for a failed script.
const (
	ScriptAccessDenied   ScriptFailure = ""                // 403 access_denied
	ScriptServerError    ScriptFailure = "server_error"    // 500
	ScriptInvalidRequest ScriptFailure = "invalid_request" // 400
)

// UnmarshalText refuses a form that does not exist.
func (f *ScriptFailure) UnmarshalText(text []byte) error {
	if string(text) == "access_denied" {
		text = nil
	}
	return unmarshalOneOf(f, text, ScriptAccessDenied, ScriptServerError, ScriptInvalidRequest)
}

// LesserPlan is how the Management API answers to what the tenant's plan lacks.
type LesserPlan string

// The forms. The zero value is a plan that has everything.
const (
	PlanHasAll  LesserPlan = ""
	PlanForbids LesserPlan = "forbidden" // 403 insufficient_entitlement, recorded for bot detection
	PlanHides   LesserPlan = "not_found" // 404, a guess
)

// UnmarshalText refuses a form that does not exist.
func (p *LesserPlan) UnmarshalText(text []byte) error {
	return unmarshalOneOf(p, text, PlanHasAll, PlanForbids, PlanHides)
}

// SetFaults replaces all switches at once. The counters of Protection go on.
func (s *Server) SetFaults(f Faults) { s.switchboard.set(f) }

// Faults returns the switches as they stand: Skip and Times are what is left
// of them, and faults used up are gone.
func (s *Server) Faults() Faults { return s.switchboard.get() }

// switchboard holds the faults and counts them down.
type switchboard struct {
	mu     sync.Mutex
	faults Faults
}

func (b *switchboard) set(f Faults) {
	f.Inject = slices.Clone(f.Inject)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = f
}

func (b *switchboard) get() Faults {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.faults
	f.Inject = slices.Clone(f.Inject)
	return f
}

// take returns the switches as they apply to one request, and counts it.
func (b *switchboard) take(at Endpoint, grant string) Faults {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.faults
	taken.Inject = nil
	var left []Fault
	for _, f := range b.faults.Inject {
		if !f.matches(at, grant) {
			left = append(left, f)
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			left = append(left, f)
			continue
		}
		taken.Inject = append(taken.Inject, f)
		if f.Times == 0 || f.Times > 1 {
			f.Times = max(0, f.Times-1)
			left = append(left, f)
		}
	}
	b.faults.Inject = left
	return taken
}

func (f Fault) matches(at Endpoint, grant string) bool {
	if f.At == "" {
		f.At = AtToken
	}
	if f.Grant == GrantPassword && grant == GrantPasswordRealm {
		grant = GrantPassword
	}
	return (f.At == at || f.At == Everywhere) && (f.Grant == "" || f.Grant == grant)
}

// afterLogin reports whether the fault comes from an Action.
func (f Fault) afterLogin() bool { return f.Kind == MFARequired || f.Kind == AccessDenied }

// refusal is the answer the fault stands for, nil if it stands for none. A
// kind that does not exist is answered loudly.
func (f Fault) refusal(now time.Time) *refusal {
	template, ok := faultKinds[f.Kind]
	if !ok {
		return refuse(http.StatusInternalServerError, "unknown_fault", fmt.Sprintf("no fault of kind %q", f.Kind))
	}
	if template == nil {
		return nil
	}
	r := *template
	r.header = make(http.Header)
	r.form = f.Form
	if f.Status != 0 {
		r.status = f.Status
	}
	if f.Text != "" {
		r.description = f.Text
	}
	switch f.Kind {
	case MFARequired:
		r.mfaToken = newOpaqueToken()
	case RateLimited:
		setRateLimit(r.header, 1, 0, now.Add(time.Duration(max(1, f.ResetSeconds))*time.Second))
	case Redirect:
		r.header.Set("Location", "/redirected")
		if f.Location != "" {
			r.header.Set("Location", f.Location)
		}
	}
	return &r
}

// setRateLimit writes Auth0's headers; the reset is in Unix seconds.
func setRateLimit(h http.Header, limit, remaining int, reset time.Time) {
	h.Set("X-Ratelimit-Limit", strconv.Itoa(limit))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(remaining))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(reset.Unix(), 10))
}

// unmarshalOneOf sets the value if the text is one of those allowed.
func unmarshalOneOf[T ~string](value *T, text []byte, allowed ...T) error {
	if !slices.Contains(allowed, T(text)) {
		return fmt.Errorf("%q is not one of %q", text, allowed)
	}
	*value = T(text)
	return nil
}
