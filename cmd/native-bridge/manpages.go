//go:build manpages

package main

import (
	"cmp"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manpages is the command that writes the man pages of all others, for packages. Its
// modules are not the product's, so it needs a tag:
//
//	go run -tags manpages ./cmd/native-bridge manpages FOLDER
func manpages() []*cobra.Command {
	return []*cobra.Command{{
		Use:    "manpages FOLDER",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeManpages(cmd.Root(), args[0])
		},
	}}
}

// writeManpages dates the pages by the commit, so that the same commit has the same pages.
func writeManpages(root *cobra.Command, folder string) error {
	info, _ := debug.ReadBuildInfo()
	made := thisBuild(info)
	date, err := time.Parse(time.RFC3339, made.Date)
	if err != nil {
		date = time.Unix(0, 0).UTC()
	}
	root.DisableAutoGenTag = true
	keepLayout(root)
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: "native-bridge " + made.Version, Manual: "Native Bridge"}, folder)
}

// keepLayout makes each help text a block of code: it has its line breaks already.
func keepLayout(cmd *cobra.Command) {
	cmd.Long = "```\n" + cmp.Or(cmd.Long, cmd.Short) + "\n```"
	for _, child := range cmd.Commands() {
		keepLayout(child)
	}
}
