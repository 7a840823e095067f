package auth0test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

const (
	scopeReadOptions   = "read:connections_options"
	scopeUpdateOptions = "update:connections_options"

	maxClientsPerCall = 50
	leavingCalls      = 3 // how many calls the name of a deleted connection stays taken
)

func connectionOperations() []operation {
	return []operation{
		{"GET", "/connections", []string{"read:connections"}, listConnections},
		{"POST", "/connections", []string{"create:connections"}, createConnection},
		{"GET", "/connections/{id}", []string{"read:connections"}, getConnection},
		{"PATCH", "/connections/{id}", []string{"update:connections"}, updateConnection},
		{"DELETE", "/connections/{id}", []string{"delete:connections"}, deleteConnection},
		{"GET", "/connections/{id}/clients", []string{"read:connections"}, listConnectionClients},
		{"PATCH", "/connections/{id}/clients", []string{"update:connections"}, updateConnectionClients},
		{"GET", "/clients/{id}/connections", []string{"read:connections"}, listClientConnections},
	}
}

// storedConnection is a connection as the API shows it, without its enabled clients.
// Of options.configuration it shows ciphertext; the values are beside it.
type storedConnection struct {
	document
	configuration map[string]string
	clients       []string // ids of those enabled
	script        *scripthost.Script
	scriptFault   string // why the stored script cannot run
}

// connectionName is Auth0's rule for a name, of at most 128 characters.
var connectionName = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,126}[a-zA-Z0-9])?$`)

func connectionMembers() members {
	return membersOf("string: display_name; object: options metadata authentication connected_accounts cross_app_access_requesting_app;" +
		"boolean: is_domain_connection show_as_button; array: realms")
}

func listConnections(m *managed) (answer, error) {
	query := m.URL.Query()
	all := documents{}
	for _, conn := range m.tenant.connections {
		if name := query.Get("name"); name != "" && conn.str("name") != name {
			continue
		}
		if strategies := query["strategy"]; len(strategies) > 0 && !slices.Contains(strategies, conn.str("strategy")) {
			continue
		}
		all = append(all, m.showConnection(conn))
	}
	return m.page("connections", all, true)
}

// showConnection leaves out what the token may not see.
func (m *managed) showConnection(conn *storedConnection) document {
	if m.may(scopeReadOptions) {
		return conn.document
	}
	return conn.without("options")
}

func createConnection(m *managed) (answer, error) {
	allowed := connectionMembers()
	allowed["name"], allowed["strategy"], allowed["enabled_clients"] = "string", "string", "array"
	body, err := m.object(allowed, "name", "strategy")
	if err != nil {
		return answer{}, err
	}
	name := body.str("name")
	if !connectionName.MatchString(name) {
		return answer{}, payloadError("String does not match pattern ^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$: " + name)
	}
	if _, taken := m.tenant.connectionNamed(name); taken || m.tenant.leaving[name] > 0 {
		return answer{}, apiRefusal(http.StatusConflict, "connection_conflict", "A connection with the same name already exists")
	}
	conn := &storedConnection{document: body.without("enabled_clients", "options")} // heeded on create by no official tool any more
	conn.fill(document{
		"id": "con_" + newID(16), "is_domain_connection": false, "realms": []any{name},
		"authentication": document{"active": true}, "connected_accounts": document{"active": false},
	})
	options := maps.Clone(body.object("options"))
	options.fill(document{"mfa": document{"active": true, "return_enroll_settings": true}, "passwordPolicy": "good", "strategy_version": 2.0, "brute_force_protection": true})
	if err := m.setOptions(conn, options); err != nil {
		return answer{}, err
	}
	m.tenant.connections = append(m.tenant.connections, conn)
	return respond(http.StatusCreated, conn.document)
}

func (m *managed) storedConnection() (*storedConnection, error) {
	conn, ok := m.tenant.connectionWith("id", m.param("id"))
	if !ok {
		return nil, inexistent("connection", "inexistent_connection")
	}
	return conn, nil
}

// getConnection tells the id whatever fields are asked for, as recorded by Auth0's
// Terraform provider, which relies on it.
func getConnection(m *managed) (answer, error) {
	conn, err := m.storedConnection()
	if err != nil {
		return answer{}, err
	}
	shown := m.fields(documents{m.showConnection(conn)})[0]
	shown["id"] = conn.str("id")
	return jsonAnswer(shown)
}

// updateConnection replaces options as a whole, and sets the display name back to
// the name when it is not sent.
func updateConnection(m *managed) (answer, error) {
	conn, err := m.storedConnection()
	if err != nil {
		return answer{}, err
	}
	body, err := m.object(connectionMembers())
	if err != nil {
		return answer{}, err
	}
	if _, sent := body["options"]; sent {
		if err := m.need(scopeUpdateOptions); err != nil {
			return answer{}, err
		}
		if err := m.setOptions(conn, maps.Clone(body.object("options"))); err != nil {
			return answer{}, err
		}
	}
	conn.merge(body.without("options"))
	if _, sent := body["display_name"]; !sent && conn.str("display_name") != "" {
		conn.document["display_name"] = conn.str("name")
	}
	return jsonAnswer(m.showConnection(conn))
}

// setOptions stores options, all of them anew: what is not among them is gone.
func (m *managed) setOptions(conn *storedConnection, options document) error {
	if err := checkOptions(options); err != nil {
		return err
	}
	if _, sent := options["configuration"]; !sent && m.faults.Variants.KeepConfiguration && conn.configuration != nil {
		options["configuration"] = conn.object("options")["configuration"]
	} else if sent {
		conn.configuration = plainConfiguration(options.object("configuration"))
		options["configuration"] = encrypted(conn.configuration)
	} else {
		conn.configuration = nil
	}
	if conn.object("options").is("enable_script_context") {
		options["enable_script_context"] = true // cannot be turned off
	}
	options.fill(document{
		"authentication_methods": document{"password": document{"enabled": true, "api_behavior": "required"}, "passkey": document{"enabled": false}},
		"passkey_options":        document{"challenge_ui": "both", "progressive_enrollment_enabled": true, "local_enrollment_enabled": true},
	})
	conn.document["options"] = options
	conn.compile(m.server.scripts)
	return nil
}

// checkOptions holds what Auth0 refuses of options. Members that it does not know it keeps.
func checkOptions(options document) error {
	for _, name := range []string{"requires_username", "validation"} {
		if options[name] != nil && options["attributes"] != nil {
			return invalidBody("Cannot set both options.attributes and options." + name)
		}
	}
	if options["bareConfiguration"] != nil {
		return payloadError("Additional properties not allowed: bareConfiguration")
	}
	for name, kind := range map[string]string{
		"configuration": "object", "customScripts": "object", "import_mode": "boolean", "enabledDatabaseCustomization": "boolean",
		"enable_script_context": "boolean", "brute_force_protection": "boolean", "disable_signup": "boolean",
	} {
		if got := typeOf(options[name]); options[name] != nil && got != kind {
			return payloadError(fmt.Sprintf("Expected type %s but found type %s' on property options.%s", kind, got, name))
		}
	}
	return nil
}

// plainConfiguration takes the values as they were sent. Ciphertext that is sent back
// becomes the value, and null takes a key away.
func plainConfiguration(sent document) map[string]string {
	plain := make(map[string]string)
	for name, value := range sent {
		if text, ok := value.(string); ok {
			plain[name] = text
		}
	}
	return plain
}

// encrypted looks like Auth0's ciphertext, and is another one for each write. Nobody
// can read it: the value is kept beside it.
func encrypted(plain map[string]string) document {
	shown := document{}
	for name := range plain {
		shown[name] = base64.StdEncoding.EncodeToString(append([]byte{0x0a, 0x42, 0x0a, 0x20, 0x8c}, randomBytes(119)...))
	}
	return shown
}

// compile readies the Login script. One that the engine does not parse is stored all
// the same, as it is at Auth0, and fails each sign-in.
func (c *storedConnection) compile(host *scripthost.Host) {
	source := c.object("options").object("customScripts").str("login")
	c.script, c.scriptFault = nil, ""
	if source == "" {
		return
	}
	script, err := host.Compile(source)
	if err != nil {
		c.scriptFault = err.Error()
		return
	}
	c.script = script
}

// storeScript replaces the Login script and nothing else.
func (c *storedConnection) storeScript(script *scripthost.Script, source string) {
	options := maps.Clone(c.object("options"))
	scripts := maps.Clone(options.object("customScripts"))
	scripts["login"] = source
	options["customScripts"] = scripts
	c.document["options"] = options
	c.script, c.scriptFault = script, ""
}

// view is the connection as a sign-in sees it.
func (c *storedConnection) view() *connection {
	options := c.object("options")
	bruteForce, set := options["brute_force_protection"].(bool)
	password, told := options.object("authentication_methods").object("password")["enabled"].(bool)
	return &connection{
		Connection: Connection{
			Name: c.str("name"), LoginScript: options.object("customScripts").str("login"),
			Configuration: maps.Clone(c.configuration), ImportMode: options.is("import_mode"),
			ScriptContext: options.is("enable_script_context"),
		},
		script: c.script, scriptFault: c.scriptFault,
		ownStore: !options.is("enabledDatabaseCustomization"), noPassword: told && !password,
		noBruteForce: set && !bruteForce,
	}
}

func deleteConnection(m *managed) (answer, error) {
	conn, err := m.storedConnection()
	if err != nil {
		return answer{}, err
	}
	m.tenant.connections = slices.DeleteFunc(m.tenant.connections, func(c *storedConnection) bool { return c == conn })
	m.tenant.leaving[conn.str("name")] = leavingCalls + 1
	return respond(http.StatusAccepted, claims{{"deleted_at", timestamp(m.now)}})
}

// letGo brings the deletion of connections, which goes on after its answer, one call further.
func (t *tenant) letGo() {
	for name := range t.leaving {
		if t.leaving[name]--; t.leaving[name] == 0 {
			delete(t.leaving, name)
		}
	}
}

func listConnectionClients(m *managed) (answer, error) {
	conn, err := m.storedConnection()
	if err != nil {
		return answer{}, err
	}
	all := documents{}
	for _, id := range conn.clients {
		all = append(all, document{"client_id": id})
	}
	return m.checkpoint("clients", all)
}

// updateConnectionClients switches the applications in a bare list on or off. Those
// that it does not name stay as they are.
func updateConnectionClients(m *managed) (answer, error) {
	conn, err := m.storedConnection()
	if err != nil {
		return answer{}, err
	}
	changes, ok := m.body.([]any)
	if !ok {
		return answer{}, payloadError("Expected type array but found type " + typeOf(m.body))
	}
	if len(changes) == 0 || len(changes) > maxClientsPerCall {
		return answer{}, payloadError(fmt.Sprintf("Array has %d items, must have 1 to %d", len(changes), maxClientsPerCall))
	}
	enabled := slices.Clone(conn.clients)
	for _, item := range changes {
		change, _ := item.(map[string]any)
		id, isText := change["client_id"].(string)
		status, isBool := change["status"].(bool)
		if !isText || !isBool || len(change) != 2 {
			return answer{}, payloadError("Each item must have client_id and status and nothing else")
		}
		if _, known := m.tenant.clients.find("client_id", id); !known {
			return answer{}, apiRefusal(http.StatusNotFound, "inexistent_client", "The client does not exist")
		}
		enabled = slices.DeleteFunc(enabled, func(have string) bool { return have == id })
		if status {
			enabled = append(enabled, id)
		}
	}
	conn.clients = enabled
	return noContent()
}

func listClientConnections(m *managed) (answer, error) {
	if _, ok := m.tenant.clients.find("client_id", m.param("id")); !ok {
		return answer{}, inexistent("client", "inexistent_client")
	}
	all := documents{}
	for _, conn := range m.tenant.connections {
		if slices.Contains(conn.clients, m.param("id")) {
			all = append(all, m.showConnection(conn))
		}
	}
	return m.checkpoint("connections", all)
}

// seedConnection is what Options describe.
func seedConnection(c Connection) *storedConnection {
	scripts := document{}
	if c.LoginScript != "" {
		scripts["login"] = c.LoginScript
	}
	options := document{
		"enabledDatabaseCustomization": true, "import_mode": c.ImportMode, "customScripts": scripts,
		"brute_force_protection": true, "strategy_version": 2.0,
		"authentication_methods": document{"password": document{"enabled": true, "api_behavior": "required"}, "passkey": document{"enabled": false}},
	}
	if c.ScriptContext {
		options["enable_script_context"] = true
	}
	if c.Configuration != nil {
		options["configuration"] = encrypted(c.Configuration)
	}
	return &storedConnection{
		document: document{
			"id": "con_" + newID(16), "name": c.Name, "strategy": "auth0", "realms": []any{c.Name}, "is_domain_connection": false,
			"authentication": document{"active": true}, "connected_accounts": document{"active": false}, "options": options,
		},
		configuration: maps.Clone(c.Configuration),
	}
}
