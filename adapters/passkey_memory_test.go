package adapters

import (
	"context"
	"errors"
	"testing"
	"time"

	"nativebridge/adapters/internal/clocktest"
	"nativebridge/domain"
)

// holders is an authority that counts how often it is asked.
type holders struct {
	has   bool
	err   error
	asked int
}

func (h *holders) Has(context.Context, string, time.Time) (bool, error) {
	h.asked++
	return h.has, h.err
}

func TestWhoHasAPasskeyIsRememberedForMinutes(t *testing.T) {
	clock := clocktest.At(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
	h := &holders{has: true}
	p := newPasskeyMemory(h, clock.Now)
	wants := func(subject string, has bool, asked int) {
		t.Helper()
		got, err := p.Has(t.Context(), subject, clock.Now())
		if err != nil || got != has || h.asked != asked {
			t.Errorf("%s has one: %t, %v, after %d questions, want %t after %d", subject, got, err, h.asked, has, asked)
		}
	}
	wants("jane", true, 1)
	clock.Advance(passkeyKept - time.Second)
	wants("jane", true, 1)
	wants("john", true, 2)
	h.has = false
	clock.Advance(time.Second)
	wants("jane", false, 3)
	wants("jane", false, 4) // they may get one at any time
	h.has = true
	wants("jane", true, 5)
}

func TestAnAuthorityThatGivesNoAnswerIsSpared(t *testing.T) {
	clock := clocktest.At(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
	h := &holders{err: domain.ErrUnavailable}
	p := newPasskeyMemory(h, clock.Now)
	for range 100 {
		if _, err := p.Has(t.Context(), "jane", clock.Now()); !errors.Is(err, domain.ErrUnavailable) {
			t.Fatalf("err = %v, want unavailable", err)
		}
	}
	if h.asked != 1 {
		t.Errorf("it was asked %d times", h.asked)
	}
	h.has, h.err = true, nil
	clock.Advance(passkeysSpared)
	if has, err := p.Has(t.Context(), "jane", clock.Now()); err != nil || !has || h.asked != 2 {
		t.Errorf("has %t, %v, after %d questions", has, err, h.asked)
	}
}

func TestAFaultOfOursIsNoReasonToSpareTheAuthority(t *testing.T) {
	clock := clocktest.At(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
	h := &holders{err: errors.New("check the key")}
	p := newPasskeyMemory(h, clock.Now)
	for range 2 {
		_, _ = p.Has(t.Context(), "jane", clock.Now())
	}
	if h.asked != 2 {
		t.Errorf("it was asked %d times", h.asked)
	}
}
