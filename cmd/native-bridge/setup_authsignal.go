package main

import (
	"bufio"
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"nativebridge/adapters/authsignal/tenant"
)

const setupAuthsignalHelp = `Makes an Authsignal tenant ready for the bridge: passkeys with their relying party and
expected origins, user verification required, the action that people sign in with, a
different one to add a passkey with, and how long tokens live.

It reads the bridge's own settings (AUTHSIGNAL_API_URL, AUTHSIGNAL_ACTION,
AUTHSIGNAL_MAX_AGE; docs/configuration.md) from the environment and from the environment
file, and besides

  AUTHSIGNAL_MANAGEMENT_SECRET (or …_SECRET_FILE)
      the Management API secret key (Authsignal Portal, Settings, API keys)

or, with --key-stdin, that key from standard input. Origins that the tenant has stay. What
the API cannot set is printed at the end, with its place in the Portal.`

func setupAuthsignalCommand() *cobra.Command {
	var run setupRun
	var flags tenant.Wanted
	var keyStdin bool
	cmd := &cobra.Command{
		Use:   "authsignal",
		Short: "Sets an Authsignal tenant up",
		Long:  setupAuthsignalHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			run.in, run.out = bufio.NewReader(cmd.InOrStdin()), cmd.OutOrStdout()
			return run.authsignal(cmd.Context(), flags, keyStdin)
		},
	}
	run.flags(cmd)
	cmd.Flags().StringVar(&flags.RelyingParty, "rp-id", "", "the domain that passkeys belong to, such as example.com (required)")
	cmd.Flags().StringArrayVar(&flags.Origins, "origin", nil, "where passkeys are used besides https://RP-ID, such as https://app.example.com or android:apk-key-hash:…; may be given several times")
	cmd.Flags().StringVar(&flags.EnrolAction, "enrol-action", "", "the action to add a passkey with, never the one to sign in with (default: AUTHSIGNAL_ENROL_ACTION, and else "+tenant.DefaultEnrolAction+")")
	cmd.Flags().StringVar(&flags.VerifyWebhookURL, "verify-webhook", "", "the URL that Authsignal asks before a sign-in succeeds")
	cmd.Flags().StringVar(&flags.EventsWebhookURL, "events-webhook", "", "the URL that the Portal is to be given for events of authenticators")
	cmd.Flags().StringArrayVar(&flags.Addresses, "address", nil, "an address that the bridge's requests come from, for an IP allow-list; may be given several times")
	cmd.Flags().BoolVar(&flags.MoveRelyingParty, "move-relying-party", false, "change a relying party that is set: every passkey of the tenant stops working")
	cmd.Flags().BoolVar(&keyStdin, "key-stdin", false, "read the Management API secret key from the first line of standard input")
	return cmd
}

func (r *setupRun) authsignal(ctx context.Context, flags tenant.Wanted, keyStdin bool) error {
	environ, err := r.environ()
	if err != nil {
		return err
	}
	if keyStdin {
		key, err := readSecretLine(r.in)
		if err != nil {
			return usageError{err}
		}
		environ["AUTHSIGNAL_MANAGEMENT_SECRET"] = key.Reveal()
	}
	access, wanted, err := tenant.Load(environ)
	if err != nil {
		return err
	}
	flags.SignInAction, flags.TokenMinutes = wanted.SignInAction, wanted.TokenMinutes
	flags.EnrolAction = cmp.Or(flags.EnrolAction, wanted.EnrolAction)
	management, err := tenant.Connect(access, tenant.Options{})
	if err != nil {
		return err
	}
	setup, err := tenant.NewSetup(management, flags)
	if err != nil {
		return usageError{err}
	}
	if err := r.execute(ctx, setup); err != nil || r.dryRun {
		return err
	}
	if err := r.save(ctx, setup); err != nil {
		return err
	}
	r.printf("\nNext: native-bridge setup auth0; when that is done, native-bridge doctor --env-file %s\n", r.envFile)
	return nil
}
