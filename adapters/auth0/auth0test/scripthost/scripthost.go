// Package scripthost runs Auth0 custom database scripts and Actions in an embedded JavaScript engine.
//
// A [Host] gives a script the part of Auth0's sandbox on Node 22 that the scripts of this repository use: fetch with an
// AbortController, setTimeout, Buffer, HMAC, the three error classes and `configuration`. It demands that the script
// calls back exactly once, and a watchdog ends it when it does not. Actions of the trigger custom-token-exchange get
// the same, and `event` and `api` in place of `configuration` and the callback.
//
// A script that uses anything else of Node is ended, and the outcome names what it wanted: see [Unsupported]. It cannot
// catch that, so that a gap of this host is never mistaken for a wrong password.
//
// Scripts are trusted as far as their author is: one can exhaust the memory of the process by building ever longer
// strings, or a processor with a regular expression, which the watchdog cannot end. Never run a stranger's script here.
package scripthost

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/dop251/goja"
)

const (
	// defaultLimit is how long Auth0 lets a script run before it recycles the container (Auth0 docs, "Custom Database
	// Connection and Action Script Execution Best Practices").
	defaultLimit = 20 * time.Second

	// watchAfter is how long a script that has called back is watched for a second call.
	watchAfter = 50 * time.Millisecond

	// interruptSlack is how long a run may go on after its limit, because the engine cannot be interrupted inside one
	// native call (a regular expression, a sort, a large allocation).
	interruptSlack = time.Second
)

// Options says how a [Host] runs scripts. The zero value is what Auth0 documents.
type Options struct {
	// Limit is how long one run may take before the watchdog ends it; 0 means 20 s, the limit Auth0 documents. A script
	// that can never call back takes all of it, as it does at Auth0.
	Limit time.Duration
	// Transport is what fetch uses; nil means one of its own, without a proxy, because Node's fetch ignores HTTP_PROXY.
	Transport http.RoundTripper
	// Log receives the host's warnings, one line a call; nil discards them. It is called from several goroutines when
	// several scripts run.
	Log func(line string)
	// Modules maps the name of a module to its CommonJS source, for `require`. It adds to the built-in crypto.
	Modules map[string]string
}

// Host runs scripts, each in containers of its own. Its methods are safe for concurrent use.
type Host struct {
	opts    Options
	client  *http.Client
	prelude []*goja.Program
	modules map[string]*goja.Program

	runs sync.WaitGroup
}

// New returns a host. It starts nothing: a container is made when a script first needs one. New panics if the text of
// one of opts.Modules is not JavaScript the engine can parse.
func New(opts Options) *Host {
	if opts.Limit <= 0 {
		opts.Limit = defaultLimit
	}
	if opts.Log == nil {
		opts.Log = func(string) {}
	}
	if opts.Transport == nil {
		opts.Transport = &http.Transport{ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: 5 * time.Second}
	}
	return &Host{
		opts:    opts,
		client:  &http.Client{Transport: opts.Transport, CheckRedirect: checkRedirect},
		prelude: compilePrelude(),
		modules: compileModules(opts.Modules),
	}
}

// Login is what Auth0 hands to a Login script.
type Login struct {
	Identifier, Password string
	Configuration        map[string]string // the connection's settings, decrypted
	Context              bool              // enable_script_context
}

// Login runs the script's login function and reports how it ended. The function is called as
// login(identifier, password, callback), or with a context object before the callback if Login.Context is set.
// The first thing that settles the run wins: the callback, a throw, an unhandled rejection, an uncaught exception, or
// the time limit. Login then returns; the script is watched a little longer in the background, and a second callback is
// logged. When ctx ends first the outcome is [TimedOut].
func (h *Host) Login(ctx context.Context, s *Script, in Login) Outcome {
	return h.execute(ctx, s, func(r *run) error { return r.startLogin(s, in) })
}

// Close waits for runs, and for scripts that are still watched, and closes idle connections. Login must not be called
// any more.
func (h *Host) Close() {
	h.runs.Wait()
	h.client.CloseIdleConnections()
}

// Kind says how a run ended.
type Kind string

// The ways a run can end. What Auth0's API answers to each is not documented; it is decided elsewhere.
const (
	Profile      Kind = "profile"      // callback(null, profile)
	Refused      Kind = "refused"      // callback(new WrongUsernameOrPasswordError(…))
	Unauthorized Kind = "unauthorized" // callback(new UnauthorizedError(…))
	Invalid      Kind = "invalid"      // callback(new ValidationError(…))
	Failed       Kind = "failed"       // callback with any other error
	NoProfile    Kind = "no_profile"   // callback() or callback(null)
	BadProfile   Kind = "bad_profile"  // a profile that is no object, or that JSON cannot hold
	Threw        Kind = "threw"        // an exception left the login function, or it could not be evaluated
	Rejected     Kind = "rejected"     // a promise was rejected and nothing handled it
	Uncaught     Kind = "uncaught"     // an exception left a timer or another callback of the host
	NeverCalled  Kind = "never_called" // nothing was left that could call back, and the limit passed
	TimedOut     Kind = "timed_out"    // the watchdog ended the run, or the caller went away
	Unsupported  Kind = "unsupported"  // the script used what this host does not have; Message names it
)

// The ways an Action can decide. One that fails ends as [Threw], [Rejected], [Uncaught], [NeverCalled], [TimedOut]
// or [Unsupported], or as [Failed] if it gave an argument of a wrong type.
const (
	UserSet       Kind = "user_set"       // exactly one api.authentication.setUserBy…
	Denied        Kind = "denied"         // api.access.deny
	TokenRejected Kind = "token_rejected" // api.access.rejectInvalidSubjectToken
	NoUser        Kind = "no_user"        // neither
	ManyUsers     Kind = "many_users"     // more than one user was set
)

// The ways a post-login Action can decide, beside [Denied].
const (
	Continued   Kind = "continued"    // nothing stands in the way
	FactorAsked Kind = "factor_asked" // api.multifactor.enable, or an api.authentication call that challenges or enrolls
	Redirected  Kind = "redirected"   // api.redirect.sendUserTo, which needs a browser
)

// Outcome is how a run ended.
type Outcome struct {
	Kind    Kind
	Name    string          // class of the error, if there is one
	Message string          // its message
	UserID  string          // user_id of the profile, or the id a WrongUsernameOrPasswordError carries
	Profile json.RawMessage // an object; only if Kind is Profile

	// Code is that of an Action's api.access.deny; its reason is Message.
	Code string
	// User and Organization are what an Action set; only if Kind is UserSet.
	User         SetUser
	Organization string // "" if it set none
	// Decisions counts the calls that deny, reject or set a user.
	Decisions int

	// CalledBack counts calls of the callback up to the answer. Later ones are logged.
	CalledBack int
	Notes      []string      // what the host noticed besides, for an operator
	Duration   time.Duration // from the start of the run to the event that settled it
}

// SetUser is what an Action says of the user: an ID, or a connection and attributes.
type SetUser struct {
	ID         string
	Connection string
	Attributes map[string]any
	Options    SetUserOptions
}

// SetUserOptions say what becomes of a user who does not exist, or who does. They are "" if the Action leaves them out.
type SetUserOptions struct {
	CreationBehavior string `json:"creationBehavior"`
	UpdateBehavior   string `json:"updateBehavior"`
}
