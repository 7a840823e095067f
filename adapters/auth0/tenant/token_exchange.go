package tenant

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/auth0/go-auth0/v3/management"
	"github.com/auth0/go-auth0/v3/management/option"

	"nativebridge/adapters/auth0"
	"nativebridge/domain"
)

const (
	exchangeTrigger = "custom-token-exchange"
	buildPatience   = 2 * time.Minute
)

// actionSettings are what must hold of the Action that judges tokens.
func (s *Setup) actionSettings(now *state) []setting {
	values := s.scriptSettings(s.clientID(now))
	stale := !stands(now.action.text("code"), auth0.ExchangeAction, values)
	list := []setting{
		long("code", marked(auth0.ExchangeAction, values), !stale, "the Action judges each sign-in, and opens no session otherwise", saysScript("our exchange.js", auth0.ExchangeAction)),
		{
			path: "runtime", want: "node22", why: "the Action is tried with Node 18 and 22",
			holds: func(have any) bool { return have == "node18" || have == "node22" },
		},
		secretsSetting(values, stale),
		{
			path: "all_changes_deployed", want: true, why: "an Action that is not deployed does nothing",
			says: func(deployed any) string { return map[any]string{true: "yes"}[deployed] },
		},
	}
	return list
}

// secretsSetting wants an Action's secrets, whose values Auth0 never tells.
func secretsSetting(values map[string]string, stale bool) setting {
	names := slices.Sorted(maps.Keys(values))
	want := []any{}
	for _, name := range names {
		want = append(want, map[string]any{"name": name, "value": values[name]})
	}
	return setting{
		path: "secrets", want: want, why: "the Action goes by them", sealed: true,
		holds: func(have any) bool { return slices.Equal(secretNames(have), names) && !stale },
		says:  func(have any) string { return fmt.Sprintf("%d secrets (not shown)", len(secretNames(have))) },
	}
}

// secretNames lists the names of an Action's secrets, sorted.
func secretNames(secrets any) []string {
	list, _ := secrets.([]any)
	var names []string
	for _, item := range list {
		secret, _ := item.(map[string]any)
		names = append(names, object(secret).text("name"))
	}
	slices.Sort(names)
	return names
}

func (s *Setup) planAction(now *state) domain.TenantStep {
	return stepOf("action", fmt.Sprintf("Action %q", s.choices.Application), now.action, s.actionSettings(now))
}

// writtenAction is what is written of the Action, new or not.
func (s *Setup) writtenAction(now *state) object {
	body := object{}
	for _, wanted := range s.actionSettings(now) {
		if wanted.path != "all_changes_deployed" {
			body[wanted.path] = wanted.want
		}
	}
	if now.action == nil {
		body["name"] = s.choices.Application
		body["supported_triggers"] = []any{map[string]any{"id": exchangeTrigger, "version": "v1"}}
	}
	return body
}

// applyAction writes the Action, waits until Auth0 has built it, and deploys it.
func (s *Setup) applyAction(ctx context.Context, now *state) error {
	body := s.writtenAction(now)
	id := now.action.text("id")
	if now.action == nil {
		made, err := s.management.api.Actions.Create(ctx, nil, option.WithBodyProperties(body))
		if err != nil {
			return s.management.explain("create the Action", err)
		}
		id = made.GetID()
	} else if _, err := s.management.api.Actions.Update(ctx, id, nil, option.WithBodyProperties(body)); err != nil {
		return s.management.explain("change the Action", err)
	}
	if err := s.awaitBuild(ctx, id); err != nil {
		return err
	}
	_, err := s.management.api.Actions.Deploy(ctx, id)
	return s.done("deploy the Action", err)
}

// awaitBuild waits until the Action is built: only then can it be deployed.
func (s *Setup) awaitBuild(ctx context.Context, id string) error {
	for waited := time.Duration(0); ; waited += time.Second {
		read, err := s.management.api.Actions.Get(ctx, id)
		if err != nil {
			return s.management.explain("read the Action", err)
		}
		action, err := objectOf(read)
		switch status := action.text("status"); {
		case err != nil:
			return err
		case status == "built":
			return nil
		case status == "failed":
			return fmt.Errorf("auth0 could not build the Action: look at it in the dashboard, Actions, Library, %s", s.choices.Application)
		case waited >= buildPatience:
			return fmt.Errorf("auth0 has not built the Action in %s (it says %q): run the command again later", buildPatience, status)
		}
		if err := s.management.wait(ctx, time.Second); err != nil {
			return err
		}
	}
}

func (s *Setup) profileSettings(now *state) []setting {
	return []setting{
		is("subject_token_type", string(s.config.SubjectTokenType), "AUTH0_SUBJECT_TOKEN_TYPE names the profile by it"),
		is("type", "custom_authentication", "the Action authenticates the person"),
		is("action_id", now.action.text("id"), "this Action judges the tokens of the profile"),
	}
}

func (s *Setup) planProfile(now *state) domain.TenantStep {
	name := fmt.Sprintf("token exchange profile %s", s.config.SubjectTokenType)
	step := stepOf("profile", name, now.profile, s.profileSettings(now))
	if now.action == nil {
		for i, change := range step.Changes {
			if change.Setting == "action_id" {
				step.Changes[i].To = "(of the Action)"
			}
		}
	}
	return step
}

// newProfile is the profile as it is made.
func (s *Setup) newProfile(now *state) object {
	return patched(object{"name": s.choices.Application}, s.profileSettings(now))
}

func (s *Setup) applyProfile(ctx context.Context, now *state) error {
	if now.action == nil {
		return fmt.Errorf("the Action %q does not exist yet", s.choices.Application)
	}
	_, err := s.management.api.TokenExchangeProfiles.Create(ctx, nil, option.WithBodyProperties(s.newProfile(now)))
	return s.done("create the token exchange profile", err)
}

// planUsersConnection lets the application use the connection in which the Action makes
// users. Whatever else may use that connection stays.
func (s *Setup) planUsersConnection(now *state) domain.TenantStep {
	step := domain.TenantStep{ID: "users-connection", Object: fmt.Sprintf("applications of connection %q", s.choices.CreateUsersIn), Action: domain.Keep}
	if !slices.Contains(now.applicationsOfConnection, s.clientID(now)) {
		step.Action = domain.Change
		step.Changes = []domain.SettingChange{{Setting: s.applicationName(), To: "on", Why: "the Action makes users in this connection"}}
	}
	return step
}

func (s *Setup) applyUsersConnection(ctx context.Context, now *state) error {
	on := management.UpdateEnabledClientConnectionsRequestContent{{ClientID: s.clientID(now), Status: true}}
	return s.done("enable the connection for the application", s.management.api.Connections.Clients.Update(ctx, now.connection.text("id"), on))
}

// usersConnectionBlockers want the connection in which the Action makes users.
func (s *Setup) usersConnectionBlockers(now *state) []domain.Instruction {
	where := "--create-users-in " + s.choices.CreateUsersIn
	switch {
	case s.choices.CreateUsersIn == "":
		return nil
	case now.connection == nil:
		return blocked(where, "there is no connection of that name: name another, or make it first", "the Action cannot make users in it")
	case now.connection.flag("options.import_mode"):
		return blocked(where, "that connection imports users: turn Import Users to Auth0 off, or name another", "a token exchange cannot make users in a connection that imports them")
	}
	return nil
}

// profileBlockers keep setup from what cannot be mended by a change.
func (s *Setup) profileBlockers(now *state) []domain.Instruction {
	if now.profile == nil || now.profile.text("action_id") == now.action.text("id") {
		return nil
	}
	return blocked("AUTH0_SUBJECT_TOKEN_TYPE",
		fmt.Sprintf("a profile with the type %s exists and has another Action: choose another type, or delete that profile", s.config.SubjectTokenType),
		"a profile's Action cannot be changed")
}

// actionBlockers keep setup away from an Action of somebody else.
func (s *Setup) actionBlockers(now *state) []domain.Instruction {
	triggers, _ := now.action.at("supported_triggers").([]any)
	for _, item := range triggers {
		trigger, _ := item.(map[string]any)
		if id := object(trigger).text("id"); id != exchangeTrigger {
			return blocked("--application", fmt.Sprintf("an Action named %q exists that is for %s: choose another name", s.choices.Application, id), "the bridge's Action must be its own")
		}
	}
	return nil
}
