package limits

// Settle reports whether every count is shared.
func (l *Limits) Settle() bool {
	l.sharing.mu.Lock()
	defer l.sharing.mu.Unlock()
	return l.sharing.left == 0
}
