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
	everything = "plain-32,plain-256,tls-32,tls-256,delayed-32,delayed-128,delayed-256,where,cold,idle,connections,redis,replicas,faults"
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
		quick     = flag.Bool("quick", false, "measure less: "+quickly+", against "+baselineName+" alone")
		scenarios = flag.String("scenarios", "", "what to measure, of "+everything+", with any number of callers (default: all)")
		impls     = flag.String("impls", "", "whom to measure, separated by commas (default: all)")
		rounds    = flag.Int("rounds", 5, "how many rounds")
		length    = flag.Duration("length", 1200*time.Millisecond, "how long a round is")
		bridge    = flag.String("bridge", "bin/native-bridge", "the bridge's program")
		other     = flag.String("other", "", "a second build of the bridge, to compare it with")
		idle      = flag.Duration("idle", 8*time.Second, "how long nobody comes in the scenario idle")
		idleLimit = flag.Duration("idle-limit", 3*time.Second, "after what time vendors close idle connections then")
		out       = flag.String("out", "", "a page whose tables are to be written anew, such as docs/performance.md")
		profile   = flag.String("profile", "", "only write a CPU profile of the bridge to this file, such as cmd/native-bridge/default.pgo")
		baseline  = flag.String("baseline", baselineName, "whom ratios are taken to")
		chart     = flag.String("chart", "", "a chart to draw of plain-256 and delayed-256, such as docs/images/performance.svg")
	)
	flag.Parse()
	if *quick {
		*scenarios, *impls = cmp.Or(*scenarios, quickly), cmp.Or(*impls, baselineName+","+bridgeName+",other")
	}
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b := &bench{known: implementations(self, *bridge, *other), baseline: *baseline, folder: folder, idle: *idle, idleLimit: *idleLimit,
		plan: plan{rounds: *rounds, length: *length, warmUp: 250 * time.Millisecond, settle: time.Second}}
	if *profile != "" {
		return b.renewProfile(*profile)
	}
	if b.all, err = choose(b.known, *impls); err != nil {
		return err
	}
	for name := range strings.SplitSeq(cmp.Or(*scenarios, everything), ",") {
		fmt.Fprintln(os.Stderr, name)
		if err := b.run(name); err != nil {
			return fmt.Errorf("%s: %w\n%s", name, err, b)
		}
	}
	return b.publish(*out, *chart)
}

// publish prints what was measured, and writes it to the page and the chart, unless they
// are "".
func (b *bench) publish(page, chart string) error {
	text := fmt.Sprintf("%s\n%s", b.machine(), b)
	fmt.Println(text)
	if page != "" {
		if err := put(page, text); err != nil {
			return err
		}
	}
	if chart == "" {
		return nil
	}
	return os.WriteFile(chart, []byte(picture(b.panels)), 0o644)
}

// choose returns the implementations of those names, or all, without those that cannot
// run here, and installs what they need.
func choose(all []implementation, names string) ([]implementation, error) {
	var chosen []implementation
	for _, one := range all {
		if names != "" && !slices.Contains(strings.Split(names, ","), one.name) {
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
		return nil, fmt.Errorf("no implementation is called %s", names)
	}
	return chosen, nil
}

// machine says what the figures were measured on, and how quiet it was.
func (b *bench) machine() string {
	text := fmt.Sprintf("Measured on %s, %s, %s.", time.Now().UTC().Format(time.DateOnly), processor(), runtime.Version())
	if b.noisiest > quiet {
		text += fmt.Sprintf(" **The machine was not quiet**: other work took up to %.1f cores, so take the figures for rough.", b.noisiest)
	}
	return text + "\n"
}

// quiet is how many cores other work may use without spoiling the figures.
const quiet = 0.1
