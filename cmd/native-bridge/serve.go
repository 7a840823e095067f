package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

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
			return serve(cmd.Context(), environment(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}

// serve runs the bridge until a signal comes. Audit lines go to out and all other
// messages to errs, as JSON. The readers of both may hang or die.
func serve(ctx context.Context, environ map[string]string, out, errs io.Writer) error {
	config, err := adapters.LoadConfig(environ)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // the death of a reader is an error of a write, and must not end the process
	log := adapters.NewLog(errs, time.Now)
	defer log.Close()
	for _, warning := range slices.Concat(adapters.UnknownSettings(environ), adapters.NeedlessCredentials(environ), config.Warnings()) {
		log.Warn(warning)
	}
	reloads := adapters.NewReloads(environ, config, log.Logger, time.Now)
	server, shut, err := nativebridge.NewServer(ctx, config, adapters.Runtime{
		Log: log.Logger, LogStream: log.Stream, Reloads: reloads, Audit: out, Now: time.Now, Random: rand.Reader,
	})
	if err != nil {
		return err
	}
	defer shut()
	listeners, err := server.Listen(ctx)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go reloads.Run(ctx, hangups)
	addresses := []any{"address", listeners.API.Addr().String(), "ops_address", listeners.Ops.Addr().String()}
	if listeners.Metrics != nil {
		addresses = append(addresses, "metrics_address", listeners.Metrics.Addr().String())
	}
	log.Info("listening", append(addresses, config.Summary()...)...)
	if config.Redis.Chosen() {
		log.Info("used proofs are remembered in Redis: run as many replicas as you like", "store", config.Redis.Where())
	} else {
		log.Info("used proofs are remembered in this process: run one replica only")
	}
	return server.Serve(ctx, listeners)
}

func serveHelp() string {
	var text strings.Builder
	text.WriteString(`Serve the API until SIGTERM or SIGINT, and then finish what is in flight. The
probes, /livez and /readyz, have an address of their own.

Everything is set by environment variables. A secret may also be in a file: then
set the variable with _FILE at its end to the file's path. Such files, and those of
TLS, are read again when they change and on SIGHUP. The audit log goes to
standard output and all other messages to standard error, one JSON line each.

Exit status: 0 stopped by a signal, 1 failed, 2 configured wrongly.

Environment:
`)
	when := ""
	for _, s := range adapters.Settings() {
		if s.When != when {
			when = s.When
			fmt.Fprintf(&text, "\nIf %s:\n", when)
		}
		fmt.Fprintf(&text, "  %s%s\n", s.Name, presence(s))
		for _, line := range wrap(s.Help, 72) {
			fmt.Fprintf(&text, "      %s\n", line)
		}
	}
	return strings.TrimRight(text.String(), "\n")
}

// presence says that a setting may come from a file, that it is required, or what its
// default is.
func presence(s adapters.Setting) string {
	file := ""
	if s.Secret {
		file = " or " + s.Name + "_FILE"
	}
	switch {
	case s.Required:
		return file + " (required)"
	case s.Default != "":
		return file + " (default " + s.Default + ")"
	}
	return file
}

// wrap breaks text into lines of at most width characters, at spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
