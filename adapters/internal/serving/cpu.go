package serving

import (
	"runtime/metrics"
	"slices"
	"sync"
	"time"
)

// cpuWindow is how often the wait for a CPU is looked at, at most.
const cpuWindow = 100 * time.Millisecond

// CPU tells whether this process has more to do than its CPUs can. It is safe for
// concurrent use; its zero value is ready.
type CPU struct {
	mu     sync.Mutex
	looked time.Time
	counts []uint64 // of the runtime's histogram when it was looked at last
	wait   time.Duration
}

// Wait returns how long half of what was ready to run had to wait for a CPU, at least,
// in the last tenth of a second or longer (/sched/latencies:seconds of runtime/metrics). It
// is zero before there was such a time.
func (c *CPU) Wait() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= cpuWindow {
		c.looked = now
		sample := []metrics.Sample{{Name: "/sched/latencies:seconds"}}
		metrics.Read(sample)
		histogram := sample[0].Value.Float64Histogram()
		if c.counts != nil {
			c.wait = medianSince(c.counts, histogram)
		}
		c.counts = slices.Clone(histogram.Counts)
	}
	return c.wait
}

// medianSince returns the lower bound of the bucket that has the median of what a
// histogram counted since it counted before.
func medianSince(before []uint64, histogram *metrics.Float64Histogram) time.Duration {
	var all uint64
	for i, count := range histogram.Counts {
		all += count - before[i]
	}
	var sum uint64
	for i, count := range histogram.Counts {
		if sum += count - before[i]; all > 0 && 2*sum >= all {
			return time.Duration(max(histogram.Buckets[i], 0) * float64(time.Second))
		}
	}
	return 0
}
