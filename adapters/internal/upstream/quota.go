package upstream

import "time"

// Quota is what a reply tells of one limit of the party: of Of requests, Left may still
// come before Reset.
type Quota struct {
	Name  string // tells the party's limits apart, such as "tenant"
	Of    int
	Left  int
	Reset time.Time
	// Own says that it is the bridge's own limit, whomever the request was about. A
	// refusal by a quota that is not may be by a limit of one person's.
	Own bool
}
