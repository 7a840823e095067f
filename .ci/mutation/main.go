// Command mutation changes the product in small ways, one at a time, and reports
// the changes that no test of the changed package notices.
//
//	go run ./.ci/mutation [-j 2] [package...]
//
// Without packages it tries all that have a wanted figure. ADR 0034 says how it
// works and why it is here; CONTRIBUTING.md says how to use it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	workers := flag.Int("j", runtime.NumCPU(), "how many mutants to try at a time")
	equivalents := flag.String("equivalents", ".ci/mutation/equivalents.txt", "the file of accepted mutants")
	flag.Parse()
	good, err := run(os.Stdout, flag.Args(), *equivalents, *workers)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(2)
	}
	if !good {
		os.Exit(1)
	}
}

// wanted is the share of a folder's mutants that its own tests must catch, in
// percent; 0 where none is wanted. The emulators are no product.
func wanted(folder string) float64 {
	for part := range strings.SplitSeq(folder, "/") {
		if strings.HasSuffix(part, "test") {
			return 0
		}
	}
	switch {
	case folder == "domain" || folder == "app" || folder == "adapters/memory" || folder == "adapters/redis":
		return 95
	case strings.HasPrefix(folder, "adapters/"):
		return 90
	}
	return 0
}

// row is a package's result.
type row struct {
	folder                                                 string
	mutants, caught, timedOut, accepted, survived, percent any
	wanted                                                 any
	took                                                   any
}

// run tries the packages and prints what came of it. It reports whether each
// reached what is wanted and each accepted mutant is one.
func run(out io.Writer, patterns []string, equivalents string, workers int) (bool, error) {
	accepted, err := readEquivalents(equivalents)
	if err != nil {
		return false, err
	}
	targets, err := choose(patterns)
	if err != nil {
		return false, err
	}
	good := true
	rows := []row{{"package", "mutants", "caught", "by time", "accepted", "survived", "percent", "wanted", "time"}}
	for _, pkg := range targets {
		r, ok, err := tryPackage(out, pkg, accepted, workers)
		if err != nil {
			return false, fmt.Errorf("%s: %w", pkg.ImportPath, err)
		}
		good = good && ok
		rows = append(rows, r)
	}
	fmt.Fprintln(out)
	for _, r := range rows {
		fmt.Fprintf(out, "%-28s%9v%9v%9v%10v%10v%9v%8v%8v\n", r.folder, r.mutants, r.caught, r.timedOut, r.accepted, r.survived, r.percent, r.wanted, r.took)
	}
	return good, nil
}

// choose lists the packages: those named, or all that have a wanted figure.
func choose(patterns []string) ([]listed, error) {
	all := len(patterns) == 0
	if all {
		patterns = []string{"./..."}
	}
	packages, err := goList(".", patterns...)
	return slices.DeleteFunc(packages, func(pkg listed) bool {
		return all && wanted((&target{listed: pkg, module: pkg.Module.Dir}).folder()) == 0
	}), err
}

func tryPackage(out io.Writer, pkg listed, accepted map[string]string, workers int) (row, bool, error) {
	began := time.Now()
	work, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return row{}, false, err
	}
	defer os.RemoveAll(work)
	t, err := load(pkg)
	if err != nil {
		return row{}, false, err
	}
	fmt.Fprintf(os.Stderr, "%s: %d mutants\n", t.folder(), len(t.mutants))
	verdicts, err := try(t, work, workers, 15*time.Second)
	if err != nil {
		return row{}, false, err
	}
	r, good := report(out, t, verdicts, accepted)
	r.took = time.Since(began).Round(time.Second)
	return r, good, nil
}

// report prints the survivors of a package, and the accepted mutants that are none.
func report(out io.Writer, t *target, verdicts []verdict, accepted map[string]string) (row, bool) {
	counts := map[verdict]int{}
	good, equivalent := true, 0
	used := map[string]bool{}
	for i, m := range t.mutants {
		key := m.key()
		_, isAccepted := accepted[key]
		used[key] = isAccepted
		switch v := verdicts[i]; {
		case isAccepted && v == caught:
			good = false
			fmt.Fprintf(out, "accepted, but a test catches it:\n%s\n", key)
		case isAccepted && v != unbuilt:
			equivalent++
			continue
		case v == survived:
			fmt.Fprintf(out, "%s:%d\n%s\n", m.file, m.line, key)
		case v == unreached:
			fmt.Fprintf(out, "%s:%d: no test reaches this\n%s\n", m.file, m.line, key)
		}
		counts[verdicts[i]]++
	}
	for key := range accepted {
		file, _, _ := strings.Cut(key, " ")
		if filepath.Dir(file) == t.folder() && !used[key] {
			good = false
			fmt.Fprintf(out, "accepted, but there is no such mutant:\n%s\n", key)
		}
	}
	if left := t.dropped + counts[unbuilt]; left > 0 {
		fmt.Fprintf(out, "%s: %d changes do not compile and were left out\n", t.folder(), left)
	}
	total := len(t.mutants) - counts[unbuilt] - equivalent
	killed := counts[caught] + counts[timedOut]
	percent := 100.0
	if total > 0 {
		percent = 100 * float64(killed) / float64(total)
	}
	want := wanted(t.folder())
	return row{
		folder: t.folder(), mutants: total + equivalent, caught: killed, timedOut: counts[timedOut], accepted: equivalent,
		survived: total - killed, percent: fmt.Sprintf("%.1f", percent), wanted: want,
	}, good && percent >= want
}
