package docs_test

import (
	"strings"
	"testing"

	"nativebridge/adapters"
)

// TestEachSecretIsRotatedByATestOrNeedsARestart wants every secret setting, and every file of
// TLS, in a table of operate/rotation.md: beside a test whose file has the setting's name as
// a text, or among those that need a restart.
func TestEachSecretIsRotatedByATestOrNeedsARestart(t *testing.T) {
	found := 0
	for _, setting := range adapters.Settings() {
		if !setting.Secret && !strings.HasSuffix(setting.Name, "_FILE") {
			continue
		}
		found++
		if fault := rotationOf(t, read(t, "operate/rotation.md"), setting.Name); fault != "" {
			t.Errorf("%s %s", setting.Name, fault)
		}
	}
	if found < 17 {
		t.Errorf("only %d settings are secrets or files of TLS", found)
	}
}

// rotationOf says what is wrong with what the text tells of how a setting rotates, or "".
func rotationOf(t *testing.T, text, setting string) string {
	t.Helper()
	_, restarts, _ := strings.Cut(text, "## What needs a restart")
	restarts, tried, _ := strings.Cut(restarts, "## What was tried")
	if rowOf(restarts, setting) != "" {
		return ""
	}
	link := testLink.FindStringSubmatch(rowOf(tried, setting))
	if link == nil {
		return "has neither a test that rotates it nor a row in the table of restarts"
	}
	if !strings.Contains(read(t, strings.TrimPrefix(link[2], "../")), `"`+setting+`"`) {
		return "is not named in the file of " + link[1]
	}
	return ""
}

// rowOf returns the row of a table whose first cell has the setting.
func rowOf(text, setting string) string {
	for line := range strings.Lines(text) {
		if cells := strings.Split(line, "|"); len(cells) > 2 && strings.Contains(cells[1], "`"+setting+"`") {
			return line
		}
	}
	return ""
}

func TestASecretThatNobodyRotatesIsNoticed(t *testing.T) {
	text := read(t, "operate/rotation.md")
	for setting, change := range map[string]func(string) string{
		"AUDIT_PII_KEY": func(text string) string { return strings.ReplaceAll(text, ", `AUDIT_PII_KEY`", "") },
		"REPLAY_STORE":  func(text string) string { return strings.ReplaceAll(text, "| `REPLAY_STORE` |", "| |") },
		"OIDC_CLIENT_KEY": func(text string) string {
			return strings.Replace(text, "serving_test.go) |\n| `AUTH0_SESSION", "main_test.go) |\n| `AUTH0_SESSION", 1)
		},
	} {
		if rotationOf(t, text, setting) != "" || rotationOf(t, change(text), setting) == "" {
			t.Errorf("%s: %q as it is, %q when the row is gone", setting, rotationOf(t, text, setting), rotationOf(t, change(text), setting))
		}
	}
	if rotationOf(t, text, "A_NEW_SECRET") == "" {
		t.Error("a new secret is overlooked")
	}
}
