package upstream

import (
	"context"
	"time"
)

// Watcher is told what a Client does. It must be safe for concurrent use, and must not
// wait: requests wait for it.
type Watcher interface {
	// Asked is told of each request when it is over. The context is the request's.
	Asked(ctx context.Context, asked Asked)
	// Connected and Disconnected are called once for each connection.
	Connected()
	Disconnected()
}

// Asked is a request that is over.
type Asked struct {
	Question string // method and address, which may name a person: neither is for a log or a label
	Status   int    // of the reply; 0 if none came
	Err      error  // of Do
	Took     time.Duration
	Resent   int // how often net/http has sent it again by itself, because nobody can have acted on it
}

// nobody watches.
type nobody struct{}

func (nobody) Asked(context.Context, Asked) {}
func (nobody) Connected()                   {}
func (nobody) Disconnected()                {}
