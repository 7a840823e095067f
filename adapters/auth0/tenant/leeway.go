package tenant

import (
	"fmt"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/domain"
)

// mostLeeway is the RENEWAL_GRACE that a bridge has by default: it goes by no longer leeway.
const mostLeeway = 10 * time.Minute

// overlap returns how long after its first use Auth0 takes a refresh token of the
// application once more (refresh_token.leeway). False means that they do not rotate.
func overlap(application object) (time.Duration, bool) {
	seconds, _ := application.at("refresh_token.leeway").(float64)
	return time.Duration(seconds * float64(time.Second)), application.text("refresh_token.rotation_type") == "rotating"
}

// leewayFor returns the AUTH0_REFRESH_LEEWAY for an overlap: zero if Auth0 may take longer
// than that to answer, because the bridge could not ask again within it.
func leewayFor(overlap time.Duration) time.Duration {
	if overlap < auth0.IssueTimeout {
		return 0
	}
	return min(overlap, mostLeeway)
}

// missingLeeway returns the AUTH0_REFRESH_LEEWAY that the bridge lacks; "" if it has one
// that does no harm, or needs none.
func (s *Setup) missingLeeway(application object) string {
	has, rotates := overlap(application)
	right, bridges := leewayFor(has), time.Duration(s.config.RefreshLeeway)
	if !s.config.renews() || !rotates || right == 0 || bridges > 0 && bridges <= has {
		return ""
	}
	return inSeconds(right)
}

// judgeLeeway compares the bridge's setting with the application's.
func (l *look) judgeLeeway() (problem, fix string) {
	has, rotates := overlap(l.now.application)
	right, bridges := leewayFor(has), time.Duration(l.config.RefreshLeeway)
	fix = "set AUTH0_REFRESH_LEEWAY to " + inSeconds(right)
	switch {
	case !l.config.renews() || !rotates:
		return "", ""
	case bridges == domain.NoRotation:
		return "AUTH0_REFRESH_LEEWAY is no-rotation, and the application's refresh tokens rotate", fix
	case bridges > has:
		return fmt.Sprintf("AUTH0_REFRESH_LEEWAY is %s, and the application's refresh_token.leeway %s", inSeconds(bridges), inSeconds(has)), fix
	case bridges == 0 && right > 0:
		return fmt.Sprintf("AUTH0_REFRESH_LEEWAY is not set, and the application's refresh_token.leeway is %s", inSeconds(has)), fix
	}
	return "", ""
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.0fs", d.Seconds()) }
