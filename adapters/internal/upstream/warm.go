package upstream

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// soon is how long after the loss of the last connection the next one is opened.
	soon = 100 * time.Millisecond
	// late is how long that is at most, if connections fail or do not last.
	late = time.Minute
	// lasting is how long a connection lasts that is worth its handshake.
	lasting = 3 * time.Second
)

// KeepWarm calls warm, which must connect to the party, whenever the last connection is lost
// or none came about. So whoever comes after a quiet time does not wait for a handshake,
// though parties close what is idle. It returns when ctx ends. A party that keeps no
// connection is asked less and less, at least once a minute.
func (c *Client) KeepWarm(ctx context.Context, warm func(context.Context) error) {
	c.conns.keepOne(ctx, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, late)
		defer cancel()
		_ = warm(ctx) // readiness and metrics tell of the failure
	})
}

// openConns counts the connections that are open.
type openConns struct {
	open atomic.Int32
	lost chan struct{} // gets a value when the last one is closed, unless it has one
}

func newOpenConns() *openConns { return &openConns{lost: make(chan struct{}, 1)} }

func (o *openConns) opened() { o.open.Add(1) }

func (o *openConns) closed() {
	if o.open.Add(-1) > 0 {
		return
	}
	select {
	case o.lost <- struct{}{}:
	default:
	}
}

// keepOne calls open whenever there is no connection, until ctx ends.
func (o *openConns) keepOne(ctx context.Context, open func(context.Context)) {
	var opened time.Time
	for pause := soon; ; {
		if o.open.Load() > 0 {
			select {
			case <-o.lost:
				continue
			case <-ctx.Done():
				return
			}
		}
		if time.Since(opened) < lasting {
			pause = min(2*pause, late)
		} else {
			pause = soon
		}
		if Wait(ctx, pause) != nil {
			return
		}
		if o.open.Load() == 0 {
			open(ctx)
			opened = time.Now()
		}
	}
}
