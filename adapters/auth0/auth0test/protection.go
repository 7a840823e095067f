package auth0test

import (
	"maps"
	"net/http"
	"sync"
	"time"
)

// Protection counts attempts and refuses those above a limit; 0 is no limit.
// All are off in the zero value, so that tests do not depend on their order.
// Addresses are those of [Exchange.ClientIP]. The number at the end of each
// comment is Auth0's own.
type Protection struct {
	// BruteForce is how many wrong passwords in a row block a username for an
	// address, until [Server.ResetProtection]. (10)
	BruteForce int `json:"brute_force,omitempty"`
	// SuspiciousIP is how many wrong passwords within a day block an address.
	// Auth0 then lets one through from time to time; the emulator does not. (100)
	SuspiciousIP int `json:"suspicious_ip,omitempty"`
	// SameUserPerMinute is how many sign-ins of a username from an address may
	// start, whatever their outcome. The form of the refusal is unknown; here
	// it is that of a rate limit. (20, then 10)
	SameUserPerMinute int `json:"same_user_per_minute,omitempty"`
	// TokenPerSecond is the rate of /oauth/token. All its answers then carry
	// the x-ratelimit headers. (25 to 100 by plan)
	TokenPerSecond int `json:"token_per_second,omitempty"`
	// TokenExchangePerSecond is the rate of Custom Token Exchange alone. (4 to 15
	// by plan)
	TokenExchangePerSecond int `json:"token_exchange_per_second,omitempty"`
	// InvalidSubjectTokens is how many subject tokens rejected by an Action block
	// an address. One more attempt becomes free every ten minutes. (10)
	InvalidSubjectTokens int `json:"invalid_subject_tokens,omitempty"`
	// UserInfoPerMinute is the rate of /userinfo for a user. (5)
	UserInfoPerMinute int `json:"userinfo_per_minute,omitempty"`
	// ManagementPerSecond is the rate of the Management API. All its answers then
	// carry the x-ratelimit headers. (2 to 16 by plan)
	ManagementPerSecond int `json:"management_per_second,omitempty"`
	// AsSettings takes BruteForce, SuspiciousIP and InvalidSubjectTokens from the
	// tenant's attack protection, which the Management API sets.
	AsSettings bool `json:"as_settings,omitempty"`
}

// ResetProtection sets all counters back and ends every block.
func (s *Server) ResetProtection() { s.attacks.reset() }

// attacks are the counters behind Protection.
type attacks struct {
	mu      sync.Mutex
	inARow  map[attempt]int
	windows map[window]count
	invalid map[string]rejections // by address
}

// rejections are the subject tokens that count against an address since a time.
type rejections struct {
	n     int
	since time.Time
}

// forgiveOne is how often a rejected subject token is forgotten (Auth0 docs,
// "Attack Protection with Custom Token Exchange").
const forgiveOne = 10 * time.Minute

// attempt is a sign-in as brute-force protection sees it.
type attempt struct {
	ip  string
	who identifier
}

// window counts something over a fixed time; count is the number so far.
type window struct {
	rule string
	key  attempt
}

type count struct {
	n     int
	reset time.Time
}

func (a *attacks) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inARow, a.windows, a.invalid = nil, nil, nil
}

// limitTokens counts a request to the token endpoint.
func (a *attacks) limitTokens(c *call) error {
	return a.limit(c, window{rule: "token"}, c.faults.Protection.TokenPerSecond, time.Second)
}

// limitManagement counts a call of the Management API.
func (a *attacks) limitManagement(c *call) error {
	if a.limit(c, window{rule: "management"}, c.faults.Protection.ManagementPerSecond, time.Second) != nil {
		c.header.Set("Retry-After", "1")
		return apiRefusal(http.StatusTooManyRequests, "too_many_requests", "Global limit has been reached")
	}
	return nil
}

// limitExchanges counts a token exchange.
func (a *attacks) limitExchanges(c *call) error {
	return a.limit(c, window{rule: "token exchange"}, c.faults.Protection.TokenExchangePerSecond, time.Second)
}

// admitExchange refuses a token exchange from an address with too many
// rejected subject tokens.
func (a *attacks) admitExchange(c *call, limits Protection) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if limit := limits.InvalidSubjectTokens; limit > 0 && a.rejections(c).n >= limit {
		return refuse(http.StatusTooManyRequests, "too_many_attempts", textSuspiciousIP)
	}
	return nil
}

// rejectedToken counts a subject token that an Action has rejected.
func (a *attacks) rejectedToken(c *call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.invalid == nil {
		a.invalid = make(map[string]rejections)
	}
	now := a.rejections(c)
	now.n++
	a.invalid[c.seen.ClientIP] = now
}

// rejections returns what counts against the caller's address now. The caller
// holds the lock.
func (a *attacks) rejections(c *call) rejections {
	have := a.invalid[c.seen.ClientIP]
	forgiven := int(c.now.Sub(have.since) / forgiveOne)
	if have.n <= forgiven {
		return rejections{since: c.now}
	}
	return rejections{n: have.n - forgiven, since: have.since.Add(time.Duration(forgiven) * forgiveOne)}
}

// limitUserInfo counts a request for a user's claims.
func (a *attacks) limitUserInfo(c *call, sub string) error {
	w := window{rule: "userinfo", key: attempt{who: identifier{username: sub}}}
	return a.limit(c, w, c.faults.Protection.UserInfoPerMinute, time.Minute)
}

// admit refuses an attempt that comes after too many others.
func (a *attacks) admit(c *call, key attempt, limits Protection) error {
	a.mu.Lock()
	inARow := a.inARow[key]
	failures := a.peek(suspicious(key), c.now)
	a.mu.Unlock()
	if limits.BruteForce > 0 && inARow >= limits.BruteForce {
		return refuse(http.StatusTooManyRequests, "too_many_attempts", textBruteForce)
	}
	if limits.SuspiciousIP > 0 && failures.n >= limits.SuspiciousIP {
		return refuse(http.StatusTooManyRequests, "too_many_attempts", textSuspiciousIP)
	}
	return a.limit(c, window{rule: "same user", key: key}, limits.SameUserPerMinute, time.Minute)
}

// failed counts a wrong password.
func (a *attacks) failed(c *call, key attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inARow == nil {
		a.inARow = make(map[attempt]int)
	}
	a.inARow[key]++
	a.count(suspicious(key), c.now, 24*time.Hour)
}

// blocked are the attempts that brute-force protection refuses.
func (a *attacks) blocked(limit int) []attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	var blocked []attempt
	for key, n := range a.inARow {
		if limit > 0 && n >= limit {
			blocked = append(blocked, key)
		}
	}
	return blocked
}

// unblock ends the blocks of a username, whatever the address.
func (a *attacks) unblock(username string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.inARow, func(key attempt, _ int) bool { return key.who.username == username })
}

// succeeded ends a series of wrong passwords.
func (a *attacks) succeeded(key attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.inARow, key)
}

func suspicious(key attempt) window {
	return window{rule: "suspicious ip", key: attempt{ip: key.ip}}
}

// limit counts and refuses what is above the limit, with the headers that tell
// when it is over.
func (a *attacks) limit(c *call, w window, limit int, every time.Duration) error {
	if limit == 0 {
		return nil
	}
	a.mu.Lock()
	now := a.count(w, c.now, every)
	a.mu.Unlock()
	setRateLimit(c.header, limit, max(0, limit-now.n), now.reset)
	if now.n > limit {
		return refuse(http.StatusTooManyRequests, "too_many_requests", textRateLimit)
	}
	return nil
}

// peek returns the count of a window. The caller holds the lock.
func (a *attacks) peek(w window, now time.Time) count {
	if have := a.windows[w]; now.Before(have.reset) {
		return have
	}
	return count{}
}

// count adds one to a window. The caller holds the lock.
func (a *attacks) count(w window, now time.Time, every time.Duration) count {
	have := a.peek(w, now)
	if have.n == 0 {
		have.reset = now.Add(every)
		maps.DeleteFunc(a.windows, func(_ window, old count) bool { return !now.Before(old.reset) })
	}
	have.n++
	if a.windows == nil {
		a.windows = make(map[window]count)
	}
	a.windows[w] = have
	return have
}
