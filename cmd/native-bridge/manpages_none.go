//go:build !manpages

package main

import "github.com/spf13/cobra"

// manpages is no command of the product: what writes them is not linked.
func manpages() []*cobra.Command { return nil }
