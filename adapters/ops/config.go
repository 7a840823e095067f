package ops

import "nativebridge/adapters/internal/serving"

// Config is where those who run the bridge look at it.
type Config struct {
	Addr serving.Addr `env:"OPS_ADDR" envDefault:":8081" help:"the address of the probes, /livez and /readyz, such as :8081 or 127.0.0.1:8081; not the one of LISTEN_ADDR, and not for apps to reach"`
}
