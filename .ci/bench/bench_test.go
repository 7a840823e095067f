package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

func TestAPercentileIsWhatSoManyDoNotExceed(t *testing.T) {
	for name, tt := range map[string]struct {
		p      float64
		values []float64
		want   float64
	}{
		"the median of three":                   {50, []float64{3, 1, 2}, 2},
		"the median of four is between two":     {50, []float64{4, 1, 3, 2}, 2.5},
		"all do not exceed the largest":         {100, []float64{1, 9, 5}, 9},
		"one value is each percentile":          {99, []float64{7}, 7},
		"99 of a hundred and one, from 0 up on": {99, count(101), 99},
	} {
		if got := percentile(tt.p, tt.values); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	if got := percentile(50, nil); !math.IsNaN(got) {
		t.Errorf("of nothing: %v", got)
	}
}

func count(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(i)
	}
	return values
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	of := func(rates ...int) (rounds []round) {
		for _, rate := range rates {
			rounds = append(rounds, round{took: time.Second, answers: make([]answer, rate)})
			for i := range rounds[len(rounds)-1].answers {
				rounds[len(rounds)-1].answers[i].session = true
			}
		}
		return rounds
	}
	// The machine was half as fast in the second round, for both.
	m := measured{"floor": of(1000, 500, 900), "bridge": of(800, 450, 450)}
	if got, want := m.ratio("bridge", "floor", round.rate), (spread{0.8, 0.5, 0.9}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := m.ratio("bridge", "nobody", round.rate); got != (spread{}) {
		t.Errorf("to nobody: %v", got)
	}
}

func TestWhatIsNoSessionIsNeitherCountedNorTimed(t *testing.T) {
	r := round{took: time.Second, cpu: time.Second, answers: []answer{
		{status: 200, session: true, overhead: 5 * time.Millisecond}, {status: 200, overhead: time.Hour}, {status: 503, overhead: time.Nanosecond}, {},
	}}
	if r.sessions() != 1 || r.rate() != 1 || r.cpuEach() != 1e6 || r.overhead(99) != 5 {
		t.Errorf("%d sessions, %v a second, %v µs each, overhead %v", r.sessions(), r.rate(), r.cpuEach(), r.overhead(99))
	}
	if got, want := statuses(r.answers), "200: 1, 200 without a session: 1, 503: 1, none: 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheChartIsWellFormed(t *testing.T) {
	chart := picture([]panel{
		{"CPU <µs> & more", []bar{{"floor", 1}, {bridgeName, 2.5}, {guideName, 1000}}},
		{"nothing measured", []bar{{"floor", 0}, {bridgeName, math.NaN()}}},
		{"one that is alone in its row", []bar{{"floor", 3}}},
	})
	decoder, bars := xml.NewDecoder(strings.NewReader(chart)), 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, chart)
		}
		if element, is := token.(xml.StartElement); is && element.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 6 || strings.Contains(chart, "NaN") {
		t.Errorf("%d bars, want 6, and no NaN:\n%s", bars, chart)
	}
}

func TestTheTablesStandBetweenTheirLines(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	for before, after := range map[string]string{
		"# By hand\n\n" + begin + "\nold\n" + end + "\nalso by hand\n": "# By hand\n\n" + begin + "\n\nnew\n\n" + end + "\nalso by hand\n",
		"no place": "",
	} {
		if err := os.WriteFile(page, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := put(page, "new\n"); (err == nil) != (after != "") {
			t.Errorf("%q: %v", before, err)
		}
		if text, _ := os.ReadFile(page); after != "" && string(text) != after {
			t.Errorf("got %q, want %q", text, after)
		}
	}
}

func TestATargetIsMetUpToItsBound(t *testing.T) {
	for _, tt := range []struct {
		target
		want bool
	}{
		{target{got: 0.85, bound: 0.85}, true},
		{target{got: 0.84, bound: 0.85}, false},
		{target{got: 64, bound: 64, atMost: true}, true},
		{target{got: 64.1, bound: 64, atMost: true}, false},
	} {
		if tt.met() != tt.want {
			t.Errorf("%+v counts as met: %v", tt.target, !tt.want)
		}
	}
}

// openFloor serves floor-verify in this process, with vendors of its own.
func openFloor(t *testing.T) (*vendors, *floor, load) {
	v, err := conditions{}.open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.close)
	f, err := newFloor(v.authsignal.URL, v.auth0.URL, true)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return v, f, load{addresses: []string{server.Listener.Addr().String()}, path: "/", mint: newMint(), delayOf: v.delayOf, patience: 10 * time.Second}
}

func TestTheVendorsOpenASessionThatVerifies(t *testing.T) {
	v, f, l := openFloor(t)
	if got := l.caller(0).ask(time.Now()); !got.session {
		t.Fatalf("answered %+v", got)
	}
	other, err := conditions{}.open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	session, err := f.exchange(t.Context(), l.mint.token())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.check([]byte(strings.Replace(string(session), `"id_token":"e`, `"id_token":"f`, 1))); err == nil {
		t.Error("an ID token that was changed verifies")
	}
	if v.authsignal.refused.Load()+v.auth0.refused.Load() != 0 {
		t.Error("the floor's requests are not in order")
	}
}

func TestTheVendorsRefuseWhatTheRealOnesWould(t *testing.T) {
	v, f, l := openFloor(t)
	f.validate.header.Set("Authorization", "Basic d3Jvbmc6")
	if got := l.caller(0).ask(time.Now()); got.status != http.StatusBadGateway || v.authsignal.refused.Load() != 1 {
		t.Errorf("with a wrong secret: %+v", got)
	}
	_, f, l = openFloor(t)
	f.grant.opening = strings.Replace(f.grant.opening, audience, "https://other.example.com", 1)
	if got := l.caller(0).ask(time.Now()); got.status != http.StatusBadGateway {
		t.Errorf("with another audience: %+v", got)
	}
}

func TestNoFaultOpensASession(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			v, _, l := openFloor(t)
			always := f
			always.share = 1
			v.auth0.fault.Store(&always)
			l.patience = time.Second // nobody waits longer for what never ends
			if got := l.caller(0).ask(time.Now()); got.session || got.status != 0 && got.status != http.StatusBadGateway {
				t.Errorf("answered %+v", got)
			}
			v.auth0.fault.Store(nil)
			if got := l.caller(0).ask(time.Now()); !got.session {
				t.Errorf("afterwards: %+v", got)
			}
		})
	}
}

func TestAVendorCountsTheTokensThatComeTwice(t *testing.T) {
	v, _, _ := openFloor(t)
	for _, token := range []string{"once", "twice", "twice", "thrice", "thrice", "thrice"} {
		v.auth0.count(token)
	}
	if got := v.auth0.twice(); got != 2 {
		t.Errorf("%d tokens, want 2", got)
	}
}

func TestAllMeetTheSameLuck(t *testing.T) {
	one := newMint()
	other := &mint{name: one.name, issued: one.issued}
	for range 100 {
		token := one.token()
		if token != other.token() {
			t.Fatal("two mints of the same name make different tokens")
		}
		if got := jitter(token, "auth0", 120*time.Millisecond); got < 90*time.Millisecond || got > 150*time.Millisecond || got != jitter(token, "auth0", 120*time.Millisecond) {
			t.Errorf("the vendor waits %v", got)
		}
	}
	if one.token() == newMint().token() {
		t.Error("two mints make the same token")
	}
}

func TestCallersTakeTurnsOverTheAddresses(t *testing.T) {
	_, _, l := openFloor(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	l.addresses = append(l.addresses, listener.Addr().String()) // where nobody answers
	got := l.arriving(1000, 20*time.Millisecond)
	if statuses(got) != "200: 10, none: 10" {
		t.Errorf("answered %s", statuses(got))
	}
}

func TestSteadyCallersCountWhatIsBetweenTheMarks(t *testing.T) {
	_, _, l := openFloor(t)
	marks := 0
	answers := l.steady(4, 10*time.Millisecond, 100*time.Millisecond, func() { marks++ })
	if marks != 2 || len(answers) == 0 {
		t.Errorf("%d marks and %d answers", marks, len(answers))
	}
	for _, a := range answers {
		if !a.session || a.took <= 0 || a.overhead != a.took {
			t.Errorf("answered %+v", a)
		}
	}
}

func TestTimeCountsForTheNearestCallerThatHasARow(t *testing.T) {
	for name, tt := range map[string]struct {
		stack []string // the function that ran first
		want  string
	}{
		"memory for JSON":               {[]string{"runtime.mallocgc", "encoding/json.Unmarshal", "nativebridge/app.(*Exchange).Execute"}, "JSON and JWS"},
		"a system call of net/http":     {[]string{"internal/runtime/syscall.Syscall6", "internal/poll.(*FD).Write", "net/http.(*conn).serve"}, "the kernel: reading, writing, waiting"},
		"the use case itself":           {[]string{"nativebridge/app.(*Exchange).Execute", "net/http.(*conn).serve"}, "the rest of the bridge"},
		"an audit line is not the rest": {[]string{"strconv.AppendInt", "nativebridge/adapters/auditlog.(*Log).Record"}, "audit lines"},
		"nobody's":                      {[]string{"runtime.rt0_go"}, others},
	} {
		sample := &profile.Sample{Value: []int64{1, 1000}}
		for _, function := range tt.stack {
			sample.Location = append(sample.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: function}}}})
		}
		if got := share(&profile.Profile{Sample: []*profile.Sample{sample}}); got[tt.want] != 1000 || len(got) != 1 {
			t.Errorf("%s: %v, want %q", name, got, tt.want)
		}
	}
}
