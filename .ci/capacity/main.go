// Command capacity simulates people who sign in, and writes the tables of
// docs/operate/capacity.md. Its time is virtual and its chance is seeded, so that it
// prints the same each time. 'make bench' has it expect what was measured.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "capacity:", err)
		os.Exit(1)
	}
}

func run() error {
	page := flag.String("page", "docs/operate/capacity.md", "the page that has the tables")
	measured := flag.String("measured", "docs/performance.md", "what 'make bench' printed")
	update := flag.Bool("update", false, "write the page's tables anew")
	flag.Parse()
	if *update {
		return rewrite(*page)
	}
	text, err := os.ReadFile(*measured)
	if err != nil {
		return err
	}
	all, err := measurements(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", *measured, err)
	}
	fmt.Printf("### The capacity model\n\nWhat the simulation of docs/operate/capacity.md expects of the loads above.\n\n%s", comparison(all))
	for _, m := range all {
		if rate, holds := m.simulated(); !holds {
			err = errors.Join(err, fmt.Errorf("%s: %.0f sessions a second are expected and %.0f were measured: look at docs/operate/capacity.md, 'What it leaves out'", m.load, rate, m.rate))
		}
	}
	return err
}

func rewrite(file string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := written(string(page))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
