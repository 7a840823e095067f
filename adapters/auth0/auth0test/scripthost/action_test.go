package scripthost_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// handler is an Action whose handler has the given body.
func handler(body string) string {
	return "exports.onExecuteCustomTokenExchange = async (event, api) => { " + body + " }"
}

var actionCases = []struct {
	name, source string
	want         scripthost.Outcome // Kind, Name, Code, User, Organization and Decisions; Message is a part
}{
	// Forms of an Action.
	{"a function of exports", handler(`api.authentication.setUserById(event.transaction.subject_token)`), userSet("auth0|jane")},
	{"an object of module", `const onExecuteCustomTokenExchange = async (event, api) => { api.authentication.setUserById('auth0|x') }; module.exports = { onExecuteCustomTokenExchange }`, userSet("auth0|x")},
	{"a function that is not async", `exports.onExecuteCustomTokenExchange = function (event, api) { api.authentication.setUserById(event.secrets.WHO) }`, userSet("auth0|secret")},
	{"this is exports", `this.onExecuteCustomTokenExchange = async (event, api) => { api.authentication.setUserById('auth0|x') }`, userSet("auth0|x")},
	{"a helper after the handler", handler(`api.authentication.setUserById(await who())`) + "\nasync function who() { return 'auth0|later' }", userSet("auth0|later")},
	{"calls in a chain", handler(`api.authentication.setOrganization('org_1').authentication.setUserById('auth0|x')`), scripthost.Outcome{Kind: scripthost.UserSet, User: scripthost.SetUser{ID: "auth0|x"}, Organization: "org_1", Decisions: 1}},
	{"a module of the host", handler(`api.authentication.setUserById(require('crypto').createHmac('sha256', 'key').update('abc').digest('base64url').slice(0, 4))`), userSet("nBlu")},

	// Decisions.
	{"a user of a connection", handler(`api.authentication.setUserByConnection('db', {user_id: 'x', email: 'x@example.com'}, {creationBehavior: 'none', updateBehavior: 'replace'})`),
		scripthost.Outcome{Kind: scripthost.UserSet, Decisions: 1, User: scripthost.SetUser{
			Connection: "db", Attributes: map[string]any{"user_id": "x", "email": "x@example.com"},
			Options: scripthost.SetUserOptions{CreationBehavior: "none", UpdateBehavior: "replace"},
		}}},
	{"a denial", handler(`api.access.deny('server_error', 'down')`), scripthost.Outcome{Kind: scripthost.Denied, Code: "server_error", Message: "down", Decisions: 1}},
	{"a token that is rejected", handler(`api.access.rejectInvalidSubjectToken('expired')`), scripthost.Outcome{Kind: scripthost.TokenRejected, Message: "expired", Decisions: 1}},
	{"a denial before a user is set counts", handler(`api.access.deny('no', 'first'); api.authentication.setUserById('auth0|x')`), scripthost.Outcome{Kind: scripthost.Denied, Code: "no", Message: "first", Decisions: 2}},
	{"a denial after a user was set counts", handler(`api.authentication.setUserById('auth0|x'); api.access.deny('no', 'then')`), scripthost.Outcome{Kind: scripthost.Denied, Code: "no", Message: "then", Decisions: 2}},
	{"the first of two denials counts", handler(`api.access.rejectInvalidSubjectToken('first'); api.access.deny('no', 'then')`), scripthost.Outcome{Kind: scripthost.TokenRejected, Message: "first", Decisions: 2}},
	{"no decision", handler(``), scripthost.Outcome{Kind: scripthost.NoUser, Message: "no user"}},
	{"an organization alone", handler(`api.authentication.setOrganization('org_1')`), scripthost.Outcome{Kind: scripthost.NoUser, Message: "no user", Organization: "org_1"}},
	{"two users", handler(`api.authentication.setUserById('auth0|x'); api.authentication.setUserById('auth0|x')`), scripthost.Outcome{Kind: scripthost.ManyUsers, Message: "more than once", Decisions: 2}},
	{"arguments count as they are at the call", handler(`const a = {user_id: 'x'}; api.authentication.setUserByConnection('db', a); a.user_id = 'y'`),
		scripthost.Outcome{Kind: scripthost.UserSet, Decisions: 1, User: scripthost.SetUser{Connection: "db", Attributes: map[string]any{"user_id": "x"}}}},
	{"a user id that is no text", handler(`api.authentication.setUserById(42)`), scripthost.Outcome{Kind: scripthost.Failed, Name: "TypeError", Message: "argument 1 of setUserById", Decisions: 1}},

	// Failures.
	{"a throw", handler(`throw new RangeError('broken')`), scripthost.Outcome{Kind: scripthost.Rejected, Name: "RangeError", Message: "broken"}},
	{"a throw before the promise", `exports.onExecuteCustomTokenExchange = () => { throw new RangeError('broken') }`, scripthost.Outcome{Kind: scripthost.Threw, Name: "RangeError", Message: "broken"}},
	{"a throw after a user was set", handler(`api.authentication.setUserById('auth0|x'); throw new Error('late')`), scripthost.Outcome{Kind: scripthost.Rejected, Name: "Error", Message: "late"}},
	{"a throw around the handler", "throw new Error('at once')\n" + handler(``), scripthost.Outcome{Kind: scripthost.Threw, Name: "Error", Message: "at once"}},
	{"an argument that JSON cannot hold", handler(`api.authentication.setUserById(1n)`), scripthost.Outcome{Kind: scripthost.Rejected, Name: "TypeError"}},
	{"a handler that is none", `exports.onExecuteCustomTokenExchange = 'x'`, scripthost.Outcome{Kind: scripthost.Threw, Name: "TypeError", Message: "exports no function"}},
}

func userSet(id string) scripthost.Outcome {
	return scripthost.Outcome{Kind: scripthost.UserSet, User: scripthost.SetUser{ID: id}, Decisions: 1}
}

func TestActionOutcomes(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	event := map[string]any{"transaction": map[string]any{"subject_token": "auth0|jane"}, "secrets": map[string]string{"WHO": "auth0|secret"}}
	for _, c := range actionCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := host.Exchange(t.Context(), compileAction(t, host, c.source), event)
			if !strings.Contains(got.Message, c.want.Message) {
				t.Errorf("message = %q, want it to say %q", got.Message, c.want.Message)
			}
			got.Message, got.Notes, got.Duration = c.want.Message, nil, 0
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("ended as %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestActionThatLoopsIsEnded(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{Limit: 100 * time.Millisecond})
	got := host.Exchange(t.Context(), compileAction(t, host, handler(`for (;;) await null`)), nil)
	if got.Kind != scripthost.TimedOut {
		t.Errorf("ended as %s %q, want %s", got.Kind, got.Message, scripthost.TimedOut)
	}
}

func TestAnActionThatNeverSettlesTakesAllOfItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := scripthost.New(scripthost.Options{})
		defer host.Close()
		got := host.Exchange(t.Context(), compileAction(t, host, handler(`await new Promise(() => {})`)), nil)
		if got.Kind != scripthost.NeverCalled || got.Duration != 20*time.Second || !strings.Contains(got.Message, "never be settled") {
			t.Errorf("ended as %s %q after %s", got.Kind, got.Message, got.Duration)
		}
	})
}

func TestWhatAnActionKeepsSurvives(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	action := compileAction(t, host, "let n = 0\n"+handler(`n++; api.authentication.setUserById(String(n))`))
	for range 2 {
		host.Exchange(t.Context(), action, nil)
	}
	if got := host.Exchange(t.Context(), action, nil); got.User.ID != "3" {
		t.Errorf("a variable of the module counted to %q, want 3", got.User.ID)
	}
}

func TestWhatTheApiLacksEndsTheRun(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	for expression, missing := range map[string]string{
		`api.cache.get('n')`:                     "api.cache",
		`api.user.setAppMetadata('a', 1)`:        "api.user",
		`api.multifactor.enable('any')`:          "api.multifactor",
		`api.authentication.setActor({})`:        "api.authentication.setActor",
		`api.access.rejectInvalidActorToken('')`: "api.access.rejectInvalidActorToken",
	} {
		action := compileAction(t, host, handler(`try { `+expression+` } catch {} api.access.rejectInvalidSubjectToken('no')`))
		if got := host.Exchange(t.Context(), action, nil); got.Kind != scripthost.Unsupported || !strings.HasPrefix(got.Message, missing+" is not in this host") {
			t.Errorf("%s ended as %s %q, want %s of %s", expression, got.Kind, got.Message, scripthost.Unsupported, missing)
		}
	}
}

func TestCompileActionRefuses(t *testing.T) {
	t.Parallel()
	host := newHost(t, scripthost.Options{})
	for name, c := range map[string]struct{ source, want string }{
		"a text above Auth0's limit": {handler("") + "//" + strings.Repeat("x", 100_000), "100000"},
		"no handler":                 {"exports.onExecutePostLogin = async () => {}", "onExecuteCustomTokenExchange"},
		"a syntax error":             {handler("\nif ("), "line 2"},
	} {
		if _, err := host.CompileAction(c.source); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err = %v, want it to tell %q", name, err, c.want)
		}
	}
}

func compileAction(t *testing.T, host *scripthost.Host, source string) *scripthost.Script {
	t.Helper()
	script, err := host.CompileAction(source)
	if err != nil {
		t.Fatal(err)
	}
	return script
}
