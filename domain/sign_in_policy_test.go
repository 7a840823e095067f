package domain_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"nativebridge/domain"
)

var (
	now = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

	policy = domain.SignInPolicy{
		Authority: "authsignal https://api.authsignal.com/v1",
		Action:    "signInWithPasskey",
		MaxAge:    10 * time.Minute,
		Skew:      30 * time.Second,
		Subjects:  domain.SubjectRule{Prefix: "auth0|"},
	}
)

// signIn returns an identity that policy admits at now.
func signIn() domain.Identity {
	return domain.Identity{
		Authority:       "authsignal https://api.authsignal.com/v1",
		Subject:         "auth0|jane",
		Action:          "signInWithPasskey",
		Method:          domain.MethodPasskey,
		ProofID:         "proof-1",
		AuthenticatedAt: now.Add(-time.Minute),
	}
}

func TestAdmit(t *testing.T) {
	const oldest, newest = -(10*time.Minute + 30*time.Second), 30 * time.Second
	tests := map[string]struct {
		change func(*domain.Identity)
		refuse string // part of the error; empty: admitted
	}{
		"a fresh passkey sign-in": {func(*domain.Identity) {}, ""},

		"another action":                {func(id *domain.Identity) { id.Action = "signUpWithPasskey" }, "its action"},
		"the action in another case":    {func(id *domain.Identity) { id.Action = "signinwithpasskey" }, "its action"},
		"the action with a suffix":      {func(id *domain.Identity) { id.Action += "2" }, "its action"},
		"the action with a space":       {func(id *domain.Identity) { id.Action += " " }, "its action"},
		"no action":                     {func(id *domain.Identity) { id.Action = "" }, "its action"},
		"another method":                {func(id *domain.Identity) { id.Method = "SMS" }, "its method"},
		"the method in another case":    {func(id *domain.Identity) { id.Method = "passkey" }, "its method"},
		"a method that begins like it":  {func(id *domain.Identity) { id.Method = "PASSKEY_OR_SMS" }, "its method"},
		"no method":                     {func(id *domain.Identity) { id.Method = "" }, "its method"},
		"as old as it may be":           {func(id *domain.Identity) { id.AuthenticatedAt = now.Add(oldest) }, ""},
		"a nanosecond older":            {func(id *domain.Identity) { id.AuthenticatedAt = now.Add(oldest - 1) }, "too long ago"},
		"three hundred years old":       {func(id *domain.Identity) { id.AuthenticatedAt = now.AddDate(-300, 0, 0) }, "too long ago"},
		"as far ahead as it may be":     {func(id *domain.Identity) { id.AuthenticatedAt = now.Add(newest) }, ""},
		"a nanosecond further ahead":    {func(id *domain.Identity) { id.AuthenticatedAt = now.Add(newest + 1) }, "in the future"},
		"three hundred years ahead":     {func(id *domain.Identity) { id.AuthenticatedAt = now.AddDate(300, 0, 0) }, "in the future"},
		"a good time in another zone":   {func(id *domain.Identity) { id.AuthenticatedAt = now.In(time.FixedZone("", 5*3600)) }, ""},
		"no time":                       {func(id *domain.Identity) { id.AuthenticatedAt = time.Time{} }, "does not say when"},
		"a subject without the prefix":  {func(id *domain.Identity) { id.Subject = "jane" }, "its subject"},
		"another provider's subject":    {func(id *domain.Identity) { id.Subject = "google-oauth2|jane" }, "its subject"},
		"no subject":                    {func(id *domain.Identity) { id.Subject = "" }, "its subject"},
		"a subject that is only prefix": {func(id *domain.Identity) { id.Subject = "auth0|" }, "its subject"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id := signIn()
			tt.change(&id)
			err := policy.Admit(id, now)
			if tt.refuse == "" {
				if err != nil {
					t.Errorf("err = %v, want it admitted", err)
				}
				return
			}
			if !errors.Is(err, domain.ErrTokenRejected) || !strings.Contains(err.Error(), tt.refuse) {
				t.Errorf("err = %v, want token_rejected because of %q", err, tt.refuse)
			}
		})
	}
}

// No clock makes up for a time that is missing: here it would be a minute old.
func TestAdmitRefusesAMissingTimeWhateverTheClock(t *testing.T) {
	id := signIn()
	id.AuthenticatedAt = time.Time{}
	if err := policy.Admit(id, time.Time{}.Add(time.Minute)); !errors.Is(err, domain.ErrTokenRejected) {
		t.Errorf("err = %v, want token_rejected", err)
	}
}

func TestAdmitKeepsItsOwnRules(t *testing.T) {
	strict := domain.SignInPolicy{Action: "login", MaxAge: time.Minute}
	id := domain.Identity{Subject: "jane", Action: "login", Method: domain.MethodPasskey, AuthenticatedAt: now}
	tests := map[string]struct {
		at   time.Duration // of now, after the ceremony
		want bool
	}{
		"the moment of the ceremony":         {0, true},
		"as old as it may be":                {time.Minute, true},
		"a nanosecond older":                 {time.Minute + 1, false},
		"a nanosecond ahead, without a skew": {-1, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := strict.Admit(id, now.Add(tt.at)); (err == nil) != tt.want {
				t.Errorf("err = %v, want admitted: %t", err, tt.want)
			}
		})
	}
}

func TestARefusalDoesNotNameTheSubject(t *testing.T) {
	id := signIn()
	id.Subject = "jane@example.com"
	if err := policy.Admit(id, now); err == nil || strings.Contains(err.Error(), "jane") {
		t.Errorf("err = %v, want one without the subject", err)
	}
}

func TestAClaimOutlivesEveryLaterAdmission(t *testing.T) {
	for name, tt := range map[string]struct {
		policy   domain.SignInPolicy
		deadline time.Duration
	}{
		"the defaults":          {policy, 10 * time.Second},
		"no skew":               {domain.SignInPolicy{MaxAge: time.Minute}, time.Second},
		"more skew than age":    {domain.SignInPolicy{MaxAge: 10 * time.Second, Skew: 5 * time.Minute}, time.Minute},
		"the shortest deadline": {domain.SignInPolicy{MaxAge: time.Hour, Skew: time.Second}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			id := signIn()
			p := tt.policy
			p.Authority, p.Action, p.Subjects = policy.Authority, policy.Action, policy.Subjects

			earliest := id.AuthenticatedAt.Add(-p.Skew)
			if p.Admit(id, earliest) != nil || p.Admit(id, earliest.Add(-1)) == nil {
				t.Fatal("that is not the earliest admission")
			}
			ends := earliest.Add(p.ClaimFor(id, domain.Owner{}, tt.deadline).Keep)

			// An exchange that still runs when the claim ends was admitted at most a
			// deadline earlier; the guard forgets a claim at its end, not after it.
			for _, before := range []time.Duration{0, tt.deadline / 2, tt.deadline - 1} {
				if err := p.Admit(id, ends.Add(-before)); err == nil {
					t.Errorf("admitted %s before the claim's end, with a deadline of %s", before, tt.deadline)
				}
			}
			// Nor is it kept longer than needed.
			if err := p.Admit(id, ends.Add(-tt.deadline)); err != nil {
				t.Errorf("err = %v, want the last admission right there", err)
			}
		})
	}
}

func TestAClaimIsForTheProofByTheAttempt(t *testing.T) {
	id, owner := signIn(), domain.Owner{1, 2, 3}
	want := domain.Claim{
		Key: domain.ProofKeyOf(id), Owner: owner, ProvenAt: id.AuthenticatedAt.Add(-30 * time.Second),
		Keep: 10*time.Minute + 2*30*time.Second + 7*time.Second,
	}
	if got := policy.ClaimFor(id, owner, 7*time.Second); got != want {
		t.Errorf("ClaimFor = %+v, want %+v", got, want)
	}
}

func TestAProofIsTakenForAsOldAsItCanBe(t *testing.T) {
	const skew = 30 * time.Second
	for name, tt := range map[string]struct {
		after, want time.Duration // counted from the end of the ceremony by the authority's clock
	}{
		"the authority's clock is not known":          {0, -skew}, // see below
		"it may be ahead by two seconds":              {-2 * time.Second, -2 * time.Second},
		"by all that is allowed":                      {-skew, -skew},
		"by more, which is not believed":              {-skew - 1, -skew},
		"by an hour":                                  {-time.Hour, -skew},
		"it is right":                                 {1, 0}, // zero means not known
		"it is behind, which is not relied on":        {time.Second, 0},
		"it is behind by all that is allowed":         {skew, 0},
		"it is behind by more, which is not believed": {skew + 1, -skew},
		"it is behind by an hour":                     {time.Hour, -skew},
	} {
		t.Run(name, func(t *testing.T) {
			id := signIn()
			if tt.after != 0 {
				id.AuthenticatedAfter = id.AuthenticatedAt.Add(tt.after)
			}
			p := policy
			p.Skew = skew
			if got := p.ClaimFor(id, domain.Owner{}, time.Second).ProvenAt.Sub(id.AuthenticatedAt); got != tt.want {
				t.Errorf("the proof is from %s after the ceremony, want %s", got, tt.want)
			}
		})
	}
}

// TestAStepOfTheMachinesClockMakesNoProofYounger holds that the time of a proof can
// be compared with the guard's by the clock that never steps.
func TestAStepOfTheMachinesClockMakesNoProofYounger(t *testing.T) {
	id := signIn()
	at := time.Now()
	id.AuthenticatedAt, id.AuthenticatedAfter = at.Round(0), at.Add(-time.Second)
	if got := policy.ClaimFor(id, domain.Owner{}, time.Second).ProvenAt; got != at.Add(-time.Second) {
		t.Errorf("the proof is from %v, want %v with its monotonic reading", got, at.Add(-time.Second))
	}
}

func TestAProofIsGoodUntilItIsTooOld(t *testing.T) {
	id := signIn()
	for age, want := range map[time.Duration]time.Duration{0: 10 * time.Minute, time.Minute: 9 * time.Minute, time.Hour: -50 * time.Minute} {
		if got := policy.Left(id, id.AuthenticatedAt.Add(age)); got != want {
			t.Errorf("after %s it is good for %s, want %s", age, got, want)
		}
	}
}

func TestEachAuthorityHasItsOwnPolicy(t *testing.T) {
	other := policy
	other.Authority, other.Action = "another", "login"
	policies := domain.SignInPolicies{policy, other}
	for _, want := range policies {
		got, err := policies.For(domain.Identity{Authority: want.Authority})
		if err != nil || got.Action != want.Action {
			t.Errorf("for %q: %+v, %v", want.Authority, got, err)
		}
	}
	for _, authority := range []string{"", "nobody", "authsignal", "ANOTHER"} {
		if _, err := policies.For(domain.Identity{Authority: authority}); !errors.Is(err, domain.ErrTokenRejected) {
			t.Errorf("for %q: %v, want token_rejected", authority, err)
		}
	}
	id := signIn()
	id.Authority = "another"
	if err := policy.Admit(id, now); !errors.Is(err, domain.ErrTokenRejected) {
		t.Errorf("another authority's identity: %v, want token_rejected", err)
	}
}
