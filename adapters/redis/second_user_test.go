package redis

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"nativebridge/adapters/redis/redistest"
	"nativebridge/domain"
)

// firstWords is a second user of the store: it keeps the first word that is said of a name.
type firstWords struct{ store *Store }

var firstWordScript = newTimedScript(`
local first = redis.call('GET', KEYS[1]) or ARGV[1]
redis.call('SET', KEYS[1], first, 'PX', 60000)
return answer('kept', first, born)
`)

// say returns the first word that was said of the name, and when the memory began.
func (f firstWords) say(ctx context.Context, name, word string) (first, born string, err error) {
	answer, err := f.store.runInTime(ctx, firstWordScript, []string{keyPrefix + "word:" + name}, func(clock) []any { return []any{word} })
	if err != nil {
		return "", "", err
	}
	if len(answer) != 3 || answer[0] != "kept" {
		return "", "", errors.New("answered otherwise")
	}
	return answer[1], answer[2], nil
}

// sayWhenItAnswers says a word until the store answers.
func (f firstWords) sayWhenItAnswers(t *testing.T, name, word string) (first, born string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		first, born, err := f.say(ctx, name, word)
		if err == nil {
			return first, born
		}
		if !errors.Is(err, domain.ErrUnavailable) {
			t.Fatal(err)
		}
	}
}

func TestASecondUserGetsWhatTheStoreGives(t *testing.T) {
	t.Parallel()
	server, err := redistest.Start(redistest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	store, err := Open(t.Context(), Config{Store: domain.NewSecret(server.URL())}, Options{Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	guard, words := NewReplayGuard(store), firstWords{store}

	if err := guard.Claim(t.Context(), domain.Claim{ProvenAt: time.Now().Add(time.Minute), Keep: time.Minute}); err != nil {
		t.Errorf("a claim beside it: %v", err)
	}
	_, born := words.sayWhenItAnswers(t, "jane", "one")
	if first, again := words.sayWhenItAnswers(t, "jane", "two"); first != "one" || again != born {
		t.Errorf("kept is %q in the memory of %s, want one in that of %s", first, again, born)
	}

	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := words.say(t.Context(), "joe", "late"); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("while the server hangs: %v, want unavailable", err)
	}
	if store.Trouble() == nil {
		t.Error("that the server hangs is no trouble of the store")
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	if first, _ := words.sayWhenItAnswers(t, "joe", "in time"); first != "in time" {
		t.Errorf("kept is %q, want the word that did not come late", first)
	}

	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if first, anew := words.sayWhenItAnswers(t, "jane", "three"); first != "three" || anew == born {
		t.Errorf("after a restart kept is %q in the memory of %s, want three in one that began after %s", first, anew, born)
	}
}
