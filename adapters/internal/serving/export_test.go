package serving

import "net"

// Idle returns how many connections the listener that Limit returned takes for idle.
func Idle(l net.Listener) int {
	at := l.(*Limited)
	at.mu.Lock()
	defer at.mu.Unlock()
	return len(at.idleAt)
}

// TenthSince is what CPU.Wait returns of the runtime's histogram.
var TenthSince = tenthSince
