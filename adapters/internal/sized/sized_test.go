package sized_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"nativebridge/adapters/internal/sized"
)

func TestReadBelievesNoLength(t *testing.T) {
	long := strings.Repeat("x", 40_000)
	for name, tt := range map[string]struct {
		text   string
		length int64
		most   int
		want   int
	}{
		"as long as it says":        {"hello", 5, 100, 5},
		"longer than it says":       {"hello", 2, 100, 5},
		"shorter than it says":      {"hello", 50, 100, 5},
		"of unknown length":         {"hello", -1, 100, 5},
		"nothing":                   {"", 0, 100, 0},
		"a length that is too much": {"hello", 1 << 60, 100, 5},
		"more than fits":            {"hello", 5, 3, 3},
		"exactly what fits":         {"hello", 5, 5, 5},
		"long":                      {long, -1, 1 << 20, 40_000},
		"long, and cut off":         {long, 40_000, 30_000, 30_000},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.text), iotest.OneByteReader(strings.NewReader(tt.text)), iotest.DataErrReader(strings.NewReader(tt.text))} {
				if got, err := sized.Read(r, tt.length, tt.most); err != nil || string(got) != tt.text[:tt.want] {
					t.Errorf("%d bytes, %v, want %d", len(got), err, tt.want)
				}
			}
		})
	}
}

func TestReadReturnsWhatCameBeforeAnError(t *testing.T) {
	broken := errors.New("broken")
	got, err := sized.Read(io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(broken)), 5, 100)
	if !errors.Is(err, broken) || string(got) != "hel" {
		t.Errorf("%q, %v", got, err)
	}
}
