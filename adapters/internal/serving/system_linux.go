package serving

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceLastReceived asks for tcpi_last_data_recv (tcp(7), TCP_INFO).
func sinceLastReceived(descriptor int) time.Duration {
	info, err := unix.GetsockoptTCPInfo(descriptor, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return time.Duration(info.Last_data_recv) * time.Millisecond
}

// unreadBytes asks how many bytes have arrived (SIOCINQ of tcp(7), which has the number of TIOCINQ).
func unreadBytes(descriptor int) int {
	unread, err := unix.IoctlGetInt(descriptor, unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return unread
}

// Descriptors returns how many files and connections this process may have open at
// once (RLIMIT_NOFILE); false if that is unknown.
func Descriptors() (int, bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return int(min(limit.Cur, 1<<30)), true // #nosec G115 -- it fits
}
