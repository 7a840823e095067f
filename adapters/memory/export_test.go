package memory

// Held returns how many claims the guard keeps, those included that have ended and
// are still to be forgotten.
func (g *ReplayGuard) Held() int { return g.claims.Len() }

// Batch is how many ended claims a new one forgets.
const Batch = batch
