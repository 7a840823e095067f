package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/spf13/cobra"

	"nativebridge"
	"nativebridge/adapters"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve the API until SIGTERM or SIGINT",
		Long:  serveHelp(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("serve takes no arguments: everything is set by environment variables, see 'native-bridge serve --help'")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), env.ToMap(os.Environ()), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}

// serve runs the bridge until a signal comes. Audit lines go to out, everything
// else that is to be said to errs, as JSON.
func serve(ctx context.Context, environ map[string]string, out, errs io.Writer) error {
	config, err := adapters.LoadConfig(environ)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(errs, nil))
	for _, warning := range adapters.UnknownSettings(environ) {
		log.Warn(warning)
	}
	server := nativebridge.NewServer(config, adapters.Runtime{Log: log, Audit: out, Now: time.Now, Random: rand.Reader})
	listener, err := server.Listen()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	log.Info("listening", "address", listener.Addr().String(),
		"authsignal", config.Authsignal.APIURL, "action", config.Authsignal.Action,
		"issuer", config.Auth0.Domain.Issuer(), "connection", config.Auth0.Connection, "audience", config.Auth0.Audience)
	log.Info("used proofs are remembered in this process: run one replica only")
	return server.Serve(ctx, listener)
}

func serveHelp() string {
	var text strings.Builder
	text.WriteString(`Serve the API until SIGTERM or SIGINT, and then finish what is in flight.

Everything is set by environment variables. A secret may also be read from the
file that the variable with _FILE at its end names. The audit log goes to
standard output and all other messages to standard error, one JSON line each.

Exit status: 0 stopped by a signal, 1 failed, 2 configured wrongly.

Environment:
`)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, s := range adapters.Settings() {
		fmt.Fprintf(table, "  %s\t%s\n", s.Name, describe(s))
	}
	_ = table.Flush()
	return strings.TrimRight(text.String(), "\n")
}

func describe(s adapters.Setting) string {
	switch {
	case s.Required && s.Secret:
		return "(required, or " + s.Name + "_FILE) " + s.Help
	case s.Required:
		return "(required) " + s.Help
	case s.Default != "":
		return "(default " + s.Default + ") " + s.Help
	}
	return s.Help
}
