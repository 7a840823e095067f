package budget_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/budget"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// issuer answers with the quotas in next, and keeps when it was asked.
type issuer struct {
	mu     sync.Mutex
	asked  []time.Time
	status int
	told   []upstream.Quota
}

func (i *issuer) RoundTrip(*http.Request) (*http.Response, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked = append(i.asked, time.Now())
	w := httptest.NewRecorder()
	w.WriteHeader(max(i.status, http.StatusOK))
	return w.Result(), nil
}

func (i *issuer) times() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.asked)
}

// read stands in for the vendor's reader: it returns what the issuer tells.
func (i *issuer) read(http.Header, time.Time) []upstream.Quota {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.told
}

// tells sets what all further replies tell.
func (i *issuer) tells(quotas ...upstream.Quota) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.told = quotas
}

// within is the issuer's budget, and the transport that it watches.
type within struct {
	*issuer
	budget *budget.Budget
	http   http.RoundTripper
}

func open(perSecond float64) within {
	i := &issuer{}
	b := budget.New(budget.Options{PerSecond: perSecond, Setting: "AUTH0_RATE_LIMIT", Read: i.read, Apart: "tenant apart"})
	return within{i, b, b.Watch(i)}
}

// ask makes one call, within the time that it has.
func (w within) ask(ctx context.Context, call budget.Call, has time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, has)
	defer cancel()
	_, err := budget.Spend(ctx, w.budget, call, w.post)
	return err
}

func (w within) post(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://issuer.example/oauth/token", nil)
	if err != nil {
		return 0, err
	}
	reply, err := w.http.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	return reply.StatusCode, reply.Body.Close()
}

const long = 10 * time.Second

func TestWhatIsConfiguredIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(2)
		begun := time.Now()
		for range 6 {
			if err := w.ask(t.Context(), budget.Renew, long); err != nil {
				t.Fatal(err)
			}
		}
		for n, at := range w.asked {
			if want := time.Duration(max(0, n-1)) * 500 * time.Millisecond; at.Sub(begun).Round(10*time.Millisecond) != want {
				t.Errorf("request %d is sent after %s, want %s", n, at.Sub(begun), want)
			}
		}
	})
}

func TestWhoComesFirstIsServedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(1)
		var served []int
		var mu sync.Mutex
		for n := range 8 {
			go func() {
				_, _ = budget.Spend(t.Context(), w.budget, budget.Renew, func(context.Context) (int, error) {
					mu.Lock()
					defer mu.Unlock()
					served = append(served, n)
					return 0, nil
				})
			}()
			synctest.Wait() // it is served or waits
		}
		time.Sleep(time.Minute)
		if !slices.IsSorted(served) || len(served) != 8 {
			t.Errorf("they are served in the order %v", served)
		}
	})
}

func TestWhoCannotBeAnsweredInTimeIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0.5) // one in two seconds
		if err := w.ask(t.Context(), budget.Issue, long); err != nil {
			t.Fatal(err)
		}
		go func() { _ = w.ask(t.Context(), budget.Issue, long) }()
		synctest.Wait()
		begun := time.Now()
		err := w.ask(t.Context(), budget.Issue, 4900*time.Millisecond) // its turn is in 4 s
		if !errors.Is(err, domain.ErrBusy) || time.Since(begun) != 0 {
			t.Errorf("err = %v after %s, want %v at once", err, time.Since(begun), domain.ErrBusy)
		}
		if got := domain.RetryAfterOf(err); got != 4*time.Second {
			t.Errorf("it is to come back after %s, want 4s", got)
		}
		for _, told := range []string{"AUTH0_RATE_LIMIT is 0.5", "1 wait"} {
			if !strings.Contains(err.Error(), told) {
				t.Errorf("err = %v, want %q in it", err, told)
			}
		}
		if err := w.ask(t.Context(), budget.Issue, 5100*time.Millisecond); err != nil || time.Since(begun).Round(10*time.Millisecond) != 4*time.Second {
			t.Errorf("who has the time is answered %v after %s, want 4s", err, time.Since(begun))
		}
		if s := w.budget.State(); s.Refused != 1 || s.Waiting != 0 {
			t.Errorf("the state is %+v, want one refusal and nobody who waits", s)
		}
	})
}

func TestAnEmptyBudgetOfTheIssuerIsKeptUntilItsReset(t *testing.T) {
	for name, tt := range map[string]struct {
		told []upstream.Quota
		then time.Duration // until the next is asked
	}{
		"of the tenant": {[]upstream.Quota{{Name: "tenant", Of: 25, Left: 0}}, 1500 * time.Millisecond},
		"of the application, while the tenant's is not": {[]upstream.Quota{
			{Name: "tenant", Of: 100, Left: 99}, {Name: "application", Of: 10, Left: 0, Own: true},
		}, 1500 * time.Millisecond},
		"none is empty": {[]upstream.Quota{{Name: "tenant", Of: 25, Left: 2}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := open(0)
				begun := time.Now()
				var told []upstream.Quota
				for _, q := range tt.told {
					q.Reset = begun.Add(1500 * time.Millisecond)
					told = append(told, q)
				}
				w.tells(told...)
				_ = w.ask(t.Context(), budget.Renew, long)
				w.tells()
				if err := w.ask(t.Context(), budget.Issue, 2*time.Second); tt.then > 0 != errors.Is(err, domain.ErrBusy) {
					t.Errorf("with 2s left: %v", err)
				}
				if tt.then > 0 && w.times() != 1 {
					t.Error("the issuer is asked though it would refuse")
				}
				_ = w.ask(t.Context(), budget.Issue, long)
				if got := time.Since(begun); got != tt.then {
					t.Errorf("the next is asked after %s, want %s", got, tt.then)
				}
				for range 9 { // the new window has room for them
					_ = w.ask(t.Context(), budget.Issue, long)
				}
				if got := time.Since(begun); tt.then > 0 && got != tt.then {
					t.Errorf("after the reset they wait until %s", got)
				}
			})
		})
	}
}

func TestNoMoreAreSentThanAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0)
		w.tells(upstream.Quota{Name: "tenant", Of: 10, Left: 3, Reset: time.Now().Add(time.Second)})
		_ = w.ask(t.Context(), budget.Renew, long)
		w.tells()
		for range 8 {
			go func() { _ = w.ask(t.Context(), budget.Issue, long) }()
		}
		synctest.Wait()
		if got := w.times() - 1; got != 3 {
			t.Errorf("%d are sent, want the 3 that are left", got)
		}
		if s := w.budget.State(); s.Limit != 10 || s.Left != 0 || s.Waiting != 5 {
			t.Errorf("the state is %+v, want 5 that wait", s)
		}
		time.Sleep(2 * time.Second)
		if got := w.times() - 1; got != 8 {
			t.Errorf("after the reset %d are sent, want all", got)
		}
	})
}

// TestALongResetIsTriedSooner: a tenant's bucket may fill up long before it is full.
func TestALongResetIsTriedSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0)
		begun := time.Now()
		w.tells(upstream.Quota{Name: "tenant", Of: 300, Left: 0, Reset: begun.Add(time.Minute)})
		_ = w.ask(t.Context(), budget.Renew, long)
		for range 3 {
			go func() { _ = w.ask(t.Context(), budget.Renew, long) }()
		}
		time.Sleep(2*time.Second + time.Millisecond)
		if got := w.times() - 1; got != 1 {
			t.Errorf("%d try after 2s, want one", got)
		}
		w.tells(upstream.Quota{Name: "tenant", Of: 300, Left: 10, Reset: begun.Add(time.Minute)})
		time.Sleep(2 * time.Second)
		if got := w.times() - 1; got != 3 {
			t.Errorf("%d are sent once there is room, want all", got)
		}
	})
}

// TestOnePersonsLimitStopsNobodyElse: Auth0 also limits how often one person may sign in.
func TestOnePersonsLimitStopsNobodyElse(t *testing.T) {
	for name, known := range map[string][]upstream.Quota{
		"the tenant's limit is known":     {{Name: "tenant", Of: 100, Left: 90, Reset: time.Now().Add(time.Hour)}},
		"the tenant's limit is not known": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := open(0)
				w.tells(known...)
				_ = w.ask(t.Context(), budget.Issue, long)
				w.status = http.StatusTooManyRequests
				w.tells(upstream.Quota{Name: "tenant", Of: 20, Left: 0, Reset: time.Now().Add(time.Minute)})
				_ = w.ask(t.Context(), budget.Issue, long)
				begun := time.Now()
				if err := w.ask(t.Context(), budget.Issue, long); err != nil || time.Since(begun) != 0 {
					t.Errorf("the next is asked after %s: %v", time.Since(begun), err)
				}
			})
		})
	}
}

func TestARefusalByTheKnownLimitIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0)
		w.tells(upstream.Quota{Name: "tenant", Of: 25, Left: 20, Reset: time.Now().Add(time.Second)})
		_ = w.ask(t.Context(), budget.Issue, long)
		w.status = http.StatusTooManyRequests
		w.tells(upstream.Quota{Name: "tenant", Of: 25, Left: 0, Reset: time.Now().Add(time.Second)})
		_ = w.ask(t.Context(), budget.Issue, long)
		if err := w.ask(t.Context(), budget.Issue, 1500*time.Millisecond); !errors.Is(err, domain.ErrBusy) || w.times() != 2 {
			t.Errorf("err = %v and the issuer was asked %d times", err, w.times())
		}
	})
}

func TestALimitOfTokenExchangeDoesNotHoldUpRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0)
		begun := time.Now()
		w.tells(upstream.Quota{Name: "tenant apart", Of: 4, Left: 0, Reset: begun.Add(time.Second)})
		_ = w.ask(t.Context(), budget.Issue, long)
		w.tells()
		go func() { _ = w.ask(t.Context(), budget.Issue, long) }() // waits, and came first
		synctest.Wait()
		if err := w.ask(t.Context(), budget.Renew, long); err != nil || time.Since(begun) != 0 {
			t.Errorf("a renewal is answered %v after %s", err, time.Since(begun))
		}
		if w.times() != 2 {
			t.Errorf("the issuer is asked %d times, want that the exchange waits", w.times())
		}
	})
}

func TestARepetitionSpendsAsItsOwnCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0)
		w.tells(upstream.Quota{Name: "tenant apart", Of: 4, Left: 2, Reset: time.Now().Add(time.Second)})
		_ = w.ask(t.Context(), budget.Issue, long)
		w.tells()
		_, _ = budget.Spend(t.Context(), w.budget, budget.Issue, func(ctx context.Context) (int, error) {
			_, _ = w.post(ctx)
			return w.post(ctx)
		})
		if err := w.ask(t.Context(), budget.Issue, 1500*time.Millisecond); !errors.Is(err, domain.ErrBusy) || w.times() != 3 {
			t.Errorf("err = %v and the issuer was asked %d times, want busy after three", err, w.times())
		}
	})
}

func TestATurnThatIsNotUsedIsGivenBack(t *testing.T) {
	for name, w := range map[string]func() within{
		"of what is configured": func() within { return open(1) },
		"of what the issuer told": func() within {
			w := open(0)
			w.tells(upstream.Quota{Name: "tenant", Of: 10, Left: 1, Reset: time.Now().Add(long)})
			_ = w.ask(context.Background(), budget.Renew, long)
			return w
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := w()
				for range 20 { // such as of a proof that was used before
					ctx, release := w.budget.Hold(t.Context())
					begun := time.Now()
					if err := w.budget.Admit(ctx, domain.Identity{}); err != nil || time.Since(begun) != 0 {
						t.Fatalf("admitted after %s: %v", time.Since(begun), err)
					}
					release()
				}
			})
		})
	}
}

func TestASignInSpendsTheTurnThatItWasAdmittedWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(1)
		begun := time.Now()
		for n := range 3 {
			ctx, release := w.budget.Hold(t.Context())
			if err := w.budget.Admit(ctx, domain.Identity{}); err != nil {
				t.Fatal(err)
			}
			if _, err := budget.Spend(ctx, w.budget, budget.Issue, w.post); err != nil {
				t.Fatal(err)
			}
			release()
			if got := w.asked[n].Sub(begun).Round(10 * time.Millisecond); got != time.Duration(n)*time.Second {
				t.Errorf("sign-in %d asks after %s, want one a second", n, got)
			}
		}
	})
}

func TestWhoLeavesMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(1)
		_ = w.ask(t.Context(), budget.Renew, long)
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- w.ask(ctx, budget.Renew, long) }()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, domain.ErrBusy) || !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		begun := time.Now()
		_ = w.ask(t.Context(), budget.Renew, long)
		if got := time.Since(begun).Round(10 * time.Millisecond); got != time.Second {
			t.Errorf("the next waits %s, want 1s", got)
		}
	})
}

func TestARevocationSpendsAndDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(1)
		begun := time.Now()
		for range 2 {
			if _, err := w.post(t.Context()); err != nil || time.Since(begun) != 0 {
				t.Fatalf("sent after %s: %v", time.Since(begun), err)
			}
		}
		_ = w.ask(t.Context(), budget.Renew, long)
		if got := time.Since(begun).Round(10 * time.Millisecond); got != 2*time.Second {
			t.Errorf("the renewal after them is sent after %s, want 2s", got)
		}
	})
}

func TestWithoutABudgetNobodyWaits(t *testing.T) {
	var none *budget.Budget
	ctx, release := none.Hold(t.Context())
	defer release()
	if err := none.Admit(ctx, domain.Identity{}); err != nil {
		t.Error(err)
	}
	i := &issuer{}
	if none.Watch(i) != http.RoundTripper(i) {
		t.Error("the transport is watched")
	}
	want := fmt.Errorf("the issuer's own")
	if _, err := budget.Spend(ctx, none, budget.Issue, func(context.Context) (int, error) { return 0, want }); !errors.Is(err, want) {
		t.Error(err)
	}
	if s := none.State(); s != (budget.State{}) {
		t.Errorf("its state is %+v", s)
	}
}
