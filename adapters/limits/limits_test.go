package limits_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"

	"nativebridge/adapters/internal/clocktest"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/adapters/limits"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

func newClock() *clocktest.Clock { return clocktest.At(time.Unix(1_800_000_000, 0)) }

var config = limits.Config{On: true, PersonPerMinute: 3, PersonPerHour: 6, FailuresPerMinute: 4, FailuresPerHour: 10, SuccessesPerMinute: 50}

func newLimits(t testing.TB, c *clocktest.Clock, shared throttled.GCRAStoreCtx) (*limits.Limits, *logtest.Log) {
	log := &logtest.Log{}
	l := limits.New(config, limits.Options{Shared: shared, Log: slog.New(slog.NewTextHandler(log, nil)), Now: c.Now})
	t.Cleanup(l.Close)
	return l, log
}

// store is one that replicas share. It can be made to fail or to hang.
type store struct {
	throttled.GCRAStoreCtx
	mu   sync.Mutex
	keys map[string]bool
	way  string // how it is: "", stopped or hangs
}

func newStore(t testing.TB, c *clocktest.Clock) *store {
	memory, err := memstore.New(0)
	if err != nil {
		t.Fatal(err)
	}
	memory.SetTimeNow(c.Now)
	return &store{GCRAStoreCtx: throttled.WrapStoreWithContext(memory), keys: map[string]bool{}}
}

func (s *store) meet(way string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.way = way
}

func (s *store) GetWithTime(ctx context.Context, key string) (int64, time.Time, error) {
	s.mu.Lock()
	s.keys[key] = true
	way := s.way
	s.mu.Unlock()
	switch way {
	case "stopped":
		return 0, time.Time{}, fmt.Errorf("%w: cannot connect", domain.ErrUnavailable)
	case "hangs":
		<-ctx.Done()
		return 0, time.Time{}, ctx.Err()
	}
	return s.GCRAStoreCtx.GetWithTime(ctx, key)
}

// soon waits for what must happen.
func soon(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func signIn(person string, proof int) domain.Identity {
	return domain.Identity{Authority: "authsignal:tenant", Subject: person, Action: "signIn", ProofID: fmt.Sprint("proof-", proof)}
}

func TestAdmission(t *testing.T) {
	for name, shares := range map[string]bool{"of one process": false, "of replicas that share a store": true} {
		t.Run(name, func(t *testing.T) {
			portstest.Admission(t, func(t *testing.T) portstest.AdmissionHarness {
				c := newClock()
				h := portstest.AdmissionHarness{Most: config.PersonPerMinute, PerPerson: true, Advance: c.Advance}
				if !shares {
					h.Admission, _ = newLimits(t, c, nil)
					return h
				}
				s := newStore(t, c)
				h.Admission, _ = newLimits(t, c, s)
				h.Hang, h.Stop = func(*testing.T) { s.meet("hangs") }, func(*testing.T) { s.meet("stopped") }
				return h
			})
		})
	}
}

func TestAPersonsHourEndsBeyondItsMinutes(t *testing.T) {
	c := newClock()
	l, _ := newLimits(t, c, nil)
	for proof := range config.PersonPerHour {
		if err := l.Admit(t.Context(), signIn("jane", proof)); err != nil {
			t.Fatalf("ceremony %d: %v", proof+1, err)
		}
		c.Advance(time.Minute / time.Duration(config.PersonPerMinute))
	}
	err := l.Admit(t.Context(), signIn("jane", 99))
	if !errors.Is(err, domain.ErrBusy) || !strings.Contains(err.Error(), "RATE_LIMIT_PERSON_PER_HOUR") {
		t.Errorf("err = %v, want the hour's limit", err)
	}
	if wait := domain.RetryAfterOf(err); wait <= 0 || wait > time.Hour/time.Duration(config.PersonPerHour) {
		t.Errorf("wait = %s", wait)
	}
}

// A token that was stolen after its use proves the person again and again, and is good
// for nothing. It must not be good for keeping that person out.
func TestTheSameProofUsesUpNothing(t *testing.T) {
	l, _ := newLimits(t, newClock(), nil)
	for range 10 * config.PersonPerMinute {
		if err := l.Admit(t.Context(), signIn("jane", 1)); err != nil {
			t.Fatalf("the same proof again: %v", err)
		}
	}
	for proof := 2; proof <= config.PersonPerMinute; proof++ {
		if err := l.Admit(t.Context(), signIn("jane", proof)); err != nil {
			t.Errorf("ceremony %d: %v", proof, err)
		}
	}
	if err := l.Admit(t.Context(), signIn("jane", 99)); !errors.Is(err, domain.ErrBusy) {
		t.Errorf("err = %v, want the limit", err)
	}
}

func TestTheSameProofAtOnceIsCountedOnce(t *testing.T) {
	for round := range 2000 {
		l, _ := newLimits(t, newClock(), nil)
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 8 * config.PersonPerMinute {
			all.Go(func() {
				<-begin
				if err := l.Admit(t.Context(), signIn("jane", 1)); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		close(begin)
		all.Wait()
		for proof := 2; proof <= config.PersonPerMinute; proof++ {
			if err := l.Admit(t.Context(), signIn("jane", proof)); err != nil {
				t.Fatalf("round %d: ceremony %d: %v", round, proof, err)
			}
		}
	}
}

func TestFailuresOfAnAddressAreLimitedInEachWindow(t *testing.T) {
	c := newClock()
	l, _ := newLimits(t, c, nil)
	address := netip.MustParseAddr("198.51.100.7")
	fail := func(n int) {
		for range n {
			if err := l.Check(address); err != nil {
				t.Fatalf("refused too early: %v", err)
			}
			l.Count(address, true)
		}
	}
	refusedBy := func(setting string) time.Duration {
		t.Helper()
		err := l.Check(address)
		if !errors.Is(err, domain.ErrBusy) || !strings.Contains(err.Error(), setting) {
			t.Fatalf("err = %v, want the limit of %s", err, setting)
		}
		return domain.RetryAfterOf(err)
	}
	fail(config.FailuresPerMinute)
	c.Advance(refusedBy("RATE_LIMIT_FAILURES_PER_MINUTE"))
	fail(1)
	refusedBy("RATE_LIMIT_FAILURES_PER_MINUTE")
	c.Advance(time.Minute)
	fail(config.FailuresPerMinute)
	c.Advance(30 * time.Second)
	fail(1)
	refusedBy("RATE_LIMIT_FAILURES_PER_HOUR")
	c.Advance(time.Minute)
	refusedBy("RATE_LIMIT_FAILURES_PER_HOUR")
	c.Advance(time.Hour)
	fail(config.FailuresPerMinute)
}

func TestSuccessesOfAnAddressAreLimitedFarAboveItsFailures(t *testing.T) {
	l, _ := newLimits(t, newClock(), nil)
	address := netip.MustParseAddr("198.51.100.7")
	for range config.SuccessesPerMinute {
		if err := l.Check(address); err != nil {
			t.Fatal(err)
		}
		l.Count(address, false)
	}
	if err := l.Check(address); !errors.Is(err, domain.ErrBusy) || !strings.Contains(err.Error(), "RATE_LIMIT_SUCCESSES_PER_MINUTE") {
		t.Errorf("err = %v, want the limit of successes", err)
	}
}

// Whatever is in flight together is counted when it has failed.
func TestFailuresTogetherArePaidForInFull(t *testing.T) {
	c := newClock()
	l, _ := newLimits(t, c, nil)
	address := netip.MustParseAddr("198.51.100.7")
	for range 2 * config.FailuresPerMinute { // the hour has room for them
		l.Count(address, true)
	}
	c.Advance(time.Minute)
	if err := l.Check(address); !errors.Is(err, domain.ErrBusy) {
		t.Error("who failed twice as often as the quota, at once, is let on after one window")
	}
	c.Advance(time.Minute)
	if err := l.Check(address); err != nil {
		t.Errorf("after two windows: %v", err)
	}
}

func TestOneCustomerIsOneAddress(t *testing.T) {
	for name, tt := range map[string]struct {
		one, other string
		same       bool
	}{
		"an IPv6 address and another of its /64":      {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
		"IPv6 addresses of neighbouring /64s":         {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		"an IPv4 address in IPv6 form":                {"198.51.100.7", "::ffff:198.51.100.7", true},
		"neighbouring IPv4 addresses in IPv6 form":    {"::ffff:198.51.100.7", "::ffff:198.51.100.8", false},
		"neighbouring IPv4 addresses":                 {"198.51.100.7", "198.51.100.8", false},
		"an address with a zone and the same without": {"fe80::1%eth0", "fe80::1", true},
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := newLimits(t, newClock(), nil)
			for range config.FailuresPerMinute {
				l.Count(netip.MustParseAddr(tt.one), true)
			}
			if refused := l.Check(netip.MustParseAddr(tt.other)) != nil; refused != tt.same {
				t.Errorf("the other is refused: %t, want %t", refused, tt.same)
			}
		})
	}
}

// Whoever has a network has any number of /64s. What is not heard of for longest is
// forgotten: that takes some 32,000 of them.
func TestAddressesInAnyNumberTakeBoundedMemory(t *testing.T) {
	l, _ := newLimits(t, newClock(), nil)
	address := func(i int) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	for range config.FailuresPerMinute {
		l.Count(address(0), true)
	}
	if err := l.Check(address(0)); err == nil {
		t.Fatal("the first is not limited")
	}
	for i := range limits.Keys + 1 {
		l.Count(address(i+1), true)
	}
	if err := l.Check(address(0)); err != nil {
		t.Errorf("more than %d addresses are remembered", limits.Keys)
	}
}

func TestReplicasLearnWhatTheOthersHaveCounted(t *testing.T) {
	c := newClock()
	s := newStore(t, c)
	one, _ := newLimits(t, c, s)
	other, _ := newLimits(t, c, s)
	address := netip.MustParseAddr("198.51.100.7")
	for proof := range config.PersonPerMinute {
		if err := one.Admit(t.Context(), signIn("jane", proof)); err != nil {
			t.Fatal(err)
		}
	}
	for range config.FailuresPerMinute {
		one.Count(address, true)
	}
	soon(t, "all is shared", one.Settle)
	if err := other.Admit(t.Context(), signIn("jane", 98)); err != nil {
		t.Errorf("the first at another replica, which knows of none: %v", err)
	}
	other.Count(address, true)
	soon(t, "all is shared", other.Settle)
	if err := other.Admit(t.Context(), signIn("jane", 99)); !errors.Is(err, domain.ErrBusy) {
		t.Errorf("then: %v, want the limit", err)
	}
	if err := other.Check(address); !errors.Is(err, domain.ErrBusy) {
		t.Errorf("an address: %v, want the limit", err)
	}
}

func TestTheStoreIsToldNoNames(t *testing.T) {
	c := newClock()
	s := newStore(t, c)
	l, _ := newLimits(t, c, s)
	_ = l.Admit(t.Context(), signIn("jane", 1))
	l.Count(netip.MustParseAddr("198.51.100.7"), true)
	soon(t, "all is shared", l.Settle)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) != 4 {
		t.Errorf("the keys are %v, want four", s.keys)
	}
	for key := range s.keys {
		for _, name := range []string{"jane", "tenant", "198.51", "proof"} {
			if strings.Contains(key, name) {
				t.Errorf("the key %s tells %s", key, name)
			}
		}
	}
}

func TestAStoreThatIsAwayIsToldOnceAndLoosensTheLimits(t *testing.T) {
	const begins, ends = "count in this process only", "shared with the other replicas again"
	c := newClock()
	s := newStore(t, c)
	l, log := newLimits(t, c, s)
	if l.Local() {
		t.Error("it is local before anything was tried")
	}
	s.meet("stopped")
	for proof := range config.PersonPerMinute {
		if err := l.Admit(t.Context(), signIn("jane", proof)); err != nil {
			t.Errorf("while the store is away: %v", err)
		}
	}
	soon(t, "it is local", l.Local)
	if err := l.Admit(t.Context(), signIn("jane", 99)); !errors.Is(err, domain.ErrBusy) {
		t.Errorf("err = %v, want the limit of this process", err)
	}
	s.meet("")
	soon(t, "it is local no more", func() bool { return !l.Local() && l.Settle() })
	if began, ended := strings.Count(log.String(), begins), strings.Count(log.String(), ends); began != 1 || ended != 1 {
		t.Errorf("the log tells %d beginnings and %d ends, want one each", began, ended)
	}
}

func TestAStoreThatHangsHoldsNobodyUp(t *testing.T) {
	c := newClock()
	s := newStore(t, c)
	s.meet("hangs")
	l, log := newLimits(t, c, s)
	address := netip.MustParseAddr("198.51.100.7")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 20_000 { // more than may wait to be shared
			_ = l.Check(address)
			l.Count(address, i%2 == 0)
			_ = l.Admit(context.Background(), signIn("jane", i))
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("requests wait for the store")
	}
	if !l.Local() {
		t.Error("it does not say that it counts by itself")
	}
	if strings.Count(log.String(), "count in this process only") != 1 {
		t.Error("the log does not tell it, or more than once")
	}
}

func TestWhatWasRefusedIsCountedByKind(t *testing.T) {
	l, _ := newLimits(t, newClock(), nil)
	address := netip.MustParseAddr("198.51.100.7")
	for proof := range config.PersonPerMinute + 2 {
		_ = l.Admit(t.Context(), signIn("jane", proof))
	}
	for range config.FailuresPerMinute {
		l.Count(address, true)
	}
	_ = l.Check(address)
	for kind, want := range map[string]uint64{"person": 2, "failures": 1, "successes": 0} {
		if got := l.Refused(kind); got != want {
			t.Errorf("%s: %d, want %d", kind, got, want)
		}
	}
}

func TestNoLimitsLimitNobody(t *testing.T) {
	var l *limits.Limits
	address := netip.MustParseAddr("198.51.100.7")
	for proof := range 1000 {
		l.Count(address, true)
		if err := errors.Join(l.Check(address), l.Admit(t.Context(), signIn("jane", proof))); err != nil {
			t.Fatal(err)
		}
	}
	if l.Local() || l.Refused("person") != 0 {
		t.Error("they tell of something")
	}
	l.Close()
}

func TestFiguresThatCannotBeKeptAreFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*limits.Config)
		want   []string
	}{
		"good ones":             {func(*limits.Config) {}, nil},
		"zero":                  {func(c *limits.Config) { c.SuccessesPerMinute = 0 }, []string{"RATE_LIMIT_SUCCESSES_PER_MINUTE"}},
		"less than zero":        {func(c *limits.Config) { c.PersonPerMinute = -1 }, []string{"RATE_LIMIT_PERSON_PER_MINUTE"}},
		"more than is counted":  {func(c *limits.Config) { c.FailuresPerHour = 1_000_001 }, []string{"RATE_LIMIT_FAILURES_PER_HOUR"}},
		"an hour of a minute's": {func(c *limits.Config) { c.FailuresPerHour, c.PersonPerHour = 3, 3 }, []string{"RATE_LIMIT_FAILURES_PER_HOUR"}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := config
			tt.change(&changed)
			var got []string
			for _, fault := range changed.Check() {
				got = append(got, fault.Name)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("faults of %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTheMostThatCanBeSetIsCounted(t *testing.T) {
	most := limits.Config{On: true, PersonPerMinute: 1e6, PersonPerHour: 1e6, FailuresPerMinute: 1e6, FailuresPerHour: 1e6, SuccessesPerMinute: 1e6}
	if faults := most.Check(); len(faults) != 0 {
		t.Fatal(faults)
	}
	l := limits.New(most, limits.Options{Log: slog.New(slog.DiscardHandler), Now: newClock().Now})
	if err := l.Admit(t.Context(), signIn("jane", 1)); err != nil {
		t.Error(err)
	}
}

// BenchmarkASignIn is what the limits cost one sign-in of somebody who was not here before.
func BenchmarkASignIn(b *testing.B) {
	for name, shares := range map[string]bool{"alone": false, "with a store": true} {
		b.Run(name, func(b *testing.B) {
			c := newClock()
			var shared throttled.GCRAStoreCtx
			if shares {
				shared = newStore(b, c)
			}
			l, _ := newLimits(b, c, shared)
			for i := 0; b.Loop(); i++ {
				address := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
				_ = l.Check(address)
				_ = l.Admit(b.Context(), signIn(fmt.Sprint("person-", i), i))
				l.Count(address, false)
			}
		})
	}
}

// BenchmarkFullLimits is how much memory the limits take at most.
func BenchmarkFullLimits(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		l, _ := newLimits(b, newClock(), nil)
		for i := range limits.Keys {
			address := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
			l.Count(address, false)
			l.Count(address, true)
			_ = l.Admit(b.Context(), signIn(fmt.Sprint("person-", i), i))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		runtime.KeepAlive(l)
	}
}
