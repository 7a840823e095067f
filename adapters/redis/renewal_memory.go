package redis

import (
	"context"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

const renewalPrefix = keyPrefix + "renewal:"

var (
	//go:embed renewal_begin.lua
	renewalBeginText string
	//go:embed renewal_keep.lua
	renewalKeepText string
	//go:embed renewal_refuse.lua
	renewalRefuseText string
	//go:embed renewal_forget.lua
	renewalForgetText string

	renewalBeginScript  = newTimedScript(renewalBeginText)
	renewalKeepScript   = newTimedScript(renewalKeepText)
	renewalRefuseScript = newTimedScript(renewalRefuseText)
	renewalForgetScript = newScript(renewalForgetText)
)

// RenewalMemory is a ports.RenewalMemory that any number of processes share. All times are
// by the server's clock. It is safe for concurrent use.
type RenewalMemory struct{ store *Store }

var _ ports.RenewalMemory = (*RenewalMemory)(nil)

// NewRenewalMemory returns a memory in the store, which must stay open.
func NewRenewalMemory(store *Store) *RenewalMemory { return &RenewalMemory{store} }

// Begin implements ports.RenewalMemory. The server refuses it once ctx has ended.
func (m *RenewalMemory) Begin(ctx context.Context, turn domain.Turn) (domain.Standing, error) {
	answer, err := m.store.runInTime(ctx, renewalBeginScript, renewalKey(turn.Name), func(clock) []any {
		return []any{
			hex.EncodeToString(turn.Owner[:]), turn.Lease.Milliseconds(), turn.Leeway.Milliseconds(),
			turn.Patience.Milliseconds(), turn.Keep.Milliseconds(), turn.Reach().Milliseconds(),
		}
	})
	if err != nil {
		return domain.Standing{}, err
	}
	standing := domain.Standing{Is: domain.TurnIs(answer[0])}
	switch {
	case standing.Is == domain.TurnYours, standing.Is == domain.TurnTaken:
		return standing, nil
	case standing.Is == domain.TurnAnswered && len(answer) == 2:
		standing.Answer = []byte(answer[1])
		return standing, nil
	case (standing.Is == domain.TurnAgain || standing.Is == domain.TurnInDoubt) && len(answer) == 2:
		left, err := strconv.ParseInt(answer[1], 10, 64)
		standing.Left = time.Duration(left) * time.Millisecond
		if err == nil {
			return standing, nil
		}
	}
	return domain.Standing{}, fmt.Errorf("%w: redis: the turn to renew was answered %q in %d parts", domain.ErrUnavailable, answer[0], len(answer))
}

// Keep implements ports.RenewalMemory.
func (m *RenewalMemory) Keep(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) ([]byte, error) {
	kept, err := m.store.runInTime(ctx, renewalKeepScript, renewalKey(turn.Name), func(clock) []any {
		return []any{answer, during.Milliseconds()}
	})
	if err != nil {
		return nil, err
	}
	if kept[0] != "kept" || len(kept) != 2 {
		return nil, fmt.Errorf("%w: redis: the answer to keep was answered %q in %d parts", domain.ErrUnavailable, kept[0], len(kept))
	}
	return []byte(kept[1]), nil
}

// Refuse implements ports.RenewalMemory.
func (m *RenewalMemory) Refuse(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) error {
	_, err := m.store.runInTime(ctx, renewalRefuseScript, renewalKey(turn.Name), func(clock) []any {
		return []any{hex.EncodeToString(turn.Owner[:]), answer, during.Milliseconds()}
	})
	return err
}

// Forget implements ports.RenewalMemory.
func (m *RenewalMemory) Forget(ctx context.Context, name domain.RenewalName) error {
	return m.store.runAnytime(ctx, renewalForgetScript, renewalKey(name))
}

func renewalKey(name domain.RenewalName) []string { return []string{renewalPrefix + name.String()} }
