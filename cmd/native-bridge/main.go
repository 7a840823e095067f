// Command native-bridge turns passkey sign-ins at Authsignal into Auth0 sessions.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/spf13/cobra"

	"nativebridge/adapters"
)

// Exit statuses, for scripts and orchestrators.
const (
	exitFailed = 1 // it ran and failed
	exitUsage  = 2 // it was called or configured wrongly, and never ran
)

func main() {
	err := command().Execute()
	if err == nil {
		return
	}
	if said, ok := errors.AsType[status](err); ok {
		os.Exit(int(said))
	}
	sayLast(fmt.Sprintf("native-bridge: %v\n", err))
	if _, usage := errors.AsType[usageError](err); usage || adapters.IsFaults(err) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

// sayLast writes to standard error, for two seconds at most: the process must end even if
// nobody reads that.
func sayLast(text string) {
	said := make(chan struct{})
	go func() {
		defer close(said)
		_, _ = io.WriteString(os.Stderr, text)
	}()
	select {
	case <-said:
	case <-time.After(2 * time.Second):
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "native-bridge",
		Short:         "Turns passkey sign-ins at Authsignal into Auth0 sessions",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q: 'native-bridge --help' lists them", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: see '%s --help'", err, cmd.CommandPath())}
	})
	root.AddCommand(serveCommand(), healthcheckCommand(), setupCommand(), doctorCommand(), versionCommand())
	root.AddCommand(manpages()...)
	addCompletion(root)
	return root
}

// addCompletion adds cobra's command that writes the shells' completion scripts.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, _ := root.Find([]string{"completion"}) // it is there
	completion.Args = noArguments
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() } // without it, any argument is help, too
	for _, shell := range completion.Commands() {
		shell.Args = noArguments
	}
}

// noArguments refuses every argument that is no flag.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%q is not understood: see '%s --help'", args[0], cmd.CommandPath())}
	}
	return nil
}

// environment returns the process' environment.
func environment() map[string]string { return env.ToMap(os.Environ()) }

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }
