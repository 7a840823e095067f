// Package lines writes whole lines to a stream, such as standard output, whose reader
// may be slow, hang or die. A caller never waits long for such a reader, and lost lines
// are counted.
package lines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"
)

// What bounds the memory and the patience of a Stream.
const (
	// MaxLines and MaxBytes bound what waits to be written, including what is being
	// written. A line beyond them is lost.
	MaxLines = 4096
	MaxBytes = 1 << 20
	// Patience is how long a line may wait before its stream counts as stalled.
	Patience = time.Second

	// maxWrite bounds one call of Write, so that a slow reader makes room bit by bit.
	maxWrite = 32 << 10
	// tellAgain is how often a trouble is told again while it loses more lines.
	tellAgain = time.Minute
)

// Why a line is not written, or not yet.
var (
	// ErrLate means that the line still waits: it is written as soon as the reader
	// allows, and counted as lost if the process ends before.
	ErrLate = errors.New("the line still waits to be written")
	// ErrFull means that the line is lost, because too much waits already.
	ErrFull = errors.New("the line is lost: too much waits to be written")
	// ErrClosed means that the line is lost, because the stream is closed.
	ErrClosed = errors.New("the line is lost: the stream is closed")
)

// Troubles that are no errors of Write.
const (
	stalled = "nobody reads it"
	flooded = "lines come faster than they are read"
)

// Status is the state of a stream.
type Status struct {
	Trouble string    // what keeps lines from being written; "" if nothing does
	Since   time.Time // when the trouble began; zero if there is none
	Waiting int       // lines that are still to be written
	Lost    int64     // lines that were never written, since the stream was made
}

// String returns "ok", or the trouble and since when, and how many lines are lost.
func (s Status) String() string {
	text := "ok"
	if s.Trouble != "" {
		text = s.Trouble + " since " + s.Since.UTC().Format(time.RFC3339)
	}
	if s.Lost > 0 {
		text += fmt.Sprintf(", %d lines lost since the start", s.Lost)
	}
	return text
}

// Stream has one goroutine that writes to its io.Writer, in the order in which
// lines came, several in one call if they wait. It is safe for concurrent use. Make
// one with New, and Close it.
type Stream struct {
	out  io.Writer
	now  func() time.Time
	tell func(Status)

	mu     sync.Mutex
	more   *sync.Cond // signalled when a line comes, and when the stream is closed
	queue  []*line    // the first of them are perhaps being written
	bytes  int        // in queue
	torn   bool       // the last write ended in the middle of a line
	closed bool
	ended  chan struct{} // closed when the goroutine has ended
	status Status
	told   time.Time // when tell was called last
	news   bool      // tell must be called
}

// line is a line that waits.
type line struct {
	text    []byte
	at      time.Time  // when it came
	written chan error // gets one value, after out was given the line
}

// New returns a stream that writes to out, one call at a time. Tell may be nil. It is
// called when a trouble begins, again at most once a minute while more lines are lost,
// and when the trouble is over (Status.Trouble is "" then). It must not wait for the
// stream.
func New(out io.Writer, now func() time.Time, tell func(Status)) *Stream {
	s := &Stream{out: out, now: now, tell: tell, ended: make(chan struct{})}
	s.more = sync.NewCond(&s.mu)
	go s.run()
	return s
}

// Write takes a copy of one line and never waits. The error is ErrFull or
// ErrClosed. It makes a Stream an io.Writer for a log, which calls it once a line.
func (s *Stream) Write(text []byte) (int, error) {
	if _, _, err := s.enqueue(text); err != nil {
		return 0, err
	}
	return len(text), nil
}

// WriteNow takes a copy of one line and returns nil once out has taken it. It waits
// no longer than ctx and Patience allow, and not at all while the stream is known to
// be stalled; the error is then ErrLate. Any other error means that the line is lost.
func (s *Stream) WriteNow(ctx context.Context, text []byte) error {
	l, waits, err := s.enqueue(text)
	if err != nil {
		return err
	}
	if !waits {
		return ErrLate
	}
	patience := time.NewTimer(Patience)
	defer patience.Stop()
	select {
	case err := <-l.written:
		return err
	case <-ctx.Done():
	case <-patience.C:
	}
	return s.giveUp(l)
}

// enqueue adds a line, and reports whether it makes sense to wait for it.
func (s *Stream) enqueue(text []byte) (l *line, waits bool, err error) {
	s.mu.Lock()
	defer s.unlock()
	switch {
	case s.closed:
		s.status.Lost++
		return nil, false, ErrClosed
	case len(s.queue) >= MaxLines || s.bytes+len(text) > MaxBytes:
		s.lose(1, flooded)
		return nil, false, ErrFull
	}
	l = &line{text: bytes.Clone(text), at: s.now(), written: make(chan error, 1)}
	s.queue = append(s.queue, l)
	s.bytes += len(text)
	s.more.Signal()
	return l, s.status.Trouble != stalled, nil
}

// giveUp notes that the stream is stalled, unless l was written just now.
func (s *Stream) giveUp(l *line) error {
	s.mu.Lock()
	defer s.unlock()
	select {
	case err := <-l.written:
		return err
	default:
		s.begin(stalled, l.at)
		return ErrLate
	}
}

// Status returns the state of the stream.
func (s *Stream) Status() Status {
	s.mu.Lock()
	defer s.unlock()
	if len(s.queue) > 0 && s.now().Sub(s.queue[0].at) > Patience {
		s.begin(stalled, s.queue[0].at)
	}
	status := s.status
	status.Waiting = len(s.queue)
	return status
}

// Close makes the stream refuse new lines. It returns when the waiting lines are
// written, at the latest when ctx ends. Lines that are not written by then are lost,
// and the error says how many.
func (s *Stream) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.more.Signal()
	s.mu.Unlock()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	lost := len(s.queue)
	s.status.Lost += int64(lost)
	s.queue, s.bytes = nil, 0
	if lost == 0 {
		return nil
	}
	return fmt.Errorf("%d lines were not read in time and are lost", lost)
}

// run is the goroutine that writes.
func (s *Stream) run() {
	defer close(s.ended)
	for batch, text := s.next(nil); batch != nil; batch, text = s.next(text[:0]) {
		n, err := s.out.Write(text)
		if err == nil && n < len(text) {
			err = io.ErrShortWrite
		}
		s.done(batch, n, err)
	}
}

// next waits for lines, and returns those for the next call of Write, with their text
// in buffer. It returns none when the stream is closed and every line is written.
func (s *Stream) next(buffer []byte) (batch []*line, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 && !s.closed {
		s.more.Wait()
		s.mu.Unlock()
		runtime.Gosched() // who is ready to add a line does so first: one call of Write is for all of them
		s.mu.Lock()
	}
	if s.torn {
		buffer = append(buffer, '\n')
	}
	for i, l := range s.queue {
		if i > 0 && len(buffer)+len(l.text) > maxWrite {
			break
		}
		buffer = append(buffer, l.text...)
		batch = s.queue[:i+1]
	}
	return batch, buffer
}

// done tells the callers who wait for the lines of batch what became of them: n bytes
// were written, and the rest was not because of err.
func (s *Stream) done(batch []*line, n int, err error) {
	s.mu.Lock()
	defer s.unlock()
	if len(s.queue) == 0 {
		return // Close gave up, and has counted these lines
	}
	if s.torn && n > 0 {
		s.torn = false
		n--
	}
	lost := int64(0)
	for _, l := range batch {
		s.bytes -= len(l.text)
		if n >= len(l.text) {
			n -= len(l.text)
			l.written <- nil
			continue
		}
		s.torn = s.torn || n > 0
		n = 0
		lost++
		l.written <- err
	}
	s.queue = s.queue[len(batch):]
	clear(batch) // the array lives on, the lines need not
	if lost > 0 {
		s.lose(lost, err.Error())
	} else if len(s.queue) == 0 {
		s.end()
	}
}

// lose counts lost lines, and notes why they are lost.
func (s *Stream) lose(lines int64, why string) {
	s.status.Lost += lines
	s.begin(why, s.now())
	s.news = s.news || s.now().Sub(s.told) >= tellAgain
}

// begin notes a trouble. If there is one already, only a stall replaces it: from then
// on no caller waits.
func (s *Stream) begin(trouble string, since time.Time) {
	switch {
	case s.status.Trouble == "":
		s.status.Trouble, s.status.Since, s.news = trouble, since, true
	case trouble == stalled:
		s.status.Trouble = stalled
	}
}

// end notes that lines are written again.
func (s *Stream) end() {
	if s.status.Trouble != "" {
		s.status.Trouble, s.status.Since, s.news = "", time.Time{}, true
	}
}

// unlock releases the lock, and then calls tell if there is news.
func (s *Stream) unlock() {
	news, status := s.news, s.status
	status.Waiting = len(s.queue)
	if news {
		s.news, s.told = false, s.now()
	}
	s.mu.Unlock()
	if news && s.tell != nil {
		s.tell(status)
	}
}
