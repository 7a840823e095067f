package auth0test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// The triggers whose Actions run here.
const (
	triggerTokenExchange = "custom-token-exchange"
	triggerPostLogin     = "post-login"
)

func actionOperations() []operation {
	read, update := []string{"read:actions"}, []string{"update:actions"}
	return []operation{
		{"GET", "/actions/actions", read, listActions},
		{"POST", "/actions/actions", []string{"create:actions"}, createAction},
		{"GET", "/actions/actions/{id}", read, getAction},
		{"PATCH", "/actions/actions/{id}", update, updateAction},
		{"DELETE", "/actions/actions/{id}", []string{"delete:actions"}, deleteAction},
		{"POST", "/actions/actions/{id}/deploy", []string{"create:actions"}, deployAction},
		{"GET", "/actions/modules", read, func(m *managed) (answer, error) { return m.actionPage("modules", nil) }},
		{"GET", "/actions/triggers", read, listTriggers},
		{"GET", "/actions/triggers/{id}/bindings", read, listBindings},
		{"PATCH", "/actions/triggers/{id}/bindings", update, updateBindings},
		{"GET", "/token-exchange-profiles", []string{"read:token_exchange_profiles"}, listProfiles},
		{"POST", "/token-exchange-profiles", []string{"create:token_exchange_profiles"}, createProfile},
		{"GET", "/token-exchange-profiles/{id}", []string{"read:token_exchange_profiles"}, getProfile},
		{"PATCH", "/token-exchange-profiles/{id}", []string{"update:token_exchange_profiles"}, updateProfile},
		{"DELETE", "/token-exchange-profiles/{id}", []string{"delete:token_exchange_profiles"}, deleteProfile},
	}
}

// storedAction is an Action as the API shows it. The values of its secrets are beside
// it, and what has been deployed, which a change does not touch.
type storedAction struct {
	document
	secrets     map[string]string
	building    int  // reads until it is built
	deployBuilt bool // deploy: true was asked for
	versions    int
	deployed    *deployedAction
}

// deployedAction is a version that runs.
type deployedAction struct {
	shown   document
	script  *scripthost.Script // nil if the engine does not parse it, or runs no such trigger
	secrets map[string]string
}

// binding is an Action bound to a trigger.
type binding struct{ id, action, displayName string }

func actionMembers() members {
	return membersOf("string: name code runtime; array: supported_triggers dependencies secrets modules; boolean: deploy")
}

func listActions(m *managed) (answer, error) {
	query := m.URL.Query()
	all := documents{}
	for _, action := range m.tenant.actions {
		if name := query.Get("actionName"); name != "" && action.str("name") != name {
			continue
		}
		if trigger := query.Get("triggerId"); trigger != "" && action.trigger() != trigger {
			continue
		}
		action.build(m)
		all = append(all, action.show())
	}
	return m.actionPage("actions", all)
}

// actionPage is the form of lists among the Actions' endpoints: always with totals.
func (m *managed) actionPage(name string, all documents) (answer, error) {
	number, err := m.queryInt("page", 0)
	if err != nil {
		return answer{}, err
	}
	size, err := m.queryInt("per_page", defaultPage)
	if err != nil {
		return answer{}, err
	}
	if size < 1 || size > maxPage {
		return answer{}, queryError("per_page", "Value "+strconv.Itoa(size)+" is greater than maximum "+strconv.Itoa(maxPage))
	}
	start := min(number*size, len(all))
	return jsonAnswer(claims{
		{name, append(documents{}, all[start:min(start+size, len(all))]...)},
		{"total", len(all)}, {"page", number}, {"per_page", size},
	})
}

func createAction(m *managed) (answer, error) {
	body, err := m.object(actionMembers(), "name", "supported_triggers")
	if err != nil {
		return answer{}, err
	}
	if slices.ContainsFunc(m.tenant.actions, func(a *storedAction) bool { return a.str("name") == body.str("name") }) {
		return answer{}, apiRefusal(http.StatusConflict, "", "An action with the same name already exists.")
	}
	action := &storedAction{secrets: make(map[string]string)}
	action.document = filled(body.without("secrets", "deploy"), document{
		"id": uuid.NewString(), "code": "", "runtime": "node22", "dependencies": []any{}, "created_at": timestamp(m.now),
	})
	action.change(m, body)
	action.deployBuilt = body.is("deploy")
	m.tenant.actions = append(m.tenant.actions, action)
	return respond(http.StatusCreated, action.show())
}

// change stores secrets and begins to build.
func (a *storedAction) change(m *managed, body document) {
	if list, sent := body["secrets"].([]any); sent {
		a.setSecrets(list, m.now)
	}
	a.document["updated_at"] = timestamp(m.now)
	a.building = m.server.buildReads
}

// setSecrets replaces the secrets. One that is named without a value keeps the value it has.
func (a *storedAction) setSecrets(list []any, now time.Time) {
	values, shown := make(map[string]string), []any{}
	for _, item := range list {
		secret := document{"secret": item}.object("secret")
		name := secret.str("name")
		value, sent := secret["value"].(string)
		if !sent {
			value = a.secrets[name]
		}
		values[name] = value
		shown = append(shown, document{"name": name, "updated_at": timestamp(now)})
	}
	a.secrets, a.document["secrets"] = values, shown
}

// build takes one step each time somebody looks: pending, building, built. Real builds
// take seconds; counting looks keeps tests off the clock.
func (a *storedAction) build(m *managed) {
	if a.building > 0 {
		a.building--
		return
	}
	if a.deployBuilt {
		a.deployBuilt = false
		a.deploy(m.server.scripts, m.now)
	}
}

func (a *storedAction) trigger() string {
	triggers, _ := a.document["supported_triggers"].([]any)
	if len(triggers) == 0 {
		return ""
	}
	return document{"trigger": triggers[0]}.object("trigger").str("id")
}

// show is the Action with its state.
func (a *storedAction) show() document {
	doc := maps.Clone(a.document)
	doc.fill(document{"secrets": []any{}})
	doc["status"] = "built"
	if a.building > 0 {
		doc["status"] = []string{"building", "pending"}[min(a.building-1, 1)]
	}
	doc["all_changes_deployed"] = false
	if a.deployed != nil {
		doc["deployed_version"] = a.deployed.shown
		doc["all_changes_deployed"] = a.deployed.shown.str("updated_at") == a.str("updated_at") && a.building == 0
	}
	return doc
}

// deploy makes the Action's present state the one that runs.
func (a *storedAction) deploy(host *scripthost.Host, now time.Time) document {
	a.versions++
	version := document{
		"id": uuid.NewString(), "code": a.str("code"), "runtime": a.str("runtime"), "number": float64(a.versions), "deployed": true, "status": "built",
		"dependencies": a.document["dependencies"], "secrets": a.document["secrets"], "supported_triggers": a.document["supported_triggers"],
		"created_at": timestamp(now), "updated_at": a.str("updated_at"), "built_at": timestamp(now),
	}
	a.deployed = &deployedAction{shown: version, secrets: maps.Clone(a.secrets)}
	switch a.trigger() { // nil: an Action that cannot run, a server error when it is asked
	case triggerTokenExchange:
		a.deployed.script, _ = host.CompileAction(a.str("code"))
	case triggerPostLogin:
		a.deployed.script, _ = host.CompilePostLogin(a.str("code"))
	}
	return version
}

func (m *managed) storedAction() (*storedAction, error) {
	action, ok := m.tenant.action(m.param("id"))
	if !ok {
		return nil, apiRefusal(http.StatusNotFound, "", "That action does not exist.")
	}
	return action, nil
}

func getAction(m *managed) (answer, error) {
	action, err := m.storedAction()
	if err != nil {
		return answer{}, err
	}
	action.build(m)
	return jsonAnswer(action.show())
}

func updateAction(m *managed) (answer, error) {
	action, err := m.storedAction()
	if err != nil {
		return answer{}, err
	}
	body, err := m.object(actionMembers())
	if err != nil {
		return answer{}, err
	}
	action.merge(body.without("secrets", "deploy"))
	action.change(m, body)
	return jsonAnswer(action.show())
}

// deleteAction refuses an Action that is in use, unless force is asked for.
func deleteAction(m *managed) (answer, error) {
	action, err := m.storedAction()
	if err != nil {
		return answer{}, err
	}
	id := action.str("id")
	used := slices.ContainsFunc(m.tenant.profiles, func(p document) bool { return p.str("action_id") == id })
	for _, bound := range m.tenant.bindings {
		used = used || slices.ContainsFunc(bound, func(b binding) bool { return b.action == id })
	}
	if used && m.URL.Query().Get("force") != "true" {
		return answer{}, apiRefusal(http.StatusConflict, "", "This action is currently bound to one or more triggers.")
	}
	m.tenant.actions = slices.DeleteFunc(m.tenant.actions, func(a *storedAction) bool { return a == action })
	for trigger, bound := range m.tenant.bindings {
		m.tenant.bindings[trigger] = slices.DeleteFunc(bound, func(b binding) bool { return b.action == id })
	}
	return noContent()
}

// deployAction refuses what is not built yet, and looks at the build as it does.
func deployAction(m *managed) (answer, error) {
	action, err := m.storedAction()
	if err != nil {
		return answer{}, err
	}
	if action.building > 0 {
		action.build(m)
		return answer{}, apiRefusal(http.StatusBadRequest, "", "A draft must be in the 'built' state")
	}
	action.deployBuilt = false
	version := action.deploy(m.server.scripts, m.now)
	shown := maps.Clone(version)
	shown["action"] = action.show().without("code", "dependencies", "secrets", "deployed_version", "runtime", "status")
	return respond(http.StatusAccepted, shown)
}

func listTriggers(*managed) (answer, error) {
	triggers := documents{}
	for _, t := range []struct{ id, version string }{
		{triggerPostLogin, "v3"}, {"credentials-exchange", "v2"}, {"pre-user-registration", "v2"}, {"post-user-registration", "v2"},
		{"post-change-password", "v2"}, {triggerTokenExchange, "v1"},
	} {
		triggers = append(triggers, document{"id": t.id, "version": t.version, "status": "CURRENT", "runtimes": []any{"node22"}, "default_runtime": "node22"})
	}
	return jsonAnswer(claims{{"triggers", triggers}})
}

func listBindings(m *managed) (answer, error) {
	all := documents{}
	for _, b := range m.tenant.bindings[m.param("id")] {
		all = append(all, m.showBinding(b))
	}
	return m.actionPage("bindings", all)
}

func (m *managed) showBinding(b binding) document {
	doc := document{"id": b.id, "trigger_id": m.param("id"), "display_name": b.displayName, "created_at": timestamp(m.now), "updated_at": timestamp(m.now)}
	if action, ok := m.tenant.action(b.action); ok {
		doc["action"] = action.show()
	}
	return doc
}

// updateBindings replaces the list and its order.
func updateBindings(m *managed) (answer, error) {
	body, err := m.object(membersOf("array: bindings"), "bindings")
	if err != nil {
		return answer{}, err
	}
	if m.param("id") == triggerTokenExchange {
		return answer{}, apiRefusal(http.StatusBadRequest, "", "Actions of this trigger are not bound to it")
	}
	bound := []binding{}
	for _, item := range body["bindings"].([]any) {
		wanted := document{"binding": item}.object("binding")
		ref := wanted.object("ref")
		i := slices.IndexFunc(m.tenant.actions, func(a *storedAction) bool {
			switch ref.str("type") {
			case "action_id":
				return a.str("id") == ref.str("value")
			case "action_name":
				return a.str("name") == ref.str("value")
			}
			return false
		})
		if i < 0 {
			return answer{}, apiRefusal(http.StatusNotFound, "", "That action does not exist.")
		}
		action := m.tenant.actions[i]
		if action.deployed == nil {
			return answer{}, apiRefusal(http.StatusBadRequest, "", "The action must be deployed before it is bound")
		}
		bound = append(bound, binding{uuid.NewString(), action.str("id"), wanted.str("display_name")})
	}
	m.tenant.bindings[m.param("id")] = bound
	return listBindings(m)
}

// Token-exchange profiles. They are Early Access, and not on every plan.

func profileMembers() members { return membersOf("string: name subject_token_type action_id type") }

func listProfiles(m *managed) (answer, error) {
	if err := m.onPlan("Custom Token Exchange"); err != nil {
		return answer{}, err
	}
	return m.checkpoint("token_exchange_profiles", m.tenant.profiles)
}

func createProfile(m *managed) (answer, error) {
	if err := m.onPlan("Custom Token Exchange"); err != nil {
		return answer{}, err
	}
	body, err := m.object(profileMembers(), "name", "subject_token_type", "action_id", "type")
	if err != nil {
		return answer{}, err
	}
	if err := m.checkProfile(body, ""); err != nil {
		return answer{}, err
	}
	action, ok := m.tenant.action(body.str("action_id"))
	if !ok || action.trigger() != triggerTokenExchange || action.deployed == nil {
		return answer{}, apiRefusal(http.StatusBadRequest, "", "The action must exist, support the custom-token-exchange trigger and be deployed")
	}
	p := filled(body, document{"id": "tep_" + newID(16), "created_at": timestamp(m.now), "updated_at": timestamp(m.now)})
	m.tenant.profiles = append(m.tenant.profiles, p)
	return respond(http.StatusCreated, p)
}

func (m *managed) checkProfile(body document, self string) error {
	uri := body.str("subject_token_type")
	if uri != "" && !isOwnURI(uri) {
		return payloadError("subject_token_type uses a reserved namespace or no https:// or urn: scheme")
	}
	for _, have := range m.tenant.profiles {
		if have.str("id") != self && (have.str("subject_token_type") == uri || have.str("name") == body.str("name")) {
			return apiRefusal(http.StatusConflict, "", "A token exchange profile with the same name or subject_token_type already exists")
		}
	}
	return nil
}

func (m *managed) storedProfile() (document, error) {
	if err := m.onPlan("Custom Token Exchange"); err != nil {
		return nil, err
	}
	p, ok := m.tenant.profiles.find("id", m.param("id"))
	if !ok {
		return nil, apiRefusal(http.StatusNotFound, "", "Token exchange profile not found.")
	}
	return p, nil
}

func getProfile(m *managed) (answer, error) {
	p, err := m.storedProfile()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(p)
}

// updateProfile cannot change the Action or the type.
func updateProfile(m *managed) (answer, error) {
	p, err := m.storedProfile()
	if err != nil {
		return answer{}, err
	}
	body, err := m.object(membersOf("string: name subject_token_type"))
	if err != nil {
		return answer{}, err
	}
	if err := m.checkProfile(body, p.str("id")); err != nil {
		return answer{}, err
	}
	p.merge(body)
	p["updated_at"] = timestamp(m.now)
	return noContent()
}

func deleteProfile(m *managed) (answer, error) {
	if err := m.onPlan("Custom Token Exchange"); err != nil {
		return answer{}, err
	}
	m.tenant.profiles = m.tenant.profiles.remove("id", m.param("id"))
	return noContent()
}

// seedAction is the deployed Action of a profile in Options. Its script is compiled by StoreAction.
func seedAction(p TokenExchangeProfile, now time.Time) *storedAction {
	a := &storedAction{
		secrets: maps.Clone(p.Secrets),
		document: document{
			"id": uuid.NewString(), "name": p.SubjectTokenType, "code": p.Action, "runtime": "node22", "dependencies": []any{},
			"supported_triggers": []any{document{"id": triggerTokenExchange, "version": "v1"}},
			"created_at":         timestamp(now), "updated_at": timestamp(now),
		},
	}
	shown := []any{}
	for _, name := range slices.Sorted(maps.Keys(p.Secrets)) {
		shown = append(shown, document{"name": name, "updated_at": timestamp(now)})
	}
	a.document["secrets"] = shown
	return a
}
