package upstream_test

import (
	"errors"
	"slices"
	"testing"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

func TestWhatOneCredentialIsRefusedIsSentWithTheOther(t *testing.T) {
	type step struct {
		good   string   // the credential that the party takes; "" means none
		sent   []string // with which it is sent
		status int
	}
	for name, tt := range map[string]struct {
		first, other string
		steps        []step
	}{
		"one alone":                 {"one", "", []step{{"one", []string{"one"}, 200}, {"two", []string{"one"}, 401}}},
		"twice the same":            {"one", "one", []step{{"two", []string{"one"}, 401}}},
		"the second is not needed":  {"one", "two", []step{{"one", []string{"one"}, 200}}},
		"the second takes over":     {"one", "two", []step{{"one", []string{"one"}, 200}, {"two", []string{"one", "two"}, 200}, {"two", []string{"two"}, 200}}},
		"and the first comes back":  {"one", "two", []step{{"two", []string{"one", "two"}, 200}, {"one", []string{"two", "one"}, 200}, {"one", []string{"one"}, 200}}},
		"neither is good":           {"one", "two", []step{{"", []string{"one", "two"}, 401}, {"one", []string{"one"}, 200}}},
		"there is none, and no key": {"", "", []step{{"one", []string{""}, 401}}},
	} {
		t.Run(name, func(t *testing.T) {
			overlap := upstream.NewOverlap(settings.NewSecret(tt.first), settings.NewSecret(tt.other))
			for i, step := range tt.steps {
				var sent []string
				reply, err := overlap.Try(func(credential domain.Secret) (upstream.Reply, error) {
					sent = append(sent, credential.Reveal())
					if credential.Reveal() != step.good {
						return upstream.Reply{Status: 401}, nil
					}
					return upstream.Reply{Status: 200}, nil
				}, func(reply upstream.Reply) bool { return reply.Status == 401 })
				if err != nil || reply.Status != step.status || !slices.Equal(sent, step.sent) {
					t.Errorf("step %d: answered %d, %v, sent with %q, want %d with %q", i, reply.Status, err, sent, step.status, step.sent)
				}
			}
		})
	}
}

func TestARequestWithoutAReplyIsNotSentWithTheOtherCredential(t *testing.T) {
	sent := 0
	_, err := upstream.NewOverlap(settings.NewSecret("one"), settings.NewSecret("two")).Try(func(domain.Secret) (upstream.Reply, error) {
		sent++
		return upstream.Reply{}, upstream.ErrNoReply
	}, func(upstream.Reply) bool { return true })
	if !errors.Is(err, upstream.ErrNoReply) || sent != 1 {
		t.Errorf("err = %v, sent %d times, want once", err, sent)
	}
}
