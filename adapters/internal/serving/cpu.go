package serving

import (
	"runtime/metrics"
	"slices"
	"sync"
	"time"
)

// cpuWindow is how often the wait for a CPU is looked at, at most. Longer would be late: what is
// begun within a window is begun by what the window before was like.
const cpuWindow = 20 * time.Millisecond

// CPU tells whether this process has more to do than its CPUs can. It is safe for
// concurrent use; its zero value is ready.
type CPU struct {
	mu     sync.Mutex
	looked time.Time
	counts []uint64 // of the runtime's histogram when it was looked at last
	wait   time.Duration
}

// Wait returns how long a tenth of what was ready to run had to wait for a CPU, at least,
// in the last 20 ms or longer (/sched/latencies:seconds of runtime/metrics). It
// is zero before there was such a time.
//
// A tenth and not half: most of what runs is woken by something that runs already, and
// runs next without waiting. The median is zero however much there is to do.
func (c *CPU) Wait() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= cpuWindow {
		c.looked = now
		sample := []metrics.Sample{{Name: "/sched/latencies:seconds"}}
		metrics.Read(sample)
		histogram := sample[0].Value.Float64Histogram()
		if c.counts != nil {
			c.wait = tenthSince(c.counts, histogram)
		}
		c.counts = slices.Clone(histogram.Counts)
	}
	return c.wait
}

// tenthSince returns the lower bound of the bucket from which on a tenth lies of what a
// histogram counted since it counted before.
func tenthSince(before []uint64, histogram *metrics.Float64Histogram) time.Duration {
	var all uint64
	for i, count := range histogram.Counts {
		all += count - before[i]
	}
	var sum uint64
	for i, count := range histogram.Counts {
		if sum += count - before[i]; all > 0 && 10*sum >= 9*all {
			return time.Duration(max(histogram.Buckets[i], 0) * float64(time.Second))
		}
	}
	return 0
}
