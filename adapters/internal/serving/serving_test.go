package serving_test

import (
	"testing"

	"nativebridge/adapters/internal/serving"
)

func TestAddressesOverlapIfNobodyCouldListenOnBoth(t *testing.T) {
	tests := map[string]struct {
		a, b serving.Addr
		want bool
	}{
		"the same":                        {"127.0.0.1:80", "127.0.0.1:80", true},
		"every host, twice":               {":80", ":80", true},
		"every host and one":              {":80", "10.0.0.1:80", true},
		"every host, spelt as an address": {"10.0.0.1:80", "0.0.0.0:80", true},
		"every host, of IPv6":             {"[::]:80", "10.0.0.1:80", true},
		"two hosts":                       {"10.0.0.1:80", "10.0.0.2:80", false},
		"two ports":                       {":80", ":81", false},
		"any port that is free, twice":    {"127.0.0.1:0", "127.0.0.1:0", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.a.Overlaps(tt.b) != tt.want || tt.b.Overlaps(tt.a) != tt.want {
				t.Errorf("%s and %s: want %t, both ways", tt.a, tt.b, tt.want)
			}
		})
	}
}
