package breaker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/breaker"
	"nativebridge/domain"
)

var errDown = fmt.Errorf("%w: auth0: no reply", domain.ErrUnavailable)

func newBreaker() *breaker.Breaker {
	return breaker.New("auth0", "issue", slog.New(slog.DiscardHandler))
}

// ask makes n calls that end with err, and returns how many were made.
func ask(t *testing.T, b *breaker.Breaker, n int, err error) (made int) {
	t.Helper()
	for range n {
		_, got := breaker.Ask(t.Context(), b, func() (int, error) { made++; return 7, err })
		if got == nil && err != nil {
			t.Fatalf("a call that ends with %v is answered well", err)
		}
	}
	return made
}

func wantState(t *testing.T, b *breaker.Breaker, want string) {
	t.Helper()
	if got := b.String(); !strings.HasPrefix(got, want) {
		t.Errorf("it is %q, want %s", got, want)
	}
}

func TestABreakerOpensWhenMostCallsGetNoAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		answered, unanswered int
		every                time.Duration // from call to call
		want                 string
	}{
		"nothing is answered":                       {0, 20, 0, "open"},
		"half is not answered":                      {10, 10, 0, "open"},
		"a little less than half is not":            {11, 10, 0, "closed"},
		"too few to tell":                           {0, 19, 0, "closed"},
		"a bad minute with one call in two seconds": {0, 30, 2 * time.Second, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker()
				ask(t, b, tt.answered, nil)
				for range tt.unanswered {
					ask(t, b, 1, errDown)
					time.Sleep(tt.every)
				}
				wantState(t, b, tt.want)
			})
		})
	}
}

func TestOldFailuresAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		ask(t, b, 19, errDown)
		time.Sleep(31 * time.Second)
		ask(t, b, 19, errDown)
		wantState(t, b, "closed")
	})
}

func TestAnOpenBreakerRefusesAtOnceAndSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		ask(t, b, 20, errDown)
		opened := time.Now().UTC().Format(time.RFC3339)
		time.Sleep(2 * time.Second)
		if made := ask(t, b, 10, nil); made != 0 {
			t.Fatalf("%d calls are made", made)
		}
		_, err := breaker.Ask(t.Context(), b, func() (int, error) { return 7, nil })
		if !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("err = %v, want %v", err, domain.ErrUnavailable)
		}
		for _, told := range []string{"auth0", "issue", opened, "no reply"} {
			if !strings.Contains(err.Error(), told) {
				t.Errorf("err = %v, want %q in it", err, told)
			}
		}
		if got := b.Refused(); got != 11 {
			t.Errorf("%d refusals are counted, want 11", got)
		}
		if got := b.State(); got != 2 {
			t.Errorf("its state is %d, want 2", got)
		}
	})
}

func TestRefusedCallersAreToldToComeBackAtDifferentTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		ask(t, b, 20, errDown)
		time.Sleep(2 * time.Second)
		waits := map[time.Duration]int{}
		for range 20 {
			wait := domain.RetryAfterOf(b.Admit(t.Context(), domain.Identity{}))
			if wait < breaker.OpenFor-2*time.Second || wait > breaker.OpenFor+3*time.Second {
				t.Errorf("a caller is to wait %s, and it is open for 3s more", wait)
			}
			waits[wait]++
		}
		for wait, callers := range waits {
			if callers > 4 {
				t.Errorf("%d of 20 are to come back after %s", callers, wait)
			}
		}
	})
}

func TestOneOfManyCallersTriesWhetherThePartyAnswersAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"it does":                    {nil, "closed"},
		"it does, with a refusal":    {domain.ErrAccessDenied, "closed"},
		"it does, and is at a limit": {domain.ErrBusy, "closed"},
		"it does not":                {errDown, "open"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker()
				ask(t, b, 20, errDown)
				time.Sleep(breaker.OpenFor + 1)
				wantState(t, b, "half-open")
				if err := b.Admit(t.Context(), domain.Identity{}); err != nil {
					t.Errorf("the one that would try is not admitted: %v", err)
				}
				var tries atomic.Int64
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() {
						_, _ = breaker.Ask(t.Context(), b, func() (int, error) {
							tries.Add(1)
							time.Sleep(time.Second)
							return 0, tt.err
						})
					})
				}
				synctest.Wait()
				if err := b.Admit(t.Context(), domain.Identity{}); !errors.Is(err, domain.ErrUnavailable) || domain.RetryAfterOf(err) < time.Second {
					t.Errorf("err = %v while one tries, want that others wait", err)
				}
				all.Wait()
				if tries.Load() != 1 {
					t.Errorf("%d callers try, want one", tries.Load())
				}
				wantState(t, b, tt.want)
			})
		})
	}
}

func TestATrialThatSaysNothingIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		ask(t, b, 20, errDown)
		time.Sleep(breaker.OpenFor + 1)
		if made := ask(t, b, 3, domain.ErrTokenRejected); made != 3 {
			t.Errorf("%d of 3 calls one after the other are made", made)
		}
		wantState(t, b, "half-open")
		if err := b.Admit(t.Context(), domain.Identity{}); err != nil {
			t.Errorf("nobody tries, and yet: %v", err)
		}
		ask(t, b, 1, nil)
		wantState(t, b, "closed")
	})
}

func TestWhatIsNoWantOfAnAnswerNeverOpensABreaker(t *testing.T) {
	for name, err := range map[string]error{
		"the token is rejected":    domain.ErrTokenRejected,
		"the person is refused":    domain.ErrAccessDenied,
		"a second factor":          domain.ErrMFARequired,
		"the account is blocked":   domain.ErrAccountBlocked,
		"the refresh token is old": domain.ErrGrantInvalid,
		"a limit is reached":       domain.ErrBusy,
		"a fault of ours":          errors.New("wrong key"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker()
				if made := ask(t, b, 100, err); made != 100 {
					t.Errorf("%d of 100 calls are made", made)
				}
				wantState(t, b, "closed")
			})
		})
	}
}

func TestCallersWhoLeaveOrSendSlowlyNeverOpenABreaker(t *testing.T) {
	for name, ctx := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"they leave": context.WithCancel,
		"the time of their request was up": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker()
				for range 100 {
					ctx, cancel := ctx(t.Context())
					_, _ = breaker.Ask(ctx, b, func() (int, error) {
						time.Sleep(2 * time.Second)
						cancel()
						return 0, fmt.Errorf("%w: %w", domain.ErrUnavailable, ctx.Err())
					})
				}
				wantState(t, b, "closed")
			})
		})
	}
}

func TestTheTimeOutOfAnAdapterCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		ask(t, b, 20, fmt.Errorf("%w: %w", domain.ErrUnavailable, context.DeadlineExceeded))
		wantState(t, b, "open")
	})
}

func TestOpeningAndClosingAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := breaker.New("auth0", "issue", slog.New(slog.NewJSONHandler(&log, nil)))
		ask(t, b, 20, errDown)
		for range 3 {
			time.Sleep(breaker.OpenFor + 1)
			ask(t, b, 5, errDown)
		}
		time.Sleep(breaker.OpenFor + 1)
		ask(t, b, 5, nil)
		text := log.String()
		if strings.Count(text, `"level":"WARN"`) != 1 || strings.Count(text, "\n") != 2 {
			t.Errorf("the log says %s, want one warning and that it is over", text)
		}
		for _, told := range []string{`"upstream":"auth0"`, `"call":"issue"`, "no reply", `"open_for":"20s"`} {
			if !strings.Contains(text, told) {
				t.Errorf("the log says %s, want %s in it", text, told)
			}
		}
	})
}

func TestTheLengthOfAnOutageIsToldFromItsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		ask(t, b, 20, errDown)
		want := "open since " + time.Now().UTC().Format(time.RFC3339)
		time.Sleep(breaker.OpenFor + 1)
		ask(t, b, 1, errDown)
		wantState(t, b, want)
	})
}

func TestWithoutABreakerEverythingGoesOn(t *testing.T) {
	if made := ask(t, nil, 100, errDown); made != 100 {
		t.Errorf("%d of 100 calls are made", made)
	}
	var none *breaker.Breaker
	if err := none.Admit(t.Context(), domain.Identity{}); err != nil {
		t.Error(err)
	}
}
