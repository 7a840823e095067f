package authsignal_test

import (
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/domain"
)

func TestActionCodesHaveTheDocumentedForm(t *testing.T) {
	for text, want := range map[string]bool{
		"signInWithPasskey": true, "sign-in_2": true, "": false, "sign in": false, "a/b": false, "ä": false,
		"0123456789012345678901234567890123456789012345678901234567890123":  true,
		"01234567890123456789012345678901234567890123456789012345678901234": false,
	} {
		var action authsignal.Action
		err := action.UnmarshalText([]byte(text))
		if (err == nil) != want || string(action) != text && want || action != "" && !want {
			t.Errorf("action %q is read as %q, %v; want accepted: %t", text, action, err, want)
		}
	}
}

func TestATokenIsAcceptedFor10SecondsToAnHour(t *testing.T) {
	for age, right := range map[time.Duration]bool{
		10 * time.Second: true, 10 * time.Minute: true, time.Hour: true,
		10*time.Second - 1: false, time.Hour + 1: false, 0: false, -time.Minute: false,
	} {
		config := authsignal.Config{MaxAge: age, Action: "signIn", EnrolAction: "enrol", RevokeKeep: time.Hour}
		faults := config.Check()
		if (len(faults) == 0) != right {
			t.Errorf("%s: faults = %v, right: want %t", age, faults, right)
		}
		if !right && (len(faults) != 1 || faults[0].Name != "AUTHSIGNAL_MAX_AGE" || faults[0].Problem != "is "+age.String() || faults[0].Fix == "") {
			t.Errorf("%s: faults = %v, want one that names AUTHSIGNAL_MAX_AGE and tells its value", age, faults)
		}
	}
}

// What adds a passkey also validates as a success: only its action tells it from a sign-in.
func TestTheActionOfEnrolmentsIsNoSignIns(t *testing.T) {
	config := authsignal.Config{MaxAge: time.Minute, Action: "signIn", EnrolAction: "signIn", RevokeKeep: time.Hour}
	if faults := config.Check(); len(faults) != 1 || faults[0].Name != "AUTHSIGNAL_ENROL_ACTION" {
		t.Errorf("faults = %v, want one of AUTHSIGNAL_ENROL_ACTION", faults)
	}
}

func TestEndedSessionsAreRememberedForAnHourOrMore(t *testing.T) {
	for keep, right := range map[time.Duration]bool{time.Hour: true, 720 * time.Hour: true, time.Hour - 1: false, 0: false, -time.Hour: false} {
		config := authsignal.Config{MaxAge: time.Minute, Action: "signIn", EnrolAction: "enrol", RevokeKeep: keep}
		faults := config.Check()
		if (len(faults) == 0) != right || !right && faults[0].Name != "REVOKE_KEEP" {
			t.Errorf("%s: faults = %v, right: want %t", keep, faults, right)
		}
	}
}

func TestThePolicyIsWhatIsConfigured(t *testing.T) {
	config := authsignal.Config{
		APIURL: "https://eu.api.authsignal.com/v1", Action: "signIn", MaxAge: 7 * time.Minute,
	}
	got := config.Policy(20 * time.Second)
	got.From = domain.RuleSettings{} // see TestEachRuleNamesItsSettings
	want := domain.SignInPolicy{
		Authority: "authsignal https://eu.api.authsignal.com/v1", Action: "signIn", MaxAge: 7 * time.Minute, Skew: 20 * time.Second,
	}
	if got != want {
		t.Errorf("policy = %+v, want %+v", got, want)
	}
	if got := config.VerifyTime(); got != authsignal.VerifyTimeout {
		t.Errorf("a verification may take %s, want %s", got, authsignal.VerifyTimeout)
	}
}

func TestEachRuleNamesItsSettings(t *testing.T) {
	from := authsignal.Config{}.Policy(0).From
	for _, names := range [][2]string{{from.Action, "AUTHSIGNAL_ACTION"}, {from.Time, "AUTHSIGNAL_MAX_AGE"}} {
		if !strings.Contains(names[0], names[1]) {
			t.Errorf("%q does not name %s", names[0], names[1])
		}
	}
}
