package httpapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/settings"
)

func TestSettingsOutOfBoundsAreFaults(t *testing.T) {
	good := httpapi.Config{RequestTimeout: time.Minute, MaxInFlight: 1, MaxConnections: 2}
	for name, tt := range map[string]struct {
		change func(*httpapi.Config)
		fault  string // "" if there is none
		says   string
	}{
		"as large and small as they may be":  {func(*httpapi.Config) {}, "", ""},
		"a request of more than a minute":    {func(c *httpapi.Config) { c.RequestTimeout++ }, "REQUEST_TIMEOUT", "is 1m0.000000001s"},
		"nothing in flight":                  {func(c *httpapi.Config) { c.MaxInFlight = 0 }, "MAX_IN_FLIGHT", "is 0"},
		"a wait for a CPU without end":       {func(c *httpapi.Config) { c.MaxCPUWait = 2 * time.Second }, "MAX_CPU_WAIT", "is 2s"},
		"a wait for a CPU before its time":   {func(c *httpapi.Config) { c.MaxCPUWait = -1 }, "MAX_CPU_WAIT", "is -1ns"},
		"no connection beyond what flies":    {func(c *httpapi.Config) { c.MaxConnections = 1 }, "MAX_CONNECTIONS", "is 1, not more than MAX_IN_FLIGHT, which is 1"},
		"fewer connections than are to land": {func(c *httpapi.Config) { c.MaxInFlight = 3 }, "MAX_CONNECTIONS", "is 2, not more than MAX_IN_FLIGHT, which is 3"},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			tt.change(&config)
			faults := config.Check()
			if tt.fault == "" && len(faults) != 0 || tt.fault != "" && (len(faults) != 1 || faults[0].Name != tt.fault ||
				!strings.Contains(faults[0].Problem, tt.says) || faults[0].Fix == "") {
				t.Errorf("faults = %+v, want one of %q that says %q", faults, tt.fault, tt.says)
			}
		})
	}
}

func TestProblemsLeadToAPageThatTellsNothing(t *testing.T) {
	for given, want := range map[string]string{
		"": "", "https://docs.example.com/errors": "https://docs.example.com/errors",
		"https://docs.example.com/errors/": "https://docs.example.com/errors", "http://127.0.0.1:8400/errors.md": "http://127.0.0.1:8400/errors.md",
	} {
		var config httpapi.Config
		if err := settings.Load(map[string]string{"PROBLEM_BASE_URL": given}, &config); err != nil || string(config.ProblemBaseURL) != want {
			t.Errorf("%s is read as %q, %v, want %q", given, config.ProblemBaseURL, err, want)
		}
	}
	for given, says := range map[string]string{
		"http://docs.example.com/errors":            "loopback only",
		"https://jane:x@docs.example.com/errors":    "user or password",
		"https://docs.example.com/errors?lang=en":   "query",
		"https://docs.example.com/errors#catalogue": "fragment",
		"docs.example.com/errors":                   "no https:// URL",
		"urn:example:problem:":                      "no https:// URL",
	} {
		var config httpapi.Config
		err := settings.Load(map[string]string{"PROBLEM_BASE_URL": given}, &config)
		if err == nil || !strings.Contains(err.Error(), "PROBLEM_BASE_URL") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want a fault that says %q", given, err, says)
		}
	}
}

func TestTokenTypesAreAbsoluteURIs(t *testing.T) {
	for text, want := range map[string][]string{
		"urn:a:b":                        {"urn:a:b"},
		"urn:a:b, https://example.com/c": {"urn:a:b", "https://example.com/c"},
	} {
		var types httpapi.TokenTypes
		if err := types.UnmarshalText([]byte(text)); err != nil || !slices.Equal(types, want) {
			t.Errorf("%s: %q, %v, want %q", text, types, err, want)
		}
	}
	for text, item := range map[string]int{
		"": 1, "urn:a:b,": 2, "urn:a:b,relative,urn:c:d": 2, "urn:a:b,urn:c:d,urn:%zz:x,http://[": 4,
		`urn:a:"b"`: 1, `urn:a:\b`: 1, "urn:a:ä": 1, "urn:a b:c": 1,
	} {
		types := httpapi.TokenTypes{"before"}
		if err := types.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("item %d ", item)) || types[0] != "before" {
			t.Errorf("%s: %q, %v, want a fault of item %d", text, types, err, item)
		}
	}
}

func TestTrustedProxiesAreNetworksAndAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "[]",
		"192.0.2.7":                   "[192.0.2.7/32]",
		"2001:db8::7":                 "[2001:db8::7/128]",
		"10.0.0.0/8":                  "[10.0.0.0/8]",
		"10.1.2.3/8, ,fd00::1/7,":     "[10.0.0.0/8 fc00::/7]",
		"::ffff:10.0.0.0/104":         "[10.0.0.0/8]",
		"::ffff:192.0.2.7":            "[192.0.2.7/32]",
		"10.0.0.0/8,192.0.2.7,::1/64": "[10.0.0.0/8 192.0.2.7/32 ::/64]",
	} {
		var proxies httpapi.Prefixes
		if err := proxies.UnmarshalText([]byte(text)); err != nil || fmt.Sprint(proxies) != want {
			t.Errorf("%s: %v, %v, want %s", text, proxies, err, want)
		}
	}
	for text, says := range map[string]string{
		"proxy":                       "item 1 is no address",
		"10.0.0.0/8,10.0.0.0/33":      "item 2 is no address",
		"10.0.0.0/8,,proxy":           "item 3 is no address",
		"0.0.0.0/0":                   "item 1 is so large",
		"10.0.0.0/8,10.0.0.0/7":       "item 2 is so large",
		"fc00::/6":                    "item 1 is so large",
		"::/0":                        "item 1 is so large",
		"::ffff:10.0.0.0/103":         "item 1 is so large",
		"::ffff:0.0.0.0/90":           "item 1 is so large",
		"192.0.2.7,::1,::ffff:0:0/96": "item 3 is so large",
	} {
		var proxies httpapi.Prefixes
		if err := proxies.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), says) || proxies != nil {
			t.Errorf("%s: %v, %v, want that its %s", text, proxies, err, says)
		}
	}
}

func TestOriginsAreWhatBrowsersSend(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                     nil,
		"capacitor://localhost":                {"capacitor://localhost"},
		"ionic://localhost, http://localhost,": {"ionic://localhost", "http://localhost"},
		"https://app.example.com:8443":         {"https://app.example.com:8443"},
		"http://localhost:8100":                {"http://localhost:8100"},
		"http://tauri.localhost":               {"http://tauri.localhost"},
		"http://127.0.0.1:8400":                {"http://127.0.0.1:8400"},
		"http://[::1]:8400":                    {"http://[::1]:8400"},
		"https://xn--bcher-kva.example":        {"https://xn--bcher-kva.example"},
	} {
		var origins httpapi.Origins
		if err := origins.UnmarshalText([]byte(text)); err != nil || !slices.Equal(origins, want) {
			t.Errorf("%q: %q, %v, want %q", text, origins, err, want)
		}
	}
	for text, says := range map[string]string{
		"*":                            "item 1 has a *",
		"https://*.example.com":        "item 1 has a *",
		"capacitor://localhost,null":   "item 2 is null, which any page can have",
		"app.example.com":              "item 1 is no origin",
		"localhost:8100":               "item 1 is no origin",
		"https://":                     "item 1 is no origin",
		"https://:443":                 "item 1 is no origin",
		"https://app.example.com,%":    "item 2 is no origin",
		"file://localhost":             "pages have the origin null",
		"http://app.example.com":       "item 1 is plain http",
		"http://10.0.0.7:8100":         "item 1 is plain http",
		"http://localhost.example.com": "item 1 is plain http",
		"https://app.example.com:443":  "item 1 has its scheme's own port",
		"http://localhost:80":          "item 1 has its scheme's own port",
		"https://app.example.com/":     "item 1 is not what a browser sends",
		"https://app.example.com/in":   "item 1 is not what a browser sends",
		"https://App.example.com":      "item 1 is not what a browser sends",
		"HTTPS://app.example.com":      "item 1 is not what a browser sends",
		"https://jane@app.example.com": "item 1 is not what a browser sends",
		"https://app.example.com?":     "item 1 is not what a browser sends",
		"https://bücher.example":       "item 1 is not what a browser sends",
		"https://app.example.com#x":    "item 1 is not what a browser sends",
	} {
		origins := httpapi.Origins{"before"}
		if err := origins.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), says) || origins[0] != "before" {
			t.Errorf("%q: %q, %v, want that its %s", text, origins, err, says)
		}
	}
}
