package portstest

import (
	"context"
	"slices"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
)

// EnrollerHarness is a PasskeyEnroller under test, with an authority.
type EnrollerHarness struct {
	Enroller ports.PasskeyEnroller
	// Add has the app use an enrolment's token to add a passkey, on a phone that has none.
	// It returns the passkey's id.
	Add func(t *testing.T, enrolment domain.Secret) (id string)
	// SignsIn reports whether the token would do for a sign-in, once a passkey was added
	// with it.
	SignsIn func(t *testing.T, enrolment domain.Secret) bool
	// Has returns the ids of the passkeys that the authority has of somebody.
	Has func(subject string) []string
	// Deny has the authority not want a person to add a passkey.
	Deny func(t *testing.T)
	// Secrets are the credentials that the bridge shows the authority.
	Secrets []string

	// Lock makes the authority refuse the bridge itself, Limit answer that its limit is
	// reached, Garble answer what nobody understands, Hang answer nothing, and Stop makes it
	// unreachable.
	Lock, Limit, Garble, Hang, Stop func(t *testing.T)
}

// The people of the suite. Ids may have any character.
const (
	jane = "auth0|jane"
	john = "auth0|../john?x=1#y/z%2F"
)

// PasskeyEnroller tests the contract of ports.PasskeyEnroller.
func PasskeyEnroller(t *testing.T, start func(t *testing.T) EnrollerHarness) {
	tests := map[string]func(*testing.T, EnrollerHarness){
		"the harness tries everything":                          enrollerKnobs,
		"an enrolment adds a passkey to its person alone":       enrollerAdds,
		"somebody with a passkey can add another":               enrollerAddsMore,
		"an enrolment is no sign-in":                            enrollerNoSignIn,
		"two enrolments have two tokens":                        enrollerTwo,
		"everybody is listed their own":                         enrollerLists,
		"a passkey that is removed is gone, and no other":       enrollerRemoves,
		"nobody removes somebody else's":                        enrollerSpares,
		"an id that is no passkey's is unknown":                 enrollerUnknown,
		"a person whom the authority refuses is told so":        enrollerDenied,
		"an authority that refuses the bridge is a fault":       enrollerLocked,
		"an authority whose limit is reached is busy":           enrollerBusy,
		"an authority that is away is unavailable":              enrollerStopped,
		"an answer that nobody understands is unavailable":      enrollerGarbled,
		"an authority that is silent is given up in time":       enrollerSilent,
		"a caller who leaves is told no reason of another kind": enrollerCancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func enrollerKnobs(t *testing.T, h EnrollerHarness) {
	wantKnobs(t, map[string]bool{
		"Add": h.Add != nil, "SignsIn": h.SignsIn != nil, "Has": h.Has != nil, "Deny": h.Deny != nil, "Secrets": len(h.Secrets) > 0,
		"Lock": h.Lock != nil, "Limit": h.Limit != nil, "Garble": h.Garble != nil, "Hang": h.Hang != nil, "Stop": h.Stop != nil,
	})
}

func (h EnrollerHarness) enrol(t *testing.T, subject string) domain.Secret {
	t.Helper()
	token, err := h.Enroller.Enrol(t.Context(), subject, domain.Client{UserAgent: "app/1"})
	if err != nil || token.IsZero() {
		t.Fatalf("enrol %s: a token: %t, %v", subject, !token.IsZero(), err)
	}
	return token
}

func (h EnrollerHarness) listed(t *testing.T, subject string) []string {
	t.Helper()
	passkeys, err := h.Enroller.Passkeys(t.Context(), subject)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	var ids []string
	for _, passkey := range passkeys {
		if passkey.CreatedAt.IsZero() {
			t.Errorf("the passkey %s was made at no time", passkey.ID)
		}
		ids = append(ids, passkey.ID)
	}
	return ids
}

func enrollerAdds(t *testing.T, h EnrollerHarness) {
	for _, subject := range []string{jane, john} {
		id := h.Add(t, h.enrol(t, subject))
		if got := h.Has(subject); !slices.Equal(got, []string{id}) {
			t.Errorf("%s has %q, want %q", subject, got, id)
		}
	}
}

func enrollerAddsMore(t *testing.T, h EnrollerHarness) {
	h.Add(t, h.enrol(t, jane))
	h.Add(t, h.enrol(t, jane))
	if got := h.Has(jane); len(got) != 2 {
		t.Errorf("she has %q, want two", got)
	}
}

func enrollerNoSignIn(t *testing.T, h EnrollerHarness) {
	token := h.enrol(t, jane)
	h.Add(t, token)
	if h.SignsIn(t, token) {
		t.Error("the token would do for a sign-in")
	}
}

func enrollerTwo(t *testing.T, h EnrollerHarness) {
	if h.enrol(t, jane).Equal(h.enrol(t, jane)) {
		t.Error("they share one")
	}
}

func enrollerLists(t *testing.T, h EnrollerHarness) {
	if got := h.listed(t, jane); len(got) != 0 {
		t.Errorf("somebody whom nobody knows has %q", got)
	}
	janes, johns := h.Add(t, h.enrol(t, jane)), h.Add(t, h.enrol(t, john))
	if got := h.listed(t, jane); !slices.Equal(got, []string{janes}) {
		t.Errorf("Jane is listed %q, want %q", got, janes)
	}
	if got := h.listed(t, john); !slices.Equal(got, []string{johns}) {
		t.Errorf("John is listed %q, want %q", got, johns)
	}
}

func enrollerRemoves(t *testing.T, h EnrollerHarness) {
	gone, kept := h.Add(t, h.enrol(t, jane)), h.Add(t, h.enrol(t, jane))
	if err := h.Enroller.RemovePasskey(t.Context(), jane, gone); err != nil {
		t.Fatalf("remove: %v", err)
	}
	if got := h.Has(jane); !slices.Equal(got, []string{kept}) {
		t.Errorf("she has %q, want %q", got, kept)
	}
	wantReason(t, h.Enroller.RemovePasskey(t.Context(), jane, gone), domain.ErrPasskeyUnknown)
}

func enrollerSpares(t *testing.T, h EnrollerHarness) {
	janes, johns := h.Add(t, h.enrol(t, jane)), h.Add(t, h.enrol(t, john))
	for _, id := range []string{johns, "../../" + john + "/authenticators/" + johns, johns + "/../" + johns} {
		wantReason(t, h.Enroller.RemovePasskey(t.Context(), jane, id), domain.ErrPasskeyUnknown)
	}
	if got := slices.Concat(h.Has(jane), h.Has(john)); !slices.Equal(got, []string{janes, johns}) {
		t.Errorf("there are %q, want %q", got, []string{janes, johns})
	}
}

func enrollerUnknown(t *testing.T, h EnrollerHarness) {
	id := h.Add(t, h.enrol(t, jane))
	for _, other := range []string{"", ".", "..", "*", id + " ", "no such"} {
		wantReason(t, h.Enroller.RemovePasskey(t.Context(), jane, other), domain.ErrPasskeyUnknown)
	}
	if got := h.Has(jane); !slices.Equal(got, []string{id}) {
		t.Errorf("she has %q, want %q", got, id)
	}
}

func enrollerDenied(t *testing.T, h EnrollerHarness) {
	h.Deny(t)
	token, err := h.Enroller.Enrol(t.Context(), jane, domain.Client{})
	wantReason(t, err, domain.ErrEnrolmentDenied)
	if !token.IsZero() {
		t.Error("there is a token all the same")
	}
}

// enrollerCall is the call of a method.
type enrollerCall struct {
	name string
	do   func(context.Context) error
}

// calls are those of all methods, for somebody who has the passkey with that id.
func (h EnrollerHarness) calls(id string) []enrollerCall {
	return []enrollerCall{
		{"enrol", func(ctx context.Context) error {
			_, err := h.Enroller.Enrol(ctx, jane, domain.Client{})
			return err
		}},
		{"list", func(ctx context.Context) error {
			_, err := h.Enroller.Passkeys(ctx, jane)
			return err
		}},
		{"remove", func(ctx context.Context) error { return h.Enroller.RemovePasskey(ctx, jane, id) }},
	}
}

func (h EnrollerHarness) meets(t *testing.T, trouble func(*testing.T), want domain.Error) {
	t.Helper()
	calls := h.calls(h.Add(t, h.enrol(t, jane)))
	trouble(t)
	for _, call := range calls {
		t.Run(call.name, func(t *testing.T) {
			err := call.do(t.Context())
			wantReason(t, err, want)
			wantSilent(t, err, h.Secrets...)
		})
	}
}

func enrollerLocked(t *testing.T, h EnrollerHarness)  { h.meets(t, h.Lock, "") }
func enrollerBusy(t *testing.T, h EnrollerHarness)    { h.meets(t, h.Limit, domain.ErrBusy) }
func enrollerStopped(t *testing.T, h EnrollerHarness) { h.meets(t, h.Stop, domain.ErrUnavailable) }
func enrollerGarbled(t *testing.T, h EnrollerHarness) { h.meets(t, h.Garble, domain.ErrUnavailable) }

func enrollerSilent(t *testing.T, h EnrollerHarness) {
	calls := h.calls(h.Add(t, h.enrol(t, jane)))
	h.Hang(t)
	for _, call := range calls {
		t.Run(call.name, func(t *testing.T) { wantInTime(t, call.do) })
	}
}

func enrollerCancelled(t *testing.T, h EnrollerHarness) {
	for _, call := range h.calls(h.Add(t, h.enrol(t, jane))) {
		t.Run(call.name, func(t *testing.T) { wantDeparture(t, call.do(cancelled(t))) })
	}
}
