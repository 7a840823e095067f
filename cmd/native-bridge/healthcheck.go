package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"nativebridge/adapters"
)

// healthcheckTime bounds a health check.
const healthcheckTime = 3 * time.Second

func healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the bridge on this machine whether it is ready",
		Long: `Ask the bridge on this machine whether it is ready, by GET /readyz at OPS_ADDR, for
3 seconds at most. Run it with the environment of serve, as the health check of a
container that has no shell.

Exit status: 0 ready, 1 not ready, or no bridge answers; then one line says why.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return healthcheck(cmd.Context(), environment()) },
	}
}

// healthcheck returns an error of one line unless the bridge that serves with environ is
// ready.
func healthcheck(ctx context.Context, environ map[string]string) error {
	address, err := adapters.ProbesAddress(environ)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("OPS_ADDR: %w", err)
	}
	resp, err := new(http.Transport).RoundTrip(req) // no proxy, and no redirect
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		err = failed.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s from OPS_ADDR, http://%s/readyz", healthcheckTime, address)
	case err != nil:
		return fmt.Errorf("no bridge answers at OPS_ADDR, http://%s/readyz: %w", address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: http://%s/readyz answers %d%s", address, resp.StatusCode, stateIn(resp.Body))
	}
	return nil
}

var word = regexp.MustCompile(`^[a-z]+$`)

// stateIn returns the state that readiness tells, such as ", draining".
func stateIn(body io.Reader) string {
	var told struct{ Status string }
	if err := json.NewDecoder(io.LimitReader(body, 64<<10)).Decode(&told); err != nil || !word.MatchString(told.Status) {
		return ""
	}
	return ", " + told.Status
}
