package upstream

import (
	"net/http"
	"time"
)

const (
	// DateLag is how far a Date header may be behind the clock it was read from: a
	// second because it has whole seconds (RFC 9110 section 5.6.7), and a second
	// because servers such as Kestrel and fasthttp renew it once a second only.
	DateLag = 2 * time.Second
	// readingKept is how long a reading of the party's clock is used. A clock that is
	// synchronized at all drifts by less than a tenth of a second in that time.
	readingKept = 15 * time.Minute
)

// reading is what a reply told of the party's clock: it showed at most latest when
// ours showed asked.
type reading struct{ asked, latest time.Time }

// Earliest returns the earliest time, by our clock, at which the party's clock can
// have shown at. It goes by the last reply with a Date, and is zero while there was
// none in 15 minutes. It tells only how far that clock may be ahead of ours: a
// reply that took long makes the result earlier than need be, never later.
func (c *Client) Earliest(at time.Time) time.Time {
	last := c.reading.Load()
	if last == nil || c.now().Sub(last.asked) > readingKept {
		return time.Time{}
	}
	return last.asked.Add(at.Sub(last.latest))
}

// learn reads the party's clock from a reply to what was sent after asked. A reply
// out of a cache (Age, RFC 9111 section 5.1) has the Date of another request, and
// the Date of a failure may be that of a proxy.
func (c *Client) learn(asked time.Time, reply Reply) {
	date, err := http.ParseTime(reply.Header.Get("Date"))
	if err != nil || reply.Header.Get("Age") != "" || reply.Status >= http.StatusInternalServerError {
		return
	}
	c.reading.Store(&reading{asked: asked, latest: date.Add(DateLag)})
}
