package doctor_test

import (
	"strings"
	"testing"

	"nativebridge/domain"
)

// With a fault in the settings, nobody should be sent to look for credentials.
func TestAFaultOfTheConfigurationIsWhyATenantIsNotLookedAt(t *testing.T) {
	w := newWorld()
	w.begin(t)
	w.Environ["AUTH0_MANAGEMENT_CLIENT_ID"], w.Environ["AUTH0_MANAGEMENT_CLIENT_SECRET"] = "management", "s3cr3t"
	w.Environ["AUTHSIGNAL_SUBJECTS"] = "neither"
	for _, finding := range w.diagnose(t) {
		if finding.Code == "NB501" && (finding.Outcome != domain.NotMade || !strings.Contains(finding.Problem, "NB001")) {
			t.Errorf("NB501 is %v: %s; want it not made because of NB001", finding.Outcome, finding.Problem)
		}
	}
}
