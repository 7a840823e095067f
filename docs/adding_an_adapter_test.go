package docs_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nativebridge/adapters"
)

const guide = "adding-an-adapter.md"

// TestTheGuideAddsAnAdapter follows the guide in a copy of the module: the folder
// and the two diffs are all that changes. Without one of its methods it does not compile.
// The compiler reads what has changed from the copy and the rest from here, where it has
// compiled it before.
func TestTheGuideAddsAnAdapter(t *testing.T) {
	t.Parallel()
	module := copyModule(t)
	if err := os.CopyFS(filepath.Join(module, "adapters", "toy"), os.DirFS("testdata/toy")); err != nil {
		t.Fatal(err)
	}
	changed := []string{"adapters/toy/*"}
	for file, hunks := range diffs(t) {
		apply(t, filepath.Join(module, file), hunks)
		changed = append(changed, file)
	}
	overlay := overlayOf(t, module, changed...)
	compile := func(status int, verb string, args ...string) string {
		return run(t, "..", status, "go", append([]string{verb, "-overlay", overlay}, args...)...)
	}

	run(t, module, 0, "go", "test", "-vet=all", "./adapters/toy")
	compile(0, "test", "-vet=off", "./adapters", "-run", "Verifier|Issuer|Setting|Config|Choice|LeftOut")
	architecture := filepath.Join(module, "docs", "docs.test")
	run(t, "..", 0, "go", "test", "-c", "-o", architecture, "./docs")
	run(t, filepath.Join(module, "docs"), 0, architecture, "-test.run", "TestAFolder|TestTheRule|TestTheCore|TestTheProducts|TestEveryAdapter")

	bridge := filepath.Join(module, "bridge")
	compile(0, "build", "-o", bridge, "./cmd/native-bridge")
	if help := run(t, module, 0, bridge, "serve", "--help"); !strings.Contains(help, "TOY_KEY or TOY_KEY_FILE (required)") {
		t.Errorf("the help does not tell the settings:\n%s", help)
	}
	for env, want := range map[string]string{
		"TOY_KEY=":                               "TOY_KEY is not set",
		"TOY_KEYS=x":                             "TOY_KEY is not set, but TOY_KEYS is",
		"TOY_KEY=s3cr3t":                         "TOY_KEY is shorter than 32 characters",
		"TOY_KEY=" + strings.Repeat("s3cr3t", 6): "TOKEN_ISSUER is auth0, which cannot open sessions for people of IDENTITY_VERIFIER=toy",
	} {
		output := run(t, module, 2, "env", "IDENTITY_VERIFIER=toy", env, bridge, "serve")
		if !strings.Contains(output, want) || strings.Contains(output, "s3cr3t") || strings.Contains(output, "AUTHSIGNAL_") {
			t.Errorf("with %s it says\n%swant %q, and nothing about Authsignal", env, output, want)
		}
	}

	config := filepath.Join(module, "adapters", "toy", "config.go")
	for _, method := range []string{"Check", "TokenIssuer", "VerifyTime"} {
		text := read(t, config)
		write(t, config, strings.Replace(text, ") "+method+"(", ") Not"+method+"(", 1))
		output := compile(1, "build", "./adapters")
		if !strings.Contains(output, "adapters/choices.go:") || !strings.Contains(output, "missing method "+method) {
			t.Errorf("without %s the compiler says\n%s", method, output)
		}
		write(t, config, text)
	}
}

// The guide counts: a field and a row, and the imports.
func TestTheGuideAddsAFieldAndARow(t *testing.T) {
	var written []string
	for file, hunks := range diffs(t) {
		for _, h := range hunks {
			for _, line := range h.added {
				if line = strings.TrimSpace(line); line != `"nativebridge/adapters/toy"` {
					written = append(written, file+": "+strings.Join(strings.Fields(line), " "))
				}
			}
		}
	}
	slices.Sort(written)
	want := []string{
		`adapters/choices.go: "toy", "checks toy tokens by itself", false,`,
		"adapters/choices.go: func(c *Config) VerifierConfig { return &c.Toy },",
		"adapters/choices.go: func(o Opening) OpenedVerifier { return OpenedVerifier{IdentityVerifier: toy.NewVerifier(o.Toy)} },",
		"adapters/choices.go: {",
		"adapters/choices.go: },",
		"adapters/config.go: Toy toy.Config",
	}
	if !slices.Equal(written, want) {
		t.Errorf("the guide adds %q, want %q", written, want)
	}
}

func TestTheGuideQuotesTheToy(t *testing.T) {
	var toy strings.Builder
	for _, file := range mustGlob(t, "testdata/toy/*.go") {
		toy.WriteString(read(t, file))
	}
	for _, block := range blocks(t, "go") {
		if !strings.Contains(toy.String(), block) {
			t.Errorf("the guide quotes what is not in testdata/toy:\n%s", block)
		}
	}
}

// TestEveryAdapterLooksLikeEveryOther wants the guide's files and suites of each
// adapter that can be chosen.
func TestEveryAdapterLooksLikeEveryOther(t *testing.T) {
	var c adapters.Config
	for _, choice := range adapters.Verifiers() {
		looksLikeEveryOther(t, "verifier", reflect.TypeOf(choice.Config(&c)), "IdentityVerifier")
	}
	for _, choice := range adapters.Issuers() {
		looksLikeEveryOther(t, "issuer", reflect.TypeOf(choice.Config(&c)), "TokenIssuer", "SessionRenewer", "SessionRevoker", "IssuerKeys")
	}
}

// looksLikeEveryOther looks at the folder that a part of the configuration is from.
func looksLikeEveryOther(t *testing.T, role string, config reflect.Type, suites ...string) {
	t.Helper()
	folder, _ := place(config.Elem().PkgPath())
	for _, file := range []string{"config.go", "errors.go", role + ".go"} {
		if _, err := os.Stat(filepath.Join("..", folder, file)); err != nil {
			t.Errorf("%s has no %s", folder, file)
		}
	}
	var tests strings.Builder
	for _, file := range mustGlob(t, filepath.Join("..", folder, "*_test.go")) {
		tests.WriteString(read(t, file))
	}
	for _, suite := range suites {
		if !strings.Contains(tests.String(), "portstest."+suite+"(t, ") {
			t.Errorf("%s does not run portstest.%s", folder, suite)
		}
	}
}

func TestTheGuidesMustsAreTheSuites(t *testing.T) {
	_, musts, _ := strings.Cut(read(t, guide), "\n## What an adapter MUST do\n")
	var told []string
	for line := range strings.Lines(musts) {
		if cells := strings.Split(line, " | "); len(cells) == 2 {
			for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
				told = append(told, name[1])
			}
		}
	}
	there := testsOfTheSuites(t)
	for _, name := range told {
		if !slices.Contains(there, name) {
			t.Errorf("no suite has the test %q", name)
		}
	}
	for _, name := range there {
		if !slices.Contains(told, name) {
			t.Errorf("the guide does not tell what %q wants", name)
		}
	}
}

// testsOfTheSuites returns the names of portstest's tests: the keys of their tables,
// and what is run by itself.
func testsOfTheSuites(t *testing.T) []string {
	t.Helper()
	var names []string
	add := func(node ast.Expr) {
		if literal, ok := node.(*ast.BasicLit); ok {
			if name, err := strconv.Unquote(literal.Value); err == nil {
				names = append(names, name)
			}
		}
	}
	for _, file := range mustGlob(t, "../ports/portstest/*.go") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		ast.Inspect(parse(t, file), func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CompositeLit:
				table, ok := node.Type.(*ast.MapType)
				if !ok {
					return true
				}
				if _, ok := table.Value.(*ast.FuncType); ok {
					for _, element := range node.Elts {
						add(element.(*ast.KeyValueExpr).Key)
					}
				}
			case *ast.CallExpr:
				if method, ok := node.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Run" {
					add(node.Args[0])
				}
			}
			return true
		})
	}
	if len(names) < 50 {
		t.Fatalf("only %d tests found", len(names))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// hunk is lines of a diff that go behind a line that is there.
type hunk struct {
	behind string
	added  []string
}

// diffs returns the guide's diffs, by file.
func diffs(t *testing.T) map[string][]hunk {
	t.Helper()
	all := map[string][]hunk{}
	for _, block := range blocks(t, "diff") {
		var file string
		for line := range strings.Lines(block) {
			line = strings.TrimRight(line, "\n")
			switch hunks := all[file]; {
			case strings.HasPrefix(line, "--- "):
				file = line[4:]
			case strings.HasPrefix(line, " "):
				all[file] = append(hunks, hunk{behind: line[1:]})
			case strings.HasPrefix(line, "+") && len(hunks) > 0:
				last := &hunks[len(hunks)-1]
				last.added = append(last.added, line[1:])
			default:
				t.Fatalf("the guide's diff has the line %q", line)
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("the guide has no diff")
	}
	return all
}

// blocks returns the guide's code of one language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var all []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(read(t, guide), -1) {
		all = append(all, match[1])
	}
	if len(all) == 0 {
		t.Fatalf("the guide has no %s", language)
	}
	return all
}

// apply puts hunks into a Go file and formats it. Blanks count for nothing: they
// depend on the longest name.
func apply(t *testing.T, file string, hunks []hunk) {
	t.Helper()
	plain := func(line string) string { return strings.Join(strings.Fields(line), " ") }
	lines := strings.Split(read(t, file), "\n")
	for _, h := range hunks {
		i := slices.IndexFunc(lines, func(line string) bool { return plain(line) == plain(h.behind) })
		if i < 0 {
			t.Fatalf("%s has no line %q", file, h.behind)
		}
		lines = slices.Insert(lines, i+1, h.added...)
	}
	text, err := format.Source([]byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(text))
}

// copyModule returns a copy of the module, without what is no part of it.
func copyModule(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, ".."))
		switch name := entry.Name(); {
		case entry.IsDir() && (name == "node_modules" || name == ".git" || name == "bin"):
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		return cmp.Or(err, os.WriteFile(target, content, 0o600))
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// overlayOf returns a file that has the go command read files of a copy of the module in
// place of the module's own.
func overlayOf(t *testing.T, module string, patterns ...string) string {
	t.Helper()
	own, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(module, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("the copy has no %s: %v", pattern, err)
		}
		for _, file := range files {
			replace[filepath.Join(own, strings.TrimPrefix(file, module))] = file
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	write(t, file, string(text))
	return file
}

// run runs a command in a folder, which must end with status, and returns what it
// prints.
func run(t *testing.T, folder string, status int, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = folder
	output, err := command.CombinedOutput()
	ended := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		ended, err = failed.ExitCode(), nil
	}
	if err != nil || ended != status {
		t.Fatalf("%s ends with status %d, want %d, %v:\n%s", fmt.Sprint(name, args), ended, status, err, output)
	}
	return string(output)
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustGlob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return files
}
