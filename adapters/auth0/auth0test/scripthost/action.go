package scripthost

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/dop251/goja"
)

// What an Action exports, by its trigger.
const (
	actionHandler    = "onExecuteCustomTokenExchange"
	postLoginHandler = "onExecutePostLogin"
)

// Exchange runs the handler of an Action with the event and an api object, and reports what it decided. The run is
// over when the handler's promise settles. As Auth0 documents, variables outside the handler survive in the container,
// but nothing promises that. When ctx ends first the outcome is [TimedOut].
func (h *Host) Exchange(ctx context.Context, s *Script, event map[string]any) Outcome {
	return h.execute(ctx, s, func(r *run) error { return r.startAction(s, actionHandler, event) })
}

// PostLogin runs the handler of an Action of the trigger post-login, as Exchange does. The claims, scopes and metadata
// that it sets are dropped.
func (h *Host) PostLogin(ctx context.Context, s *Script, event map[string]any) Outcome {
	return h.execute(ctx, s, func(r *run) error { return r.startAction(s, postLoginHandler, event) })
}

func (r *run) startAction(s *Script, handler string, event map[string]any) error {
	r.silence = "the Action's promise can never be settled"
	text, err := json.Marshal(event)
	if err != nil {
		return err
	}
	if r.action == nil {
		if r.action, err = r.evaluateAction(s); err != nil {
			return err
		}
	}
	_, err = r.call(r.hooks.Get("runAction"), r.action, r.vm.ToValue(handler), r.vm.ToValue(string(text)))
	return err
}

// evaluateAction runs the text around the handler and returns the module object.
func (r *run) evaluateAction(s *Script) (goja.Value, error) {
	wrapper, err := r.vm.RunProgram(s.program)
	if err != nil {
		return nil, err
	}
	return r.call(r.hooks.Get("evaluateAction"), wrapper)
}

// actionFunctions are what the prelude builds the api object from.
func (c *container) actionFunctions() map[string]any {
	return map[string]any{
		"settleAction": c.settleAction,
		"rejectAction": func(thrown goja.Value) { c.run.settleThrown(Rejected, thrown) },
	}
}

// command is one call of the api object.
type command struct {
	Name string            `json:"name"`
	Args []json.RawMessage `json:"args"`
}

// settleAction settles the run with the calls the handler made of its api object.
func (c *container) settleAction(handler, text string) {
	var commands []command
	must(json.Unmarshal([]byte(text), &commands))
	decide := decideExchange
	if handler == postLoginHandler {
		decide = decideLogin
	}
	out, err := decide(commands)
	if err != nil {
		out = Outcome{Kind: Failed, Name: "TypeError", Message: err.Error()}
	}
	for _, call := range commands {
		if call.denies() || call.setsUser() {
			out.Decisions++
		}
	}
	c.run.settle(out)
}

// decideExchange turns the handler's calls into its decision. The first denial counts, also after a user was set: neither call
// ends the handler. "Exactly one" of the calls that set the user must be made (Auth0 docs, "custom-token-exchange API
// object"); what another number of calls does is not documented.
func decideExchange(commands []command) (Outcome, error) {
	if i := slices.IndexFunc(commands, command.denies); i >= 0 {
		return commands[i].denial()
	}
	out := Outcome{Kind: NoUser, Message: "the Action set no user"}
	for _, call := range commands {
		var err error
		switch {
		case call.Name == "setOrganization":
			err = call.read(&out.Organization)
		case call.setsUser():
			if out.Kind != NoUser {
				return Outcome{Kind: ManyUsers, Message: "the Action set the user more than once"}, nil
			}
			out.Kind, out.Message = UserSet, ""
			out.User, err = call.user()
		}
		if err != nil {
			return Outcome{}, err
		}
	}
	return out, nil
}

// decideLogin is the decision of a post-login handler. A denial counts before everything else.
func decideLogin(commands []command) (Outcome, error) {
	out := Outcome{Kind: Continued}
	for _, call := range commands {
		switch call.Name {
		case "deny":
			out = Outcome{Kind: Denied}
			err := call.read(&out.Message)
			return out, err
		case "enable", "challengeWith", "challengeWithAny", "enrollWith", "enrollWithAny":
			out.Kind = FactorAsked
		case "sendUserTo":
			out.Kind = Redirected
		}
	}
	return out, nil
}

func (c command) denies() bool { return c.Name == "deny" || c.Name == "rejectInvalidSubjectToken" }

func (c command) setsUser() bool { return c.Name == "setUserById" || c.Name == "setUserByConnection" }

func (c command) denial() (Outcome, error) {
	if c.Name == "deny" {
		out := Outcome{Kind: Denied}
		err := c.read(&out.Code, &out.Message)
		return out, err
	}
	out := Outcome{Kind: TokenRejected}
	err := c.read(&out.Message)
	return out, err
}

func (c command) user() (SetUser, error) {
	var user SetUser
	if c.Name == "setUserById" {
		err := c.read(&user.ID)
		return user, err
	}
	err := c.read(&user.Connection, &user.Attributes, &user.Options)
	return user, err
}

// read decodes the arguments in their order. Those that are left out stay as they are.
func (c command) read(into ...any) error {
	for i, arg := range c.Args[:min(len(c.Args), len(into))] {
		if err := json.Unmarshal(arg, into[i]); err != nil {
			return fmt.Errorf("argument %d of %s is of a wrong type", i+1, c.Name)
		}
	}
	return nil
}
