// Command sandbox runs the whole of Native Bridge on this machine with no account
// anywhere: emulators of Authsignal and Auth0, the bridge between them, and a page
// to try it from. It signs in once with a software passkey and tells each hop. With
// --tenant the page is pointed at a real tenant instead, and nothing is emulated.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/caarlos0/env/v11"
)

const usage = `Usage: sandbox [--once] [--json]
       sandbox --tenant FILE [--enrol USER] [--json]

Starts emulators of Authsignal and Auth0, the bridge and a page on loopback,
signs in once with a software passkey and prints what happened.

  --once   exit after that: 0 if every step worked, 1 if not
  --json   print the addresses and credentials as the first line, as JSON,
           and sign in only if --once is given too

  --tenant FILE
           emulate nothing: the bridge and the page go to the real tenant of this
           environment file, which 'native-bridge setup' wrote
  --enrol USER
           let the page give this user of the tenant a passkey, though others than
           this machine can open it; USER is a name, or a whole user id

The bridge takes its settings from the environment as 'native-bridge serve'
does, except the addresses and keys of the emulators. Two more are the sandbox's:

  SANDBOX_RP_ID   the domain that passkeys belong to, if it is not localhost. The
                  page is at it, or at a name under it, behind something that does
                  TLS and passes requests on to the page's port
  SANDBOX_LISTEN  the address that the page and the bridge listen on, such as 0.0.0.0,
                  if it is not loopback; with the page's port, if it is not 8400
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], env.ToMap(os.Environ()), os.Stdout, os.Stderr))
}

// run returns the exit status: 0, 1 if a step failed, 2 for a wrong command line.
func run(ctx context.Context, args []string, environ map[string]string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() { fmt.Fprint(errs, usage) }
	once := flags.Bool("once", false, "")
	asJSON := flags.Bool("json", false, "")
	file := flags.String("tenant", "", "")
	enrol := flags.String("enrol", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		if err == nil {
			fmt.Fprintf(errs, "sandbox: it takes no argument %q\n\n%s", flags.Arg(0), usage)
		}
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	var real *realTenant
	switch {
	case *file != "" && *once:
		fmt.Fprint(errs, "sandbox: --once signs in with a software passkey, and a real tenant has none: open the page\n")
		return 2
	case *file != "":
		real = &realTenant{file: *file, enrol: *enrol}
	case *enrol != "":
		fmt.Fprint(errs, "sandbox: --enrol goes with --tenant: the emulated tenant gives everybody a passkey\n")
		return 2
	}
	if err := tryOut(ctx, *once, *asJSON, environ, real, out, errs); err != nil {
		fmt.Fprintf(errs, "sandbox: %v\n", err)
		return 1
	}
	return 0
}

func tryOut(ctx context.Context, once, asJSON bool, environ map[string]string, real *realTenant, out, errs io.Writer) error {
	s, err := start(ctx, environ, real, errs)
	if err != nil {
		return err
	}
	defer s.close()
	if asJSON {
		if err := json.NewEncoder(out).Encode(s.addresses()); err != nil {
			return err
		}
	}
	account := newAccount(out)
	if asJSON {
		account = newAccount(errs) // standard output is the script's
	}
	switch {
	case real != nil:
		account.tellTenant(s)
		account.say("It runs until you press Ctrl-C. Sign in with a passkey of your browser:\n\n  %s\n", s.origin())
	case once || !asJSON:
		if err := s.tellSignIn(ctx, account); err != nil {
			return err
		}
		if once {
			account.say("Everything stops now. 'make run' keeps it running, so that you can try it.")
			return nil
		}
		account.say("It runs until you press Ctrl-C. Try it yourself, with a passkey of your browser:\n\n  %s\n", s.origin())
	}
	return s.wait(ctx)
}
