package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// verdict is what became of a mutant.
type verdict int

const (
	unreached verdict = iota // no test reaches it
	survived
	caught
	timedOut // caught by a time limit
	unbuilt  // it does not compile, and so is none
)

// trial is a package's mutants under trial.
type trial struct {
	*target
	work     string        // a folder for what is built
	patience time.Duration // how much longer tests may take with a mutant, besides being eight times as slow
	binary   string        // the tests, with all mutants in them
	tests    []*test
	catchers sync.Map // by function: the test that caught a mutant of it last
}

// test is a test of the package itself.
type test struct {
	name    string
	took    time.Duration
	reaches map[int]bool // mutants
	scripts map[string]bool
}

// try returns what became of each of a package's mutants, in their order.
func try(t *target, work string, workers int, patience time.Duration) ([]verdict, error) {
	verdicts := make([]verdict, len(t.mutants))
	if len(t.TestGoFiles)+len(t.XTestGoFiles) == 0 {
		return verdicts, nil
	}
	tr := &trial{target: t, work: work, patience: patience, binary: filepath.Join(work, "tests")}
	if err := tr.prepare(); err != nil {
		return nil, err
	}
	next := make(chan int)
	failed := make(chan error, len(t.mutants))
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range next {
				var err error
				if verdicts[i], err = tr.tryOne(t.mutants[i]); err != nil {
					failed <- fmt.Errorf("%s: %w", t.mutants[i].key(), err)
				}
			}
		})
	}
	for i := range t.mutants {
		next <- i
	}
	close(next)
	all.Wait()
	close(failed)
	return verdicts, <-failed
}

// prepare builds the instrumented tests and runs each of them once, unmutated, to
// learn which mutants it reaches.
func (tr *trial) prepare() error {
	files := tr.instrumented(map[string][]piece{})
	files["mutation_scripts.go"] = tr.readScripts()
	if output, err := tr.build(tr.binary, files); err != nil {
		return fmt.Errorf("build the tests: %w\n%s", err, output)
	}
	list := exec.Command(tr.binary, "-test.list", ".")
	list.Dir = tr.Dir
	names, err := list.Output()
	if err != nil {
		return fmt.Errorf("list the tests: %w", err)
	}
	for name := range strings.FieldsSeq(string(names)) {
		if strings.HasPrefix(name, "Benchmark") {
			continue
		}
		one := &test{name: name, scripts: map[string]bool{}}
		if err := tr.watch(one); err != nil {
			return err
		}
		tr.tests = append(tr.tests, one)
	}
	return tr.watchScripts()
}

// watch runs a test unmutated and notes what it reaches. On a busy machine one may
// fail by chance, so it has three tries.
func (tr *trial) watch(one *test) error {
	reached := filepath.Join(tr.work, "reached")
	defer os.Remove(reached)
	for tries := 1; ; tries++ {
		began := time.Now()
		output, v, err := tr.run(tr.binary, tr.Dir, []*test{one}, "", "MUTATION_REACHED="+reached)
		one.took = time.Since(began)
		if v == survived && err == nil {
			break
		}
		if err != nil || tries == 3 {
			return errors.Join(fmt.Errorf("%s fails without any mutant:\n%s", one.name, output), err)
		}
	}
	one.reaches = map[int]bool{}
	text, _ := os.ReadFile(reached) // absent if nothing was reached
	for line := range strings.FieldsSeq(string(text)) {
		number, _ := strconv.Atoi(line)
		one.reaches[number] = true
	}
	return nil
}

// watchScripts notes which tests fail without a script.
func (tr *trial) watchScripts() error {
	for _, script := range tr.scriptFiles() {
		dir, remove, err := tr.shadow(script, "")
		if err != nil {
			return err
		}
		for _, one := range tr.tests {
			_, v, err := tr.run(tr.binary, dir, []*test{one}, "-test.short")
			if err != nil {
				return err
			}
			one.scripts[script] = v != survived
		}
		remove()
	}
	return nil
}

func (tr *trial) scriptFiles() []string {
	var all []string
	for _, m := range tr.mutants {
		if strings.HasSuffix(m.file, ".js") && !slices.Contains(all, m.file) {
			all = append(all, m.file)
		}
	}
	return all
}

func (tr *trial) tryOne(m mutant) (verdict, error) {
	reaching := slices.DeleteFunc(slices.Clone(tr.tests), func(one *test) bool {
		switch {
		case m.edits != nil:
			return !one.reaches[m.number]
		case strings.HasSuffix(m.file, ".js"):
			return !one.scripts[m.file]
		}
		return false
	})
	if len(reaching) == 0 {
		return unreached, nil
	}
	binary, dir := tr.binary, tr.Dir
	switch {
	case m.edits != nil:
	case strings.HasSuffix(m.file, ".js"):
		shadow, remove, err := tr.shadow(m.file, m.text)
		if err != nil {
			return 0, err
		}
		defer remove()
		dir = shadow
	default:
		binary = filepath.Join(tr.work, fmt.Sprint("tests-", m.number))
		defer os.Remove(binary)
		if _, err := tr.build(binary, map[string]string{filepath.Base(m.file): m.text}); err != nil {
			return unbuilt, nil
		}
	}
	for _, part := range tr.parts(m, reaching) {
		output, v, err := tr.run(binary, dir, part.tests, part.flag, fmt.Sprint("MUTATION_ACTIVE=", m.number))
		if v == survived && err == nil {
			continue
		}
		if failed := failedTest.FindStringSubmatch(output); failed != nil {
			tr.catchers.Store(m.file+m.in, failed[1])
		}
		return v, err
	}
	return survived, nil
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// part is tests that are run together.
type part struct {
	tests []*test
	flag  string
}

// parts divides tests so that most mutants are caught early: by the test that
// caught one in the same function, by the quick ones, by the others. Scripts are
// tried without Node first.
func (tr *trial) parts(m mutant, reaching []*test) []part {
	var catcher, quick, others part
	last, _ := tr.catchers.Load(m.file + m.in)
	for _, one := range reaching {
		switch {
		case one.name == last:
			catcher.tests = append(catcher.tests, one)
		case one.took < 300*time.Millisecond:
			quick.tests = append(quick.tests, one)
		default:
			others.tests = append(others.tests, one)
		}
	}
	parts := []part{catcher, quick, others}
	if strings.HasSuffix(m.file, ".js") {
		catcher.flag = "-test.short"
		parts = []part{catcher, {reaching, "-test.short"}, {reaching, ""}}
	}
	return slices.DeleteFunc(parts, func(p part) bool { return len(p.tests) == 0 })
}

// limit is how long tests may say nothing: far longer than any of them takes
// without a mutant.
func (tr *trial) limit(tests []*test) time.Duration {
	var longest time.Duration
	for _, one := range tests {
		longest = max(longest, one.took)
		if one.reaches == nil { // nobody knows yet
			longest = time.Minute
		}
	}
	return tr.patience + 8*longest
}

// build builds the package's tests with files in the place of its own.
func (tr *trial) build(binary string, files map[string]string) ([]byte, error) {
	overlay := map[string]map[string]string{"Replace": {}}
	dir, err := os.MkdirTemp(tr.work, "overlay")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
		overlay["Replace"][filepath.Join(tr.Dir, name)] = file
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o600); err != nil {
		return nil, err
	}
	command := exec.Command("go", "test", "-c", "-vet=off", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, ".")
	command.Dir = tr.Dir
	return command.CombinedOutput()
}

// readScripts is the file that makes the package take its scripts from the folder
// that the tests run in.
func (tr *trial) readScripts() string {
	var body strings.Builder
	for name, text := range tr.texts {
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			continue // it did parse before
		}
		for script, variable := range embedded(file) {
			fmt.Fprintf(&body, "\tif text, err := os.ReadFile(%q); err == nil {\n\t\t%s = string(text)\n\t}\n", script, variable)
		}
	}
	if body.Len() == 0 {
		return "package " + tr.Name + "\n"
	}
	return "package " + tr.Name + "\n\nimport \"os\"\n\nfunc init() {\n" + body.String() + "}\n"
}

// shadow makes a folder that looks like the package's, in a module that looks like
// the module, but has another text in one file.
func (tr *trial) shadow(file, text string) (dir string, remove func(), err error) {
	root, err := os.MkdirTemp(tr.work, "shadow")
	if err != nil {
		return "", nil, err
	}
	from, to := tr.module, root
	for _, part := range append(strings.Split(filepath.Dir(file), "/"), filepath.Base(file)) {
		entries, err := os.ReadDir(from)
		if err != nil {
			return "", nil, err
		}
		for _, entry := range entries {
			if entry.Name() == part {
				continue
			}
			if err := os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
				return "", nil, err
			}
		}
		from, to = filepath.Join(from, part), filepath.Join(to, part)
		if part != filepath.Base(file) {
			if err := os.Mkdir(to, 0o700); err != nil {
				return "", nil, err
			}
		}
	}
	return filepath.Dir(to), func() { os.RemoveAll(root) }, os.WriteFile(to, []byte(text), 0o600)
}

// run runs tests until one fails, and ends what they leave behind.
func (tr *trial) run(binary, dir string, tests []*test, flag string, env ...string) (string, verdict, error) {
	names := make([]string, len(tests))
	for i, one := range tests {
		names[i] = regexp.QuoteMeta(one.name)
	}
	temp, err := os.MkdirTemp(tr.work, "temp")
	if err != nil {
		return "", 0, err
	}
	defer os.RemoveAll(temp)
	ctx, hangs := context.WithCancel(context.Background())
	defer hangs()
	said := &watched{limit: tr.limit(tests), hangs: hangs}
	said.timer = time.AfterFunc(said.limit, hangs)
	defer said.timer.Stop()
	command := exec.CommandContext(ctx, binary, "-test.run", "^("+strings.Join(names, "|")+")$", "-test.v", "-test.failfast", "-test.timeout=0")
	if flag != "" {
		command.Args = append(command.Args, flag)
	}
	command.Dir = dir
	command.Env = append(append(os.Environ(), "TMPDIR="+temp), env...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = time.Second
	command.Stdout, command.Stderr = said, said
	if err := command.Start(); err != nil {
		return "", 0, err
	}
	err = command.Wait()
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // its children; mostly there are none
	switch {
	case ctx.Err() != nil:
		return said.text.String(), timedOut, nil
	case err != nil:
		return said.text.String(), caught, nil
	}
	return said.text.String(), survived, nil
}

// watched is the output of tests, which say something whenever one begins or ends.
// Tests that say nothing for too long hang, and so do those that never stop talking.
type watched struct {
	limit time.Duration
	timer *time.Timer
	hangs func()
	text  bytes.Buffer
}

func (w *watched) Write(text []byte) (int, error) {
	const most = 64 << 20
	w.timer.Reset(w.limit)
	if w.text.Len() > most {
		w.hangs()
		return len(text), nil
	}
	return w.text.Write(text)
}
