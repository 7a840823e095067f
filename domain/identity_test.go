package domain_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nativebridge/domain"
)

func TestIdentitiesAreEqualIfTheySayTheSame(t *testing.T) {
	person := func() domain.Identity {
		id := signIn()
		id.AuthenticatedAfter = id.AuthenticatedAt.Add(-time.Second)
		id.Email, id.EmailVerified = domain.NewSecret("jane@example.com"), true
		return id
	}
	if !person().Equal(person()) || !(domain.Identity{}).Equal(domain.Identity{}) {
		t.Error("the same identity is not equal to itself")
	}
	for name, change := range map[string]func(*domain.Identity){
		"authority":      func(id *domain.Identity) { id.Authority += "x" },
		"subject":        func(id *domain.Identity) { id.Subject += "x" },
		"action":         func(id *domain.Identity) { id.Action += "x" },
		"method":         func(id *domain.Identity) { id.Method += "x" },
		"proof id":       func(id *domain.Identity) { id.ProofID += "x" },
		"time":           func(id *domain.Identity) { id.AuthenticatedAt = id.AuthenticatedAt.Add(1) },
		"earliest time":  func(id *domain.Identity) { id.AuthenticatedAfter = id.AuthenticatedAfter.Add(1) },
		"email":          func(id *domain.Identity) { id.Email = domain.NewSecret("jane@example.org") },
		"no email":       func(id *domain.Identity) { id.Email = domain.Secret{} },
		"verified email": func(id *domain.Identity) { id.EmailVerified = false },
	} {
		other := person()
		change(&other)
		if person().Equal(other) || other.Equal(person()) {
			t.Errorf("another %s makes no difference", name)
		}
	}
}

func TestNoVerbPrintsTheEmailOfAnIdentity(t *testing.T) {
	id := domain.Identity{Subject: "jane", Email: domain.NewSecret("jane@example.com")}
	for _, printed := range []any{id, &id, domain.Grant{Identity: id}, domain.Attempt{Identity: id}, struct{ inside domain.Identity }{id}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(verb, printed); strings.Contains(text, "example.com") {
				t.Errorf("printed with %s: %s", verb, text)
			}
		}
	}
}
