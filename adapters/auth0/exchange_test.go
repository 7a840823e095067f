package auth0_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test/scripthost"
)

const exchangeFile = "exchange.js"

// exchangeCase is one run of the Action: a case of the Login script's, and what is the Action's own.
type exchangeCase struct {
	loginCase
	client string // default: the bridge's application

	byID       string // the user it must set by id
	connection string // the one it must set the user of
	code       string // of a denial
}

// exchangeCases are the Login script's, as far as they are not about its identifier or signed passwords, and the Action's own.
func exchangeCases(t *testing.T) []exchangeCase {
	var cases []exchangeCase
	for _, c := range loginCases(t) {
		if c.password != nil || c.context || strings.Contains(c.message, "another person's") {
			continue
		}
		c.settings = maps.Clone(c.settings)
		if c.settings == nil {
			c.settings = map[string]string{}
		}
		c.settings["CREATE_USERS_IN"] = "customers"
		c.message = strings.Replace(c.message, "the setting ", "the secret ", 1)
		cases = append(cases, adapted(c))
	}
	return append(cases,
		exchangeCase{loginCase: loginCase{name: "users are not made, and so not read, unless a connection is named", user: breaks, want: scripthost.UserSet}, byID: provenSubject},
		exchangeCase{loginCase: loginCase{name: "an empty connection is none", user: breaks, settings: map[string]string{"CREATE_USERS_IN": ""}, want: scripthost.UserSet}, byID: provenSubject},
		exchangeCase{loginCase: loginCase{name: "a bare subject gets its prefix", validate: proves("userId", "66f0c0de"), settings: map[string]string{"AUTHSIGNAL_SUBJECTS": "plain"}, want: scripthost.UserSet}, byID: provenSubject},
		exchangeCase{loginCase: loginCase{name: "a subject with two prefixes keeps both", validate: proves("userId", "auth0|auth0|x"), want: scripthost.UserSet}, byID: "auth0|auth0|x"},
		exchangeCase{loginCase: loginCase{name: "another application", validate: breaks, want: scripthost.Denied, message: "native-bridge refuses: the application"}, client: "another", code: "unauthorized_client"},
		exchangeCase{loginCase: loginCase{name: "no application to compare with", validate: breaks, settings: map[string]string{"NATIVE_BRIDGE_CLIENT_ID": "-"}, want: scripthost.Denied, message: "native-bridge cannot tell: the secret NATIVE_BRIDGE_CLIENT_ID is missing"}, code: "server_error"},
	)
}

// adapted says in the Action's terms how a case of the Login script must end: no is an invalid subject token, and an
// outage is not.
func adapted(c loginCase) exchangeCase {
	adapted := exchangeCase{loginCase: c}
	switch c.want {
	case scripthost.Profile:
		adapted.want, adapted.connection = scripthost.UserSet, "customers"
	case scripthost.Refused:
		adapted.want = scripthost.TokenRejected
	case scripthost.Failed:
		adapted.want, adapted.code = scripthost.Denied, "server_error"
	}
	return adapted
}

// The Action must decide as the Login script does, alike in the emulator's engine and in Node, and must decide once.
func TestExchangeAction(t *testing.T) {
	engines := map[string]func(*testing.T) ([]exchangeCase, []exchangeResult){"embedded engine": exchangeEmbedded, "node": exchangeInNode}
	for name, run := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases, results := run(t)
			for i, c := range cases {
				t.Run(c.name, func(t *testing.T) { c.check(t, results[i]) })
			}
		})
	}
}

func (c exchangeCase) check(t *testing.T, got exchangeResult) {
	if c.settle(got.Kind, scripthost.TokenRejected, scripthost.Denied); got.Kind == scripthost.Denied && strings.HasPrefix(c.name, "read by both: ") {
		c.code = "server_error"
	}
	if got.Kind != c.want || got.Code != c.code || !strings.Contains(got.Message, c.message) {
		t.Fatalf("ended as %s %q %q, want %s %q %q", got.Kind, got.Code, got.Message, c.want, c.code, c.message)
	}
	if got.Calls != 1 {
		t.Errorf("decided %d times, want once", got.Calls)
	}
	for what, text := range map[string]string{"token": challengeToken, "secret": apiSecret} {
		if strings.Contains(got.Message, text) {
			t.Errorf("the reason holds the %s: %q", what, got.Message)
		}
	}
	prefix := map[string]string{"server_error": "native-bridge cannot tell: ", "unauthorized_client": "native-bridge refuses: "}[c.code]
	if c.want == scripthost.TokenRejected {
		prefix = "native-bridge refuses: "
	}
	if !strings.HasPrefix(got.Message, prefix) {
		t.Errorf("reason = %q, want it to begin with %q", got.Message, prefix)
	}
	if c.want == scripthost.UserSet {
		c.checkUser(t, got)
	}
}

func (c exchangeCase) checkUser(t *testing.T, got exchangeResult) {
	if got.UserID != c.byID || got.Connection != c.connection {
		t.Errorf("user %q, connection %q, want %q and %q", got.UserID, got.Connection, c.byID, c.connection)
	}
	if c.connection == "" {
		return
	}
	want := map[string]any{"user_id": c.userID}
	if c.email != "" {
		want["email"], want["email_verified"], want["verify_email"] = c.email, c.verified, false
	}
	if !maps.Equal(got.Attributes, want) {
		t.Errorf("attributes = %v, want %v", got.Attributes, want)
	}
	if want := (scripthost.SetUserOptions{CreationBehavior: "create_if_not_exists", UpdateBehavior: "none"}); got.Options != want {
		t.Errorf("options = %+v, want %+v", got.Options, want)
	}
}

func TestWithoutATokenTheActionRefusesByItself(t *testing.T) {
	t.Parallel()
	authsignal := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("Authsignal was asked %s %s", r.Method, r.URL) }))
	t.Cleanup(authsignal.Close)
	host := scripthost.New(scripthost.Options{Log: func(line string) { t.Errorf("the host warns: %s", line) }})
	t.Cleanup(host.Close)
	script, err := host.CompileAction(auth0.ExchangeAction)
	if err != nil {
		t.Fatal(err)
	}
	for name, transaction := range map[string]map[string]any{
		"no token":         {},
		"an empty token":   {"subject_token": ""},
		"a list of tokens": {"subject_token": []string{challengeToken}},
	} {
		t.Run(name, func(t *testing.T) {
			event := exchangeCase{}.exchange(0, authsignal.URL).Event
			event["transaction"] = transaction
			out := host.Exchange(t.Context(), script, event)
			if out.Kind != scripthost.TokenRejected || out.Message != "native-bridge refuses: there is no token" {
				t.Errorf("ended as %s %q, want the token rejected because there is none", out.Kind, out.Message)
			}
		})
	}
}

func TestExchangeActionFitsAuth0(t *testing.T) {
	t.Parallel()
	if limit := 100_000; len(auth0.ExchangeAction) >= limit {
		t.Errorf("the Action has %d bytes, Auth0 takes less than %d", len(auth0.ExchangeAction), limit)
	}
	if found := regexp.MustCompile(`\b(require|import)\s*\(|(?m)^\s*import\b`).FindString(auth0.ExchangeAction); found != "" {
		t.Errorf("the Action needs a module: %q", found)
	}
	if want := fmt.Sprintf("DEADLINE_MS = %d;", auth0.ExchangeActionTimeout.Milliseconds()); !strings.Contains(auth0.ExchangeAction, want) {
		t.Errorf("exchange.js does not say %q", want)
	}
	if auth0.ExchangeActionTimeout >= auth0.IssueTimeout {
		t.Error("the Action may take longer than Auth0 is given")
	}
	for _, words := range []string{auth0.CannotTell, auth0.ActionRefuses} {
		if !strings.Contains(auth0.ExchangeAction, "`"+words+": ${why}`") {
			t.Errorf("exchange.js does not begin reasons with %q", words)
		}
	}
}

// exchange is what a runner executes, exchangeResult how it ended; both as the Node harness reads and writes them.
type exchange struct {
	ID        int            `json:"id"`
	Event     map[string]any `json:"event"`
	Allowance int64          `json:"allowance"`
}

type exchangeResult struct {
	ID         int                       `json:"id"`
	Kind       scripthost.Kind           `json:"kind"`
	Code       string                    `json:"code"`
	Message    string                    `json:"message"`
	UserID     string                    `json:"user_id"`
	Connection string                    `json:"connection"`
	Attributes map[string]any            `json:"attributes"`
	Options    scripthost.SetUserOptions `json:"options"`
	Calls      int                       `json:"calls"`
}

func (c exchangeCase) exchange(id int, authsignal string) exchange {
	c.settings = maps.Clone(c.settings)
	if _, given := c.settings["NATIVE_BRIDGE_CLIENT_ID"]; !given {
		if c.settings == nil {
			c.settings = map[string]string{}
		}
		c.settings["NATIVE_BRIDGE_CLIENT_ID"] = clientID
	}
	client := clientID
	if c.client != "" {
		client = c.client
	}
	return exchange{ID: id, Allowance: c.allowance().Milliseconds(), Event: map[string]any{
		"secrets":     c.login(id, authsignal).Configuration,
		"client":      map[string]any{"client_id": client},
		"transaction": map[string]any{"subject_token": challengeToken},
	}}
}

func exchangesOf(cases []exchangeCase, authsignal string) []exchange {
	exchanges := make([]exchange, len(cases))
	for i, c := range cases {
		exchanges[i] = c.exchange(i, authsignal)
	}
	return exchanges
}

// authsignalOfExchanges is the stand-in of the Login script's test.
func authsignalOfExchanges(t *testing.T, cases []exchangeCase) http.Handler {
	asked := make([]loginCase, len(cases))
	for i, c := range cases {
		asked[i] = c.loginCase
		asked[i].identifier = cmp.Or(c.identifier, provenSubject)
	}
	return authsignalOf(t, asked)
}

func exchangeEmbedded(t *testing.T) (cases []exchangeCase, results []exchangeResult) {
	synctest.Test(t, func(t *testing.T) {
		cases = exchangeCases(t)
		address, transport := serveInMemory(t, authsignalOfExchanges(t, cases))
		host := scripthost.New(scripthost.Options{Transport: transport, Log: func(line string) { t.Errorf("the host warns: %s", line) }})
		script, err := host.CompileAction(auth0.ExchangeAction)
		if err != nil {
			t.Fatal(err)
		}
		results = make([]exchangeResult, len(cases))
		var group sync.WaitGroup
		for i, in := range exchangesOf(cases, address) {
			group.Go(func() {
				out := host.Exchange(t.Context(), script, in.Event)
				results[i] = exchangeResult{
					Kind: out.Kind, Code: out.Code, Message: out.Message, UserID: out.User.ID,
					Connection: out.User.Connection, Attributes: out.User.Attributes, Options: out.User.Options, Calls: out.Decisions,
				}
			})
		}
		group.Wait()
		host.Close()
	})
	return cases, results
}

func exchangeInNode(t *testing.T) ([]exchangeCase, []exchangeResult) {
	skipNodeInShort(t)
	cases := exchangeCases(t)
	authsignal := httptest.NewServer(authsignalOfExchanges(t, cases))
	t.Cleanup(authsignal.Close)
	results := make([]exchangeResult, len(cases))
	for _, result := range inNode[exchangeResult](t, "testdata/exchange_node.mjs", exchangeFile, exchangesOf(cases, authsignal.URL)) {
		results[result.ID] = result
	}
	return cases, results
}
