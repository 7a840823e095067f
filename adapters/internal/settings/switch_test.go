package settings_test

import (
	"strings"
	"testing"

	"nativebridge/adapters/internal/settings"
)

func TestASwitchIsOnOrOff(t *testing.T) {
	type config struct {
		Light settings.Switch `env:"LIGHT" envDefault:"on" help:"on or off"`
	}
	for value, want := range map[string]settings.Switch{"on": true, "off": false, "": true} {
		var c config
		if err := settings.Load(map[string]string{"LIGHT": value}, &c); err != nil || c.Light != want {
			t.Errorf("%q is %t, %v, want %t", value, c.Light, err, want)
		}
	}
	for _, value := range []string{"true", "ON", "1"} {
		if err := settings.Load(map[string]string{"LIGHT": value}, &config{}); err == nil || !strings.Contains(err.Error(), "LIGHT") {
			t.Errorf("%q: %v, want a fault of LIGHT", value, err)
		}
	}
}
