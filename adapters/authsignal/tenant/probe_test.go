package tenant_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/authsignal/tenant"
	"nativebridge/domain"
)

// diagnose runs the probe, and returns what failed, failures before warnings.
func diagnose(t *testing.T, s *authsignaltest.Server, key, party string) (diagnosis domain.Diagnosis, failed []string) {
	t.Helper()
	wanted := tenant.Wanted{SignInAction: "signInWithPasskey", EnrolAction: enrolment, Enrols: true, TokenMinutes: 10}
	probe := tenant.NewProbe(func() (*tenant.Management, error) {
		if key == "" {
			return nil, tenant.ErrNoKey
		}
		return tenant.Connect(tenant.Access{APIURL: s.APIURL(), Key: domain.NewSecret(key)}, tenant.Options{})
	}, wanted, party)
	probe.Run(t.Context(), func(f domain.Finding) { diagnosis = append(diagnosis, f) })
	for _, grade := range []domain.Grade{domain.Failure, domain.Warning} {
		for _, f := range diagnosis {
			if f.Outcome == domain.Failed && f.Grade == grade {
				failed = append(failed, f.Code)
			}
		}
	}
	if told := fmt.Sprintf("%+v", diagnosis); key != "" && strings.Contains(told, key) {
		t.Errorf("the findings tell the key: %s", told)
	}
	return diagnosis, failed
}

func TestWhatIsUndoneAtAuthsignalIsNamedFirst(t *testing.T) {
	const action, adding = "/action-configurations/signInWithPasskey", "/action-configurations/" + enrolment
	for name, tt := range map[string]struct {
		path   string // "passkey" is that of the authenticator
		method string
		body   map[string]any
		code   string
	}{
		"nothing":                             {code: ""},
		"passkeys are switched off":           {"passkey", "PATCH", map[string]any{"isActive": false}, "NB252"},
		"the relying party is another":        {"passkey", "PATCH", map[string]any{"relyingParty": "example.org"}, "NB253"},
		"no origin is expected":               {"passkey", "PATCH", map[string]any{"expectedOrigins": nil}, "NB254"},
		"only a strange origin is expected":   {"passkey", "PATCH", map[string]any{"expectedOrigins": []string{"https://other.net"}}, "NB254"},
		"user verification is only preferred": {"passkey", "PATCH", map[string]any{"userVerificationRequirement": "preferred"}, "NB255"},
		"the action is deleted":               {action, "DELETE", nil, "NB256"},
		"the action lets everybody in":        {action, "PATCH", map[string]any{"defaultUserActionResult": "ALLOW"}, "NB256"},
		"a rule lets known devices in": {action + "/rules", "POST", map[string]any{
			"name": "known", "isActive": true, "priority": 0, "type": "ALLOW", "conditions": map[string]any{"var": "device.isRemembered"},
		}, "NB257"},
		"the enrolment action is deleted":       {adding, "DELETE", nil, "NB258"},
		"the enrolment action blocks everybody": {adding, "PATCH", map[string]any{"defaultUserActionResult": "BLOCK"}, "NB258"},
		"the enrolment action wants a look":     {adding, "PATCH", map[string]any{"defaultUserActionResult": "REVIEW"}, "NB258"},
		"the enrolment action challenges first": {adding, "PATCH", map[string]any{"defaultUserActionResult": "CHALLENGE"}, ""},
		"a rule keeps new devices from enrolling": {adding + "/rules", "POST", map[string]any{
			"name": "new", "isActive": true, "priority": 0, "type": "BLOCK", "conditions": map[string]any{"var": "device.isNew"},
		}, "NB259"},
		"a rule that keeps them is switched off": {adding + "/rules", "POST", map[string]any{
			"name": "new", "isActive": false, "priority": 0, "type": "BLOCK", "conditions": map[string]any{"var": "device.isNew"},
		}, ""},
		"tokens live for longer": {"/tenant", "PATCH", map[string]any{"tokenDurationInMinutes": 60}, "NB251"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := activated(t)
			if _, err := execute(t, s, example()); err != nil {
				t.Fatal(err)
			}
			path := tt.path
			if path == "passkey" {
				path = passkeyPath(s)
			}
			if path != "" {
				change(t, s, tt.method, path, tt.body)
			}
			_, failed := diagnose(t, s, s.ManagementSecret(), "example.com")
			if first := slices.Concat(failed, []string{""})[0]; first != tt.code {
				t.Errorf("failed are %q, want %q first", failed, tt.code)
			}
		})
	}
}

func TestWhereNobodyAddsAPasskeyTheActionForItIsNotLookedAt(t *testing.T) {
	s := activated(t)
	if _, err := execute(t, s, example()); err != nil {
		t.Fatal(err)
	}
	change(t, s, "DELETE", "/action-configurations/"+enrolment, nil)
	for audience, want := range map[string]domain.Outcome{"": domain.NotMade, "https://bridge.example.com/passkeys": domain.Failed} {
		access, wanted, err := tenant.LoadForDoctor(map[string]string{
			"AUTHSIGNAL_API_URL": s.APIURL(), "AUTHSIGNAL_MANAGEMENT_SECRET": s.ManagementSecret(), "AUTHSIGNAL_ENROL_ACTION": enrolment, "ENROL_AUDIENCE": audience,
		})
		if err != nil {
			t.Fatal(err)
		}
		tenant.NewProbe(func() (*tenant.Management, error) { return tenant.Connect(access, tenant.Options{}) }, wanted, "").Run(t.Context(), func(f domain.Finding) {
			if f.Code == "NB258" && f.Outcome != want {
				t.Errorf("with the audience %q: %v %s, want %v", audience, f.Outcome, f.Problem, want)
			}
		})
	}
}

func TestTheKeyOfTheServerAPIIsNamed(t *testing.T) {
	s := activated(t)
	if _, failed := diagnose(t, s, s.Secret(), ""); !slices.Equal(failed, []string{"NB250"}) {
		t.Errorf("failed are %q, want NB250", failed)
	}
}

func TestWithoutAKeyNothingFails(t *testing.T) {
	diagnosis, failed := diagnose(t, activated(t), "", "")
	if len(failed) > 0 || diagnosis[0].Outcome != domain.NotMade || !strings.Contains(diagnosis[0].Fix, "AUTHSIGNAL_MANAGEMENT_SECRET") {
		t.Errorf("failed are %q; the first finding is %+v; want it not made, and the key named", failed, diagnosis[0])
	}
}
