package memory

// Held returns how many claims the guard keeps, including those that have ended and are
// not forgotten yet.
func (g *ReplayGuard) Held() int { return g.claims.Len() }

// Batch is how many ended claims a new one forgets.
const Batch = batch
