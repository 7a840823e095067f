package scripthost

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dop251/goja"
)

// run is one execution of a script: an event loop, the timers and host operations that keep it alive, and what has
// settled it. It belongs to the goroutine that executes it; timers and operations hand it tasks, which are dropped once
// the run has ended, so that they cannot disturb the container's next one.
type run struct {
	*container
	started   time.Time
	io        context.Context // ends with the run; carries its host operations
	endIO     context.CancelFunc
	tasks     chan func() error
	timers    map[int]*time.Timer // that have not fired, by number
	lastTimer int
	pending   int             // host operations under way
	rejected  []*goja.Promise // rejected and not handled, in order
	settled   bool
	outcome   Outcome
	silence   string // the message for a run that nothing can settle any more
}

func newRun(c *container) *run {
	io, endIO := context.WithCancel(context.Background())
	c.run = &run{container: c, io: io, endIO: endIO, tasks: make(chan func() error), timers: make(map[int]*time.Timer)}
	return c.run
}

// untilSettled runs start and then the event loop until the outcome is known. The time of a run counts from started.
func (r *run) untilSettled(ctx context.Context, started time.Time, start func(*run) error) Outcome {
	r.started = started
	stopWatchdog := r.interruptAfter(ctx)
	r.macrotask(Threw, func() error { return start(r) })
	for !r.settled {
		task := r.next(ctx, nil)
		if task == nil {
			r.settleUncalled(ctx)
			break
		}
		r.macrotask(Uncaught, task)
	}
	stopWatchdog()
	return r.outcome
}

// settleUncalled settles, when ctx ends, a run that nothing else can settle: Auth0 waits for its time limit.
func (r *run) settleUncalled(ctx context.Context) {
	if ctx.Err() != nil {
		r.timedOut(ctx)
		return
	}
	r.warn(r.silence + ": the host waits for the time limit, as Auth0 does")
	<-ctx.Done()
	r.settle(Outcome{Kind: NeverCalled, Message: r.silence})
}

// watch keeps the loop running for a while after the outcome is known, to notice a second callback.
func (r *run) watch() {
	ctx, cancel := context.WithTimeout(context.Background(), watchAfter+interruptSlack)
	defer cancel()
	defer r.interruptAfter(ctx)()
	enough := time.After(watchAfter)
	for !r.dead {
		task := r.next(ctx, enough)
		if task == nil {
			return
		}
		r.macrotask(Uncaught, task)
	}
}

// idle reports whether nothing is left that could run.
func (r *run) idle() bool { return r.pending == 0 && len(r.timers) == 0 }

// end abandons what the run still had under way, and leaves the container without a run.
func (r *run) end() {
	r.run = nil
	r.endIO()
	for _, t := range r.timers {
		t.Stop()
	}
}

// interruptAfter makes the watchdog end the running script when ctx ends. The function it returns calls the watchdog
// off. An interrupt that comes too late would hit the next run, so a container that may hold one is not used again.
func (r *run) interruptAfter(ctx context.Context) (stop func()) {
	callOff := context.AfterFunc(ctx, func() { r.vm.Interrupt(ctx) })
	return func() {
		if !callOff() {
			r.dead = true
		}
	}
}

// macrotask runs one task and the microtasks it leaves, and looks at the rejected promises only then: a handler that
// is added in the same turn comes in time.
func (r *run) macrotask(kind Kind, task func() error) {
	if err := r.protect(task); err != nil {
		r.fault(kind, err)
	}
	for _, promise := range slices.Clone(r.rejected) {
		r.settleThrown(Rejected, promise.Result())
	}
	r.rejected = nil
}

// protect turns a fault of the engine itself into an error.
func (r *run) protect(task func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			r.dead = true
			err = fmt.Errorf("the JavaScript engine failed: %v", fault)
		}
	}()
	return task()
}

// fault settles the run with an error that left JavaScript.
func (r *run) fault(kind Kind, err error) {
	if thrown, ok := errors.AsType[*goja.Exception](err); ok {
		r.settleThrown(kind, thrown.Value())
		return
	}
	r.dead = true
	if interrupted, ok := errors.AsType[*goja.InterruptedError](err); ok {
		r.interrupted(interrupted.Value())
		return
	}
	name, message := "Error", err.Error()
	if _, ok := errors.AsType[*goja.StackOverflowError](err); ok {
		name, message = "RangeError", "Maximum call stack size exceeded"
	}
	r.settle(Outcome{Kind: kind, Name: name, Message: message})
}

// interrupted settles a run the watchdog or the host itself has ended.
func (r *run) interrupted(cause any) {
	switch cause := cause.(type) {
	case context.Context:
		r.timedOut(cause)
	case unsupported:
		r.settle(Outcome{Kind: Unsupported, Message: string(cause)})
	default:
		r.settle(Outcome{Kind: TimedOut, Message: fmt.Sprint(cause)})
	}
}

func (r *run) timedOut(ctx context.Context) {
	r.settle(Outcome{Kind: TimedOut, Message: timedOutMessage(ctx, r.host.opts.Limit)})
}

func timedOutMessage(ctx context.Context, limit time.Duration) string {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return "the caller went away before the script called back"
	}
	return fmt.Sprintf("the script did not call back within %s", limit)
}

// settleThrown settles the run with a value that was thrown, or that a promise was rejected with.
func (r *run) settleThrown(kind Kind, thrown goja.Value) {
	out := Outcome{Kind: kind}
	err := r.protect(func() error {
		described, err := r.call(r.hooks.Get("describe"), thrown)
		if err != nil {
			return err
		}
		object := described.ToObject(r.vm)
		out.Name, out.Message, out.UserID = object.Get("name").String(), object.Get("message").String(), object.Get("userID").String()
		return nil
	})
	if err != nil { // a getter of the thrown value failed in turn
		if _, again := errors.AsType[*goja.Exception](err); !again {
			r.fault(kind, err)
			return
		}
		out.Message = "an error that cannot be described"
	}
	r.settle(out)
}

// settle records the first outcome; what comes later is only logged.
func (r *run) settle(out Outcome) {
	if r.settled {
		r.warn(fmt.Sprintf("after the script had called back: %s: %s %s", out.Kind, out.Name, out.Message))
		return
	}
	out.CalledBack, out.Notes = r.outcome.CalledBack, r.outcome.Notes
	out.Duration = time.Since(r.started)
	r.outcome, r.settled = out, true
}

// warn logs what the host noticed and keeps it for the outcome, if that is not sent yet.
func (r *run) warn(line string) {
	r.outcome.Notes = append(r.outcome.Notes, line)
	r.host.opts.Log("warning: " + line)
}

// next returns the next task, waiting for it if something may still bring one. It returns nil when nothing can, when ctx
// ends, or when enough is ready.
func (r *run) next(ctx context.Context, enough <-chan time.Time) func() error {
	if ctx.Err() != nil || r.idle() {
		return nil
	}
	select {
	case task := <-r.tasks:
		return task
	case <-ctx.Done():
	case <-enough:
	}
	return nil
}

// hand gives the loop a task from another goroutine.
func (r *run) hand(task func() error) {
	select {
	case r.tasks <- task:
	case <-r.io.Done():
	}
}

// trackRejection keeps the promises that are rejected and not handled.
func (c *container) trackRejection(promise *goja.Promise, operation goja.PromiseRejectionOperation) {
	if c.run == nil {
		return
	}
	if operation == goja.PromiseRejectionReject {
		c.run.rejected = append(c.run.rejected, promise)
		return
	}
	c.run.rejected = slices.DeleteFunc(c.run.rejected, func(p *goja.Promise) bool { return p == promise })
}
