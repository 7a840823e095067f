package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/tenant"
	"nativebridge/domain"
)

const setupAuth0Help = `Makes an Auth0 tenant ready for the bridge: the application, the connection with our
Login script, or for TOKEN_ISSUER=auth0-token-exchange the Action and the profile.

It reads the bridge's own settings (AUTH0_DOMAIN, AUTH0_CONNECTION, AUTH0_AUDIENCE,
AUTH0_SCOPE, AUTHSIGNAL_API_URL, AUTHSIGNAL_SECRET …; docs/configuration.md) from the
environment and from the environment file, and besides

  AUTH0_MANAGEMENT_CLIENT_ID, AUTH0_MANAGEMENT_CLIENT_SECRET (or …_SECRET_FILE)
      a machine-to-machine application that is authorized for the Auth0 Management API
  AUTH0_MANAGEMENT_DOMAIN
      the tenant's own domain, if AUTH0_DOMAIN is a custom one

or, with --token-stdin, an access token of that API. docs/tenant.md lists the scopes that it
needs; one that is missing is named before anything is changed.

For teams that keep their tenant in git, --export writes the same as files, without a
secret in them, and asks nobody: it needs neither the tenant nor those credentials.
docs/tenant-in-git.md says how the files are used.

  native-bridge setup auth0 --export terraform DIR
  native-bridge setup auth0 --export deploy-cli DIR`

func setupAuth0Command() *cobra.Command {
	var run setupRun
	var choices tenant.Choices
	var tokenStdin bool
	var export string
	cmd := &cobra.Command{
		Use:   "auth0 [--export TOOL DIR]",
		Short: "Sets an Auth0 tenant up",
		Long:  setupAuth0Help,
		Args: func(cmd *cobra.Command, args []string) error {
			if export == "" {
				return noArguments(cmd, args)
			}
			if len(args) != 1 {
				return usageError{errors.New("name one folder to write to: native-bridge setup auth0 --export TOOL DIR")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			run.in, run.out = bufio.NewReader(cmd.InOrStdin()), cmd.OutOrStdout()
			if export != "" {
				return run.export(export, args[0], choices)
			}
			return run.auth0(cmd.Context(), choices, tokenStdin)
		},
	}
	run.flags(cmd)
	cmd.Flags().StringVar(&choices.Application, "application", "Native Bridge", "the name of the application to make, and of the Action")
	cmd.Flags().StringVar(&choices.Adopt, "adopt", "", "the client id of an application that exists and is to be the bridge's")
	cmd.Flags().StringVar(&choices.CreateUsersIn, "create-users-in", "", "the connection in which the Action makes users who do not exist yet (auth0-token-exchange)")
	cmd.Flags().StringVar(&export, "export", "", "terraform or deploy-cli: write files for that tool into the folder DIR, and set nothing up")
	cmd.Flags().BoolVar(&tokenStdin, "token-stdin", false, "read an access token of the Management API from the first line of standard input")
	return cmd
}

func (r *setupRun) auth0(ctx context.Context, choices tenant.Choices, tokenStdin bool) error {
	var token domain.Secret
	if tokenStdin {
		var err error
		if token, err = readSecretLine(r.in); err != nil {
			return usageError{err}
		}
	}
	environ, err := r.environ()
	if err != nil {
		return err
	}
	if err := r.chooseProof(environ); err != nil {
		return err
	}
	config, err := tenant.Load(environ)
	if err != nil {
		return err
	}
	access, err := tenant.LoadAccess(environ, config.Domain)
	if err != nil {
		return err
	}
	access.Token = token
	if !access.Given() {
		return usageError{errors.New("nothing lets setup in: set AUTH0_MANAGEMENT_CLIENT_ID and AUTH0_MANAGEMENT_CLIENT_SECRET, or give --token-stdin; 'native-bridge setup auth0 --help' says more")}
	}
	management, err := tenant.Connect(ctx, access, tenant.Options{})
	if err != nil {
		return err
	}
	setup := tenant.NewSetup(management, config, choices)
	if err := r.execute(ctx, setup); err != nil || r.dryRun {
		return err
	}
	if err := r.save(ctx, setup); err != nil {
		return err
	}
	return r.examine(ctx, environ)
}

const proofQuestion = `How is Auth0 to know that a sign-in is true?

  token   Its Login script asks Authsignal. Auth0 then holds Authsignal's server key, which
          can also plant passkeys and signs Authsignal's webhooks.
  signed  It takes the bridge's word, signed with a key that is good for nothing else.
          Auth0 holds no key of Authsignal's. Whoever has that key and the application's
          secret can open a session for anybody.

Choose token or signed [token]: `

// chooseProof asks which proof Auth0 is to take, if nothing says it yet, and draws a
// key if there is none. The key is saved at once: Auth0 never tells it again.
func (r *setupRun) chooseProof(environ map[string]string) error {
	if environ["TOKEN_ISSUER"] != "" && environ["TOKEN_ISSUER"] != "auth0" {
		return nil
	}
	if environ["AUTH0_PROOF"] == "" && !r.yes && !r.dryRun && interactive() {
		environ["AUTH0_PROOF"] = r.ask(proofQuestion)
	}
	if environ["AUTH0_PROOF"] != string(auth0.ProofSigned) || environ["AUTH0_PROOF_KEY"] != "" || environ["AUTH0_PROOF_KEY_FILE"] != "" {
		return nil
	}
	key := newProofKey()
	environ["AUTH0_PROOF_KEY"] = key.Reveal()
	if r.dryRun {
		return nil
	}
	_, err := mergeEnvFile(r.envFile, []domain.TenantSetting{
		{Name: "AUTH0_PROOF", Value: domain.NewSecret(string(auth0.ProofSigned))},
		{Name: "AUTH0_PROOF_KEY", Value: key, Note: "the Login script has this key too"},
	}, r.force)
	if err != nil {
		return fmt.Errorf("keep the new AUTH0_PROOF_KEY: %w", err)
	}
	return nil
}
