package domain_test

import (
	"strings"
	"testing"

	"nativebridge/domain"
)

// BenchmarkParsePasskeyToken reads a token of the usual size.
func BenchmarkParsePasskeyToken(b *testing.B) {
	text := strings.Repeat("abcde.", 107)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := domain.ParsePasskeyToken(text); err != nil {
			b.Fatal(err)
		}
	}
}
