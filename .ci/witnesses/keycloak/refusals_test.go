package keycloak

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// refusal is something that is wrong, what Keycloak says of it, and what the bridge answers.
type refusal struct {
	tamper tampering                      // on the way to the token endpoint
	admin  func(*testing.T) (undo func()) // at Keycloak
	user   string                         // john, if it is empty
	before func(t *testing.T, w *world)   // with the tampering

	says   string // Keycloak's code and words, as docs/oidc.md has them, which the bridge's log quotes
	hint   string // what the log says beside them, if it must
	status int
	code   string
}

const (
	denied = http.StatusForbidden
	fault  = http.StatusInternalServerError
	idp    = "/identity-provider/instances/native-bridge"
)

// refusals is the table of docs/oidc.md.
func (w *world) refusals() map[string]refusal {
	all := w.wrongAssertions()
	maps.Copy(all, w.wrongRealms())
	maps.Copy(all, w.wrongRequests())
	return all
}

// wrongAssertions are what somebody else would send, or a bridge whose clock is wrong.
func (w *world) wrongAssertions() map[string]refusal {
	moved := func(seconds float64) func(map[string]any) map[string]any {
		return func(was map[string]any) map[string]any {
			was["iat"], was["exp"] = was["iat"].(float64)+seconds, was["exp"].(float64)+seconds
			return was
		}
	}
	var seen string
	rows := map[string]refusal{
		"an assertion for another audience":    {tamper: asserting(with("aud", "https://elsewhere.example")), says: "invalid_grant: Invalid token audience"},
		"an assertion that has expired":        {tamper: asserting(moved(-120)), says: "invalid_grant: Token is not active"},
		"an assertion that is of the future":   {tamper: asserting(moved(120)), says: "invalid_grant: Token was issued in the future"},
		"an assertion of an unknown issuer":    {tamper: asserting(with("iss", "https://elsewhere.example")), says: "invalid_grant: No Identity Provider for provided issuer"},
		"an assertion about an unknown person": {tamper: asserting(with("sub", "66f0c0de")), says: "invalid_grant: User not found"},
		"an assertion whose signature is wrong": {tamper: func(_ *http.Request, form url.Values, sign signing) {
			mine, other := strings.Split(form.Get("assertion"), "."), strings.Split(sign(map[string]any{"sub": jane}), ".")
			form.Set("assertion", mine[0]+"."+mine[1]+"."+other[2])
		}, says: "invalid_grant: Invalid signature"},
		"an assertion that was used before": {tamper: func(_ *http.Request, form url.Values, _ signing) {
			if seen == "" {
				seen = form.Get("assertion")
			}
			form.Set("assertion", seen)
		}, before: func(t *testing.T, w *world) {
			got, _ := w.session(t, john)
			got.want(t, http.StatusOK, "")
		}, says: "invalid_grant: Token reuse detected"},
	}
	for name, row := range rows {
		row.status, row.code = denied, "access_denied"
		rows[name] = row
	}
	return rows
}

// wrongRealms are what an administrator may have changed.
func (w *world) wrongRealms() map[string]refusal {
	return map[string]refusal{
		"a user who is not linked": {user: joan, says: "invalid_grant: User not found", status: denied, code: "access_denied"},
		"a user who is disabled": {admin: w.changing("/users/"+john, with("enabled", false)),
			says: "invalid_grant: User is not enabled", status: denied, code: "access_denied"},
		"a user with a required action": {admin: w.changing("/users/"+john, with("requiredActions", []string{"UPDATE_PASSWORD"})),
			says: "invalid_grant: Account is not fully set up", status: denied, code: "access_denied"},
		"an identity provider that is disabled": {admin: w.changing(idp, with("enabled", false)),
			says: "invalid_grant: No Identity Provider for provided issuer", status: denied, code: "access_denied"},
		"an identity provider for another algorithm": {admin: w.changing(idp, within("config", "jwtAuthorizationGrantAssertionSignatureAlg", "RS256")),
			says: "invalid_grant: Invalid signature algorithm", status: denied, code: "access_denied"},
		"a client without the grant": {admin: w.changingClient(attribute("oauth2.jwt.authorization.grant.enabled", "false")),
			says: "invalid_grant: JWT Authorization Grant is not supported for the requested client", status: denied, code: "access_denied"},
		"a client without the identity provider": {admin: w.changingClient(attribute("oauth2.jwt.authorization.grant.idp", "another")),
			says: "invalid_grant: Identity Provider is not allowed for the client", status: denied, code: "access_denied"},
		"a client that is disabled": {admin: w.changingClient(with("enabled", false)),
			says: "invalid_client: Invalid client or Invalid client credentials", status: fault, code: "internal_error"},
		"a client that must ask for consent": {admin: w.changingClient(with("consentRequired", true)),
			says: "invalid_scope: Missing consents for the client native-bridge", status: fault, code: "internal_error"},
		"a client with DPoP": {admin: w.changingClient(attribute("dpop.bound.access.tokens", "true")),
			says: "invalid_request: DPoP proof is missing", status: fault, code: "internal_error"},
	}
}

// wrongRequests are what wrong settings of the bridge send, and a Keycloak that is not there.
func (w *world) wrongRequests() map[string]refusal {
	as := func(client, secret string) tampering {
		return func(r *http.Request, _ url.Values, _ signing) { r.SetBasicAuth(client, secret) }
	}
	scope := func(scope string) tampering {
		return func(_ *http.Request, form url.Values, _ signing) { form.Set("scope", scope) }
	}
	return map[string]refusal{
		"a wrong client secret": {tamper: as("native-bridge", "wrong"),
			says: "unauthorized_client: Invalid client or Invalid client credentials", hint: "OIDC_CLIENT_SECRET", status: fault, code: "internal_error"},
		"an unknown client": {tamper: as("nobody", "wrong"),
			says: "invalid_client: Invalid client or Invalid client credentials", hint: "OIDC_CLIENT_ID", status: fault, code: "internal_error"},
		"a scope that the client has not": {tamper: scope("openid admin"),
			says: "invalid_scope: Invalid scopes: ", hint: "OIDC_SCOPE", status: fault, code: "internal_error"},
		"a session without openid": {tamper: scope("profile"), says: "sent no ID token", status: fault, code: "internal_error"},
		"a Keycloak that is down":  {tamper: func(*http.Request, url.Values, signing) { panic(http.ErrAbortHandler) }, says: "EOF", status: http.StatusServiceUnavailable, code: "unavailable"},
	}
}

func (w *world) refuses(t *testing.T) {
	table := w.refusals()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		t.Run(name, func(t *testing.T) { w.refusesOne(t, name, table[name]) })
	}
	got, _ := w.session(t, john)
	got.want(t, http.StatusOK, "")
	t.Run("as it is documented", func(t *testing.T) { documented(t, table) })
}

func (w *world) refusesOne(t *testing.T, name string, tt refusal) {
	if tt.user == "" {
		tt.user = john
	}
	if tt.admin != nil {
		defer tt.admin(t)()
	}
	w.proxy.set(tt.tamper)
	defer w.proxy.set(nil)
	if tt.before != nil {
		tt.before(t, w)
	}
	before := w.log.len()
	var got answer
	if tt.status == http.StatusServiceUnavailable {
		got = w.exchange(t, w.bridge, w.passkeyToken(t, tt.user))
	} else {
		got, _ = w.session(t, tt.user)
	}
	got.want(t, tt.status, tt.code)
	w.log.mustSay(t, before, tt.says)
	w.log.mustSay(t, before, tt.hint)
	held(t, fmt.Sprintf("%s: %d %s, and the log says %q", name, tt.status, tt.code, tt.says))
}

// documented compares the table with the one of docs/oidc.md, in both directions.
func documented(t *testing.T, table map[string]refusal) {
	doc, err := os.ReadFile("../../../docs/oidc.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, _ := strings.Cut(string(doc), "### What Keycloak says when something is wrong\n")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	// "| the user is disabled | 400 `invalid_grant: User is not enabled` | 403 `access_denied` | …"
	row := regexp.MustCompile("(?m)^\\| [^|]+ \\| \\d{3} `(\\w+: [^`…]+)…?`[^|]*\\| (\\d{3}) `(\\w+)`")
	var written []string
	tried := []string{neverGiven + " 400 invalid_grant"} // by givesNoRefreshToken
	for _, match := range row.FindAllStringSubmatch(chapter, -1) {
		written = append(written, strings.Join(match[1:], " "))
	}
	for _, tt := range table {
		if strings.Contains(tt.says, ": ") {
			tried = append(tried, fmt.Sprintf("%s %d %s", tt.says, tt.status, tt.code))
		}
	}
	slices.Sort(written)
	slices.Sort(tried)
	written, tried = slices.Compact(written), slices.Compact(tried)
	if !slices.Equal(written, tried) {
		t.Errorf("docs/oidc.md has the rows\n%s\nand these were brought about:\n%s", strings.Join(written, "\n"), strings.Join(tried, "\n"))
	}
	held(t, "docs/oidc.md has these rows and no others")
}

// asserting changes claims of the bridge's assertion, and signs it with the bridge's key.
func asserting(change func(was map[string]any) map[string]any) tampering {
	return func(_ *http.Request, form url.Values, sign signing) {
		form.Set("assertion", sign(change(decode(form.Get("assertion"), 1))))
	}
}

// with sets a member, and within one of an object that is a member.
func with(name string, value any) func(map[string]any) map[string]any {
	return func(was map[string]any) map[string]any { was[name] = value; return was }
}

func within(object, name string, value any) func(map[string]any) map[string]any {
	return func(was map[string]any) map[string]any {
		inner, _ := was[object].(map[string]any)
		inner = maps.Clone(inner)
		inner[name] = value
		was[object] = inner
		return was
	}
}

func attribute(name, value string) func(map[string]any) map[string]any {
	return within("attributes", name, value)
}
