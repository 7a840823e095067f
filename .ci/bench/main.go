// Command bench measures the bridge against the least that an exchange can cost, and
// against the back end that Authsignal's guide has its reader write. 'make bench' builds
// and runs it; docs/performance.md explains what it measures.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

const (
	everything = "plain-32,plain-256,tls-32,tls-256,delayed-256,cold,idle,connections,redis,replicas,faults"
	quickly    = "plain-32,plain-256,tls-32"
)

// run is the floor if the first argument says so: it is an implementation in a process of
// its own.
func run(args []string) error {
	if len(args) > 0 && args[0] == "floor" {
		return serveFloor(slices.Contains(args, "-verify"))
	}
	if err := pin(); err != nil {
		return err
	}
	debug.SetGCPercent(400) // memory is plenty, and the core is shared by vendors and callers
	var (
		quick     = flag.Bool("quick", false, "measure less: "+quickly+", against "+baselineName+" alone, in short rounds")
		scenarios = flag.String("scenarios", "", "what to measure, of "+everything+", with any number of callers (default: all)")
		impls     = flag.String("impls", "", "whom to measure, separated by commas: names, or parts of names (default: all)")
		rounds    = flag.Int("rounds", 5, "how many rounds")
		length    = flag.Duration("length", 1500*time.Millisecond, "how long a round is")
		bridge    = flag.String("bridge", "bin/native-bridge", "the bridge's program")
		other     = flag.String("other", "", "a second build of the bridge, to compare it with")
		idle      = flag.Duration("idle", 15*time.Second, "how long nobody comes in the scenario idle")
		idleLimit = flag.Duration("idle-limit", 5*time.Second, "after what time vendors close idle connections then")
		out       = flag.String("out", "", "a page whose tables are to be written anew, such as docs/performance.md")
		profile   = flag.String("profile", "", "only write a CPU profile of the bridge to this file, such as cmd/native-bridge/default.pgo")
		baseline  = flag.String("baseline", baselineName, "whom ratios are taken to")
		chart     = flag.String("chart", "", "a chart to draw of plain-256 and delayed-256, such as docs/images/performance.svg")
	)
	flag.Parse()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	b := bench{baseline: *baseline, folder: folder, idle: *idle, idleLimit: *idleLimit,
		plan: plan{rounds: *rounds, length: *length, warmUp: 300 * time.Millisecond, settle: 1500 * time.Millisecond}}
	if *quick {
		*scenarios, *impls = cmp.Or(*scenarios, quickly), cmp.Or(*impls, baselineName+","+bridgeName+",other")
	}
	if b.all, err = choose(implementations(self, *bridge, *other), *impls); err != nil {
		return err
	}
	if *profile != "" {
		return b.profile(*profile)
	}
	for name := range strings.SplitSeq(cmp.Or(*scenarios, everything), ",") {
		fmt.Fprintln(os.Stderr, name)
		if err := b.run(name); err != nil {
			return fmt.Errorf("%s: %w\n%s", name, err, b.String())
		}
	}
	text := fmt.Sprintf("%s\n%s", machine(), b.String())
	fmt.Println(text)
	if *out != "" {
		err = put(*out, text)
	}
	if *chart != "" && err == nil {
		err = os.WriteFile(*chart, []byte(picture(b.panels)), 0o644)
	}
	return err
}

// choose returns the implementations whose names have one of the parts in them, without
// those that cannot run here, and installs what they need.
func choose(all []implementation, parts string) ([]implementation, error) {
	wanted := func(name string) bool {
		return parts == "" || slices.ContainsFunc(strings.Split(parts, ","), func(part string) bool { return part == name })
	}
	var chosen []implementation
	for _, one := range all {
		if !wanted(one.name) {
			continue
		}
		if _, err := exec.LookPath(one.command[0]); err != nil {
			fmt.Fprintf(os.Stderr, "%s is left out: %v\n", one.name, err)
			continue
		}
		if err := one.install(); err != nil {
			return nil, fmt.Errorf("npm ci in %s: %w", one.folder, err)
		}
		chosen = append(chosen, one)
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no implementation is called %s", parts)
	}
	return chosen, nil
}

// machine says what the figures were measured on.
func machine() string {
	return fmt.Sprintf("Measured on %s, %s, %s.\n", time.Now().UTC().Format(time.DateOnly), processor(), runtime.Version())
}
