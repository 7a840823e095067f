package httpapi

// Drain is drain, for the tests.
func (h *Health) Drain() { h.drain() }
