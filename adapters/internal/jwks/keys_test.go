package jwks_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/jwks"
	"nativebridge/adapters/internal/patience"
	"nativebridge/domain"
)

// find fails the test unless Find gives as many keys as wanted, or, for -1, says
// that they are unavailable.
func find(t *testing.T, keys *jwks.Keys, id string, want int) {
	t.Helper()
	found, err := keys.Find(t.Context(), id)
	reason, _ := domain.ReasonOf(err)
	switch {
	case want < 0 && reason != domain.ErrUnavailable:
		t.Errorf("Find(%q) = %d keys, %v, want unavailable", id, len(found), err)
	case want >= 0 && (err != nil || len(found) != want):
		t.Errorf("Find(%q) = %d keys, %v, want %d", id, len(found), err, want)
	}
}

func TestAnUnknownIDFetchesTheSetAgain(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	find(t, keys, "a", 1)
	e.publish(t, public("a", rsaKeys()[0]), public("b", rsaKeys()[1]))
	c.Advance(10 * time.Second)
	find(t, keys, "b", 1)
	find(t, keys, "a", 1)
	if e.requests() != 2 {
		t.Errorf("%d requests, want 2", e.requests())
	}
}

// "No such key" is said only by a set that was asked for since.
func TestEachUnknownIDIsLookedForInAFreshSet(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	find(t, keys, "a", 1)
	find(t, keys, "b", 0)
	e.publish(t, public("b", rsaKeys()[1]))
	find(t, keys, "b", 1)
	if e.requests() != 3 {
		t.Errorf("%d requests, want 3", e.requests())
	}
}

func TestTheLastGoodSetServesWhileTheEndpointIsDown(t *testing.T) {
	down := map[string]func(e *endpoint){
		"an error":                     func(e *endpoint) { e.answer(http.StatusServiceUnavailable, "") },
		"a page":                       func(e *endpoint) { e.answer(http.StatusOK, "<html>hello</html>") },
		"a redirect":                   func(e *endpoint) { e.answer(http.StatusFound, "") },
		"a set without keys":           func(e *endpoint) { e.answer(http.StatusOK, `{"keys":[]}`) },
		"a set of what is not a key":   func(e *endpoint) { e.answer(http.StatusOK, `{"keys":[{"kty":"new"}]}`) },
		"an error with a set":          func(e *endpoint) { e.answer(http.StatusInternalServerError, string(e.body)) },
		"more than a reply may be":     func(e *endpoint) { e.answer(http.StatusOK, strings.Repeat(" ", 2<<20)) },
		"a set cut off":                func(e *endpoint) { e.answer(http.StatusOK, string(e.body[:len(e.body)/2])) },
		"a closed connection, no more": func(e *endpoint) { e.CloseClientConnections(); e.Listener.Close() },
	}
	for name, breakDown := range down {
		t.Run(name, func(t *testing.T) {
			e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
			keys := keysOf(e, c)
			find(t, keys, "a", 1)
			breakDown(e)
			for range 3 {
				c.Advance(time.Hour)
				find(t, keys, "a", 1)
				find(t, keys, "b", -1)
			}
		})
	}
}

// A set that could not be fetched again is no evidence that a key does not exist,
// however little time has passed.
func TestAnUnknownIDIsNoVerdictWhileTheEndpointIsDown(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	find(t, keys, "a", 1)
	e.answer(http.StatusServiceUnavailable, "")
	c.Advance(time.Minute)
	find(t, keys, "b", -1)
	c.Advance(time.Second - 1)
	find(t, keys, "b", -1)
	e.publish(t, public("b", rsaKeys()[1]))
	find(t, keys, "b", -1) // that it fails was found just now
	c.Advance(1)
	find(t, keys, "b", 1)
	if e.requests() != 3 {
		t.Errorf("%d requests, want 3", e.requests())
	}
}

// However many ask, and in which way, an issuer that is down is asked once a
// second.
func TestAnEndpointThatIsDownAtFirstIsAskedOnceInACoolDown(t *testing.T) {
	ways := map[string]func(*jwks.Keys, context.Context) error{
		"JWKS":          func(k *jwks.Keys, ctx context.Context) error { _, err := k.JWKS(ctx); return err },
		"Fetch":         (*jwks.Keys).Fetch,
		"Find":          func(k *jwks.Keys, ctx context.Context) error { _, err := k.Find(ctx, "a"); return err },
		"FindSparingly": func(k *jwks.Keys, ctx context.Context) error { _, err := k.FindSparingly(ctx, "a"); return err },
	}
	for name, ask := range ways {
		t.Run(name, func(t *testing.T) {
			e, c := newEndpoint(t), newClock()
			e.answer(http.StatusBadGateway, "")
			keys := keysOf(e, c)
			for second := range 3 {
				for i := range 20 {
					err := ask(keys, t.Context())
					if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable || i > 0 && domain.RetryAfterOf(err) != time.Second {
						t.Errorf("err = %v with a wait of %s, want unavailable for a second", err, domain.RetryAfterOf(err))
					}
				}
				if e.requests() != second+1 {
					t.Fatalf("%d requests in %d seconds, want one each", e.requests(), second+1)
				}
				c.Advance(time.Second)
			}
			e.publish(t, public("a", rsaKeys()[0]))
			if err := ask(keys, t.Context()); err != nil {
				t.Errorf("err = %v, want none once the endpoint answers", err)
			}
		})
	}
}

func TestAVanishedKeyIsForgottenWithTheNextFetch(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	find(t, keys, "a", 1)
	e.publish(t, public("b", rsaKeys()[1]))
	c.Advance(time.Second)
	if err := keys.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	find(t, keys, "a", 0)
	find(t, keys, "b", 1)
}

func TestOnlyPublicSigningKeysAreTaken(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := func(key jose.JSONWebKey) string {
		text, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	withoutUse := public("no use", rsaKeys()[0])
	withoutUse.Use = ""
	encryption := public("enc", rsaKeys()[0])
	encryption.Use = "enc"
	list := []string{
		`{"kty":"new","kid":"new"}`,
		`{"kty":"RSA","kid":"broken","e":"AQAB"}`,
		`"not an object"`,
		`null`,
		text(jose.JSONWebKey{KeyID: "shared", Key: []byte("a shared secret of 32 bytes, HMAC")}),
		text(jose.JSONWebKey{KeyID: "private", Key: rsaKeys()[0]}),
		text(encryption),
		text(withoutUse),
		text(jose.JSONWebKey{KeyID: "ec", Key: ec.Public(), Use: "sig"}),
		text(public("a", rsaKeys()[0])),
	}
	e, c := newEndpoint(t), newClock()
	e.answer(http.StatusOK, `{"keys":[`+strings.Join(list, ",")+`],"more":1}`)
	keys := keysOf(e, c)
	for id, want := range map[string]int{"a": 1, "no use": 1, "ec": 1, "new": 0, "broken": 0, "shared": 0, "private": 0, "enc": 0, "": 0} {
		find(t, keys, id, want)
	}
}

func TestAStaleSetServesWhileItIsFetchedAgain(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	find(t, keys, "a", 1)
	patience.Receive(t, e.arrived, "the request for keys")
	e.publish(t, public("a", rsaKeys()[0]), public("b", rsaKeys()[1]))
	release := e.holdBack()
	defer release()

	c.Advance(10*time.Minute + 1)
	ctx := callerOf(t.Context(), func() { t.Error("the caller waits for the new set") })
	for range 3 {
		if found, err := keys.Find(ctx, "a"); len(found) != 1 || err != nil {
			t.Errorf("Find = %d keys, %v, want the one at hand", len(found), err)
		}
	}
	patience.Receive(t, e.arrived, "the request for keys")
	if e.requests() != 2 {
		t.Errorf("%d requests, want one more", e.requests())
	}
	release()
	find(t, keys, "b", 1)
}

// published fails the test unless JWKS gives the keys with the wanted ids, and nothing
// of theirs that is private.
func published(t *testing.T, keys *jwks.Keys, want ...string) {
	t.Helper()
	text, err := keys.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, key := range set.Keys {
		ids = append(ids, key.KeyID)
		if !key.IsPublic() {
			t.Errorf("key %q is not public", key.KeyID)
		}
	}
	if !slices.Equal(ids, want) {
		t.Errorf("JWKS has the keys %q, want %q", ids, want)
	}
}

// In the bubble, synctest.Wait returns when nothing is fetched any more; for that
// connections must not outlive their requests.
func TestJWKSPublishesTheIssuersKeys(t *testing.T) {
	private := jose.JSONWebKey{KeyID: "private", Key: rsaKeys()[1]}
	e := newEndpoint(t, public("a", rsaKeys()[0]), private)
	e.Config.SetKeepAlivesEnabled(false)
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		keys := keysOf(e, c)
		published(t, keys, "a")
		e.publish(t, public("b", rsaKeys()[1]))
		c.Advance(10 * time.Minute)
		published(t, keys, "a")
		synctest.Wait()
		published(t, keys, "a") // it was fresh
		c.Advance(1)
		published(t, keys, "a")
		synctest.Wait()
		published(t, keys, "b")
		if e.requests() != 2 {
			t.Errorf("%d requests, want 2", e.requests())
		}
	})
}

func TestJWKSCannotTellBeforeTheFirstFetch(t *testing.T) {
	e, c := newEndpoint(t), newClock()
	e.answer(http.StatusServiceUnavailable, "")
	keys := keysOf(e, c)
	if text, err := keys.JWKS(t.Context()); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("JWKS = %s, %v, want unavailable", text, err)
	}
	c.Advance(time.Second)
	e.publish(t, public("a", rsaKeys()[0]))
	published(t, keys, "a")
	e.answer(http.StatusServiceUnavailable, "")
	c.Advance(time.Hour)
	published(t, keys, "a")
}

func TestASetIsFetchedAgainInTheBackgroundOnlyWhenItIsTime(t *testing.T) {
	e := newEndpoint(t, public("a", rsaKeys()[0]))
	e.Config.SetKeepAlivesEnabled(false)
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		keys := keysOf(e, c)
		steps := []struct {
			name   string
			wait   time.Duration
			status int
			want   int // requests so far
		}{
			{"the first time", 0, http.StatusOK, 1},
			{"a fresh set", 10 * time.Minute, http.StatusOK, 1},
			{"a stale set", 1, http.StatusServiceUnavailable, 2},
			{"a stale set that could not be fetched just now", 10 * time.Second, http.StatusServiceUnavailable, 2},
			{"a stale set that could not be fetched a while ago", 1, http.StatusOK, 3},
			{"a fresh set again", 10 * time.Minute, http.StatusOK, 3},
		}
		for _, step := range steps {
			e.mu.Lock()
			e.status = step.status
			e.mu.Unlock()
			c.Advance(step.wait)
			find(t, keys, "a", 1)
			synctest.Wait()
			if e.requests() != step.want {
				t.Fatalf("%s: %d requests so far, want %d", step.name, e.requests(), step.want)
			}
		}
	})
}

func TestConcurrentCallersShareOneRequest(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	release := e.holdBack()
	defer release()

	var waiting, done sync.WaitGroup
	for range 20 {
		waiting.Add(1)
		ctx := callerOf(t.Context(), waiting.Done)
		done.Go(func() {
			if found, err := keys.Find(ctx, "a"); len(found) != 1 || err != nil {
				t.Errorf("Find = %d keys, %v, want 1", len(found), err)
			}
		})
	}
	waiting.Wait()
	release()
	done.Wait()
	if e.requests() != 1 {
		t.Errorf("%d requests, want 1", e.requests())
	}
}

func TestACallerWhoLeavesTakesNobodyAlong(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	release := e.holdBack()
	defer release()

	leaving, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := keys.Find(leaving, "a")
		gone <- err
	}()
	patience.Receive(t, e.arrived, "the request for keys")
	leave()
	err := patience.Receive(t, gone, "the caller who left")
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want unavailable because of context.Canceled", err)
	}

	staying := callerOf(t.Context(), release)
	if found, err := keys.Find(staying, "a"); len(found) != 1 || err != nil {
		t.Errorf("Find = %d keys, %v, want 1", len(found), err)
	}
	if e.requests() != 1 {
		t.Errorf("%d requests, want the first one answered", e.requests())
	}
}
