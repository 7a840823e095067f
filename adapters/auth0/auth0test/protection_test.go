package auth0test_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
)

const (
	textRateLimit    = "Too many requests. Check the X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset headers."
	textBruteForce   = "Your account has been blocked after multiple consecutive login attempts. We've sent you a notification via your preferred contact method with instructions on how to unblock it."
	textSuspiciousIP = "We have detected suspicious login behavior and further attempts will be blocked. Please contact the administrator."
)

func wantRateLimit(t *testing.T, r reply, limit, remaining int, reset time.Time) {
	t.Helper()
	for name, want := range map[string]string{
		"x-ratelimit-limit":     strconv.Itoa(limit),
		"x-ratelimit-remaining": strconv.Itoa(remaining),
		"x-ratelimit-reset":     strconv.FormatInt(reset.Unix(), 10),
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// protected starts a tenant with these limits, whose client may forward addresses.
func protected(t *testing.T, limits auth0test.Protection) (*emulator, *clock) {
	t.Helper()
	now := newClock()
	opts := tenant()
	opts.Now = now.Now
	opts.Clients[0].TrustForwardedFor = true
	e := start(t, opts)
	e.SetFaults(auth0test.Faults{Protection: limits})
	return e, now
}

func (e *emulator) from(ip string, change params) reply {
	e.t.Helper()
	req := e.tokenRequest(signIn(change))
	req.Header.Set("auth0-forwarded-for", ip)
	return e.do(req)
}

func TestNothingIsLimitedUnlessSwitchedOn(t *testing.T) {
	t.Parallel()
	e, _ := protected(t, auth0test.Protection{})
	for range 12 {
		e.token(signIn(params{"password": "wrong"}))
	}
	r := e.token(signIn(nil))
	wantOK(t, r)
	if r.header.Get("x-ratelimit-limit") != "" {
		t.Error("there are rate-limit headers")
	}
}

func TestBruteForceProtectionBlocksAUsernameForAnAddress(t *testing.T) {
	t.Parallel()
	e, now := protected(t, auth0test.Protection{BruteForce: 3})
	wrong := params{"password": "wrong"}
	for range 2 {
		e.from("203.0.113.1", wrong)
	}
	wantOK(t, e.from("203.0.113.1", nil)) // ends the row
	for range 3 {
		wantError(t, e.from("203.0.113.1", wrong), 403, "invalid_grant", "Wrong email or password.")
	}
	wantError(t, e.from("203.0.113.1", nil), 429, "too_many_attempts", textBruteForce)
	wantOK(t, e.from("203.0.113.2", nil))
	wantOK(t, e.from("203.0.113.1", params{"username": "bob"}))
	now.forward(48 * time.Hour)
	wantError(t, e.from("203.0.113.1", nil), 429, "too_many_attempts", textBruteForce)
	e.ResetProtection()
	wantOK(t, e.from("203.0.113.1", nil))
}

func TestOnlyRefusedPasswordsCountAsAttacks(t *testing.T) {
	t.Parallel()
	e, _ := protected(t, auth0test.Protection{BruteForce: 1, SuspiciousIP: 1})
	for _, password := range []string{"failed", "throws", "silent", "nothing", "unauthorized", "invalid", "no user_id"} {
		e.token(signIn(params{"password": password}))
	}
	wantOK(t, e.token(signIn(nil)))
}

func TestSuspiciousAddressIsThrottledForADay(t *testing.T) {
	t.Parallel()
	e, now := protected(t, auth0test.Protection{SuspiciousIP: 3})
	for i := range 3 {
		e.from("203.0.113.1", params{"username": fmt.Sprint(i), "password": "wrong"})
	}
	wantError(t, e.from("203.0.113.1", nil), 429, "too_many_attempts", textSuspiciousIP)
	wantOK(t, e.from("203.0.113.2", nil))
	now.forward(24 * time.Hour)
	wantOK(t, e.from("203.0.113.1", nil))
}

func TestSignInsOfOneUserFromOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	e, now := protected(t, auth0test.Protection{SameUserPerMinute: 2})
	for range 2 {
		wantOK(t, e.from("203.0.113.1", nil))
	}
	wantError(t, e.from("203.0.113.1", nil), 429, "too_many_requests", textRateLimit)
	wantOK(t, e.from("203.0.113.2", nil))
	now.forward(time.Minute)
	wantOK(t, e.from("203.0.113.1", nil))
}

func TestTokenEndpointHasARate(t *testing.T) {
	t.Parallel()
	e, now := protected(t, auth0test.Protection{TokenPerSecond: 2})
	reset := now.Now().Add(time.Second)
	first := e.token(signIn(nil))
	wantOK(t, first)
	wantRateLimit(t, first, 2, 1, reset)
	wrong := e.token(signIn(params{"password": "wrong"}))
	wantError(t, wrong, 403, "invalid_grant", "Wrong email or password.")
	wantRateLimit(t, wrong, 2, 0, reset)
	over := e.token(signIn(nil))
	wantError(t, over, 429, "too_many_requests", textRateLimit)
	wantRateLimit(t, over, 2, 0, reset)
	now.forward(time.Second)
	wantOK(t, e.token(signIn(nil)))
}
