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

const (
	endedPrefix = keyPrefix + "ended:"
	beganPrefix = keyPrefix + "began:"
)

var (
	//go:embed end.lua
	endText string
	//go:embed ended.lua
	endedText string

	endScript   = newTimedScript(endText)
	endedScript = newTimedScript(endedText)
)

// EndedSessions is a ports.EndedSessions that any number of processes share. Its keys are
// digests of persons and of refresh tokens, its values are times: who reads them can try
// whether a person has a mark, and can renew nothing. A server that loses its data loses
// marks. It is safe for concurrent use.
//
// All its times are of the clock of who vouches for the persons, so none is translated.
type EndedSessions struct {
	store *Store
	keep  time.Duration
}

var _ ports.EndedSessions = (*EndedSessions)(nil)

// NewEndedSessions returns one that keeps its marks in the store, which must stay open.
// Keep is how long a refresh token can live.
func NewEndedSessions(store *Store, keep time.Duration) *EndedSessions {
	return &EndedSessions{store, keep}
}

// Mark implements ports.EndedSessions.
func (e *EndedSessions) Mark(ctx context.Context, subject string, before time.Time) error {
	_, err := e.store.runInTime(ctx, endScript, []string{digestKey(endedPrefix, subject)}, func(clock) []any {
		return []any{before.UnixMilli(), e.keep.Milliseconds()}
	})
	return err
}

// Ended implements ports.EndedSessions.
func (e *EndedSessions) Ended(ctx context.Context, session domain.Lineage) (bool, error) {
	began, keep := "", ""
	if !session.Began.IsZero() {
		began = strconv.FormatInt(session.Began.UnixMilli(), 10)
	}
	if !session.To.IsZero() {
		keep = strconv.FormatInt(e.keep.Milliseconds(), 10)
	}
	// The key of no refresh token is never set.
	keys := []string{digestKey(endedPrefix, session.Subject), digestKey(beganPrefix, session.From.Reveal()), digestKey(beganPrefix, session.To.Reveal())}
	answer, err := e.store.runInTime(ctx, endedScript, keys, func(clock) []any { return []any{began, keep} })
	switch {
	case err != nil:
		return false, err
	case answer[0] == "lives":
		return false, nil
	case answer[0] == "ended":
		return true, nil
	}
	return false, fmt.Errorf("%w: redis: whether a session has ended was answered %q", domain.ErrUnavailable, answer[0])
}

func digestKey(prefix, name string) string {
	digest := domain.Digest(name)
	return prefix + hex.EncodeToString(digest[:])
}
