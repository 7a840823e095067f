package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testName   = regexp.MustCompile(`\b(?:TestScripts/[\w-]+|(?:Test|Fuzz|Benchmark)[A-Z]\w*)`)
	testLink   = regexp.MustCompile("\\[`((?:Test|Fuzz|Benchmark)[^`]+)`\\]\\(([^)]+)\\)")
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(\w+ \*testing\.`)
	fenced     = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	inlineCode = regexp.MustCompile("`[^`\n]+`")
	inlineLink = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	anchorID   = regexp.MustCompile(`<a id="([^"]+)">`)
	linkTarget = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	noSlug     = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// TestEveryTestThatADocumentNamesExists keeps promises of the documents from outliving
// what holds them.
func TestEveryTestThatADocumentNamesExists(t *testing.T) {
	declared := testsOfTheRepository(t)
	named := 0
	for file, text := range filesOf(t, ".md") {
		for _, name := range testName.FindAllString(text, -1) {
			named++
			if len(declared[name]) == 0 {
				t.Errorf("%s names %s, and there is no such test", file, name)
			}
		}
	}
	if named < 300 {
		t.Errorf("only %d names were found", named)
	}
}

// TestEveryClaimAboutSecurityLinksTheTestThatHoldsIt wants each name in security.md to
// be a link to the file in which that test is.
func TestEveryClaimAboutSecurityLinksTheTestThatHoldsIt(t *testing.T) {
	declared := testsOfTheRepository(t)
	text := read(t, "security.md")
	for _, link := range testLink.FindAllStringSubmatch(text, -1) {
		if file := filepath.ToSlash(filepath.Join("docs", link[2])); !slices.Contains(declared[link[1]], file) {
			t.Errorf("the link of %s leads to %s, and it is in %q", link[1], link[2], declared[link[1]])
		}
	}
	for _, name := range testName.FindAllString(testLink.ReplaceAllString(text, ""), -1) {
		t.Errorf("%s is named without a link to %q", name, declared[name])
	}
	if claims := claimsWithoutTest(text); len(claims) > 0 {
		t.Errorf("no test holds these claims:\n%s", strings.Join(claims, "\n"))
	}
}

// claimsWithoutTest are the rows of the tables of claims that link neither a test nor the
// model.
func claimsWithoutTest(text string) (all []string) {
	const head = "| claim | held by |"
	for _, table := range strings.Split(text, head)[1:] {
		for line := range strings.Lines(strings.TrimPrefix(table, "\n|---|---|\n")) {
			if !strings.HasPrefix(line, "|") {
				break
			}
			if !testLink.MatchString(line) && !strings.Contains(line, "](model/README.md") {
				all = append(all, line)
			}
		}
	}
	return all
}

// TestEveryLinkOfADocumentLeadsSomewhere follows the links within the repository, to the
// heading if they name one.
func TestEveryLinkOfADocumentLeadsSomewhere(t *testing.T) {
	documents := filesOf(t, ".md")
	for file, text := range documents {
		text = inlineCode.ReplaceAllString(fenced.ReplaceAllString(text, ""), "")
		for _, link := range inlineLink.FindAllStringSubmatch(text, -1) {
			path, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(path, ":") {
				continue // on the web
			}
			target := file
			if path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(file), path))
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s links %s, which is not there", file, link[1])
			} else if anchor != "" && filepath.Ext(target) == ".md" && !slices.Contains(anchors(documents[target]), anchor) {
				t.Errorf("%s links %s, and %s has no such heading", file, link[1], target)
			}
		}
	}
}

// anchors are what a link to a document may have behind its #, as GitHub makes them of
// headings.
func anchors(text string) (all []string) {
	text = fenced.ReplaceAllString(text, "")
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		words := linkTarget.ReplaceAllString(found[1], "$1")
		all = append(all, strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(words), ""), " ", "-"))
	}
	for _, found := range anchorID.FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}

// testsOfTheRepository are the files that declare each test, benchmark and fuzz target, and
// each session of TestScripts.
func testsOfTheRepository(t *testing.T) map[string][]string {
	all := map[string][]string{}
	for file, text := range filesOf(t, "_test.go") {
		for _, function := range testFunc.FindAllStringSubmatch(text, -1) {
			all[function[1]] = append(all[function[1]], file)
		}
	}
	for file := range filesOf(t, ".txtar") {
		session := "TestScripts/" + strings.TrimSuffix(filepath.Base(file), ".txtar")
		all[session] = append(all[session], file)
	}
	return all
}

// filesOf are the repository's files whose names end so, and their texts.
func filesOf(t *testing.T, ending string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if entry.IsDir() && slices.Contains([]string{"node_modules", ".git", "bin"}, entry.Name()) {
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ending) {
			return err
		}
		all[filepath.ToSlash(strings.TrimPrefix(path, "../"))] = read(t, path)
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d files end with %s: %v", len(all), ending, err)
	}
	return all
}
