package breaker

import "nativebridge/adapters/internal/settings"

// Config says whether there are breakers. Their figures are constants: see ratio.
type Config struct {
	On settings.Switch `env:"BREAKER" envDefault:"on" help:"off if a vendor that gives no answer is to be asked all the same, with each request; for measurements, or while a breaker is suspected of refusing too much"`
}

// Check implements settings.Checker.
func (*Config) Check() []settings.Fault { return nil }
