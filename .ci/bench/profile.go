package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// renewProfile writes a CPU profile of the bridge under load to the file, for the compiler
// (go.dev/doc/pgo): as cmd/native-bridge/default.pgo, the next build goes by it.
func (b *bench) renewProfile(file string) error {
	text, _, err := b.profileOf(b.bridge(), 20*time.Second)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// profileOf returns a CPU profile of the implementation, and how many sessions it opened
// meanwhile.
func (b *bench) profileOf(one implementation, length time.Duration) (text []byte, sessions int, err error) {
	r, err := one.start(b.folder, conditions{}, "METRICS_PPROF=on")
	if err != nil {
		return nil, 0, err
	}
	defer r.stop()
	r.load().steady(32, time.Second, 0, func() {}) // warm
	taken := make(chan error, 1)
	go func() {
		var err error
		text, err = download(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", r.metrics, length.Seconds()))
		taken <- err
	}()
	round, err := r.measure(32, 0, length)
	return text, round.sessions(), errors.Join(err, <-taken)
}

func download(url string) ([]byte, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// where shows what the bridge and the baseline spend their CPU time on.
func (b *bench) where() error {
	names := []string{b.baseline, bridgeName}
	spent := map[string]map[string]float64{}
	for _, one := range b.all {
		if !slices.Contains(names, one.name) {
			continue
		}
		text, sessions, err := b.profileOf(one, 10*time.Second)
		if err != nil {
			return err
		}
		taken, err := profile.Parse(bytes.NewReader(text))
		if err != nil {
			return err
		}
		spent[one.name] = map[string]float64{}
		for work, nanoseconds := range share(taken) {
			spent[one.name][work] = nanoseconds / 1000 / float64(max(sessions, 1))
		}
	}
	table := b.table("Where the CPU time goes", "µs of a session, by a CPU profile under plain HTTP, 0 ms, 32 at once. Time counts for the nearest caller that has a row, so the memory that JSON takes counts for JSON.",
		append([]string{"for"}, names...)...)
	for _, work := range append(kinds(), others) {
		table.row(work, figure(spent[names[0]][work]), figure(spent[names[1]][work]))
	}
	return nil
}

// works says which functions do which work: the first row that fits a function's name.
var works = []struct{ work, functions string }{
	{"collecting garbage", "runtime.gcBgMarkWorker runtime.gcAssistAlloc runtime.bgsweep runtime.bgscavenge runtime.gcStart runtime.deductSweepCredit"},
	{"the kernel: reading, writing, waiting", "internal/runtime/syscall. runtime.futex runtime.epollwait runtime.netpoll syscall."},
	{"scheduling", "runtime.schedule runtime.findRunnable runtime.mcall runtime.park_m runtime.goready runtime.systemstack"},
	{"RSA", "crypto/rsa. crypto/internal/fips140/rsa. crypto/internal/fips140/bigmod."},
	{"JSON and JWS", "encoding/json github.com/go-json-experiment/ github.com/go-jose/ encoding/base64. nativebridge/adapters/internal/jws."},
	{"HTTP: server and client", "net/http. net. net/textproto. net/url. mime. bufio. internal/poll. golang.org/x/net/ crypto/tls."},
	{"audit lines", "nativebridge/adapters/auditlog. nativebridge/adapters/internal/lines."},
	{"metrics and traces", "github.com/prometheus/ go.opentelemetry.io/ nativebridge/adapters/metrics. nativebridge/adapters/tracing."},
	{"the rest of the bridge", "nativebridge/ github.com/go-chi/"},
	{"the rest of the floor", "main."},
}

const others = "all else"

func kinds() []string {
	var all []string
	for _, one := range works {
		all = append(all, one.work)
	}
	return all
}

// share divides the time of a profile, in nanoseconds, among the works.
func share(p *profile.Profile) map[string]float64 {
	shares := map[string]float64{}
	for _, sample := range p.Sample {
		shares[workOf(sample)] += float64(sample.Value[len(sample.Value)-1])
	}
	return shares
}

// workOf goes from the function that ran to its callers until one has a row.
func workOf(sample *profile.Sample) string {
	for _, location := range sample.Location {
		for _, line := range location.Line {
			for _, one := range works {
				if slices.ContainsFunc(strings.Fields(one.functions), func(prefix string) bool { return strings.HasPrefix(line.Function.Name, prefix) }) {
					return one.work
				}
			}
		}
	}
	return others
}
