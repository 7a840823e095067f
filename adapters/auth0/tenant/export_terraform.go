package tenant

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// terraform returns a module for the provider auth0/auth0. Arguments have the names of
// Auth0's Management API, but for what is said below.
func (w whole) terraform() Export {
	script, text := w.script()
	export := Export{
		Files:    []ExportedFile{{"native-bridge.tf", w.module(script)}, {script, text}},
		Supplied: w.supplied(func(name string) string { return "TF_VAR_" + variable(name) }),
		ByHand:   w.apiByHand("auth0_resource_server and auth0_resource_server_scopes"),
	}
	if w.choices.CreateUsersIn == "" {
		export.ByHand = append(export.ByHand, w.usersByHand("auth0_connection_client or auth0_connection_clients")...)
	}
	// The application is made with the rest, so its id need not be given.
	export.Supplied = slices.DeleteFunc(export.Supplied, func(v SuppliedValue) bool { return v.Name == "TF_VAR_native_bridge_client_id" })
	return export
}

// expression is Terraform's, and no text.
type expression string

const (
	theApplication expression = "auth0_client.native_bridge.client_id"
	theConnection  expression = "auth0_connection.native_bridge.id"
)

const moduleHead = `# Written by native-bridge setup auth0 --export terraform. Do not edit; write it again.

terraform {
  required_providers {
    auth0 = {
      source  = "auth0/auth0"
      version = ">= 1.29"
    }
  }
}
`

const moduleEnd = `
output "client_id" {
  description = "AUTH0_CLIENT_ID of the bridge"
  value       = auth0_client.native_bridge.client_id
}
`

func (w whole) module(script string) string {
	m := module{}
	m.write(moduleHead)
	for _, value := range w.supplied(variable) {
		if value.Name != variable("NATIVE_BRIDGE_CLIENT_ID") {
			m.block("variable", []string{value.Name}, object{"description": value.What, "type": expression("string"), "sensitive": true})
		}
	}
	file := expression(fmt.Sprintf(`file("${path.module}/%s")`, script))
	m.application(w.application)
	if w.api != nil {
		m.api(w.api)
	}
	if w.connection != nil {
		m.resource("auth0_connection", w.connection.put(loginScript, file))
		m.resource("auth0_connection_clients", object{"connection_id": theConnection, "enabled_clients": []any{theApplication}})
	} else {
		m.resource("auth0_action", w.action.put("code", file).put("deploy", true))
		m.resource("auth0_token_exchange_profile", w.profile.put("action_id", expression("auth0_action.native_bridge.id")))
	}
	if name := w.choices.CreateUsersIn; w.config.exchanges() && name != "" {
		m.block("data", []string{"auth0_connection", "users"}, object{"name": name})
		m.resource("auth0_connection_client", object{"connection_id": expression("data.auth0_connection.users.id"), "client_id": theApplication})
	}
	m.write(moduleEnd)
	return m.text.String()
}

// module writes HCL in the form of 'terraform fmt'.
type module struct{ text strings.Builder }

func (m *module) write(format string, args ...any) {
	_, _ = fmt.Fprintf(&m.text, format, args...) // a Builder never fails
}

// application has its way to authenticate in a resource of its own.
func (m *module) application(o object) {
	method := o.text("token_endpoint_auth_method")
	m.resource("auth0_client", o.without("token_endpoint_auth_method"))
	m.resource("auth0_client_credentials", object{"client_id": theApplication, "authentication_method": method})
}

// api has its scopes in a resource of their own.
func (m *module) api(o object) {
	m.resource("auth0_resource_server", o.without("scopes"))
	list, _ := o.at("scopes").([]any)
	if len(list) == 0 {
		return
	}
	var scopes []any
	for _, scope := range list {
		scopes = append(scopes, map[string]any{"name": scope.(map[string]any)["value"]})
	}
	m.resource("auth0_resource_server_scopes", object{"resource_server_identifier": expression("auth0_resource_server.native_bridge.identifier"), "scopes": scopes})
}

func (m *module) resource(kind string, body object) {
	m.block("resource", []string{kind, "native_bridge"}, body)
}

func (m *module) block(kind string, labels []string, body object) {
	m.write("\n%s", kind)
	for _, label := range labels {
		m.write(" %q", label)
	}
	m.write(" {\n")
	m.body("  ", body)
	m.write("}\n")
}

// mapArguments are those objects that are arguments in Terraform, and no blocks.
var mapArguments = []string{"client_metadata", "configuration", "custom_scripts"}

// body writes an object's members: first those of one line, then the others.
func (m *module) body(indent string, o object) {
	named := object{}
	for name, value := range o {
		named[argument(name)] = value
	}
	var short, long []string
	width := 0
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if !isShort(named[name]) {
			long = append(long, name)
			continue
		}
		short = append(short, name)
		width = max(width, len(name))
	}
	for _, name := range short {
		m.write("%s%-*s = %s\n", indent, width, name, literal(named[name]))
	}
	for i, name := range long {
		if i > 0 || len(short) > 0 {
			m.write("\n")
		}
		m.long(indent, name, named[name])
	}
}

// long writes a map, a block, or a block for each item of a list.
func (m *module) long(indent, name string, value any) {
	items, isList := value.([]any)
	if !isList {
		items = []any{value}
	}
	opens := " {\n"
	if slices.Contains(mapArguments, name) {
		opens = " = {\n"
	}
	for i, item := range items {
		if i > 0 {
			m.write("\n")
		}
		m.write("%s%s%s", indent, name, opens)
		inner, _ := item.(map[string]any)
		m.body(indent+"  ", inner)
		m.write("%s}\n", indent)
	}
}

// isShort says whether a value stands on the line of its name.
func isShort(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return false
	case []any:
		return !slices.ContainsFunc(value, func(item any) bool { return !isShort(item) })
	}
	return true
}

// argument returns Terraform's name of a member: a few of the Management API's are
// written like customScripts.
func argument(name string) string {
	if strings.ToUpper(name) == name { // a setting of the script
		return name
	}
	var snake strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			snake.WriteByte('_')
		}
		snake.WriteRune(unicode.ToLower(r))
	}
	return snake.String()
}

// variable returns the name of the variable that has a value which no file has.
func variable(setting string) string { return strings.ToLower(setting) }

// literal returns a value on one line. A stand-in becomes what it stands for.
func literal(value any) string {
	switch value := value.(type) {
	case expression:
		return string(value)
	case []any:
		var items []string
		for _, item := range value {
			items = append(items, literal(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		for setting, instead := range notInFiles {
			switch {
			case value != instead:
			case setting == "NATIVE_BRIDGE_CLIENT_ID":
				return string(theApplication)
			default:
				return "var." + variable(setting)
			}
		}
		return quoted(value)
	}
	text, _ := json.Marshal(value) // a number or a boolean
	return string(text)
}

// quoted returns a text in quotation marks, as HCL reads it.
func quoted(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + strings.NewReplacer("${", "$${", "%{", "%%{").Replace(b.String()) + `"`
}
