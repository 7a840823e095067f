package domain_test

import (
	"strings"
	"testing"

	"nativebridge/domain"
)

func TestParsePasskeyToken(t *testing.T) {
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"a compact JWT":                   {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.c2ln-X_Y", true},
		"one character":                   {"a", true},
		"every character that is allowed": {"azAZ09-._~+/=", true},
		"as long as a token may be":       {strings.Repeat("a", 8192), true},
		"one byte longer than that":       {strings.Repeat("a", 8193), false},
		"nothing":                         {"", false},
		"a space":                         {"a b", false},
		"a line feed at the end":          {"abc\n", false},
		"a carriage return":               {"abc\r", false},
		"a tab":                           {"a\tb", false},
		"a zero byte":                     {"a\x00b", false},
		"a quote":                         {`a"b`, false},
		"a percent sign":                  {"a%20b", false},
		"a comma":                         {"a,b", false},
		"a colon":                         {"a:b", false},
		"the character before a":          {"`", false},
		"the character after z":           {"{", false},
		"the character before A":          {"@", false},
		"the character after Z":           {"[", false},
		"a letter outside ASCII":          {"ä", false},
		"a full-width letter":             {"ａ", false},
		"a byte that is no UTF-8":         {"a\xff", false},
		"the wrong character at the end":  {strings.Repeat("a", 8191) + "!", false},
		"a delete character":              {"a\x7f", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			token, err := domain.ParsePasskeyToken(tt.text)
			if (err == nil) != tt.ok {
				t.Fatalf("err = %v, want accepted: %t", err, tt.ok)
			}
			if tt.ok && token.Reveal() != tt.text {
				t.Errorf("the token is %q, want %q", token.Reveal(), tt.text)
			}
			if !tt.ok && !token.IsZero() {
				t.Errorf("a refused text made the token %q", token.Reveal())
			}
		})
	}
}

func TestARefusedTokenIsNotQuoted(t *testing.T) {
	for _, text := range []string{"s3cr3t s3cr3t", strings.Repeat("s3cr3t", 2000)} {
		if _, err := domain.ParsePasskeyToken(text); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("err = %v, want one that does not quote the token", err)
		}
	}
}

func FuzzParsePasskeyToken(f *testing.F) {
	for _, seed := range []string{"", "a", "a.b.c", "a b", "ä", "\x00", strings.Repeat("a", 8192), strings.Repeat("a", 8193)} {
		f.Add(seed)
	}
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/="
	f.Fuzz(func(t *testing.T, text string) {
		token, err := domain.ParsePasskeyToken(text)
		want := text != "" && len(text) <= 8192 && strings.Trim(text, alphabet) == ""
		if (err == nil) != want {
			t.Fatalf("%q: err = %v, want accepted: %t", text, err, want)
		}
		if err == nil && token.Reveal() != text {
			t.Fatalf("%q became %q", text, token.Reveal())
		}
	})
}
