package lines_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/internal/lines"
)

// pipe is a stream's other end. While it is held, a write hangs; while err is set,
// a write takes room bytes and fails.
type pipe struct {
	mu     sync.Mutex
	text   bytes.Buffer
	writes int
	most   int // bytes in one call
	err    error
	room   int
	hold   chan struct{} // nil: it is read
}

func (p *pipe) Write(text []byte) (int, error) {
	p.mu.Lock()
	p.writes++
	p.most = max(p.most, len(text))
	hold := p.hold
	p.mu.Unlock()
	if hold != nil {
		<-hold
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		n, _ := p.text.Write(text[:min(p.room, len(text))])
		return n, p.err
	}
	return p.text.Write(text)
}

// stall makes writes hang until the function that it returns is called.
func (p *pipe) stall() (readAgain func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	hold := make(chan struct{})
	p.hold = hold
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hold = nil
		close(hold)
	}
}

// fail makes writes take room bytes and fail with err; nil ends that.
func (p *pipe) fail(room int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room, p.err = room, err
}

func (p *pipe) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// news collects what a stream tells.
type news struct {
	mu   sync.Mutex
	told []lines.Status
}

func (n *news) tell(status lines.Status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, status)
}

// troubles returns each Trouble that was told; "" is the end of one.
func (n *news) troubles() (all []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, status := range n.told {
		all = append(all, status.Trouble)
	}
	return all
}

// inBubble runs test in a bubble of synctest, where time stands still while a goroutine
// works. It closes the stream in the end.
func inBubble(t *testing.T, test func(t *testing.T, s *lines.Stream, p *pipe, n *news)) {
	synctest.Test(t, func(t *testing.T) {
		p, n := &pipe{}, &news{}
		s := lines.New(p, time.Now, n.tell)
		test(t, s, p, n)
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func (p *pipe) want(t *testing.T, text string) {
	t.Helper()
	if got := p.String(); got != text {
		t.Errorf("written is %q, want %q", got, text)
	}
}

func wantTroubles(t *testing.T, n *news, want ...string) {
	t.Helper()
	if got := n.troubles(); !slices.Equal(got, want) {
		t.Errorf("told are %q, want %q", got, want)
	}
}

func wantLost(t *testing.T, s *lines.Stream, lost int64) {
	t.Helper()
	if got := s.Status().Lost; got != lost {
		t.Errorf("%d lines are counted as lost, want %d", got, lost)
	}
}

const nobodyReads = "nobody reads it"

func TestALineIsWrittenBeforeItsWriterGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, n *news) {
		for _, line := range []string{"one\n", "two\n"} {
			if err := s.WriteNow(t.Context(), []byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		p.want(t, "one\ntwo\n")
		wantTroubles(t, n)
		if got := s.Status().String(); got != "ok" {
			t.Errorf("the stream is %q, want ok", got)
		}
	})
}

func TestALinesBufferMayBeUsedAgainAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, _ *news) {
		buffer := []byte("one\n")
		_, _ = s.Write(buffer)
		copy(buffer, "two\n")
		synctest.Wait()
		p.want(t, "one\n")
	})
}

func TestLinesThatWaitAreWrittenInOneCallAndInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, _ *news) {
		readAgain := p.stall()
		want := ""
		for i := range 100 {
			line := fmt.Sprintf("line %d\n", i)
			if n, err := s.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
			want += line
			synctest.Wait() // the first is being written
		}
		readAgain()
		synctest.Wait()
		p.want(t, want)
		if p.writes != 2 {
			t.Errorf("Write was called %d times, want one for the first line and one for all others", p.writes)
		}
	})
}

func TestNobodyWaitsLongForAReaderThatHangsAndLaterNobodyWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, n *news) {
		readAgain := p.stall()
		for i, want := range []time.Duration{lines.Patience, 0, 0} {
			start := time.Now()
			if err := s.WriteNow(t.Context(), fmt.Appendf(nil, "%d\n", i)); !errors.Is(err, lines.ErrLate) {
				t.Errorf("err = %v, want ErrLate", err)
			}
			if took := time.Since(start); took != want {
				t.Errorf("line %d was waited for %s, want %s", i, took, want)
			}
		}
		wantTroubles(t, n, nobodyReads)
		if n.told[0].Waiting != 1 {
			t.Errorf("%d waiting lines are told, want 1", n.told[0].Waiting)
		}
		if status := s.Status(); status.Waiting != 3 || status.Lost != 0 || time.Since(status.Since) != lines.Patience {
			t.Errorf("the stream is %+v, want three lines that wait, for a second", status)
		}

		readAgain()
		synctest.Wait()
		p.want(t, "0\n1\n2\n")
		wantTroubles(t, n, nobodyReads, "")
		if err := s.WriteNow(t.Context(), []byte("3\n")); err != nil {
			t.Errorf("a reader that reads again: %v", err)
		}
		wantLost(t, s, 0)
	})
}

func TestNobodyWaitsLongerThanItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, n *news) {
		defer p.stall()()
		ctx, cancel := context.WithTimeout(t.Context(), lines.Patience/4)
		defer cancel()
		start := time.Now()
		if err := s.WriteNow(ctx, []byte("one\n")); !errors.Is(err, lines.ErrLate) {
			t.Errorf("err = %v, want ErrLate", err)
		}
		if took := time.Since(start); took != lines.Patience/4 {
			t.Errorf("it was waited for %s", took)
		}
		wantTroubles(t, n, nobodyReads)
	})
}

func TestAStallIsSeenThoughNobodyWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, _ *news) {
		defer p.stall()()
		_, _ = s.Write([]byte("one\n"))
		if got := s.Status().String(); got != "ok" {
			t.Errorf("at once, the stream is %q, want ok", got)
		}
		since := time.Now().UTC().Format(time.RFC3339)
		time.Sleep(lines.Patience)
		if got := s.Status().String(); got != "ok" {
			t.Errorf("after a second, the stream is %q, want ok", got)
		}
		time.Sleep(time.Nanosecond)
		if got := s.Status().String(); got != nobodyReads+" since "+since {
			t.Errorf("later, the stream is %q", got)
		}
	})
}

func TestWhatWaitsIsBoundedAndTheRestIsCounted(t *testing.T) {
	for name, tt := range map[string]struct{ size, fit int }{
		"many lines":                  {10, 4096},
		"long lines":                  {1 << 20 / 10, 10},
		"long lines without any room": {1 << 20 / 8, 8},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, n *news) {
				readAgain := p.stall()
				line := []byte(strings.Repeat("x", tt.size-1) + "\n")
				for i := range tt.fit + 3 {
					n, err := s.Write(line)
					if errors.Is(err, lines.ErrFull) != (i >= tt.fit) || err != nil && n != 0 {
						t.Fatalf("line %d: %d, %v", i, n, err)
					}
				}
				if err := s.WriteNow(t.Context(), line); !errors.Is(err, lines.ErrFull) {
					t.Errorf("err = %v, want ErrFull at once", err)
				}
				wantLost(t, s, 4)
				wantTroubles(t, n, "lines come faster than they are read")
				readAgain()
				synctest.Wait()
				if got := strings.Count(p.String(), "\n"); got != tt.fit {
					t.Errorf("%d lines are written, want %d", got, tt.fit)
				}
				wantLost(t, s, 4)
				if err := s.WriteNow(t.Context(), line); err != nil {
					t.Errorf("there is room again: %v", err)
				}
				if got := s.Status().String(); got != "ok, 4 lines lost since the start" {
					t.Errorf("the stream is %q", got)
				}
			})
		})
	}
}

// A flood that turns into a stall must not make everybody wait.
func TestNobodyWaitsForAStallThatBeganAsAFlood(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, _ *news) {
		defer p.stall()()
		for range 3 {
			_, _ = s.Write(make([]byte, lines.MaxBytes/2))
		}
		time.Sleep(lines.Patience + 1)
		s.Status()
		start := time.Now()
		_ = s.WriteNow(t.Context(), nil)
		if took := time.Since(start); took != 0 {
			t.Errorf("it was waited for %s", took)
		}
	})
}

func TestALossIsToldOnceAndThenOnceAMinuteUntilItIsOver(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, n *news) {
		p.fail(0, syscall.EPIPE)
		for range 121 { // two minutes
			if err := s.WriteNow(t.Context(), []byte("lost\n")); !errors.Is(err, syscall.EPIPE) {
				t.Fatalf("err = %v, want EPIPE", err)
			}
			time.Sleep(time.Second)
		}
		wantTroubles(t, n, "broken pipe", "broken pipe", "broken pipe")
		wantLost(t, s, 121)

		p.fail(0, nil)
		if err := s.WriteNow(t.Context(), []byte("written\n")); err != nil {
			t.Fatal(err)
		}
		p.want(t, "written\n")
		wantTroubles(t, n, "broken pipe", "broken pipe", "broken pipe", "")
		if last := n.told[len(n.told)-1]; last.Lost != 121 || !last.Since.IsZero() {
			t.Errorf("in the end it tells %+v, want 121 lost", last)
		}
	})
}

func TestALineCutInHalfIsLostAndDoesNotSpoilTheNext(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, _ *news) {
		readAgain := p.stall()
		for _, line := range []string{"zero\n", "one\n", "two\n", "three\n"} {
			_, _ = s.Write([]byte(line))
			synctest.Wait() // zero is being written, and the others will be in one call
		}
		p.fail(len("one\ntw"), syscall.ENOSPC)
		readAgain()
		synctest.Wait()
		p.want(t, "zero\none\ntw")
		wantLost(t, s, 2)

		p.fail(0, nil)
		for range 2 {
			if err := s.WriteNow(t.Context(), []byte("four\n")); err != nil {
				t.Fatal(err)
			}
		}
		p.want(t, "zero\none\ntw\nfour\nfour\n")
	})
}

func TestCloseWritesWhatWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, _ *news) {
		readAgain := p.stall()
		_, _ = s.Write([]byte("one\n"))
		_, _ = s.Write([]byte("two\n"))
		time.AfterFunc(time.Hour, readAgain)
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.want(t, "one\ntwo\n")
		if _, err := s.Write([]byte("three\n")); !errors.Is(err, lines.ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
		wantLost(t, s, 1)
	})
}

func TestCloseGivesUpWithItsContextAndCountsWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipe{}
		s := lines.New(p, time.Now, nil)
		readAgain := p.stall()
		for range 3 {
			_, _ = s.Write([]byte("lost\n"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := s.Close(ctx); err == nil || !strings.HasPrefix(err.Error(), "3 lines ") {
			t.Errorf("Close = %v, want it to name three lines", err)
		}
		wantLost(t, s, 3)
		p.fail(len("lo"), syscall.EPIPE)
		readAgain()
		synctest.Wait() // the goroutine ends, or synctest says so
		wantLost(t, s, 3)
		p.want(t, "lo") // a line that was counted as lost is never written
	})
}

func TestCloseTellsOfOneLineThatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipe{}
		s := lines.New(p, time.Now, nil)
		defer p.stall()()
		_, _ = s.Write([]byte("lost\n"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := s.Close(ctx); err == nil || !strings.HasPrefix(err.Error(), "1 lines ") {
			t.Errorf("Close = %v, want it to name one line", err)
		}
		if got := s.Status().String(); got != "ok, 1 lines lost since the start" {
			t.Errorf("the stream is %q", got)
		}
	})
}

func TestACallWritesAtMost32KiBOrOneLine(t *testing.T) {
	line := func(size int) string { return strings.Repeat("x", size-1) + "\n" }
	for name, tt := range map[string]struct {
		sizes []int
		most  int
	}{
		"short lines":             {slices.Repeat([]int{1 << 10}, 100), 32 << 10},
		"a long line and another": {[]int{40 << 10, 1 << 10}, 40 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, _ *news) {
				readAgain := p.stall()
				want := "first\n"
				_, _ = s.Write([]byte(want))
				synctest.Wait() // it is being written
				for _, size := range tt.sizes {
					want += line(size)
					_, _ = s.Write([]byte(line(size)))
				}
				readAgain()
				synctest.Wait()
				p.want(t, want)
				if p.most != tt.most {
					t.Errorf("a call wrote %d bytes, want at most %d", p.most, tt.most)
				}
			})
		})
	}
}

// A write may end in the middle of a line. One line feed ends that line before the next.
func TestATornLineIsClosedOnceHoweverOftenWritesFail(t *testing.T) {
	for name, tt := range map[string]struct {
		rooms []int // of the writes that fail
		want  string
	}{
		"one write, of one byte":                     {[]int{1}, "l\nnext\n"},
		"then a write of nothing":                    {[]int{2, 0}, "lo\nnext\n"},
		"then a write of the line feed alone":        {[]int{2, 1}, "lo\nnext\n"},
		"then a write of the line feed and a byte":   {[]int{2, 2}, "lo\nl\nnext\n"},
		"then a write of all but the last line feed": {[]int{2, 5}, "lo\nlost\nnext\n"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, _ *news) {
				for _, room := range tt.rooms {
					p.fail(room, syscall.EPIPE)
					if err := s.WriteNow(t.Context(), []byte("lost\n")); !errors.Is(err, syscall.EPIPE) {
						t.Errorf("err = %v, want EPIPE", err)
					}
				}
				wantLost(t, s, int64(len(tt.rooms)))
				p.fail(0, nil)
				if err := s.WriteNow(t.Context(), []byte("next\n")); err != nil {
					t.Fatal(err)
				}
				p.want(t, tt.want)
			})
		})
	}
}

func TestEveryLineBehindOneThatIsTornIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, _ *news) {
		readAgain := p.stall()
		for _, line := range []string{"a\n", "torn\n", "\n"} {
			_, _ = s.Write([]byte(line))
			synctest.Wait() // the first is being written, and fits; the others will be in one call
		}
		p.fail(len("tor"), syscall.ENOSPC)
		readAgain()
		synctest.Wait()
		wantLost(t, s, 2)
	})
}

func TestATroubleThatComesBackIsToldAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, s *lines.Stream, p *pipe, n *news) {
		for range 2 {
			p.fail(0, syscall.EPIPE)
			_ = s.WriteNow(t.Context(), []byte("lost\n"))
			p.fail(0, nil)
			_ = s.WriteNow(t.Context(), []byte("written\n"))
		}
		wantTroubles(t, n, "broken pipe", "", "broken pipe", "")
	})
}

// short takes less than it is given and says nothing about it.
type short struct{}

func (short) Write(text []byte) (int, error) { return len(text) - 1, nil }

func TestAShortWriteIsALoss(t *testing.T) {
	s := lines.New(short{}, time.Now, nil)
	if err := s.WriteNow(t.Context(), []byte("one\n")); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("err = %v, want io.ErrShortWrite", err)
	}
	wantLost(t, s, 1)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEveryLineOfManyWritersIsWrittenOnce(t *testing.T) {
	const writers, each = 16, 200
	p := &pipe{}
	s := lines.New(p, time.Now, nil)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				if err := s.WriteNow(t.Context(), fmt.Appendf(nil, "%d-%d\n", w, n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for line := range strings.Lines(p.String()) {
		seen[line] = true
	}
	if len(seen) != writers*each {
		t.Errorf("%d lines are there, want %d", len(seen), writers*each)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
