package tenant

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/auth0/go-auth0/v3/management"
	"github.com/auth0/go-auth0/v3/management/core"
)

// state is the part of a tenant that the bridge has to do with. An object that does not
// exist is nil.
type state struct {
	api         object
	application object
	namesakes   []object // applications of the same name that setup did not make
	connection  object
	action      object
	profile     object

	enrolAPI  object
	postLogin []object // the Actions that run at a sign-in

	applicationsOfConnection []string // ids of the applications that may use the connection
	connectionsOfApplication []object // connections that the application may use
}

// source is a part of a tenant that is read by itself. Their order is the one in which
// they are read: what an application may use, for example, comes after the application.
type source int

const (
	ofAPI source = iota
	ofApplication
	ofAction
	ofProfile
	ofConnection
	ofUse // who may use the connection, and what the application may use
)

// read reads what is asked for.
func (s *Setup) read(ctx context.Context, sources []source) (*state, error) {
	now := &state{}
	readers := map[source]func(context.Context, *state) error{
		ofAPI: s.readAPI, ofApplication: s.readApplication, ofAction: s.readAction,
		ofProfile: s.readProfile, ofConnection: s.readConnection, ofUse: s.readUse,
	}
	for _, source := range sources {
		if err := readers[source](ctx, now); err != nil {
			return nil, err
		}
	}
	return now, nil
}

// readAll reads what any part looks at.
func (s *Setup) readAll(ctx context.Context) (*state, error) {
	var sources []source
	for _, part := range s.parts() {
		sources = append(sources, part.reads...)
	}
	slices.Sort(sources)
	return s.read(ctx, slices.Compact(sources))
}

func (s *Setup) readAPI(ctx context.Context, now *state) (err error) {
	now.api, err = s.apiOf(ctx, s.config.Audience)
	return err
}

// apiOf returns the API with the identifier, or nil.
func (s *Setup) apiOf(ctx context.Context, identifier string) (object, error) {
	list, err := s.management.api.ResourceServers.List(ctx, &management.ListResourceServerRequestParameters{Identifiers: []*string{&identifier}})
	if err != nil {
		return nil, s.management.explain("read the API "+identifier, err)
	}
	return find(ctx, list, func(o object) bool { return o.text("identifier") == identifier })
}

func (s *Setup) readApplication(ctx context.Context, now *state) error {
	if s.choices.Adopt != "" {
		read, err := s.management.api.Clients.Get(ctx, s.choices.Adopt, &management.GetClientRequestParameters{})
		if err != nil {
			return s.management.explain("read the application "+s.choices.Adopt, err)
		}
		now.application, err = objectOf(read)
		return err
	}
	list, err := s.management.api.Clients.List(ctx, &management.ListClientsRequestParameters{})
	if err != nil {
		return s.management.explain("list the applications", err)
	}
	all, err := collect(ctx, list, func(o object) bool { return o.text("name") == s.choices.Application })
	if err != nil {
		return s.management.explain("list the applications", err)
	}
	for _, application := range all {
		if application.text("client_metadata."+madeBy) != "" && now.application == nil {
			now.application = application
		} else {
			now.namesakes = append(now.namesakes, application)
		}
	}
	return nil
}

// connectionOfUsers is the connection that has, or gets, those who sign in.
func (s *Setup) connectionOfUsers() string {
	if s.config.exchanges() {
		return s.choices.CreateUsersIn
	}
	return s.config.Connection
}

func (s *Setup) readConnection(ctx context.Context, now *state) error {
	name := s.connectionOfUsers()
	list, err := s.management.api.Connections.List(ctx, &management.ListConnectionsQueryParameters{Name: &name})
	if err != nil {
		return s.management.explain("find the connection "+name, err)
	}
	found, err := find(ctx, list, func(o object) bool { return o.text("name") == name })
	if err != nil || found == nil {
		return err
	}
	read, err := s.management.api.Connections.Get(ctx, found.text("id"), &management.GetConnectionRequestParameters{})
	if err != nil {
		return s.management.explain("read the connection "+name, err)
	}
	now.connection, err = objectOf(read)
	return err
}

// readUse reads who may use the connection, and what the application may use.
func (s *Setup) readUse(ctx context.Context, now *state) error {
	if now.connection != nil {
		list, err := s.management.api.Connections.Clients.Get(ctx, now.connection.text("id"), &management.GetConnectionEnabledClientsRequestParameters{})
		if err != nil {
			return s.management.explain("list the applications of the connection", err)
		}
		clients, err := collect(ctx, list, func(object) bool { return true })
		if err != nil {
			return s.management.explain("list the applications of the connection", err)
		}
		for _, client := range clients {
			now.applicationsOfConnection = append(now.applicationsOfConnection, client.text("client_id"))
		}
	}
	if now.application == nil {
		return nil
	}
	list, err := s.management.api.Clients.Connections.Get(ctx, now.application.text("client_id"), &management.ConnectionsGetRequest{})
	if err != nil {
		return s.management.explain("list the connections of the application", err)
	}
	now.connectionsOfApplication, err = collect(ctx, list, func(object) bool { return true })
	return err
}

func (s *Setup) readAction(ctx context.Context, now *state) error {
	list, err := s.management.api.Actions.List(ctx, &management.ListActionsRequestParameters{ActionName: &s.choices.Application})
	if err != nil {
		return s.management.explain("list the Actions", err)
	}
	found, err := find(ctx, list, func(o object) bool { return o.text("name") == s.choices.Application })
	if err != nil || found == nil {
		return err
	}
	read, err := s.management.api.Actions.Get(ctx, found.text("id"))
	if err != nil {
		return s.management.explain("read the Action "+s.choices.Application, err)
	}
	now.action, err = objectOf(read)
	return err
}

func (s *Setup) readProfile(ctx context.Context, now *state) error {
	list, err := s.management.api.TokenExchangeProfiles.List(ctx, &management.TokenExchangeProfilesListRequest{})
	if isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusForbidden) && !strings.Contains(err.Error(), "scope") {
		return s.management.explain("list the token exchange profiles, which only some plans have (Custom Token Exchange)", err)
	}
	if err != nil {
		return s.management.explain("list the token exchange profiles", err)
	}
	now.profile, err = find(ctx, list, func(o object) bool { return o.text("subject_token_type") == string(s.config.SubjectTokenType) })
	return err
}

// collect returns what is chosen of all pages of a list.
func collect[Cursor comparable, Item, Response any](ctx context.Context, list *core.Page[Cursor, Item, Response], chosen func(object) bool) ([]object, error) {
	var found []object
	items := list.Iterator()
	for items.Next(ctx) {
		item, err := objectOf(items.Current())
		if err != nil {
			return nil, err
		}
		if chosen(item) {
			found = append(found, item)
		}
	}
	return found, items.Err()
}

// find returns the first that is chosen, or nil.
func find[Cursor comparable, Item, Response any](ctx context.Context, list *core.Page[Cursor, Item, Response], chosen func(object) bool) (object, error) {
	found, err := collect(ctx, list, chosen)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}
