package tenant

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/auth0/go-auth0/v3/management"
	"github.com/auth0/go-auth0/v3/management/option"

	"nativebridge/adapters/auth0"
	"nativebridge/domain"
)

const loginScript = "options.customScripts.login"

func (s *Setup) connectionName() string { return fmt.Sprintf("connection %q", s.config.Connection) }

// connectionSettings are what must hold of the connection whose Login script judges.
func (s *Setup) connectionSettings(now *state) []setting {
	list := []setting{
		is("options.enabledDatabaseCustomization", true, "the Login script opens sessions, not passwords that Auth0 keeps"),
		is("options.import_mode", false, "with it, Auth0 stores the first token as the password, and every later sign-in fails"),
		is("options.disable_signup", true, "nobody may make an account here with a password"),
		is("options.brute_force_protection", true, "Auth0 blocks who guesses"),
		is("options.enable_script_context", true, "the script can tell which application asks"),
		{
			path: "options.set_user_root_attributes", want: "never_on_login", why: "a sign-in overwrites nothing that your own systems wrote",
			holds: func(have any) bool { return have == "never_on_login" },
		},
		{
			path: "options.authentication_methods.password.enabled", want: true, why: "the password grant needs it",
			holds: func(have any) bool { return have == nil || have == true },
		},
	}
	values := s.scriptSettings(s.clientID(now))
	script := marked(auth0.LoginScript, values)
	stale := !stands(now.connection.text(loginScript), auth0.LoginScript, values)
	list = append(list, long(loginScript, script, !stale, "the Login script judges each sign-in, and opens no session otherwise", saysScript("our login.js", auth0.LoginScript)))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, sealed("options.configuration."+name, domain.NewSecret(values[name]), stale, "the Login script goes by it"))
	}
	for _, name := range now.parameters() {
		if _, wanted := values[name]; !wanted && ours(name) && name != previousKey {
			list = append(list, absent("options.configuration."+name, "this kind of proof does not need it"))
		}
	}
	return list
}

// parameters lists the names in the connection's configuration.
func (now *state) parameters() []string {
	configuration, _ := now.connection.at("options.configuration").(map[string]any)
	return slices.Sorted(maps.Keys(configuration))
}

// clientID is the client id of the bridge's application; a placeholder before it exists.
func (s *Setup) clientID(now *state) string {
	if now.application == nil {
		return "(of the application)"
	}
	return now.application.text("client_id")
}

func (s *Setup) planConnection(now *state) domain.TenantStep {
	return stepOf("connection", s.connectionName(), now.connection, s.connectionSettings(now))
}

// newConnection is the connection as it is made.
func (s *Setup) newConnection(now *state) object {
	return patched(object{"name": s.config.Connection, "strategy": "auth0"}, s.connectionSettings(now))
}

// applyConnection writes the options whole, because Auth0 replaces them whole, and all
// of the configuration in plain text: what Auth0 tells of it is ciphertext, which would
// become the value ("Update a connection", Management API).
func (s *Setup) applyConnection(ctx context.Context, now *state) error {
	if now.connection == nil {
		_, err := s.management.api.Connections.Create(ctx, nil, option.WithBodyProperties(s.newConnection(now)))
		return s.done("create the connection", err)
	}
	before := now.connection.put("options.configuration", map[string]any{})
	body := object{"options": patched(before, s.connectionSettings(now))["options"]}
	if name := now.connection.text("display_name"); name != "" {
		body["display_name"] = name // Auth0 takes one that is not sent for the connection's name
	}
	_, err := s.management.api.Connections.Update(ctx, now.connection.text("id"), nil, option.WithBodyProperties(body))
	return s.done("change the connection", err)
}

// connectionBlockers keep setup from breaking a connection of somebody else.
func (s *Setup) connectionBlockers(now *state) []domain.Instruction {
	if now.connection == nil {
		return nil
	}
	where := fmt.Sprintf("AUTH0_CONNECTION=%s", s.config.Connection)
	switch {
	case now.connection.text("strategy") != "auth0":
		return blocked(where, fmt.Sprintf("a connection of that name exists, and it is no database (its strategy is %s): choose another name", now.connection.text("strategy")), "names of connections are unique")
	case now.connection.at("options") == nil:
		return blocked(grantScopes, "grant read:connections_options", "Auth0 does not tell the options of the connection, and writing them blindly would lose some")
	case !now.connection.flag("options.enabledDatabaseCustomization"):
		return blocked(where, "a database of that name exists whose users' passwords Auth0 keeps: choose another name", "with a Login script, none of them could sign in with a password again")
	}
	return s.parameterBlockers(now)
}

func blocked(where, what, why string) []domain.Instruction {
	return []domain.Instruction{{Where: where, What: what, Why: why}}
}

// parameterBlockers keep setup from losing what it cannot write again: Auth0 tells the
// values in ciphertext only, and forgets those that the options are written without.
func (s *Setup) parameterBlockers(now *state) []domain.Instruction {
	if s.planConnection(now).Action == domain.Keep {
		return nil
	}
	where := fmt.Sprintf("dashboard, Authentication, Database, %s, Custom Database, Configuration Parameters", s.config.Connection)
	var blockers []domain.Instruction
	for _, name := range now.parameters() {
		switch {
		case name == previousKey:
			blockers = append(blockers, domain.Instruction{Where: where, What: "a change of keys is under way: finish it, and remove " + previousKey, Why: "setup cannot read the previous key, and would lose it"})
		case !ours(name):
			blockers = append(blockers, domain.Instruction{Where: where, What: fmt.Sprintf("remove the parameter %s, which is not the bridge's, or choose another AUTH0_CONNECTION", name), Why: "setup cannot read its value, and would lose it"})
		}
	}
	return blockers
}

// previousKey is the setting of the Login script that is there while keys are changed.
const previousKey = "NATIVE_BRIDGE_KEY_PREVIOUS"

// ours reports whether a setting of the Login script is the bridge's, in either mode.
func ours(name string) bool {
	return strings.HasPrefix(name, "NATIVE_BRIDGE_") ||
		slices.Contains([]string{"AUTHSIGNAL_SECRET", "AUTHSIGNAL_API_URL", "AUTHSIGNAL_ACTION", "AUTHSIGNAL_SUBJECTS"}, name)
}

func (s *Setup) planApplicationsOfConnection(now *state) domain.TenantStep {
	step := domain.TenantStep{ID: "connection-applications", Object: "applications of " + s.connectionName(), Action: domain.Keep}
	change := func(setting, from, to, why string) {
		step.Action = domain.Change
		step.Changes = append(step.Changes, domain.SettingChange{Setting: setting, From: from, To: to, Why: why})
	}
	if !slices.Contains(now.applicationsOfConnection, s.clientID(now)) {
		change(s.applicationName(), "", "on", "the bridge opens sessions with this connection")
	}
	for _, client := range now.applicationsOfConnection {
		if client != s.clientID(now) {
			change("application "+client, "on", "off", "whoever has that application's secret and a fresh token could open a session without the bridge")
		}
	}
	return step
}

func (s *Setup) applyApplicationsOfConnection(ctx context.Context, now *state) error {
	switches := management.UpdateEnabledClientConnectionsRequestContent{{ClientID: s.clientID(now), Status: true}}
	for _, client := range now.applicationsOfConnection {
		if client != s.clientID(now) {
			switches = append(switches, &management.UpdateEnabledClientConnectionsRequestContentItem{ClientID: client, Status: false})
		}
	}
	const most = 50 // in one call
	for batch := range slices.Chunk(switches, most) {
		err := s.management.api.Connections.Clients.Update(ctx, now.connection.text("id"), batch)
		if err != nil {
			return s.management.explain("enable the connection for the application, and for no other", err)
		}
	}
	return nil
}

// foreign returns the other connections that the bridge's application may use. Those of
// an application that is adopted stay as they are, and are remarked upon.
func (s *Setup) foreign(now *state) []object {
	return slices.DeleteFunc(slices.Clone(now.connectionsOfApplication), func(c object) bool { return c.text("name") == s.config.Connection })
}

func (s *Setup) planConnectionsOfApplication(now *state) domain.TenantStep {
	step := domain.TenantStep{ID: "application-connections", Object: "connections of " + s.applicationName(), Action: domain.Keep}
	if s.choices.Adopt != "" {
		return step
	}
	for _, connection := range s.foreign(now) {
		step.Action = domain.Change
		step.Changes = append(step.Changes, domain.SettingChange{
			Setting: "connection " + connection.text("name"), From: "on", To: "off",
			Why: "with a password grant of this application, people of that connection could sign in without a passkey",
		})
	}
	return step
}

func (s *Setup) applyConnectionsOfApplication(ctx context.Context, now *state) error {
	for _, connection := range s.foreign(now) {
		off := management.UpdateEnabledClientConnectionsRequestContent{{ClientID: s.clientID(now), Status: false}}
		if err := s.management.api.Connections.Clients.Update(ctx, connection.text("id"), off); err != nil {
			return s.management.explain("disable the connection "+connection.text("name")+" for the application", err)
		}
	}
	return nil
}

// connectionRemarks tell what setup leaves as it is.
func (s *Setup) connectionRemarks(now *state) []domain.Instruction {
	var remarks []domain.Instruction
	if now.connection.flag("options.import_mode") {
		remarks = append(remarks, domain.Instruction{
			Where: "dashboard, User Management, Users",
			What:  fmt.Sprintf("delete the users that %s has imported", s.connectionName()),
			Why:   "Auth0 asks no script about them: it compares with the token that it stored as their password",
		})
	}
	scripts, _ := now.connection.at("options.customScripts").(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		if text, _ := scripts[name].(string); name != "login" && strings.TrimSpace(text) != "" {
			remarks = append(remarks, domain.Instruction{
				Where: fmt.Sprintf("dashboard, Authentication, Database, %s, Custom Database", s.config.Connection),
				What:  fmt.Sprintf("the script %s is there too, and stays", name),
				Why:   "the bridge needs no script but login",
			})
		}
	}
	if s.choices.Adopt != "" {
		for _, connection := range s.foreign(now) {
			remarks = append(remarks, domain.Instruction{
				Where: fmt.Sprintf("dashboard, Applications, %s, Connections", now.application.text("name")),
				What:  fmt.Sprintf("turn the connection %s off", connection.text("name")),
				Why:   "with a password grant of this application, people of that connection could sign in without a passkey",
			})
		}
	}
	return remarks
}
