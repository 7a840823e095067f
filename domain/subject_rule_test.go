package domain_test

import (
	"encoding/json"
	"os"
	"testing"

	"nativebridge/domain"
)

// The table is shared: the Login script and the comparison with the ID token are
// held to the same cases.
func TestSubjectRuleKeepsTheSharedTable(t *testing.T) {
	text, err := os.ReadFile("testdata/subjects.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name     string
		Subjects string
		Subject  string
		Accepted bool
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	rules := map[string]domain.SubjectRule{"auth0": {Prefix: "auth0|"}, "plain": {}}
	verdicts := map[string]int{}
	for _, tt := range cases {
		t.Run(tt.Subjects+": "+tt.Name, func(t *testing.T) {
			rule, ok := rules[tt.Subjects]
			if !ok {
				t.Fatalf("there is no rule %q", tt.Subjects)
			}
			if got := rule.Accepts(tt.Subject); got != tt.Accepted {
				t.Errorf("Accepts(%q) = %t, want %t", tt.Subject, got, tt.Accepted)
			}
			verdicts[tt.Subjects+map[bool]string{true: " yes", false: " no"}[tt.Accepted]]++
		})
	}
	for _, verdict := range []string{"auth0 yes", "auth0 no", "plain yes", "plain no"} {
		if verdicts[verdict] == 0 {
			t.Errorf("the table has no case of %q", verdict)
		}
	}
}
