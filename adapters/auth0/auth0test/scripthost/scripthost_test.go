package scripthost_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// outcomeCase is one script and how its run must end.
type outcomeCase struct {
	name    string
	source  string // may use configuration.URL, the base of a server that answers as serve says
	want    scripthost.Kind
	class   string // Outcome.Name
	message string // part of Outcome.Message
	userID  string
	called  int
	context bool // enable_script_context
}

var outcomeCases = []outcomeCase{
	// Forms of a script.
	{name: "a declaration", source: `function login(id, pw, callback) { callback(null, {user_id: id}) }`, want: scripthost.Profile, userID: "jane", called: 1},
	{name: "helpers around the function", source: "const prefix = 'x-'\nfunction login(id, pw, callback) { callback(null, {user_id: mark(id)}) }\nfunction mark(id) { return prefix + id }", want: scripthost.Profile, userID: "x-jane", called: 1},
	{name: "a function in a variable", source: `const login = async (id, pw, callback) => callback(null, {user_id: id})`, want: scripthost.Profile, userID: "jane", called: 1},
	{name: "a comment at the end", source: "function login(id, pw, callback) { callback(null, {user_id: id}) } // done", want: scripthost.Profile, userID: "jane", called: 1},
	{name: "a context object before the callback", context: true, source: `function login(id, pw, context, callback) { callback(null, {user_id: typeof context}) }`, want: scripthost.Profile, userID: "object", called: 1},
	{name: "the callback as the last argument", source: `function login(id, pw) { arguments[arguments.length - 1](null, {user_id: pw}) }`, want: scripthost.Profile, userID: "secret", called: 1},
	{name: "sloppy mode", source: `function login(id, pw, callback) { undeclared = id; callback(null, {user_id: undeclared, same: this === globalThis}) }`, want: scripthost.Profile, userID: "jane", called: 1},

	// Ways to call back.
	{name: "a wrong password", source: `function login(id, pw, callback) { callback(new WrongUsernameOrPasswordError(id, 'my text')) }`, want: scripthost.Refused, class: "WrongUsernameOrPasswordError", message: "my text", userID: "jane", called: 1},
	{name: "a wrong password of nobody known", source: `function login(id, pw, callback) { callback(new WrongUsernameOrPasswordError(null)) }`, want: scripthost.Refused, class: "WrongUsernameOrPasswordError", message: "Wrong email or password.", called: 1},
	{name: "an unauthorized error", source: `function login(id, pw, callback) { callback(new UnauthorizedError('blocked')) }`, want: scripthost.Unauthorized, class: "UnauthorizedError", message: "blocked", called: 1},
	{name: "a validation error", source: `function login(id, pw, callback) { callback(new ValidationError('code', 'why')) }`, want: scripthost.Invalid, class: "ValidationError", message: "why", called: 1},
	{name: "another error", source: `function login(id, pw, callback) { callback(new RangeError('broken')) }`, want: scripthost.Failed, class: "RangeError", message: "broken", called: 1},
	{name: "an error that is a text", source: `function login(id, pw, callback) { callback('broken') }`, want: scripthost.Failed, message: "broken", called: 1},
	{name: "an error and a profile", source: `function login(id, pw, callback) { callback(new Error('broken'), {user_id: id}) }`, want: scripthost.Failed, class: "Error", message: "broken", called: 1},
	{name: "nothing", source: `function login(id, pw, callback) { callback() }`, want: scripthost.NoProfile, called: 1},
	{name: "null", source: `function login(id, pw, callback) { callback(null) }`, want: scripthost.NoProfile, called: 1},
	{name: "null and null", source: `function login(id, pw, callback) { callback(null, null) }`, want: scripthost.NoProfile, called: 1},
	{name: "twice at once", source: `function login(id, pw, callback) { callback(null, {user_id: id}); callback(new Error('late')) }`, want: scripthost.Profile, userID: "jane", called: 2},
	{name: "then a throw", source: `function login(id, pw, callback) { callback(null, {user_id: id}); throw new Error('late') }`, want: scripthost.Profile, userID: "jane", called: 1},
	{name: "and a promise returned besides", source: `async function login(id, pw, callback) { await null; callback(null, {user_id: id}); return 1 }`, want: scripthost.Profile, userID: "jane", called: 1},
	{name: "from a timer", source: `function login(id, pw, callback) { setTimeout(callback, 1, null, {user_id: id}) }`, want: scripthost.Profile, userID: "jane", called: 1},

	// Profiles.
	{name: "a profile with a date and a toJSON", source: `function login(id, pw, callback) { callback(null, {user_id: {toJSON: () => id}, at: new Date(0), n: NaN}) }`, want: scripthost.Profile, userID: "jane", called: 1},
	{name: "a profile without a user_id", source: `function login(id, pw, callback) { callback(null, {email: 'jane@example.com'}) }`, want: scripthost.Profile, called: 1},
	{name: "a profile that is a list", source: `function login(id, pw, callback) { callback(null, [1]) }`, want: scripthost.BadProfile, called: 1},
	{name: "a profile that is a text", source: `function login(id, pw, callback) { callback(null, 'jane') }`, want: scripthost.BadProfile, called: 1},
	{name: "a circular profile", source: `function login(id, pw, callback) { const p = {}; p.p = p; callback(null, p) }`, want: scripthost.BadProfile, class: "TypeError", called: 1},
	{name: "a profile with a bigint", source: `function login(id, pw, callback) { callback(null, {n: 1n}) }`, want: scripthost.BadProfile, class: "TypeError", called: 1},
	{name: "a profile whose getter throws is no throw of the script", source: `function login(id, pw, callback) { try { callback(null, {get user_id() { throw new Error('getter') }}) } catch (e) { callback(e) } }`, want: scripthost.BadProfile, class: "Error", message: "getter", called: 1},

	// Ways to fail.
	{name: "a throw", source: `function login(id, pw, callback) { throw new TypeError('broken') }`, want: scripthost.Threw, class: "TypeError", message: "broken"},
	{name: "a throw of what is no error", source: `function login() { throw 'broken' }`, want: scripthost.Threw, message: "broken"},
	{name: "a thrown wrong password keeps its class", source: `function login(id, pw, callback) { throw new WrongUsernameOrPasswordError(id) }`, want: scripthost.Threw, class: "WrongUsernameOrPasswordError", userID: "jane"},
	{name: "a throw of what cannot be described", source: `function login() { throw {get name() { throw 1 }} }`, want: scripthost.Threw, message: "cannot be described"},
	{name: "a throw while the text is evaluated", source: "throw new Error('at once')\nfunction login() {}", want: scripthost.Threw, class: "Error", message: "at once"},
	{name: "a rejection", source: `async function login() { throw new RangeError('broken') }`, want: scripthost.Rejected, class: "RangeError", message: "broken"},
	{name: "a floating rejection", source: `function login(id, pw, callback) { Promise.reject(new Error('floating')); setTimeout(callback, 5) }`, want: scripthost.Rejected, class: "Error", message: "floating"},
	{name: "a rejection that is handled in the same turn", source: `function login(id, pw, callback) { const p = Promise.reject(new Error('x')); Promise.resolve().then(() => p.catch(() => callback(null, {user_id: id}))) }`, want: scripthost.Profile, userID: "jane", called: 1},
	{name: "a throw in a timer", source: `function login(id, pw, callback) { setTimeout(() => { throw new Error('later') }, 1) }`, want: scripthost.Uncaught, class: "Error", message: "later"},
	{name: "a stack that overflows", source: `function login() { (function down() { down() })() }`, want: scripthost.Threw, class: "RangeError", message: "Maximum call stack size exceeded"},
	{name: "a stack that overflows in a timer", source: `function login() { setTimeout(function down() { down() }, 1) }`, want: scripthost.Uncaught, class: "RangeError", message: "Maximum call stack size exceeded"},

	// fetch.
	{name: "a JSON answer", source: fetching(`const r = await fetch(configuration.URL + '/json'); return r.status + (await r.json()).name`), want: scripthost.Profile, userID: "200jane", called: 1},
	{name: "a request arrives whole", source: fetching(`const r = await fetch(configuration.URL + '/echo', {method: 'POST', headers: {'X-A': 'b'}, body: JSON.stringify({a: 'é'})}); return await r.text()`), want: scripthost.Profile, userID: `POST b text/plain;charset=UTF-8 {"a":"é"}`, called: 1},
	{name: "malformed JSON", source: fetching(`return (await fetch(configuration.URL + '/html')).json()`), want: scripthost.Failed, class: "SyntaxError", called: 1},
	{name: "a redirect is followed", source: fetching(`const r = await fetch(configuration.URL + '/redirect'); return (await r.json()).name`), want: scripthost.Profile, userID: "jane", called: 1},
	{name: "a redirect is handed out", source: fetching(`const r = await fetch(configuration.URL + '/redirect', {redirect: 'manual'}); return r.status`), want: scripthost.Profile, userID: "307", called: 1},
	{name: "nobody listens", source: fetching(`return fetch(configuration.CLOSED).catch((e) => { throw new Error(e.message + ': ' + e.cause.message) })`), want: scripthost.Failed, class: "Error", message: "connection refused", called: 1},
	{name: "a connection that breaks", source: fetching(`return fetch(configuration.URL + '/break', {method: 'POST'}).catch((e) => { throw new Error(e.message + ': ' + e.cause.message) })`), want: scripthost.Failed, class: "Error", message: "fetch failed: EOF", called: 1},
	{name: "a body that breaks", source: fetching(`return (await fetch(configuration.URL + '/half')).text()`), want: scripthost.Failed, class: "TypeError", message: "terminated", called: 1},
	{name: "a request that is aborted", source: fetching(aborting + `return fetch(configuration.URL + '/hang', {signal: c.signal})`), want: scripthost.Failed, class: "AbortError", called: 1},
	{name: "a body that is aborted", source: fetching(aborting + `return (await fetch(configuration.URL + '/stall', {signal: c.signal})).text()`), want: scripthost.Failed, class: "AbortError", called: 1},
	{name: "a signal that has aborted already", source: fetching(`const c = new AbortController(); c.abort(); return fetch(configuration.URL + '/json', {signal: c.signal})`), want: scripthost.Failed, class: "AbortError", called: 1},
	{name: "a signal tells that it aborted", source: fetching(`const c = new AbortController(), before = c.signal.aborted; c.abort(); return before + ' ' + c.signal.aborted`), want: scripthost.Profile, userID: "false true", called: 1},

	// Modules.
	{name: "a module of the host", source: `function login(id, pw, callback) { callback(null, {user_id: require('greeter').greet(id)}) }`, want: scripthost.Profile, userID: "hello jane", called: 1},
}

// fetching is a script that calls back with the value of body as user_id, or with what it throws.
func fetching(body string) string {
	return `function login(id, pw, callback) { (async () => { ` + body + ` })().then((v) => callback(null, {user_id: String(v)}), callback) }`
}

// aborting sets up c, a controller that aborts soon.
const aborting = `const c = new AbortController(); setTimeout(() => c.abort(), 20); `

func TestOutcomes(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{Modules: map[string]string{"greeter": `exports.greet = (name) => 'hello ' + name`}})
	settings := map[string]string{"URL": newServer(t), "CLOSED": closedURL(t)}
	for _, c := range outcomeCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			script := compile(t, host, c.source)
			got := host.Login(t.Context(), script, scripthost.Login{Identifier: "jane", Password: "secret", Configuration: settings, Context: c.context})
			if got.Kind != c.want || got.Name != c.class || got.UserID != c.userID || got.CalledBack != c.called || !strings.Contains(got.Message, c.message) {
				t.Errorf("ended as %s %q %q, user %q, called back %d times\nwant %s %q %q, user %q, called back %d times",
					got.Kind, got.Name, got.Message, got.UserID, got.CalledBack, c.want, c.class, c.message, c.userID, c.called)
			}
			if (got.Kind == scripthost.Profile) != json.Valid(got.Profile) {
				t.Errorf("profile = %q", got.Profile)
			}
		})
	}
}

func TestWatchdog(t *testing.T) {
	t.Parallel()
	loops := []struct{ name, source string }{
		{"a loop", `function login() { for (;;) {} }`},
		{"a loop that catches", `function login() { for (;;) { try { for (;;) {} } catch (e) {} finally { continue } } }`},
		{"a loop of microtasks", `function login() { (function again() { Promise.resolve().then(again) })() }`},
		{"a loop that awaits", `async function login() { for (;;) await null }`},
		{"a timer that sets itself again", `function login() { setTimeout(login, 1) }`},
		{"a getter of the profile", `function login(id, pw, callback) { callback(null, {get user_id() { for (;;) {} }}) }`},
		{"a comparison while sorting", `function login() { [1, 2].sort(() => { for (;;) {} }) }`},
		{"a loop in the text around the function", "for (;;) {}\nfunction login() {}"},
		{"a request without a timeout", `function login(id, pw, callback) { fetch(configuration.URL + '/hang').then(() => callback()) }`},
	}
	host := newHost(t, scripthost.Options{Limit: 100 * time.Millisecond})
	settings := map[string]string{"URL": newServer(t)}
	for _, loop := range loops {
		t.Run(loop.name, func(t *testing.T) {
			t.Parallel()
			got := host.Login(t.Context(), compile(t, host, loop.source), scripthost.Login{Configuration: settings})
			if got.Kind != scripthost.TimedOut {
				t.Errorf("ended as %s %q %q, want %s", got.Kind, got.Name, got.Message, scripthost.TimedOut)
			}
		})
	}
}

func TestCallerThatGoesAwayEndsTheRun(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	script := compile(t, host, `function login() { for (;;) {} }`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := host.Login(ctx, script, scripthost.Login{})
	if got.Kind != scripthost.TimedOut || !strings.Contains(got.Message, "went away") {
		t.Errorf("ended as %s %q, want %s because the caller went away", got.Kind, got.Message, scripthost.TimedOut)
	}
}

func TestRunAfterAnInterruptedOne(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	loop := compile(t, host, `function login() { for (;;) {} }`)
	good := compile(t, host, `function login(id, pw, callback) { setTimeout(() => callback(null, {user_id: id}), 1) }`)
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		host.Login(ctx, loop, scripthost.Login{})
		cancel()
		if got := host.Login(t.Context(), good, scripthost.Login{Identifier: "jane"}); got.Kind != scripthost.Profile {
			t.Fatalf("ended as %s %q, want %s", got.Kind, got.Message, scripthost.Profile)
		}
	}
}

// As at Auth0, nobody is answered before the time limit has passed, in virtual time here.
func TestAScriptThatCanNeverCallBackTakesAllOfItsTime(t *testing.T) {
	t.Parallel()
	const limit = 20 * time.Second
	for name, source := range map[string]string{
		"an empty function":                                `function login(id, pw, callback) {}`,
		"a promise in place of the callback":               `async function login(id, pw, callback) { return {user_id: id} }`,
		"a promise that never settles":                     `async function login(id, pw, callback) { await new Promise(() => {}); callback() }`,
		"what a timer may still do is waited for, in vain": `function login(id, pw, callback) { setTimeout(() => {}, 1000) }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				host := scripthost.New(scripthost.Options{})
				defer host.Close()
				got := host.Login(t.Context(), compile(t, host, source), scripthost.Login{Identifier: "jane"})
				if got.Kind != scripthost.NeverCalled || got.Duration != limit || len(got.Notes) != 1 {
					t.Errorf("ended as %s after %s, with the notes %q; want %s after %s, and one note", got.Kind, got.Duration, got.Notes, scripthost.NeverCalled, limit)
				}
			})
		})
	}
}

// The next sign-in finds what a sign-in leaves behind, as at Auth0.
func TestGlobalSurvivesInTheContainer(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	script := compile(t, host, `function login(id, pw, callback) { globalThis.n = (globalThis.n || 0) + 1; callback(null, {user_id: String(n)}) }`)
	var got scripthost.Outcome
	for range 3 {
		got = host.Login(t.Context(), script, scripthost.Login{})
	}
	if got.UserID != "3" {
		t.Errorf("counted to %s, want 3", got.UserID)
	}
}

func TestConfigurationCannotBeChanged(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	script := compile(t, host, `function login(id, pw, callback) { configuration.A = 'mine'; configuration.B = 'mine'; callback(null, {user_id: configuration.A + configuration.B}) }`)
	got := host.Login(t.Context(), script, scripthost.Login{Configuration: map[string]string{"A": "theirs"}})
	if want := "theirsundefined"; got.UserID != want {
		t.Errorf("configuration = %q, want %q", got.UserID, want)
	}
}

// What a script does after it has called back is logged, although the answer is out.
func TestLateEventsAreLogged(t *testing.T) {
	t.Parallel()
	late := []struct{ name, source, want string }{
		{"a second callback", `function login(id, pw, callback) { callback(); setTimeout(callback, 10) }`, "called back more than once"},
		{"a throw", `function login(id, pw, callback) { callback(); setTimeout(() => { throw new Error('late') }, 10) }`, "uncaught: Error late"},
		{"a rejection", `async function login(id, pw, callback) { callback(); throw new Error('late') }`, "rejected: Error late"},
		{"what the host lacks", `function login(id, pw, callback) { callback(); setTimeout(() => Intl, 10) }`, "Intl is not in this host"},
		{"a drained loop", `function login() {}`, "without calling back"},
	}
	for _, c := range late {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log lines
				host := scripthost.New(scripthost.Options{Log: log.add})
				host.Login(t.Context(), compile(t, host, c.source), scripthost.Login{})
				host.Close() // waits for the watch
				if !log.contain("warning: ", c.want) {
					t.Errorf("log = %q, want a warning of %q", log.all, c.want)
				}
			})
		})
	}
}

// Runs share nothing, though they share a host: no answer of one may reach another, and none may be lost.
func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	settings := map[string]string{"URL": newServer(t)}
	good := compile(t, host, fetching(`fetch(configuration.URL + '/hang').catch(() => {}); return id + (await (await fetch(configuration.URL + '/json')).json()).name`))
	bad := compile(t, host, `function login(id, pw, callback) { (function down() { down() })() }`)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 5 {
				id := fmt.Sprintf("%d-%d-", i, j)
				got := host.Login(t.Context(), good, scripthost.Login{Identifier: id, Configuration: settings})
				if want := id + "jane"; got.UserID != want {
					t.Errorf("ended as %s %q, user %q, want %q", got.Kind, got.Message, got.UserID, want)
				}
				host.Login(t.Context(), bad, scripthost.Login{})
			}
		})
	}
	group.Wait()
}

// newHost gives scripts more time than Auth0 does unless opts say otherwise, because the machine may be busy.
func newHost(t *testing.T, opts scripthost.Options) *scripthost.Host {
	opts.Limit = cmp.Or(opts.Limit, 2*time.Minute)
	host := scripthost.New(opts)
	t.Cleanup(host.Close)
	return host
}

func compile(t *testing.T, host *scripthost.Host, source string) *scripthost.Script {
	t.Helper()
	script, err := host.Compile(source)
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// newServer returns the base of a server whose paths are named after what they do.
func newServer(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/json", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"name":"jane"}`) })
	mux.HandleFunc("/html", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>`) })
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Header.Get("X-A"), r.Header.Get("Content-Type"), body)
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/json", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/break", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/stall", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "some")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func closedURL(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

// lines collects a host's log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *lines) contain(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.all, func(line string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
	})
}
