package ops

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// checkPatience bounds each probe of a start-up check.
const checkPatience = 30 * time.Second

// CheckMode says what a start-up check is for.
type CheckMode string

// The modes. The zero value is off.
const (
	CheckOff     CheckMode = "off"     // there is none
	CheckWarn    CheckMode = "warn"    // what is wrong is logged
	CheckRequire CheckMode = "require" // and a failure ends the process before it is ready
)

// UnmarshalText accepts the three.
func (m *CheckMode) UnmarshalText(text []byte) error {
	return settings.OneOf(m, text, CheckWarn, CheckOff, CheckRequire)
}

// StartupCheck looks for what keeps people from signing in, once, when the process
// starts. Make one with NewStartupCheck.
type StartupCheck struct {
	mode   CheckMode
	probes []ports.Probe
	log    *slog.Logger
}

// NewStartupCheck returns a check by the probes, which must recover from their panics and
// stand in the order in which they build upon each other.
func NewStartupCheck(config Config, probes []ports.Probe, log *slog.Logger) *StartupCheck {
	return &StartupCheck{mode: config.StartupCheck, probes: probes, log: log}
}

// ComesFirst reports whether the bridge is not ready before the check is made.
func (c *StartupCheck) ComesFirst() bool { return c.mode == CheckRequire }

// Run makes the check and logs each finding once, with its code. The error says that
// something has failed, if that is to end the process. What cannot be told, because a
// party is away or ctx ends, is none.
func (c *StartupCheck) Run(ctx context.Context) error {
	if c.mode != CheckWarn && c.mode != CheckRequire {
		return nil
	}
	diagnose := app.Diagnose{Probes: c.probes, Patience: checkPatience}
	diagnosis := diagnose.Execute(ctx, func(finding domain.Finding) { c.tell(ctx, finding) })
	failure, failed := diagnosis.First(domain.Failure)
	switch {
	case failed && c.mode == CheckRequire:
		return fmt.Errorf("STARTUP_CHECK=require: %s, but %s: %s (%s)", failure.Asks, failure.Problem, failure.Fix, failure.Code)
	case !failed && ctx.Err() == nil:
		c.log.InfoContext(ctx, "startup check: nothing has failed")
	}
	return nil
}

func (c *StartupCheck) tell(ctx context.Context, finding domain.Finding) {
	level, message := slog.LevelError, "startup check: failed"
	switch {
	case finding.Outcome == domain.Passed:
		return
	case finding.Outcome == domain.NotMade:
		level, message = slog.LevelInfo, "startup check: not made"
	case finding.Grade == domain.Warning:
		level = slog.LevelWarn
	}
	c.log.Log(ctx, level, message, "code", finding.Code, "asks", finding.Asks, "problem", finding.Problem, "why", finding.Why, "fix", finding.Fix)
}
