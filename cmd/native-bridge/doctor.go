package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"nativebridge/adapters"
	"nativebridge/adapters/doctor"
	"nativebridge/app"
	"nativebridge/domain"
)

// doctorTimeout is how long the checks of one party may take unless a flag says
// otherwise.
const doctorTimeout = 30 * time.Second

// doctorRun is what the flags of doctor say.
type doctorRun struct {
	json, strict bool
	envFile      string
	token        string
	timeout      time.Duration
}

func doctorCommand() *cobra.Command {
	run := &doctorRun{}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Says what keeps people from signing in, and how to mend it",
		Long: `Looks at the configuration, the way to each party, their settings as far as the
bridge's credentials may see them, and tries a sign-in that must be refused. It
changes nothing. Auth0 counts one failed sign-in of the user
native-bridge-doctor.

The configuration is that of 'native-bridge serve', from the environment. The
checks stand in the order in which they build upon each other: mend the first
that failed, and run it again. docs/doctor.md explains each code. There is no
secret and no user's name in the output, so it can be pasted into a ticket.

Exit status: 0 nothing failed, 1 with --strict if there are warnings, 2 if
something failed.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			environ, err := run.environ()
			if err != nil {
				return err
			}
			token, err := run.passkeyToken(cmd.InOrStdin())
			if err != nil {
				return err
			}
			return run.execute(cmd.Context(), environ, token, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&run.json, "json", false, "write one JSON document (docs/doctor.schema.json)")
	cmd.Flags().BoolVar(&run.strict, "strict", false, "exit with 1 if there are warnings")
	cmd.Flags().StringVar(&run.envFile, "env-file", "", "read settings from this file too, as setup writes it; the environment goes before it")
	cmd.Flags().StringVar(&run.token, "token", "", "exchange the passkey token in this file, too, or the one on standard input if it is -; that uses it up, and the session is ended")
	cmd.Flags().DurationVar(&run.timeout, "timeout", doctorTimeout, "how long the checks of one party may take")
	return cmd
}

func (r *doctorRun) environ() (map[string]string, error) {
	environ := map[string]string{}
	if r.envFile != "" {
		if _, err := os.Stat(r.envFile); err != nil {
			return nil, usageError{fmt.Errorf("--env-file: %w", err)}
		}
		var err error
		if environ, err = readEnvFile(r.envFile); err != nil {
			return nil, err
		}
	}
	for name, value := range environment() {
		if value != "" {
			environ[name] = value
		}
	}
	return environ, nil
}

// passkeyToken reads the token that is to be exchanged; none if there is no flag.
func (r *doctorRun) passkeyToken(in io.Reader) (domain.Secret, error) {
	if r.token == "" {
		return domain.Secret{}, nil
	}
	if r.token != "-" {
		file, err := os.Open(r.token)
		if err != nil {
			return domain.Secret{}, usageError{errors.New("--token: name a file that has the token, or - for standard input; the token itself does not belong there")}
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if token := strings.TrimSpace(string(text)); err == nil && token != "" {
		return domain.NewSecret(token), nil
	}
	return domain.Secret{}, usageError{errors.New("--token: there is no token")}
}

// execute runs the probes and shows what they find, as they find it. The error is a
// status if something is wrong.
func (r *doctorRun) execute(ctx context.Context, environ map[string]string, token domain.Secret, out io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	runtime := adapters.Runtime{Log: slog.New(slog.DiscardHandler), Audit: io.Discard, Now: time.Now, Random: rand.Reader}
	diagnose := app.Diagnose{Patience: r.timeout, Probes: doctor.Probes(environ, runtime)}
	if !token.IsZero() {
		diagnose.Probes = append(diagnose.Probes, adapters.DecorateProbe(doctor.Exchange(environ, runtime, token), runtime.Log))
	}
	var diagnosis domain.Diagnosis
	if r.json {
		diagnosis = diagnose.Execute(ctx, func(domain.Finding) {})
		if err := doctor.NewReport(diagnosis).Write(out); err != nil {
			return err
		}
	} else {
		text := textOf(out)
		diagnosis = diagnose.Execute(ctx, text.Report)
		text.Conclude(diagnosis)
	}
	if ctx.Err() != nil {
		return errors.New("stopped by a signal: not all checks were made")
	}
	if code := doctor.Status(diagnosis, r.strict); code != 0 {
		return status(code)
	}
	return nil
}

// textOf returns what shows findings on out: with symbols if that is a terminal, and
// with colours if nobody minds (no-color.org).
func textOf(out io.Writer) *doctor.Text {
	text := &doctor.Text{Out: out}
	file, isFile := out.(*os.File)
	if !isFile {
		return text
	}
	info, err := file.Stat()
	text.Fancy = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	text.Colours = text.Fancy && os.Getenv("NO_COLOR") == ""
	return text
}

// status is the exit status of a command that has said all there is to say.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }
