package main

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"nativebridge/adapters/authsignal/authsignaltest"
)

// The browser tests drive the page in a real Chromium, with the official SDK and a
// virtual authenticator (W3C Web Authentication, section 11), against a sandbox of
// their own.

func TestAutofillSignsInWhoIsPicked(t *testing.T) {
	b := openPage(t, passkeyDialogs)
	b.create("jane")
	b.create("joe")
	b.open()

	b.pickFromAutofill(2) // the rows are in the order of their names
	b.signedInAs("auth0|joe")
	if hops := b.hops(); !slices.Contains(hops, "app → bridge: POST /v1/sessions") {
		t.Errorf("hops = %q, want the exchange among them", hops)
	}
	if first := b.text("#hops li:first-child .when"); first != "earlier" {
		t.Errorf("the first hop came %q, want earlier: autofill was armed before the pick", first)
	}

	b.click("#sign-out")
	b.pickFromAutofill(1)
	b.signedInAs("auth0|jane")
}

// picture is how docs/images/sandbox.png is made ('make picture').
var picture = flag.String("picture", "", "the file that TestAButtonSignsIn writes a picture of the page to")

func TestAButtonSignsIn(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")

	want := []string{
		"app → authsignal: POST /v1/client/challenge",
		"app → authsignal: POST /v1/client/user-authenticators/passkey/authentication-options",
		"app → authsignal: POST /v1/client/verify/passkey",
		"app → bridge: POST /v1/sessions",
		"bridge → authsignal: POST /v1/validate",
		"bridge → auth0: POST /oauth/token",
		"auth0 → login script: login(username, password)",
		"login script → authsignal: POST /v1/validate",
		"login script → authsignal: GET /v1/users/auth0|jane",
	}
	b.until(fmt.Sprintf(`document.querySelectorAll("#hops li").length >= %d`, len(want)))
	if got := b.hops(); !slices.Equal(got, want) {
		t.Errorf("hops:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for claim, want := range map[string]string{"sub": "auth0|jane", "email": "jane@example.com", "email_verified": "true", "aud": clientID} {
		if got := b.text(`[data-token="id_token"] [data-claim="` + claim + `"] dd`); got != want {
			t.Errorf("the ID token's %s is shown as %q, want %q", claim, got, want)
		}
	}
	if got := b.text(`[data-token="access_token"] [data-claim="aud"] dd`); !strings.Contains(got, defaultAudience) {
		t.Errorf("the access token's aud is shown as %q, want %q in it", got, defaultAudience)
	}

	b.counts("attempts", "2", "enrolment_begun 1", "session_delivered 1")
	if failed := b.text("#figure-attempts [data-result=bad]"); failed != "(not there)" {
		t.Errorf("the page shows as a failure: %s", failed)
	}
	b.counts("latency", "ms", "verify", "claim", "issue")
	if *picture != "" {
		b.resize(1360, 990)
		b.shoot(*picture)
	}
	b.click("#sign-out")
	b.until(`!document.querySelector("#signed-out").hidden && document.querySelectorAll("[data-token]").length === 0`)
	b.counts("attempts", "3", "enrolment_begun 1", "session_delivered 1", "session_revoked 1")
}

// Somebody who has signed in with a password, and has no passkey, ends with a session by one.
func TestASignedInUserWithoutAPasskeyEndsWithAPasskeySession(t *testing.T) {
	b := openPage(t, noAutofill)
	b.fill("jane")
	b.sandbox.authsignal.SetFaults(authsignaltest.Faults{TrackState: authsignaltest.StateBlock})
	b.click("#create")
	b.says("A passkey cannot be added to this account.")
	b.outcome("403 enrolment_denied", "enrolment_denied")
	b.sandbox.authsignal.SetFaults(authsignaltest.Faults{})
	b.click("#create")
	b.says("Your passkey is ready, jane. Now sign in with it.")
	want := []string{
		"app → bridge: POST /v1/passkeys",
		"bridge → authsignal: POST /v1/users/auth0|jane/actions/enrolPasskey",
		"app → authsignal: POST /v1/client/user-authenticators/passkey/registration-options",
		"app → authsignal: POST /v1/client/user-authenticators/passkey",
	}
	b.until(fmt.Sprintf(`document.querySelectorAll("#hops li").length >= %d`, len(want)))
	if got := b.hops(); !slices.Equal(got, want) {
		t.Errorf("hops:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	b.counts("attempts", "3", "enrolment_begun 1", "session_delivered 1")
}

func TestASessionOfAnOpenIDProviderNeedsNothingButConfiguration(t *testing.T) {
	b := openPageWith(t, noAutofill, map[string]string{"TOKEN_ISSUER": "oidc"})
	b.create("jane")
	b.click("#sign-in")
	b.signedInAs("jane")
	b.until(`[...document.querySelectorAll("#lanes span")].some((lane) => lane.textContent === "OpenID provider")`)
	if got := b.text(`[data-token="id_token"] [data-claim="iss"] dd`); !strings.Contains(got, b.sandbox.provider.Issuer()) {
		t.Errorf("the session is issued by %q, want the provider", got)
	}
}

func TestASessionWithARefreshTokenIsRenewedAndEnded(t *testing.T) {
	b := openPageWith(t, noAutofill, map[string]string{"AUTH0_SCOPE": "openid profile email offline_access"})
	b.create("jane")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	first := b.text(`[data-token="refresh_token"] code`)

	b.click("#renew")
	b.says("Your session is renewed.")
	b.until(`document.querySelectorAll("#hops li").length === 2`)
	if got, want := b.hops(), []string{"app → bridge: POST /oauth/token", "bridge → auth0: POST /oauth/token"}; !slices.Equal(got, want) {
		t.Errorf("hops = %q, want %q", got, want)
	}
	if second := b.text(`[data-token="refresh_token"] code`); second == first {
		t.Errorf("the refresh token is still %s, want the one that took its place", first)
	}
	b.signedInAs("auth0|jane")

	b.click("#sign-out")
	b.until(`document.querySelector("#for-app .actual").textContent.includes("200 the session is ended")`)
	b.until(`document.querySelectorAll("#hops li").length === 2`)
	if got, want := b.hops(), []string{"app → bridge: POST /oauth/revoke", "bridge → auth0: POST /oauth/revoke"}; !slices.Equal(got, want) {
		t.Errorf("hops = %q, want %q", got, want)
	}
}

func TestASessionThatWasEndedElsewhereAsksToSignInAgain(t *testing.T) {
	b := openPageWith(t, noAutofill, map[string]string{"AUTH0_SCOPE": "openid profile email offline_access"})
	b.create("jane")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	b.sandbox.auth0.DeleteUser("auth0|jane")
	b.click("#renew")
	b.says("Your session has ended. Please sign in again.")
	b.until(`!document.querySelector("#signed-out").hidden`)
}

func TestWithoutARefreshTokenThereIsNothingToRenew(t *testing.T) {
	b := openPageWith(t, noAutofill, map[string]string{"AUTH0_SCOPE": "openid profile email"})
	b.create("jane")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	if b.shown("#renew") {
		t.Error("there is a button that can do nothing")
	}
}

func TestSomebodyElsesPasskeyIsToldAsSuch(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.fill("joe")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	b.says("That passkey is jane’s, so you are signed in as jane.")
}

// The browser does not tell a device without a passkey from a sign-in that was cancelled.
func TestAFirstVisitorIsOfferedAPasskey(t *testing.T) {
	for typed, name := range map[string]string{"": "jane", "joe": "joe"} {
		t.Run(name, func(t *testing.T) {
			b := openPage(t, noAutofill)
			b.fill(typed)
			b.click("#sign-in")
			b.says("Nothing happened:")
			if got, want := b.text("#create-now"), "Create a passkey for "+name; got != want {
				t.Errorf("the offer is %q, want %q", got, want)
			}
			b.click("#create-now")
			b.says("Your passkey is ready, " + name + ". Now sign in with it.")
			b.focused("sign-in")
			if b.shown("#create-now") {
				t.Error("the offer is still there")
			}
			b.keys(kb.Enter)
			b.signedInAs("auth0|" + name)
		})
	}
}

func TestEnterInTheNameFieldSignsInAndCreatesNothing(t *testing.T) {
	b := openPage(t, noAutofill)
	do(b, chromedp.Focus(chromedp.CSS("#username")))
	b.keys("jane" + kb.Enter)
	b.says("Nothing happened:")
	for _, hop := range b.hops() {
		if strings.HasPrefix(hop, "your back-end") {
			t.Errorf("%s: somebody was enrolled", hop)
		}
	}
}

func TestASecondPasskeyOnTheSameDeviceIsRefused(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.fill("jane")
	b.click("#create")
	b.says("This device already has a passkey for jane. Sign in with it.")
}

func TestANameIsAskedForBeforeAPasskeyIsMade(t *testing.T) {
	b := openPage(t, noAutofill)
	b.click("#create")
	b.says("Type a name first, such as jane.")
	b.fill("ja ne")
	b.click("#create")
	b.says("A name has letters, digits and . _ @ - only.")
}

func TestAPasskeyTheTenantHasForgottenIsTold(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.forgetUser("auth0|jane")
	b.click("#sign-in")
	b.says("That passkey is not known here any more. Remove it from this device, then create a new one.")
	b.outcome("unknown_credential", "the bridge was not asked")
}

func TestACancelledCeremonyChangesNothing(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.letUserVerify(false)
	b.click("#sign-in")
	b.says("Nothing happened: it was cancelled, it took too long, or this device has no passkey yet.")
	b.outcome("NotAllowedError", "the bridge was not asked")

	b.letUserVerify(true)
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
}

func TestTheSoftwarePhoneSignsInWhereThereAreNoPasskeys(t *testing.T) {
	b := openPage(t, noAutofill)
	b.fill("joe")
	b.click("#software")
	b.signedInAs("auth0|joe")
}

func TestEachScenarioIsToldToUserAppAndOperator(t *testing.T) {
	tests := map[string]struct{ user, app, operator string }{
		"all_well":        {"You are signed in as jane.", "200 a session", "session_delivered"},
		"replayed":        {"You are signed in as jane.", "409 token_replayed", "token_replayed"},
		"expired":         {"That sign-in is no longer good. Please sign in again.", "401 token_rejected", "the token has expired"},
		"sign_up":         {"That sign-in is no longer good. Please sign in again.", "401 token_rejected", "enrolPasskey"},
		"step_up":         {"That sign-in is no longer good. Please sign in again.", "401 token_rejected", stepUpAction},
		"authsignal_down": {"We can’t sign you in right now.", "503 unavailable", "authsignal answered 503"},
		"authsignal_key":  {"Something is wrong on our side, not yours.", "500 internal_error", "check AUTHSIGNAL_SECRET"},
		"single_use":      {"You can’t sign in here.", "403 access_denied", "second validation of the same token"},
		"script_outage":   {"We can’t sign you in right now.", "503 unavailable", "native-bridge cannot tell"},
		"mfa_required":    {"This account needs one more step to sign in", "403 mfa_required", "exempt the bridge's application"},
		"account_blocked": {"Your account is blocked.", "403 account_blocked", "user is blocked"},
		"denied":          {"You can’t sign in here.", "403 access_denied", "an Action that denies access"},
		"rate_limit":      {"Many people are signing in right now.", "429 busy", "auth0 answered 429"},
		"auth0_slow":      {"You are signed in as jane.", "200 a session", "session_delivered"},
		"auth0_down":      {"We can’t sign you in right now.", "503 unavailable", "auth0 answered 502"},
	}
	b := openPage(t, noAutofill)
	b.create("jane")
	for _, scenario := range scenarios() {
		t.Run(scenario.ID, func(t *testing.T) {
			want, ok := tests[scenario.ID]
			if !ok {
				t.Fatal("nothing is said here of what this scenario shows")
			}
			b.choose(scenario)
			b.click("#sign-in")
			b.outcome(want.app, want.operator)
			if got := b.text("#for-user .actual"); !strings.HasPrefix(got, want.user) {
				t.Errorf("the user column says %q, want %q", got, want.user)
			}
			b.says(want.user)
			if b.shown("#sign-out") {
				b.click("#sign-out")
			}
		})
	}
}

func TestASlowSignInSaysSo(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.choose(scenarioOf(t, "auth0_slow"))
	b.click("#sign-in")
	b.says("This takes longer than usual.")
	b.signedInAs("auth0|jane")
}

func TestTheSameTokenWorksOnceTheOutageIsOver(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.choose(scenarioOf(t, "authsignal_down"))
	b.click("#sign-in")
	b.says("We can’t sign you in right now.")

	b.choose(scenarioOf(t, allWell))
	b.click("#retry")
	b.signedInAs("auth0|jane")
	for _, hop := range b.hops() {
		if strings.HasPrefix(hop, "app → authsignal") {
			t.Errorf("trying again caused %q, want no new ceremony", hop)
		}
	}
}

func TestAScenarioChosenWhileSignedInSaysHowToSeeIt(t *testing.T) {
	const hint = "You are signed in: sign out and in again to see it."
	b := openPage(t, noAutofill)
	b.create("jane")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	for _, step := range []struct{ id, want string }{{allWell, ""}, {"auth0_down", hint}, {allWell, ""}, {"mfa_required", hint}} {
		b.choose(scenarioOf(t, step.id))
		if got := b.text("#scenario-hint"); got != step.want {
			t.Errorf("%s: the banner says %q, want %q", step.id, got, step.want)
		}
	}
	b.click("#sign-out")
	b.until(`document.querySelector("#scenario-hint").textContent === ""`)
	b.click("#sign-in")
	b.says("This account needs one more step to sign in")
}

func TestASwitchElsewhereShowsOnThePage(t *testing.T) {
	b := openPage(t, noAutofill)
	resp, err := http.Post(b.sandbox.pageURL+"/dev/scenario", "application/json", strings.NewReader(`{"id":"auth0_down"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	b.until(`document.querySelector("#scenario-name").textContent === "Auth0 down" && document.querySelector("#scenario-auth0_down").checked`)
}

func TestTheKeyboardIsEnough(t *testing.T) {
	b := openPage(t, noAutofill)
	b.keys(kb.Tab)
	b.until(`document.activeElement.className === "skip"`)
	b.keys(kb.Tab)
	b.focused("open-scenarios")
	b.keys(kb.Tab)
	b.focused("username")
	b.keys("jane" + kb.Tab)
	b.focused("sign-in")
	b.keys(kb.Tab)
	b.focused("create")
	b.keys(kb.Enter)
	b.says("Your passkey is ready, jane. Now sign in with it.")
	b.focused("sign-in")
	b.keys(kb.Enter)
	b.signedInAs("auth0|jane")
	b.focused("greeting")
	b.keys(kb.Tab)
	b.focused("renew")
	b.keys(kb.Tab)
	b.focused("sign-out")
	b.keys(" ")
	b.focused("welcome")

	do(b, chromedp.Focus(chromedp.CSS("#open-scenarios")))
	b.keys(kb.Enter)
	b.until(`document.querySelector("#scenarios").open`)
	b.keys(kb.Tab) // from the button "Done" to the radio that is on
	b.focused("scenario-all_well")
	b.keys(kb.ArrowDown)
	b.until(`document.querySelector("#scenario-name").textContent === "Replayed token"`)
	b.keys(kb.Escape)
	b.until(`!document.querySelector("#scenarios").open`)
	b.focused("open-scenarios")
}

func TestThePageFitsEveryWidth(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.choose(scenarioOf(t, "rate_limit"))
	b.click("#sign-in")
	b.says("Many people are signing in right now.")
	b.choose(scenarioOf(t, allWell))
	b.click("#retry")
	b.signedInAs("auth0|jane")

	for _, width := range []int64{320, 360, 820, 1440} {
		b.resize(width, 900)
		if over := do(b, chromedp.Evaluate[int](`document.documentElement.scrollWidth - innerWidth`)); over > 0 {
			t.Errorf("at %d px the page is %d px too wide", width, over)
		}
		b.click("#open-scenarios")
		if over := do(b, chromedp.Evaluate[int](`scenarios.scrollWidth - scenarios.clientWidth`)); over > 0 {
			t.Errorf("at %d px the drawer is %d px too wide", width, over)
		}
		b.keys(kb.Escape)
		b.until(`!document.querySelector("#scenarios").open`)
	}
}

func TestTheBannerStandsAboveThePhoneWhereThePageIsNarrow(t *testing.T) {
	b := openPage(t, noAutofill)
	for width, want := range map[int64]string{390: "above", 820: "above", 1440: "beside"} {
		b.resize(width, 900)
		got := do(b, chromedp.Evaluate[string](`(() => {
			const [banner, phone] = [".scenario", ".phone"].map((part) => document.querySelector(part).getBoundingClientRect());
			return banner.bottom <= phone.top ? "above" : banner.left >= phone.right ? "beside" : "elsewhere";
		})()`))
		if got != want {
			t.Errorf("at %d px the banner stands %s the phone, want %s it", width, got, want)
		}
	}
}

// An empty value means the same as none (WAI-ARIA 1.2, section 6.6).
func TestWhatIsHiddenFromScreenReadersIsSaidToBe(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.until(`document.querySelectorAll("#hops [aria-hidden]").length > 0`)
	if got := do(b, chromedp.Evaluate[[]string](`[...document.querySelectorAll("[aria-hidden]:not([aria-hidden=true])")].map((e) => e.className)`)); len(got) > 0 {
		t.Errorf("aria-hidden is not true at %q", got)
	}
}

func TestTextIsReadableLightAndDark(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	for _, id := range []string{"all_well", "mfa_required"} {
		b.choose(scenarioOf(t, id))
		for _, scheme := range []string{"light", "dark"} {
			b.prefer(scheme)
			for _, text := range b.unreadable() {
				t.Errorf("%s, %s: %s", id, scheme, text)
			}
		}
		if b.shown("#sign-out") {
			b.click("#sign-out")
			b.click("#sign-in")
			b.until(`!document.body.classList.contains("busy")`)
		}
	}
}

func scenarioOf(t *testing.T, id string) scenario {
	t.Helper()
	for _, s := range scenarios() {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("there is no scenario %q", id)
	return scenario{}
}
