package main

import (
	"os"
	"strings"
	"testing"

	"nativebridge/adapters"
)

const (
	pairsDoc   = "../../docs/choosing-an-issuer.md"
	pairsBegin = "<!-- Written by 'make generate' from adapters/choices.go. Do not edit. -->\n\n"
	pairsEnd   = "\n<!-- End of what 'make generate' writes. -->\n"
)

// TestEveryPairIsDocumented holds the table of which issuer serves which verifier
// against the code's own; 'make generate' writes it anew.
func TestEveryPairIsDocumented(t *testing.T) {
	text, err := os.ReadFile(pairsDoc)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), pairsBegin)
	got, after, ends := strings.Cut(rest, pairsEnd)
	if !begins || !ends {
		t.Fatalf("%s does not say where the table begins and ends", pairsDoc)
	}
	want := pairs()
	if *update {
		if err := os.WriteFile(pairsDoc, []byte(before+pairsBegin+want+pairsEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s is out of date: run 'make generate'", pairsDoc)
	}
}

// pairs is a table of verifiers by issuers.
func pairs() string {
	var text strings.Builder
	text.WriteString("| `IDENTITY_VERIFIER` |")
	rule := "\n|---|"
	for _, issuer := range adapters.Issuers() {
		text.WriteString(" `TOKEN_ISSUER=" + issuer.Name + "`: " + issuer.About + " |")
		rule += "---|"
	}
	text.WriteString(rule + "\n")
	for _, verifier := range adapters.Verifiers() {
		text.WriteString("| `" + verifier.Name + "`: " + verifier.About + " |")
		for _, issuer := range adapters.Issuers() {
			text.WriteString(map[bool]string{true: " yes |", false: " no |"}[issuer.CanServe(verifier.Name)])
		}
		text.WriteString("\n")
	}
	return text.String()
}
