package sampling

// Windows returns how many windows are open.
func Windows[K comparable](s *Sampler[K]) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.windows)
}
