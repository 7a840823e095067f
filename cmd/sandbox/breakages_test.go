package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"nativebridge/adapters/doctor"
)

// report asks the page what doctor says.
func (s *sandbox) report(t *testing.T) doctor.Report {
	t.Helper()
	resp, text := s.ask(t, http.MethodPost, "/dev/doctor", "", nil)
	var report doctor.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("answered %d %s", resp.StatusCode, text)
	}
	for _, secret := range []string{s.settings["AUTHSIGNAL_SECRET"], s.settings["AUTHSIGNAL_MANAGEMENT_SECRET"], s.settings["AUTH0_CLIENT_SECRET"], s.settings["AUTH0_MANAGEMENT_CLIENT_SECRET"]} {
		if len(secret) > 8 && strings.Contains(text, secret) {
			t.Errorf("a secret is told: %s", text)
		}
	}
	return report
}

// wantFirst fails the test unless doctor says to mend code first; "" means nothing at all.
func (s *sandbox) wantFirst(t *testing.T, code string) {
	t.Helper()
	report := s.report(t)
	if report.MendFirst == code {
		return
	}
	t.Errorf("doctor says to mend %q first, want %q", report.MendFirst, code)
	for _, f := range report.Findings {
		if f.Outcome == "failed" {
			t.Logf("%s %s: %s", f.Code, f.Asks, f.Problem)
		}
	}
}

func (s *sandbox) turned(t *testing.T, id string, broken bool) {
	t.Helper()
	if status, answer := s.post(t, "/dev/breakage", fmt.Sprintf(`{"id":%q,"broken":%t}`, id, broken)); status != http.StatusOK {
		t.Fatalf("%s, broken: %t, was answered %d %v", id, broken, status, answer)
	}
}

// signsIn returns what a new person's sign-in is answered, and their second one.
func (s *sandbox) signsIn(t *testing.T, user string) (first, second int) {
	t.Helper()
	statuses := []int{0, 0}
	for i := range statuses {
		status, answer := s.post(t, "/dev/token", `{"user":"`+user+`"}`)
		if status != http.StatusOK { // no ceremony succeeds
			continue
		}
		statuses[i], _ = s.post(t, "/bridge/v1/sessions", fmt.Sprintf(`{"token":%q}`, answer["token"]))
	}
	return statuses[0], statuses[1]
}

func TestWhateverIsBrokenIsNamedByDoctorAndMended(t *testing.T) {
	type want struct {
		code          string // that doctor says to mend first
		first, second int    // status of sign-ins; 0: no ceremony succeeds
	}
	const ok = http.StatusOK
	// The software phone is an app that has its relying party built in: a browser finds no
	// passkey of another one.
	for issuer, breakages := range map[string]map[string]want{
		"auth0": {
			"grant": {"NB515", 500, 500}, "auth_method": {"NB514", 500, 500}, "hs256": {"NB516", 500, 500},
			"connection_off": {"NB541", 403, 403}, "import_users": {"NB532", ok, 403}, "script": {"NB534", 403, 403},
			"parameter": {"NB535", 503, 503}, "mfa": {"NB601", 403, 403}, "offline": {"NB551", ok, ok}, "bots": {"NB410", 403, 403},
			"relying_party": {"NB254", ok, ok}, "user_verification": {"NB255", ok, ok}, "passkeys_off": {"NB204", 0, 0}, "action": {"NB256", 401, 401},
		},
		"auth0-token-exchange": {
			"exchange": {"NB518", 500, 500}, "auth_method": {"NB514", 500, 500}, "hs256": {"NB516", 500, 500}, "mfa": {"NB601", 403, 403},
			"offline": {"NB551", ok, ok}, "bots": {"NB603", ok, ok},
			"relying_party": {"NB254", ok, ok}, "user_verification": {"NB255", ok, ok}, "passkeys_off": {"NB204", 0, 0}, "action": {"NB256", 401, 401},
		},
		"oidc": {
			"relying_party": {"NB254", ok, ok}, "user_verification": {"NB255", ok, ok}, "passkeys_off": {"NB204", 0, 0}, "action": {"NB256", 401, 401},
		},
	} {
		t.Run(issuer, func(t *testing.T) {
			s := startSandbox(t, map[string]string{"TOKEN_ISSUER": issuer})
			s.wantFirst(t, "")
			if got := len(s.breakages()); got != len(breakages) {
				t.Errorf("%d settings can be broken, and %d are tried here", got, len(breakages))
			}
			for i, b := range s.breakages() {
				t.Run(b.ID, func(t *testing.T) {
					want := breakages[b.ID]
					user := fmt.Sprintf("user%d", i)
					s.turned(t, b.ID, true)
					s.wantFirst(t, want.code)
					if first, second := s.signsIn(t, user); first != want.first || second != want.second {
						t.Errorf("sign-ins are answered %d and then %d, want %d and %d", first, second, want.first, want.second)
					}
					s.turned(t, b.ID, false)
					s.wantFirst(t, "")
					if first, second := s.signsIn(t, "mended-"+user); first != ok || second != ok {
						t.Errorf("mended, sign-ins are answered %d and then %d", first, second)
					}
				})
			}
		})
	}
}

// One is mended, and the others stay broken, also those of the same object.
func TestSeveralThingsAreBrokenAndMendedInAnyOrder(t *testing.T) {
	s := startSandbox(t, nil)
	for _, step := range []struct {
		id     string
		broken bool
		want   string
	}{
		{"parameter", true, "NB535"}, {"import_users", true, "NB532"}, {"script", true, "NB532"}, {"import_users", false, "NB534"},
		{"hs256", true, "NB516"}, {"grant", true, "NB515"}, {"grant", false, "NB516"}, {"script", false, "NB516"}, {"hs256", false, "NB535"}, {"parameter", false, ""},
	} {
		s.turned(t, step.id, step.broken)
		s.wantFirst(t, step.want)
	}
}

func TestABreakageThatIsNotThereChangesNothing(t *testing.T) {
	s := startSandbox(t, nil)
	for body, want := range map[string]int{
		`{"id":"sunshine","broken":true}`: http.StatusNotFound, `{"id":"grant"}`: http.StatusBadRequest, `grant`: http.StatusBadRequest,
	} {
		if status, answer := s.post(t, "/dev/breakage", body); status != want {
			t.Errorf("%s was answered %d %v, want %d", body, status, answer, want)
		}
	}
	if _, text := s.ask(t, http.MethodGet, "/dev/breakages", "", nil); !strings.Contains(text, `"broken":[]`) {
		t.Errorf("something is broken: %s", text)
	}
}

func TestARealTenantIsDiagnosedAndNeverBroken(t *testing.T) {
	s, _, err := atTenant(t, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if report := s.report(t); !strings.HasPrefix(report.MendFirst, "NB") {
		t.Errorf("doctor says to mend %q first of a tenant where nobody answers", report.MendFirst)
	}
	if status, _ := s.post(t, "/dev/breakage", `{"id":"grant","broken":true}`); status != http.StatusNotFound {
		t.Errorf("a real tenant can be broken: %d", status)
	}
}

// What doctor asks is no part of anybody's sign-in.
func TestDoctorsQuestionsAreNotDrawn(t *testing.T) {
	s := startSandbox(t, nil)
	if err := s.untilReady(t.Context()); err != nil { // it warms up by asking
		t.Fatal(err)
	}
	s.hops.take()
	s.report(t)
	s.turned(t, "mfa", true)
	if seen, _ := s.hops.take(); len(seen) > 0 {
		t.Errorf("drawn are %+v", seen)
	}
}

func (b *browser) doctorSays(state, words string) {
	b.t.Helper()
	b.until(`document.querySelector("#doctor").dataset.state === ` + quoted(state) + ` && document.querySelector("#doctor-sum").textContent.startsWith(` + quoted(words) + `)`)
}

// tick breaks what has the id, or mends it, in the drawer.
func (b *browser) tick(ids ...string) {
	b.t.Helper()
	b.click("#open-scenarios")
	for _, id := range ids {
		b.click("label:has(#breakage-" + id + ")")
	}
	b.click("#scenarios button")
	b.until(`!document.querySelector("#scenarios").open`)
}

func TestThePageBreaksTheTenantAndShowsWhatDoctorSays(t *testing.T) {
	b := openPage(t, noAutofill)
	b.create("jane")
	b.doctorSays("idle", "It has not run yet.")
	b.click("#run-doctor")
	b.doctorSays("well", "All well: ")

	b.tick("grant", "import_users")
	b.until(`document.querySelector("#broken").textContent === "The tenant is broken: Grant taken away, Import users on"`)
	b.until(`document.querySelector("#findings [data-code=NB532]") !== null`)
	b.doctorSays("wrong", "")
	if first := b.text("#findings li:first-child"); !strings.HasPrefix(first, "NB515") || !strings.Contains(first, "Mend this first") || !strings.Contains(first, "native-bridge setup auth0") {
		t.Errorf("the first finding is %q, want the grant and its fix", first)
	}
	for _, scheme := range []string{"light", "dark"} {
		b.prefer(scheme)
		for _, text := range b.unreadable() {
			t.Errorf("%s: %s", scheme, text)
		}
	}
	b.resize(320, 900)
	if over := do(b, chromedp.Evaluate[int](`document.documentElement.scrollWidth - innerWidth`)); over > 0 {
		t.Errorf("at 320 px the page is %d px too wide", over)
	}
	b.resize(1280, 900)
	b.click("#sign-in")
	b.says("Something is wrong on our side, not yours.")
	b.outcome("500 internal_error", "turn the Password and Refresh Token grants on")

	b.tick("grant", "import_users")
	b.doctorSays("well", "All well: ")
	b.until(`document.querySelectorAll("#findings li").length === 0 && document.querySelector("#broken").textContent === ""`)
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
}
