package domain_test

import (
	"testing"
	"time"

	"nativebridge/domain"
)

func TestEveryPartOfAProofCounts(t *testing.T) {
	for name, change := range map[string]func(*domain.Identity){
		"authority": func(id *domain.Identity) { id.Authority += "x" },
		"subject":   func(id *domain.Identity) { id.Subject += "x" },
		"action":    func(id *domain.Identity) { id.Action += "x" },
		"proof id":  func(id *domain.Identity) { id.ProofID += "x" },
	} {
		t.Run(name, func(t *testing.T) {
			id := signIn()
			change(&id)
			if domain.ProofKeyOf(id) == domain.ProofKeyOf(signIn()) {
				t.Errorf("another %s has the same key", name)
			}
		})
	}
}

// Method and time are circumstances that a token's spelling could vary: they make
// no second proof.
func TestTheSameProofHasTheSameKey(t *testing.T) {
	id := signIn()
	id.Method = "SMS"
	id.AuthenticatedAt = id.AuthenticatedAt.Add(time.Second)
	if domain.ProofKeyOf(id) != domain.ProofKeyOf(signIn()) {
		t.Error("the same proof under other circumstances has another key")
	}
}

func TestNoTwoProofsShareAnEncoding(t *testing.T) {
	seen := map[domain.ProofKey]domain.Identity{}
	parts := []string{"", "a", "b", "ab", "ba", "a\x00", "\x00\x00\x00\x00\x00\x00\x00\x01a", "|", "a|b"}
	for _, authority := range parts {
		for _, subject := range parts {
			for _, action := range parts {
				for _, proof := range parts {
					id := domain.Identity{Authority: authority, Subject: subject, Action: action, ProofID: proof}
					key := domain.ProofKeyOf(id)
					if other, taken := seen[key]; taken {
						t.Fatalf("%+v and %+v have the same key", id, other)
					}
					seen[key] = id
				}
			}
		}
	}
}

// A key lives in stores that outlast a release: it must not change.
func TestAProofKeyIsStable(t *testing.T) {
	const want = "cc6dafd32657e94e5aacf548976cc1e54092e35aaf5d653924b811ef1df46a21"
	id := domain.Identity{Authority: "a", Subject: "s", Action: "c", ProofID: "p"}
	if got := domain.ProofKeyOf(id).String(); got != want {
		t.Errorf("the key is %s, want %s", got, want)
	}
}
