package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"nativebridge/adapters/auth0/tenant"
)

// export writes what setup would make of an empty tenant as the files of a tool. It
// asks nobody, reads no secret, and changes no file without --force.
func (r *setupRun) export(tool, folder string, choices tenant.Choices) error {
	environ, err := r.environ()
	if err != nil {
		return err
	}
	config, err := tenant.LoadForExport(environ)
	if err != nil {
		return err
	}
	export, err := tenant.NewExport(tool, config, choices)
	if err != nil {
		return usageError{err}
	}
	if err := r.writeFiles(folder, export.Files); err != nil {
		return err
	}
	r.printf("\nNo file has a secret in it. ")
	r.printf("Next, with these in the environment:\n\n")
	for _, value := range export.Supplied {
		r.printf("  %s\n      %s\n", value.Name, value.What)
	}
	r.printf("\n%s\n", nextCommand(tool, folder))
	printInstructions(r.out, "By hand:", export.ByHand)
	return nil
}

// nextCommand applies the files.
func nextCommand(tool, folder string) string {
	if tool == tenant.Terraform {
		return fmt.Sprintf("  terraform -chdir=%[1]s init\n  terraform -chdir=%[1]s plan", shellQuoted(folder))
	}
	return fmt.Sprintf("  a0deploy import --input_file %s", shellQuoted(folder))
}

// shellQuoted returns the text as one word of a shell.
func shellQuoted(text string) string {
	plain := func(c rune) bool {
		return strings.ContainsRune("/._-", c) || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	if text != "" && strings.TrimFunc(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// writeFiles writes all files or, if one is there with another content and nothing
// says --force, none.
func (r *setupRun) writeFiles(folder string, files []tenant.ExportedFile) error {
	var differ []string
	for _, file := range files {
		have, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(file.Path))) // #nosec G304 -- the operator names the folder
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("export: %w", err)
		}
		if err == nil && string(have) != file.Content {
			differ = append(differ, file.Path)
		}
	}
	if len(differ) > 0 && !r.force {
		return fmt.Errorf("%s has other content of %s: --force replaces it", folder, strings.Join(differ, ", "))
	}
	for _, file := range files {
		path := filepath.Join(folder, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { // #nosec G301 -- it is for git, and has no secret
			return fmt.Errorf("export: %w", err)
		}
		if err := os.WriteFile(path, []byte(file.Content), 0o644); err != nil { // #nosec G306 -- the same
			return fmt.Errorf("export: %w", err)
		}
		r.printf("wrote %s\n", path)
	}
	return nil
}
