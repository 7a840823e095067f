// Package plain imports nothing.
package plain

// Twice has a mutant or two.
func Twice(n int) int { return 2 * n }
