package limits

import (
	"fmt"

	"nativebridge/adapters/internal/settings"
)

// Config is how much one person and one address may do.
type Config struct {
	On settings.Switch `env:"RATE_LIMITS" envDefault:"on" help:"off if nobody is to be limited, for measurements: one passkey can then fill the memory of used proofs, and one address can guess without end"`

	PersonPerMinute    int `env:"RATE_LIMIT_PERSON_PER_MINUTE" envDefault:"20" help:"how many passkey ceremonies of one person may open sessions in a minute; only proven ones count, so nobody can use up another person's; 429 beyond that, and the same token works later"`
	PersonPerHour      int `env:"RATE_LIMIT_PERSON_PER_HOUR" envDefault:"100" help:"the same in an hour"`
	FailuresPerMinute  int `env:"RATE_LIMIT_FAILURES_PER_MINUTE" envDefault:"30" help:"how many requests of one address (IPv6: of one /64) may fail in a minute by the caller's fault, malformed ones too; beyond that the address is answered 429. An address that is not known for certain is not limited, see TRUSTED_PROXIES"`
	FailuresPerHour    int `env:"RATE_LIMIT_FAILURES_PER_HOUR" envDefault:"100" help:"the same in an hour; more if many of your users share few addresses"`
	SuccessesPerMinute int `env:"RATE_LIMIT_SUCCESSES_PER_MINUTE" envDefault:"3000" help:"how many requests of one address may succeed in a minute; far more than may fail, because all customers of a carrier may share one"`
}

// maxQuota bounds each figure, so that the time between two requests can be counted.
const maxQuota = 1_000_000

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	var faults []settings.Fault
	for _, r := range []rate{c.personPerMinute(), c.personPerHour(), c.failuresPerMinute(), c.failuresPerHour(), c.successesPerMinute()} {
		if r.quota < 1 || r.quota > maxQuota {
			faults = append(faults, settings.Fault{
				Name:    r.setting,
				Problem: fmt.Sprintf("is %d", r.quota),
				Fix:     fmt.Sprintf("set it to 1 or more, up to %d; RATE_LIMITS=off limits nobody", maxQuota),
			})
		}
	}
	for _, pair := range [][2]rate{{c.personPerMinute(), c.personPerHour()}, {c.failuresPerMinute(), c.failuresPerHour()}} {
		if minute, hour := pair[0], pair[1]; hour.quota < minute.quota {
			faults = append(faults, settings.Fault{
				Name:    hour.setting,
				Problem: fmt.Sprintf("is %d, less than %s, which is %d", hour.quota, minute.setting, minute.quota),
				Fix:     "set it to that or more: an hour has room for what a minute may bring",
			})
		}
	}
	return faults
}
