package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// objectName is a part of a tenant that a breakage changes.
type objectName string

const (
	theApplication objectName = "application"
	theConnection  objectName = "connection"
	theUse         objectName = "use of the connection"
	theAPI         objectName = "api"
	theMFA         objectName = "mfa"
	theBots        objectName = "bot detection"
	thePasskey     objectName = "passkey"
	theAction      objectName = "action"
)

// breaker breaks the emulated tenants, and mends them, through their Management APIs, as
// somebody at the dashboard does.
type breaker struct {
	mu    sync.Mutex
	on    map[string]bool               // breakages, by id
	whole map[objectName]map[string]any // the objects as they were set up
	write map[objectName]func(context.Context, map[string]any) error
}

// calm makes the tenant's surroundings such that doctor has nothing to say of them, and
// remembers how everything was.
func (s *sandbox) calm(ctx context.Context) error {
	s.breaker = breaker{on: map[string]bool{}, whole: map[objectName]map[string]any{}, write: map[objectName]func(context.Context, map[string]any) error{}}
	if err := s.knowAuthsignal(ctx); err != nil {
		return err
	}
	if s.hasProvider() {
		return nil
	}
	allowed := map[string]any{"allowlist": []string{loopback}}
	if err := s.auth0API(ctx, http.MethodPatch, "/attack-protection/suspicious-ip-throttling", allowed, nil); err != nil {
		return err
	}
	return s.knowAuth0(ctx)
}

// know remembers an object, and how it is written.
func (b *breaker) know(name objectName, whole map[string]any, write func(context.Context, map[string]any) error) {
	b.whole[name], b.write[name] = whole, write
}

func (s *sandbox) knowAuth0(ctx context.Context) error {
	patch := func(path string) func(context.Context, map[string]any) error {
		return func(ctx context.Context, members map[string]any) error {
			return s.auth0API(ctx, http.MethodPatch, path, members, nil)
		}
	}
	for name, path := range map[objectName]string{theApplication: "/clients/" + clientID, theBots: "/attack-protection/bot-detection"} {
		var whole map[string]any
		if err := s.auth0API(ctx, http.MethodGet, path, nil, &whole); err != nil {
			return err
		}
		s.breaker.know(name, whole, patch(path))
	}
	s.breaker.know(theMFA, map[string]any{"policies": []string{}}, func(ctx context.Context, members map[string]any) error {
		return s.auth0API(ctx, http.MethodPut, "/guardian/policies", members["policies"], nil)
	})
	var apis []map[string]any
	if err := s.auth0API(ctx, http.MethodGet, "/resource-servers", nil, &apis); err != nil {
		return err
	}
	for _, api := range apis {
		if api["identifier"] == s.config.Auth0.Audience {
			s.breaker.know(theAPI, api, patch(fmt.Sprintf("/resource-servers/%s", api["id"])))
		}
	}
	if s.config.Issuer == issuerExchange {
		return nil
	}
	return s.knowConnection(ctx)
}

// knowConnection: options are replaced whole, and their configuration comes back as
// ciphertext, so that whoever writes it must know its values.
func (s *sandbox) knowConnection(ctx context.Context) error {
	var connections []map[string]any
	if err := s.auth0API(ctx, http.MethodGet, "/connections?name="+url.QueryEscape(s.config.Auth0.Connection), nil, &connections); err != nil || len(connections) != 1 {
		return fmt.Errorf("find the connection %q: there are %d: %w", s.config.Auth0.Connection, len(connections), err)
	}
	path := fmt.Sprintf("/connections/%s", connections[0]["id"])
	options, _ := connections[0]["options"].(map[string]any)
	options["configuration"] = s.scriptSettings(s.config)
	s.breaker.know(theConnection, options, func(ctx context.Context, options map[string]any) error {
		return s.auth0API(ctx, http.MethodPatch, path, map[string]any{"options": options}, nil)
	})
	s.breaker.know(theUse, map[string]any{"status": true}, func(ctx context.Context, members map[string]any) error {
		return s.auth0API(ctx, http.MethodPatch, path+"/clients", []any{map[string]any{"client_id": clientID, "status": members["status"]}}, nil)
	})
	return nil
}

func (s *sandbox) knowAuthsignal(ctx context.Context) error {
	patch := func(path string) func(context.Context, map[string]any) error {
		return func(ctx context.Context, members map[string]any) error {
			return s.authsignalAPI(ctx, http.MethodPatch, path, members, nil)
		}
	}
	var authenticators []map[string]any
	if err := s.authsignalAPI(ctx, http.MethodGet, "/authenticator-configurations", nil, &authenticators); err != nil {
		return err
	}
	for _, a := range authenticators {
		if a["verificationMethod"] == "PASSKEY" {
			s.breaker.know(thePasskey, a, patch(fmt.Sprintf("/authenticator-configurations/%s", a["authenticatorId"])))
		}
	}
	var action map[string]any
	path := "/action-configurations/" + string(s.config.Authsignal.Action)
	if err := s.authsignalAPI(ctx, http.MethodGet, path, nil, &action); err != nil {
		return err
	}
	s.breaker.know(theAction, action, patch(path))
	return nil
}

// turn breaks what has the id, or mends it. What else is broken stays so.
func (s *sandbox) turn(ctx context.Context, id string, broken bool) error {
	all := s.breakages()
	i := slices.IndexFunc(all, func(b breakage) bool { return b.ID == id })
	if i < 0 {
		return errNoBreakage
	}
	s.breaker.mu.Lock()
	defer s.breaker.mu.Unlock()
	on := maps.Clone(s.breaker.on)
	on[id] = broken
	name := all[i].object
	if err := s.breaker.write[name](ctx, s.breaker.members(name, all, on)); err != nil {
		return err
	}
	s.breaker.on = on
	now := s.breaker.broken(all)
	s.hops.send(event{Broken: &now})
	return nil
}

// members are those of an object with some breakages on. Of all but the connection's
// options, which are written whole, they are only those that some breakage changes.
func (b *breaker) members(name objectName, all []breakage, on map[string]bool) map[string]any {
	members := map[string]any{}
	if name == theConnection {
		maps.Copy(members, b.whole[name])
	}
	all = slices.DeleteFunc(slices.Clone(all), func(x breakage) bool { return x.object != name })
	for _, x := range all {
		for member := range x.members {
			members[member] = b.whole[name][member]
		}
	}
	for _, x := range all {
		if on[x.ID] {
			maps.Copy(members, x.members)
			members = without(members, x.unset)
		}
	}
	return members
}

// without takes parameters of the Login script away.
func without(options map[string]any, parameters []string) map[string]any {
	if len(parameters) == 0 {
		return options
	}
	left := maps.Clone(options["configuration"].(map[string]string))
	for _, parameter := range parameters {
		delete(left, parameter)
	}
	options["configuration"] = left
	return options
}

// broken lists the ids of what is broken, in the order of all. The caller holds mu.
func (b *breaker) broken(all []breakage) []string {
	list := []string{}
	for _, x := range all {
		if b.on[x.ID] {
			list = append(list, x.ID)
		}
	}
	return list
}

// devBreakages answers GET /dev/breakages.
func (s *sandbox) devBreakages(w http.ResponseWriter, _ *http.Request) {
	all := s.breakages()
	s.breaker.mu.Lock()
	defer s.breaker.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"breakages": all, "broken": s.breaker.broken(all)})
}

var errNoBreakage = fmt.Errorf("there is no such breakage: GET /dev/breakages lists them")

// devBreakage answers POST /dev/breakage: it breaks what has the id, or mends it.
func (s *sandbox) devBreakage(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		ID     string `json:"id"`
		Broken *bool  `json:"broken"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&asked); err != nil || asked.Broken == nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": `send {"id":…, "broken":true or false}`})
		return
	}
	switch err := s.turn(r.Context(), asked.ID, *asked.Broken); {
	case errors.Is(err, errNoBreakage):
		writeJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
	case err != nil:
		writeJSON(w, http.StatusBadGateway, map[string]string{"error": err.Error()})
	default:
		writeJSON(w, http.StatusOK, map[string]any{"id": asked.ID, "broken": *asked.Broken})
	}
}

// auth0API calls Auth0's Management API.
func (s *sandbox) auth0API(ctx context.Context, method, path string, body, answer any) error {
	return s.auth0.Manage(ctx, managementID, s.managementSecret, method, path, body, answer)
}

// authsignalAPI calls Authsignal's Management API, and decodes a good answer.
func (s *sandbox) authsignalAPI(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		text = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, s.authsignal.ManagementURL()+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.SetBasicAuth(s.authsignal.ManagementSecret(), "")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s was answered %d %s", method, path, resp.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
