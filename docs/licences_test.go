package docs_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const licencesFile = "../THIRD_PARTY_LICENSES.txt"

// allowed are the licences that what is linked may have. MPL-2.0 asks for the source of its
// own files, which we do not change and every module proxy serves. Another licence is a
// decision.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

// licensed is a module that the product links, and the licence files at its top.
type licensed struct {
	module string
	files  []string
}

// TestWhatIsLinkedHasAnAllowedLicence reads the licence of every module that the product
// links, and of Go itself, and holds the file that goes with each binary against them.
func TestWhatIsLinkedHasAnAllowedLicence(t *testing.T) {
	var text strings.Builder
	text.WriteString("What native-bridge links besides its own code, and the licences of it.\nWritten by 'make generate'. Do not edit.\n\n")
	var texts []string
	of := map[string][]string{} // by text
	for _, l := range linkedLicences(t) {
		var kinds []string
		for _, file := range l.files {
			content := strings.TrimSpace(strings.ReplaceAll(read(t, file), "\r\n", "\n"))
			if kind := licenceOf(content); kind != "" {
				kinds = append(kinds, kind)
			} else if !strings.HasPrefix(filepath.Base(file), "NOTICE") {
				t.Errorf("%s: %s is no licence that this test knows", l.module, filepath.Base(file))
			}
			if of[content] == nil {
				texts = append(texts, content)
			}
			of[content] = append(of[content], l.module)
		}
		if len(kinds) == 0 || slices.ContainsFunc(kinds, func(kind string) bool { return !slices.Contains(allowed, kind) }) {
			t.Errorf("%s has the licences %q, want some of %q", l.module, kinds, allowed)
		}
		fmt.Fprintf(&text, "%-62s %s\n", l.module, strings.Join(kinds, ", "))
	}
	for _, content := range texts {
		fmt.Fprintf(&text, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(of[content], "\n"), content)
	}
	if *update {
		if err := os.WriteFile(licencesFile, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, licencesFile) != text.String() {
		t.Error("THIRD_PARTY_LICENSES.txt is out of date: run 'make generate'")
	}
}

func linkedLicences(t *testing.T) []licensed {
	t.Helper()
	goroot, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{"Go's standard library": strings.TrimSpace(string(goroot))}
	for _, p := range goList(t, "-deps", "./cmd/native-bridge") {
		if p.Module != nil && p.Module.Path != module {
			folders[p.Module.Path] = p.Module.Dir
		}
	}
	var list []licensed
	for name, folder := range folders {
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		l := licensed{module: name}
		for _, file := range files {
			upper := strings.ToUpper(file.Name())
			if strings.HasPrefix(upper, "LICEN") || strings.HasPrefix(upper, "COPYING") || strings.HasPrefix(upper, "NOTICE") {
				l.files = append(l.files, filepath.Join(folder, file.Name()))
			}
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b licensed) int { return cmp.Compare(a.module, b.module) })
	return list
}

// licenceOf names a licence by the sentences that are its own (spdx.org/licenses); "" if
// it is none of those that are known.
func licenceOf(text string) string {
	flat := strings.Join(strings.Fields(text), " ")
	has := func(sentence string) bool { return strings.Contains(flat, sentence) }
	switch {
	case has("GNU GENERAL PUBLIC LICENSE") || has("GNU LESSER GENERAL PUBLIC LICENSE") || has("GNU AFFERO GENERAL PUBLIC LICENSE"):
		return "GPL" // some version of one of them: none is allowed
	case has("Apache License Version 2.0"):
		return "Apache-2.0"
	case has("Mozilla Public License") && has("2.0"):
		return "MPL-2.0"
	case has("Permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("Permission to use, copy, modify, and/or distribute this software for any purpose"), has("Permission to use, copy, modify, and distribute this software for any purpose"):
		return "ISC"
	case has("Redistribution and use in source and binary forms") && has("Neither the name"):
		return "BSD-3-Clause"
	case has("Redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	}
	return ""
}

func TestALicenceThatIsNotKnownIsNotAllowed(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004":                                "Apache-2.0",
		"GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3":                                "GPL",
		"Business Source License 1.1\nLicensed Work: …":                               "",
		"Server Side Public License\nVERSION 1":                                       "",
		"Redistribution and use in source and binary forms … Neither the name of":     "BSD-3-Clause",
		"Redistribution and use in source and binary forms, with or without changes,": "BSD-2-Clause",
	} {
		if got := licenceOf(text); got != want {
			t.Errorf("%q is taken for %q, want %q", text, got, want)
		}
	}
	if slices.Contains(allowed, "GPL") || slices.Contains(allowed, "") {
		t.Error("a licence that nobody decided on is allowed")
	}
}
