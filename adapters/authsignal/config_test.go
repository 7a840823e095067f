package authsignal_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/internal/settings"
)

func TestTheSubjectRuleIsTheSharedOne(t *testing.T) {
	text, err := os.ReadFile("../../domain/testdata/subjects.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Subject string
		Subjects      settings.Subjects
		Accepted      bool
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			if got := tt.Subjects.Rule().Accepts(tt.Subject); got != tt.Accepted {
				t.Errorf("%s accepts %q: %t, want %t", tt.Subjects, tt.Subject, got, tt.Accepted)
			}
		})
	}
}

func TestActionCodesHaveTheDocumentedForm(t *testing.T) {
	for text, want := range map[string]bool{
		"signInWithPasskey": true, "sign-in_2": true, "": false, "sign in": false, "a/b": false, "ä": false,
		"0123456789012345678901234567890123456789012345678901234567890123":  true,
		"01234567890123456789012345678901234567890123456789012345678901234": false,
	} {
		var action authsignal.Action
		if err := action.UnmarshalText([]byte(text)); (err == nil) != want {
			t.Errorf("action %q: %v, want accepted: %t", text, err, want)
		}
	}
}

func TestEachRuleNamesItsSettings(t *testing.T) {
	from := authsignal.Config{}.Policy(0).From
	for _, names := range [][2]string{{from.Action, "AUTHSIGNAL_ACTION"}, {from.Time, "AUTHSIGNAL_MAX_AGE"}, {from.Subject, "AUTHSIGNAL_SUBJECTS"}} {
		if !strings.Contains(names[0], names[1]) {
			t.Errorf("%q does not name %s", names[0], names[1])
		}
	}
}
