package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

func setupCommand() *cobra.Command {
	setup := &cobra.Command{
		Use:   "setup",
		Short: "Sets a tenant up for the bridge",
		Long:  "Reads a tenant, shows what must be done there, and does it after a yes. It never deletes anything.\nStopped at any point, it can be run again and does the rest.",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	setup.AddCommand(setupAuth0Command(), setupAuthsignalCommand())
	return setup
}

// setupRun is what the flags of all set-ups say.
type setupRun struct {
	yes, dryRun, force bool
	envFile            string
	in                 *bufio.Reader
	out                io.Writer
}

func (r *setupRun) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&r.yes, "yes", false, "do it without asking")
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "show the plan and change nothing")
	cmd.Flags().StringVar(&r.envFile, "env-file", "native-bridge.env", "the environment file of the bridge: read for what is known already, and written at the end")
	cmd.Flags().BoolVar(&r.force, "force", false, "replace values that the environment file has already, or files of an export")
}

// environ returns the process' environment, completed by the environment file. Where
// they differ, it is better to stop now than after the tenant has been changed.
func (r *setupRun) environ() (map[string]string, error) {
	environ, err := readEnvFile(r.envFile)
	if err != nil {
		return nil, err
	}
	var differ []string
	for name, value := range environment() {
		if saved := environ[name]; saved != "" && value != "" && saved != value {
			differ = append(differ, name)
		}
		if value != "" {
			environ[name] = value
		}
	}
	if len(differ) > 0 && !r.force {
		slices.Sort(differ)
		return nil, otherValues(r.envFile, differ)
	}
	return environ, nil
}

// execute plans, asks and applies, and shows each step.
func (r *setupRun) execute(ctx context.Context, setup ports.TenantSetup) error {
	uc := app.SetUpTenant{Setup: setup}
	shown := false
	plan, err := uc.Execute(ctx, app.Watcher{
		Agree: func(plan domain.TenantPlan) bool { shown = true; printPlan(r.out, plan); return r.agree() },
		Begin: func(step domain.TenantStep) { r.printf("%s %s … ", step.Action, step.Object) },
		End: func(_ domain.TenantStep, err error) {
			if err != nil {
				r.printf("failed\n")
				return
			}
			r.printf("done\n")
		},
	})
	switch {
	case errors.Is(err, app.ErrDeclined) && r.dryRun:
		r.printf("\nNothing was changed (--dry-run).\n")
		return nil
	case errors.Is(err, app.ErrBlocked):
		printPlan(r.out, plan)
		return errors.New("nothing was changed: mend what blocks the plan first")
	case err != nil:
		return err
	case !shown:
		r.printf("%s: there is nothing to do.\n", plan.Tenant)
	}
	printInstructions(r.out, "By hand, because no interface lets a program do it:", plan.ByHand)
	printInstructions(r.out, "Good to know:", plan.Remarks)
	return nil
}

// agree asks, unless a flag has answered.
func (r *setupRun) agree() bool {
	if r.dryRun || r.yes {
		return r.yes && !r.dryRun
	}
	return strings.EqualFold(r.ask("\nDo this? [y/N] "), "y")
}

// ask returns the line that the operator types, "" if there is none.
func (r *setupRun) ask(question string) string {
	r.printf("%s", question)
	line, _ := r.in.ReadString('\n') // an end of input is an empty line
	return strings.TrimSpace(line)
}

func (r *setupRun) printf(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

// save writes what the set-up found out into the environment file.
func (r *setupRun) save(ctx context.Context, setup ports.TenantSetup) error {
	found, err := setup.Settings(ctx)
	if err != nil {
		return err
	}
	changed, err := mergeEnvFile(r.envFile, found, r.force)
	switch {
	case err != nil:
		return err
	case changed:
		r.printf("\nThe bridge's settings are in %s, which holds secrets: only you can read it.\n", r.envFile)
	default:
		r.printf("\n%s has all of the bridge's settings already.\n", r.envFile)
	}
	return nil
}

// examine lets doctor look at what was set up, with the credentials of the set-up, and
// says what comes next. What doctor finds is no failure of the set-up.
func (r *setupRun) examine(ctx context.Context, environ map[string]string) error {
	saved, err := readEnvFile(r.envFile)
	if err != nil {
		return err
	}
	for name, value := range saved {
		environ[name] = value
	}
	r.printf("\nThis is what 'native-bridge doctor' says now:\n")
	examination := doctorRun{timeout: doctorTimeout}
	var found status
	if err := examination.execute(ctx, environ, domain.Secret{}, r.out); err != nil && !errors.As(err, &found) {
		return err
	}
	r.printf("\nNext: set -a; . %s; set +a; native-bridge serve\n", sourced(r.envFile))
	return nil
}

// sourced is a path as a shell's "." wants it: one without a slash is looked for in PATH.
func sourced(path string) string {
	if strings.Contains(path, "/") {
		return path
	}
	return "./" + path
}

// printPlan shows each step with its changes, and the reason for each.
func printPlan(out io.Writer, plan domain.TenantPlan) {
	_, _ = fmt.Fprintf(out, "Plan for %s\n", plan.Tenant)
	signs := map[domain.StepAction]string{domain.Keep: "=", domain.Create: "+", domain.Change: "~"}
	for _, step := range plan.Steps {
		_, _ = fmt.Fprintf(out, "\n%s %s %s\n", signs[step.Action], step.Action, step.Object)
		for _, change := range step.Changes {
			from := ""
			if change.From != "" {
				from = change.From + " → "
			}
			_, _ = fmt.Fprintf(out, "    %s: %s%s\n        %s\n", change.Setting, from, change.To, change.Why)
		}
	}
	printInstructions(out, "This blocks the plan:", plan.Blockers)
}

func printInstructions(out io.Writer, title string, instructions []domain.Instruction) {
	if len(instructions) == 0 {
		return
	}
	_, _ = fmt.Fprintf(out, "\n%s\n", title)
	for _, instruction := range instructions {
		_, _ = fmt.Fprintf(out, "  - %s\n      %s\n      %s\n", instruction.What, instruction.Where, instruction.Why)
	}
}

// newProofKey draws a key for AUTH0_PROOF=signed.
func newProofKey() domain.Secret {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return domain.NewSecret(hex.EncodeToString(key))
}

// readSecretLine reads a secret from standard input, which a flag never holds: other
// users can see the flags of a process.
func readSecretLine(in *bufio.Reader) (domain.Secret, error) {
	line, err := in.ReadString('\n')
	if secret := strings.TrimSpace(line); secret != "" {
		return domain.NewSecret(secret), nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errors.New("it is empty")
	}
	return domain.Secret{}, fmt.Errorf("read the token from standard input: %w", err)
}

func interactive() bool {
	info, err := os.Stdin.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
