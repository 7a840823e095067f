package settings_test

import (
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

func TestALeewayIsADurationOfADayOrNoRotation(t *testing.T) {
	type config struct {
		Leeway settings.Leeway `env:"LEEWAY" envDefault:"0s" help:"a leeway"`
	}
	for value, want := range map[string]time.Duration{"": 0, "0s": 0, "60s": time.Minute, "24h": 24 * time.Hour, "no-rotation": domain.NoRotation} {
		var c config
		if err := settings.Load(map[string]string{"LEEWAY": value}, &c); err != nil || time.Duration(c.Leeway) != want {
			t.Errorf("%q is %s, %v, want %s", value, time.Duration(c.Leeway), err, want)
		}
	}
	for _, value := range []string{"60", "-1s", "24h1s", "no_rotation", "No-Rotation", "for ever"} {
		if err := settings.Load(map[string]string{"LEEWAY": value}, &config{}); err == nil || !strings.Contains(err.Error(), "LEEWAY") || !strings.Contains(err.Error(), "60s, or no-rotation") {
			t.Errorf("%q: %v, want a fault of LEEWAY, and what it may be", value, err)
		}
	}
}
