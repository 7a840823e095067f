package settings_test

import (
	"testing"

	"nativebridge/adapters/internal/settings"
)

func TestDistance(t *testing.T) {
	for name, tt := range map[string]struct {
		a, b string
		want int
	}{
		"the same":                            {"ABCD", "ABCD", 0},
		"underscores and case do not count":   {"A_B_cd", "abC_D_", 0},
		"a letter put in at the beginning":    {"BCD", "ABCD", 1},
		"a letter put in within":              {"ABD", "ABCD", 1},
		"a letter put in at the end":          {"ABC", "ABCD", 1},
		"a letter changed at the beginning":   {"XBCD", "ABCD", 1},
		"a letter changed at the end":         {"ABCX", "ABCD", 1},
		"two letters swapped, the first":      {"BACD", "ABCD", 1},
		"two letters swapped, within":         {"ACBD", "ABCD", 1},
		"two letters swapped, the last":       {"ABDC", "ABCD", 1},
		"twice two letters swapped":           {"BADC", "ABCD", 2},
		"two letters swapped over another":    {"CBAD", "ABCD", 2},
		"moved to the front, and changed":     {"XA", "AY", 2},
		"moved to the end, and changed":       {"AX", "YA", 2},
		"two letters put in at the front":     {"CD", "ABCD", 2},
		"two letters put in, apart":           {"BC", "ABCD", 2},
		"a letter changed and one put in":     {"XBD", "ABCD", 2},
		"no letter alike":                     {"WXYZ", "ABCD", 4},
		"much longer":                         {"A", "ABCDEFG", 6},
		"nothing":                             {"", "", 0},
		"nothing and something":               {"", "ABC", 3},
		"one swap behind one that was put in": {"XABDC", "ABCD", 2},
	} {
		t.Run(name, func(t *testing.T) {
			if there, back := settings.Distance(tt.a, tt.b), settings.Distance(tt.b, tt.a); there != tt.want || back != tt.want {
				t.Errorf("distance = %d and back %d, want %d", there, back, tt.want)
			}
		})
	}
}
