package auth0

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nativebridge/adapters/internal/upstream"
)

// TenantQuota is the name of the quota that the x-ratelimit headers tell. At token
// exchange it may be that of token exchange, which has a lower limit of its own.
const TenantQuota = "tenant"

// RateLimit is how many requests a second the bridge may send to the tenant; 0 if that is
// left to what Auth0 tells.
type RateLimit float64

// UnmarshalText accepts a positive number.
func (l *RateLimit) UnmarshalText(text []byte) error {
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsNaN(n) || n <= 0 || n > 1e6 {
		return errors.New("it is a number of requests a second above 0, such as 25 or 0.5")
	}
	*l = RateLimit(n)
	return nil
}

// Quotas reads what a reply of the token endpoint tells of Auth0's limits: the tenant's,
// in x-ratelimit-limit, -remaining and -reset, a Unix time ("Rate Limit Policy",
// auth0.com/docs); and that of a rate limit policy for the application, such as
// Auth0-RateLimit: client;q=10;t=1;r=9, a quota of q in t seconds with r left.
func Quotas(header http.Header, now time.Time) []upstream.Quota {
	var quotas []upstream.Quota
	limit, limitErr := strconv.Atoi(header.Get("X-Ratelimit-Limit"))
	left, leftErr := strconv.Atoi(header.Get("X-Ratelimit-Remaining"))
	reset, resetErr := strconv.ParseInt(header.Get("X-Ratelimit-Reset"), 10, 64)
	if limitErr == nil && leftErr == nil && resetErr == nil {
		quotas = append(quotas, upstream.Quota{Name: TenantQuota, Of: limit, Left: left, Reset: time.Unix(reset, 0)})
	}
	if policy, ok := applicationQuota(header, now); ok {
		quotas = append(quotas, policy)
	}
	return quotas
}

func applicationQuota(header http.Header, now time.Time) (upstream.Quota, bool) {
	quota := upstream.Quota{Name: "application", Own: true}
	seconds, found := 0, 0
	for part := range strings.SplitSeq(header.Get("Auth0-Ratelimit"), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			continue
		}
		switch name {
		case "q":
			quota.Of = n
		case "t":
			seconds = n
		case "r":
			quota.Left = n
		default:
			continue
		}
		found++
	}
	quota.Reset = now.Add(time.Duration(seconds) * time.Second)
	return quota, found == 3
}
