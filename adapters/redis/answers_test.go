package redis_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters/internal/patience"
	"nativebridge/adapters/redis"
	"nativebridge/domain"
)

// scripted is a server that answers the store's looks as Redis does, and claims as the
// test tells it, one after another.
type scripted struct {
	addr string

	mu      sync.Mutex
	answers [][]string // to claims
	runs    []string   // by whose clock the times of these claims were
	look    []string   // the answer to looks; nil is as Redis does
	looks   int
	atLook  func() // called before a look is answered; nil is nothing
}

const thisRun = "run-1"

// answer is what a script that begins with store.lua answers.
func answer(verdict string) []string {
	return []string{verdict, "1", "", strconv.FormatInt(time.Now().UnixMicro(), 10), thisRun}
}

// startScripted starts a server that answers claims of the proof of mine with these
// answers, one by one.
func startScripted(t *testing.T, mine domain.Claim, answers ...[]string) *scripted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s := &scripted{addr: listener.Addr().String(), answers: answers}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, mine.Key.String())
		}
	}()
	return s
}

func (s *scripted) serve(conn net.Conn, mine string) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		command, err := readCommand(in)
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, s.reply(command, mine)); err != nil {
			return
		}
	}
}

func (s *scripted) reply(command []string, mine string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name := strings.ToUpper(command[0]); name != "EVALSHA" {
		return "-ERR nothing but scripts\r\n"
	}
	switch {
	case command[2] == "1":
		return array([]string{"released"})
	case !strings.Contains(command[3], mine):
		s.looks++
		if held := s.atLook; held != nil {
			s.mu.Unlock()
			held()
			s.mu.Lock()
		}
		if s.look != nil {
			return array(s.look)
		}
		return array(answer("won"))
	case len(s.answers) == 0:
		return "-ERR asked once more than there are answers\r\n"
	}
	next := s.answers[0]
	s.answers, s.runs = s.answers[1:], append(s.runs, command[len(command)-1])
	return array(next)
}

// holdLooks calls held before each look is answered.
func (s *scripted) holdLooks(held func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atLook = held
}

func (s *scripted) answerLooks(with []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look = with
}

// left returns how many answers were not asked for, and by whose clock the times of the
// answered claims were.
func (s *scripted) left() (answers int, runs []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.answers), s.runs
}

func array(items []string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "*%d\r\n", len(items))
	for _, item := range items {
		fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(item), item)
	}
	return text.String()
}

// readCommand reads an array of bulk strings, which is how clients send commands.
func readCommand(in *bufio.Reader) ([]string, error) {
	count, err := readNumber(in, '*')
	if err != nil {
		return nil, err
	}
	command := make([]string, count)
	for i := range command {
		size, err := readNumber(in, '$')
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		command[i] = string(text[:size])
	}
	return command, nil
}

func readNumber(in *bufio.Reader, sign byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != sign {
		return 0, fmt.Errorf("%q is no %c", line, sign)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

func TestEachAnswerToAClaimHasItsVerdict(t *testing.T) {
	const replayed, unavailable = domain.ErrTokenReplayed, domain.ErrUnavailable
	for name, tt := range map[string]struct {
		answers [][]string
		want    domain.Error
		says    string
	}{
		"won":                                    {[][]string{answer("won")}, "", ""},
		"held":                                   {[][]string{answer("held")}, replayed, "another attempt"},
		"older":                                  {[][]string{answer("older")}, replayed, "before the replay store's memory"},
		"late, and in time when it is sent anew": {[][]string{answer("late"), answer("won")}, "", ""},
		"a stranger, who is known the next time": {[][]string{answer("stranger"), answer("won")}, "", ""},
		"a stranger, and then held":              {[][]string{answer("stranger"), answer("held")}, replayed, "another attempt"},
		"late twice":                             {[][]string{answer("late"), answer("late")}, unavailable, "arrived after its deadline, so it was not executed"},
		"a stranger twice":                       {[][]string{answer("stranger"), answer("stranger")}, unavailable, "the server changed twice"},
		"a word that no script of ours says":     {[][]string{answer("perhaps")}, unavailable, `"perhaps"`},
		"nothing":                                {[][]string{{}}, unavailable, "an empty answer"},
		"won, at a time that is not a time":      {[][]string{{"won", "1", "", "noon", thisRun}}, unavailable, "without the time"},
		"a server that does not name its run":    {[][]string{{"nameless"}}, unavailable, "use Redis or Valkey itself"},
		"a server that evicts":                   {[][]string{{"evicts", "allkeys-lru"}}, unavailable, "noeviction"},
	} {
		t.Run(name, func(t *testing.T) {
			mine := claim(1, 1)
			server := startScripted(t, mine, tt.answers...)
			g := open(t, "redis://"+server.addr)

			err := g.Claim(t.Context(), mine)
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("err = %v, want %q saying %q", err, tt.want, tt.says)
			}
			left, runs := server.left()
			if left != 0 {
				t.Errorf("%d answers were not asked for", left)
			}
			for _, run := range runs {
				if run != thisRun {
					t.Errorf("the claim's times are by the clock of %q, want %q, which the guard has looked at", run, thisRun)
				}
			}
		})
	}
}

func TestAServerWithoutANameStopsTheStart(t *testing.T) {
	server := startScripted(t, claim(1, 1))
	server.answerLooks([]string{"nameless"})
	config := redis.Config{Store: domain.NewSecret("redis://" + server.addr)}
	_, store, err := openStore(t.Context(), config, redis.Options{Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err == nil {
		store.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "REPLAY_STORE") || !strings.Contains(err.Error(), "run_id") {
		t.Errorf("err = %v, want it to name the setting and what is missing", err)
	}
}

// A look that is on its way while the server begins to refuse commands has an answer
// from before.
func TestALookThatBeganBeforeAnOutageDoesNotEndIt(t *testing.T) {
	mine := claim(1, 1)
	server := startScripted(t, mine) // it has no answer to claims
	g := open(t, "redis://"+server.addr)
	looks, answered := make(chan struct{}), make(chan struct{})
	server.holdLooks(func() { looks <- struct{}{}; <-answered })
	patience.Receive(t, looks, "a look")
	if err := g.Claim(t.Context(), mine); !errors.Is(err, domain.ErrUnavailable) {
		t.Fatalf("claim: %v, want it unavailable", err)
	}
	answered <- struct{}{}
	patience.Receive(t, looks, "the next look, so that the first has ended")
	if g.Trouble() == nil {
		t.Error("the outage is over, though no look was made in it")
	}
	server.holdLooks(nil)
	close(answered)
}

func TestTheStoresNameIsItsKind(t *testing.T) {
	server := startScripted(t, claim(1, 1))
	if got := open(t, "redis://"+server.addr).Name(); got != "redis" {
		t.Errorf("it is called %q in readiness, want redis", got)
	}
}

func TestAnOutageOfAnUnfitServerIsToldOnceThoughItsTroubleChanges(t *testing.T) {
	server := startScripted(t, claim(1, 1))
	g := open(t, "redis://"+server.addr)
	evicts := []string{"evicts", "allkeys-lru"}
	var since time.Time
	for _, step := range []struct {
		look []string
		what string
	}{{evicts, "evicts keys"}, {[]string{}, "no reply"}, {evicts, "evicts keys"}} {
		server.answerLooks(step.look)
		until(t, "the trouble is "+step.what, func() bool { trouble := g.Trouble(); return trouble != nil && trouble.What == step.what })
		if since.IsZero() {
			since = g.Trouble().Since
		}
		if got := g.Trouble().Since; !got.Equal(since) {
			t.Errorf("the outage is from %s, and at first was from %s", got, since)
		}
	}
	if told := strings.Count(g.log.String(), "cannot be relied on"); told != 1 {
		t.Errorf("the outage is told %d times, want once:\n%s", told, g.log)
	}
	if log := g.log.String(); !strings.Contains(log, "store=redis://"+server.addr) {
		t.Errorf("the log does not say which store it is: %s", log)
	}
}
