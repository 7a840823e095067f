//go:build !linux

package serving

import "time"

func sinceLastReceived(int) time.Duration { return 0 }

func unreadBytes(int) int { return 0 }

// Descriptors returns how many files and connections this process may have open at
// once; false if that is unknown.
func Descriptors() (int, bool) { return 0, false }
