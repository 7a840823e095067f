// Package limitstest compares the time limits of the code with those in
// docs/architecture.md, so that a limit and its document change together.
package limitstest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Documented fails unless the table of time limits in docs/architecture.md has a
// row for name, such as `authsignal.VerifyTimeout`, with that limit.
func Documented(t *testing.T, name string, limit time.Duration) {
	t.Helper()
	for line := range strings.Lines(document(t)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[3], "`"+name+"`") {
			continue
		}
		told, err := time.ParseDuration(strings.ReplaceAll(strings.TrimSpace(cells[2]), " ", ""))
		if err != nil || told != limit {
			t.Errorf("%s is %s, and docs/architecture.md says %q", name, limit, strings.TrimSpace(cells[2]))
		}
		return
	}
	t.Errorf("docs/architecture.md has no time limit %s", name)
}

// document returns the text of docs/architecture.md of the module that is tested.
func document(t *testing.T) string {
	t.Helper()
	for folder := "."; ; folder = filepath.Join(folder, "..") {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			text, err := os.ReadFile(filepath.Join(folder, "docs", "architecture.md"))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		if strings.Count(folder, "..") > 9 {
			t.Fatal("there is no go.mod above this folder")
		}
	}
}
