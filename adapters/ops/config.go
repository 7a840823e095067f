package ops

import (
	"fmt"
	"time"

	"nativebridge/adapters/internal/serving"
	"nativebridge/adapters/internal/settings"
)

// Config says where the probes answer, and how a stop begins.
type Config struct {
	Addr       serving.Addr  `env:"OPS_ADDR" envDefault:":8081" help:"the address of the probes, /livez and /readyz, such as :8081 or 127.0.0.1:8081; it must not be that of LISTEN_ADDR, and apps should not reach it"`
	DrainDelay time.Duration `env:"DRAIN_DELAY" envDefault:"5s" help:"how long the bridge still serves after SIGTERM while /readyz says draining, up to 1m: as long as load balancers take to notice; 0s stops at once"`

	StartupCheck CheckMode `env:"STARTUP_CHECK" envDefault:"warn" help:"warn if what is wrong with the vendors' settings is to be looked for after the start and logged, require if a failure is also to end the process before it is ready, off if neither; docs/doctor.md lists the codes"`
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	if c.DrainDelay >= 0 && c.DrainDelay <= time.Minute {
		return nil
	}
	return []settings.Fault{{
		Name:    "DRAIN_DELAY",
		Problem: fmt.Sprintf("is %s", c.DrainDelay),
		Fix:     "set it to something from 0s to 1m, such as 5s",
	}}
}
