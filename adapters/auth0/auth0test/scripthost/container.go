package scripthost

import (
	"context"
	"embed"
	"fmt"
	"sync"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"
)

// maxCallStack is far below what the engine allows, because a stack that deep exhausts the memory first. Node's
// default stack holds about 10 000 frames.
const maxCallStack = 8000

// container is one engine with the host's globals, used by one run at a time. Like Auth0's, it is reused, and thrown
// away once a run had to be interrupted.
type container struct {
	host   *Host
	vm     *goja.Runtime
	hooks  *goja.Object // what the prelude offers to Go
	action goja.Value   // `module` object of the Action, once it was evaluated
	run    *run         // the run in progress; nil between runs
	dead   bool         // must not be used again
}

// execute runs start, and the event loop behind it, in a container of the script. It returns as soon as the outcome is
// known.
func (h *Host) execute(ctx context.Context, s *Script, start func(*run) error) Outcome {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, h.opts.Limit)
	defer cancel()
	answer := make(chan Outcome, 1)
	h.runs.Go(func() { h.occupy(s, func(r *run) Outcome { return r.untilSettled(ctx, started, start) }, answer) })

	select {
	case out := <-answer:
		return out
	case <-ctx.Done():
	}
	select {
	case out := <-answer:
		return out
	case <-time.After(interruptSlack):
		const note = "a native call of the engine ignores the watchdog; the run is abandoned"
		h.opts.Log("warning: " + note)
		return Outcome{Kind: TimedOut, Message: timedOutMessage(ctx, h.opts.Limit), Notes: []string{note}, Duration: time.Since(started)}
	}
}

// occupy executes a run in a container, sends the outcome, watches the script a little longer, and gives the container
// back. If nothing is left to watch, the container is given back before the outcome is sent, so that the next run finds
// it.
func (h *Host) occupy(s *Script, execute func(*run) Outcome, answer chan<- Outcome) {
	r := newRun(h.take(s))
	out := execute(r)
	if r.idle() || r.dead {
		h.giveBack(s, r)
		answer <- out
		return
	}
	answer <- out
	r.watch()
	h.giveBack(s, r)
}

// take returns an idle container of the script or makes one.
func (h *Host) take(s *Script) *container {
	if c := s.pop(); c != nil {
		return c
	}
	return newContainer(h)
}

// giveBack ends a run and keeps its container if it can be used again.
func (h *Host) giveBack(s *Script, r *run) {
	r.end()
	if !r.dead {
		s.push(r.container)
	}
}

// newContainer makes an engine and runs the prelude in it.
func newContainer(h *Host) *container {
	vm := goja.New()
	vm.SetMaxCallStackSize(maxCallStack)
	vm.SetParserOptions(parser.WithDisableSourceMaps)
	c := &container{host: h, vm: vm, hooks: vm.NewObject()}
	vm.SetPromiseRejectionTracker(c.trackRejection)
	native := c.native()
	for _, program := range h.prelude {
		install, err := vm.RunProgram(program)
		if err == nil {
			_, err = c.call(install, native, c.hooks)
		}
		if err != nil {
			panic(fmt.Sprintf("scripthost: the prelude does not run: %v", err)) // a fault of this package
		}
	}
	return c
}

// native returns the functions the prelude builds the host's globals from.
func (c *container) native() *goja.Object {
	native := c.vm.NewObject()
	must(native.Set("refuse", c.refuse))
	for _, functions := range []map[string]any{
		c.timerFunctions(), c.loginFunctions(), c.fetchFunctions(), c.bytesFunctions(), c.moduleFunctions(), c.actionFunctions(),
	} {
		for name, function := range functions {
			must(native.Set(name, function))
		}
	}
	return native
}

// unsupported is the cause of an interrupt: what a script asked for and the host does not have.
type unsupported string

// refuse ends the run, because the script needs what the host does not have.
func (c *container) refuse(what string) {
	message := what + " is not in this host, though Auth0's may have it"
	c.run.warn(message)
	c.vm.Interrupt(unsupported(message))
}

// call calls a JavaScript function and, at the outermost level, runs the microtasks it leaves.
func (c *container) call(function goja.Value, args ...goja.Value) (goja.Value, error) {
	callable, ok := goja.AssertFunction(function)
	if !ok {
		return nil, fmt.Errorf("scripthost: %v is not a function", function)
	}
	return callable(goja.Undefined(), args...)
}

// compilePrelude parses the prelude once for the process; a program may be shared by all engines.
var compilePrelude = sync.OnceValue(func() []*goja.Program {
	var programs []*goja.Program
	for _, name := range []string{"refuse", "globals", "bytes", "fetch", "modules", "actions", "missing"} {
		source, err := preludeFiles.ReadFile("prelude/" + name + ".js")
		must(err)
		programs = append(programs, goja.MustCompile(name+".js", string(source), true))
	}
	return programs
})

//go:embed prelude/*.js
var preludeFiles embed.FS

// must panics on errors that only a fault of this package can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
