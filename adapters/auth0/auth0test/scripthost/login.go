package scripthost

import (
	"encoding/json"

	"github.com/dop251/goja"
)

// startLogin evaluates the script and calls its login function. The script is evaluated for every run; what it keeps
// between runs it keeps in `global`.
func (r *run) startLogin(s *Script, in Login) error {
	r.silence = "the script ended without calling back"
	if err := r.configure(in.Configuration); err != nil {
		return err
	}
	login, err := r.evaluate(s)
	if err != nil {
		return err
	}
	callback, err := r.call(r.hooks.Get("newCallback"))
	if err != nil {
		return err
	}
	args := []goja.Value{r.vm.ToValue(in.Identifier), r.vm.ToValue(in.Password)}
	if in.Context {
		args = append(args, r.vm.NewObject()) // its organization is empty in the password grants
	}
	_, err = r.call(login, append(args, callback)...)
	return err
}

// configure sets the global `configuration`, which a script cannot change.
func (r *run) configure(settings map[string]string) error {
	object := r.vm.NewObject()
	for name, value := range settings {
		must(object.Set(name, value))
	}
	_, err := r.call(r.hooks.Get("configure"), object)
	return err
}

// evaluate runs the text of a script and returns the function it defines.
func (r *run) evaluate(s *Script) (*goja.Object, error) {
	wrapper, err := r.vm.RunProgram(s.program)
	if err != nil {
		return nil, err
	}
	function, err := r.call(wrapper)
	if err != nil {
		return nil, err
	}
	return function.ToObject(r.vm), nil
}

// loginFunctions are what the prelude builds the callback from.
func (c *container) loginFunctions() map[string]any {
	return map[string]any{
		"calledBack": c.calledBack,
		"settle":     c.settleCallback,
	}
}

// calledBack counts a call of the callback and reports whether it is the one that counts.
func (c *container) calledBack() bool {
	c.run.outcome.CalledBack++
	if c.run.outcome.CalledBack > 1 {
		c.run.warn("the script called back more than once")
	}
	return !c.run.settled && c.run.outcome.CalledBack == 1
}

// settleCallback settles the run with what the callback was given. Only text crosses from the engine, never a live
// object; the profile is JSON.
func (c *container) settleCallback(kind, name, message, userID, profile string) {
	out := Outcome{Kind: Kind(kind), Name: name, Message: message, UserID: userID}
	if out.Kind == Profile {
		out.Profile = json.RawMessage(profile)
	}
	c.run.settle(out)
}
