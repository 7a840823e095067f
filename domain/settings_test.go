package domain_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"nativebridge/domain"
)

func TestARefusalCarriesItsSettings(t *testing.T) {
	cause := fmt.Errorf("%w: its action is another", domain.ErrTokenRejected)
	err := fmt.Errorf("sign in: %w", domain.WithSettings(cause, "VENDOR_ACTION"))
	if got := domain.SettingsOf(err); got != "VENDOR_ACTION" {
		t.Errorf("settings = %q", got)
	}
	if !errors.Is(err, domain.ErrTokenRejected) || !strings.HasSuffix(err.Error(), "its action is another: if everybody is refused, check VENDOR_ACTION") {
		t.Errorf("err = %v", err)
	}
}

func TestWithoutSettingsAnErrorStaysAsItIs(t *testing.T) {
	cause := errors.New("cause")
	if got := domain.WithSettings(cause, ""); got != cause || domain.SettingsOf(got) != "" {
		t.Errorf("err = %v", got)
	}
	if got := domain.WithSettings(nil, "VENDOR_ACTION"); got != nil {
		t.Errorf("err = %v, want none", got)
	}
}

func TestEachRefusalNamesTheSettingsOfItsRule(t *testing.T) {
	named := policy
	named.From = domain.RuleSettings{Action: "VENDOR_ACTION", Method: "VENDOR_METHODS", Time: "VENDOR_MAX_AGE", Subject: "VENDOR_SUBJECTS"}
	for want, change := range map[string]func(*domain.Identity){
		"":                func(id *domain.Identity) { id.Authority = "another" },
		"VENDOR_ACTION":   func(id *domain.Identity) { id.Action = "another" },
		"VENDOR_METHODS":  func(id *domain.Identity) { id.Method = "SMS" },
		"VENDOR_SUBJECTS": func(id *domain.Identity) { id.Subject = "jane" },
		"VENDOR_MAX_AGE":  func(id *domain.Identity) { id.AuthenticatedAt = now.Add(-11 * policy.MaxAge) },
	} {
		id := signIn()
		change(&id)
		if err := named.Admit(id, now); domain.SettingsOf(err) != want || !errors.Is(err, domain.ErrTokenRejected) {
			t.Errorf("err = %v, want one with the settings %q", err, want)
		}
	}
	ahead := signIn()
	ahead.AuthenticatedAt = now.Add(policy.MaxAge)
	if err := named.Admit(ahead, now); domain.SettingsOf(err) != "VENDOR_MAX_AGE" {
		t.Errorf("err = %v, want one with the settings of time", err)
	}
}
