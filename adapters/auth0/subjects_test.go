package auth0_test

import (
	"encoding/json"
	"os"
	"testing"

	"nativebridge/adapters/auth0"
	"nativebridge/domain"
)

func TestSubjectsAreOneOfTwo(t *testing.T) {
	for text, want := range map[string]domain.SubjectRule{"auth0": {Prefix: "auth0|"}, "plain": {}} {
		var subjects auth0.Subjects
		if err := subjects.UnmarshalText([]byte(text)); err != nil || string(subjects) != text || subjects.Rule() != want {
			t.Errorf("%q: subjects = %q, %v, with the rule %+v, want %+v", text, subjects, err, subjects.Rule(), want)
		}
	}
	for _, text := range []string{"", "Auth0", "auth0|", " plain", "any"} {
		var subjects auth0.Subjects
		if err := subjects.UnmarshalText([]byte(text)); err == nil || subjects != "" {
			t.Errorf("%q: subjects = %q, %v, want it refused", text, subjects, err)
		}
	}
}

// What is not set is the strict rule: a looser one would make two people one.
func TestNoChoiceOfSubjectsIsTheStrictOne(t *testing.T) {
	if rule := auth0.Subjects("").Rule(); rule != (domain.SubjectRule{Prefix: "auth0|"}) {
		t.Errorf("the rule is %+v", rule)
	}
}

func TestTheRulesAreThoseOfTheSharedTable(t *testing.T) {
	text, err := os.ReadFile("../../domain/testdata/subjects.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Subject string
		Subjects      auth0.Subjects
		Accepted      bool
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, tt := range cases {
		if got := tt.Subjects.Rule().Accepts(tt.Subject); got != tt.Accepted {
			t.Errorf("%s: %s accepts %q: %t, want %t", tt.Name, tt.Subjects, tt.Subject, got, tt.Accepted)
		}
	}
}
