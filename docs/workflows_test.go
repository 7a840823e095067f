package docs_test

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	uses   = regexp.MustCompile(`(?m)^\s*- uses: (\S+)(.*)$`)
	pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	writes = regexp.MustCompile(`(?m)^ +\w[\w-]*: write\b(.*)$`)
)

// TestWorkflowsArePinnedAndMayDoLittle holds the habits that OpenSSF's Scorecard looks for:
// an action is named by the hash of its commit, and a token may do what its job says.
func TestWorkflowsArePinnedAndMayDoLittle(t *testing.T) {
	files := mustGlob(t, "../.github/workflows/*.yml")
	if len(files) < 3 {
		t.Fatalf("only %d workflows", len(files))
	}
	for _, file := range files {
		text, name := read(t, file), filepath.Base(file)
		actions := uses.FindAllStringSubmatch(text, -1)
		if len(actions) == 0 {
			t.Errorf("%s uses no action, or this test does not see them", name)
		}
		for _, action := range actions {
			if !pinned.MatchString(action[1]) || !strings.HasPrefix(action[2], " # v") {
				t.Errorf("%s: %s is not the hash of a commit with its version behind it", name, action[1])
			}
		}
		if !strings.Contains(text, "\npermissions: {}") {
			t.Errorf("%s gives all jobs permissions", name)
		}
		for _, permission := range writes.FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(permission[1], " # ") {
				t.Errorf("%s does not say what %q is for", name, strings.TrimSpace(permission[0]))
			}
		}
		if strings.Count(text, "actions/checkout@") != strings.Count(text, "persist-credentials: false") {
			t.Errorf("%s leaves the token in a checkout", name)
		}
	}
}

// TestDependabotKnowsEachListOfDependencies fails for a list that nobody would update.
func TestDependabotKnowsEachListOfDependencies(t *testing.T) {
	folders := map[string][]string{} // by ecosystem
	for _, entry := range strings.Split(read(t, "../.github/dependabot.yml"), "- package-ecosystem: ")[1:] {
		ecosystem, settings, _ := strings.Cut(entry, "\n")
		listed := regexp.MustCompile(`director(?:y|ies): (.*)`).FindStringSubmatch(settings)
		folders[ecosystem] = regexp.MustCompile(`/[^\s,"\]]*`).FindAllString(listed[1], -1)
	}
	for list, ecosystem := range map[string]string{"go.mod": "gomod", "package.json": "npm", "requirements.txt": "pip", "pom.xml": "maven"} {
		for file := range strings.Lines(shell(t, "..", nil, "git", "ls-files", list, "*/"+list)) {
			folder := path.Join("/", path.Dir(strings.TrimSpace(file)))
			looks := func(pattern string) bool { matches, _ := path.Match(pattern, folder); return matches }
			if !slices.ContainsFunc(folders[ecosystem], looks) {
				t.Errorf("add %s to the folders of %s in .github/dependabot.yml", folder, ecosystem)
			}
		}
	}
}
