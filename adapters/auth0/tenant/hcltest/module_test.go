package hcltest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"nativebridge/adapters/auth0/tenant"
)

// kind is what a provider wants in the place of a name: a type for an argument.
type kind string

const (
	text   kind = "string"
	number kind = "number"
	yesNo  kind = "bool"
	texts  kind = "list of string"
	pairs  kind = "map of string"
)

// schema is a resource, or a block in one. A name with ! is required.
type schema struct {
	arguments map[string]kind
	blocks    map[string]schema
}

// provider is what auth0/auth0 1.54.0 takes, as its documentation has it
// (registry.terraform.io/providers/auth0/auth0/1.54.0/docs), of what the export uses.
var provider = map[string]schema{
	"resource auth0_client": {
		map[string]kind{
			"name!": text, "app_type": text, "callbacks": texts, "grant_types": texts, "is_first_party": yesNo, "is_token_endpoint_ip_header_trusted": yesNo,
			"oidc_conformant": yesNo, "organization_usage": text, "client_metadata": pairs,
		},
		map[string]schema{
			"jwt_configuration": {map[string]kind{"alg": text}, nil},
			"refresh_token": {map[string]kind{
				"rotation_type!": text, "expiration_type!": text, "leeway": number, "token_lifetime": number, "idle_token_lifetime": number,
			}, nil},
			"token_exchange": {map[string]kind{"allow_any_profile_of_type!": texts}, nil},
		},
	},
	"resource auth0_client_credentials": {map[string]kind{"client_id!": text, "authentication_method": text}, nil},
	"resource auth0_resource_server": {map[string]kind{
		"identifier!": text, "name": text, "signing_alg": text, "allow_offline_access": yesNo, "skip_consent_for_verifiable_first_party_clients": yesNo,
	}, nil},
	"resource auth0_resource_server_scopes": {
		map[string]kind{"resource_server_identifier!": text},
		map[string]schema{"scopes": {map[string]kind{"name!": text}, nil}},
	},
	"resource auth0_connection": {
		map[string]kind{"name!": text, "strategy!": text},
		map[string]schema{"options": {map[string]kind{
			"brute_force_protection": yesNo, "disable_signup": yesNo, "enable_script_context": yesNo, "enabled_database_customization": yesNo,
			"import_mode": yesNo, "set_user_root_attributes": text, "configuration": pairs, "custom_scripts": pairs,
		}, nil}},
	},
	"resource auth0_connection_clients": {map[string]kind{"connection_id!": text, "enabled_clients!": texts}, nil},
	"resource auth0_connection_client":  {map[string]kind{"connection_id!": text, "client_id!": text}, nil},
	"resource auth0_action": {
		map[string]kind{"name!": text, "code!": text, "runtime": text, "deploy": yesNo},
		map[string]schema{
			"supported_triggers": {map[string]kind{"id!": text, "version!": text}, nil},
			"secrets":            {map[string]kind{"name!": text, "value!": text}, nil},
		},
	},
	"resource auth0_token_exchange_profile": {map[string]kind{"name!": text, "subject_token_type": text, "action_id": text, "type": text}, nil},
	"data auth0_connection":                 {map[string]kind{"name": text}, nil},

	// Terraform's own.
	"terraform": {nil, map[string]schema{"required_providers": {map[string]kind{"auth0": pairs}, nil}}},
	"variable":  {map[string]kind{"description": text, "sensitive": yesNo, "type": text}, nil},
	"output":    {map[string]kind{"description": text, "value!": text}, nil},
}

// modules are the ways to set a tenant up.
var modules = map[string]struct {
	environ map[string]string
	choices tenant.Choices
}{
	"the password grant, Auth0 asks Authsignal": {},
	"the password grant, with signed proofs":    {environ: map[string]string{"AUTH0_PROOF": "signed"}},
	"token exchange":                            {environ: map[string]string{"TOKEN_ISSUER": "auth0-token-exchange", "AUTH0_ORGANIZATIONS_ALLOWED": "org_1"}},
	"token exchange, and users are made":        {map[string]string{"TOKEN_ISSUER": "auth0-token-exchange"}, tenant.Choices{CreateUsersIn: "customers"}},
	"no API and no renewal":                     {environ: map[string]string{"AUTH0_AUDIENCE": "", "AUTH0_SCOPE": "openid email", "AUTH0_SCOPE_ALLOWED": ""}},
	"an awkward name":                           {choices: tenant.Choices{Application: "a \"b\" ${c} %{d}\\\té"}},
}

func exportOf(t *testing.T, name string) map[string]string {
	t.Helper()
	environ := map[string]string{
		"AUTHSIGNAL_API_URL": "https://api.authsignal.com/v1", "AUTH0_AUDIENCE": "https://api.example.com",
		"AUTH0_SCOPE": "openid read:things", "AUTH0_SCOPE_ALLOWED": "openid read:things offline_access",
	}
	maps.Copy(environ, modules[name].environ)
	maps.DeleteFunc(environ, func(_, value string) bool { return value == "" })
	config, err := tenant.LoadForExport(environ)
	if err != nil {
		t.Fatal(err)
	}
	choices := modules[name].choices
	if choices.Application == "" {
		choices.Application = "Native Bridge"
	}
	export, err := tenant.NewExport(tenant.Terraform, config, choices)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range export.Files {
		files[file.Path] = file.Content
	}
	return files
}

func TestTheModuleIsWhatTheProviderTakes(t *testing.T) {
	used := map[string]bool{}
	for name := range modules {
		t.Run(name, func(t *testing.T) {
			files := exportOf(t, name)
			source := []byte(files["native-bridge.tf"])
			parsed, faults := hclsyntax.ParseConfig(source, "native-bridge.tf", hcl.InitialPos)
			if faults.HasErrors() {
				t.Fatalf("%v\n%s", faults, source)
			}
			if formatted := hclwrite.Format(source); string(formatted) != string(source) {
				t.Errorf("'terraform fmt' would make of it\n%s", formatted)
			}
			c := check{t, files, map[string]bool{}}
			body := parsed.Body.(*hclsyntax.Body)
			for _, block := range body.Blocks {
				c.declare(block)
			}
			for _, block := range body.Blocks {
				kind := strings.Join(append([]string{block.Type}, block.Labels[:min(1, len(block.Labels))]...), " ")
				if block.Type == "variable" || block.Type == "output" {
					kind = block.Type
				}
				wanted, known := provider[kind]
				if !known {
					t.Errorf("there is no %q", kind)
				}
				used[kind] = true
				c.body(kind, block.Body, wanted)
			}
		})
	}
	for kind := range provider {
		if !used[kind] {
			t.Errorf("no module has %q any more", kind)
		}
	}
}

// check compares one module with the provider's schema.
type check struct {
	t        *testing.T
	files    map[string]string
	declared map[string]bool // addresses that a reference may begin with
}

func (c check) declare(block *hclsyntax.Block) {
	address := strings.Join(append([]string{block.Type}, block.Labels...), ".")
	switch block.Type {
	case "variable":
		address = "var." + block.Labels[0]
		if got := string(c.source(block.Body.Attributes["sensitive"].Expr)); got != "true" {
			c.t.Errorf("%s is not sensitive", address)
		}
	case "resource":
		address = strings.Join(block.Labels, ".")
	}
	if c.declared[address] {
		c.t.Errorf("%s is declared twice", address)
	}
	c.declared[address] = true
}

func (c check) source(of hclsyntax.Expression) []byte {
	return of.Range().SliceBytes([]byte(c.files["native-bridge.tf"]))
}

func (c check) body(where string, body *hclsyntax.Body, wanted schema) {
	for name, required := range required(wanted) {
		if body.Attributes[name] == nil && required {
			c.t.Errorf("%s lacks %s", where, name)
		}
	}
	for name, attribute := range body.Attributes {
		want, known := wanted.arguments[name]
		if !known {
			want, known = wanted.arguments[name+"!"]
		}
		if !known {
			c.t.Errorf("%s has no argument %s", where, name)
			continue
		}
		if got := c.kindOf(attribute.Expr); got != want && got != "" {
			c.t.Errorf("%s.%s is a %s, want a %s", where, name, got, want)
		}
	}
	for _, block := range body.Blocks {
		inner, known := wanted.blocks[block.Type]
		if !known {
			c.t.Errorf("%s has no block %s", where, block.Type)
		}
		c.body(where+"."+block.Type, block.Body, inner)
	}
}

func required(of schema) map[string]bool {
	names := map[string]bool{}
	for name := range of.arguments {
		if plain, must := strings.CutSuffix(name, "!"); must {
			names[plain] = true
		}
	}
	return names
}

// kindOf tells the type of an expression, "" if that is known at run time only. What it
// refers to must be there.
func (c check) kindOf(e hclsyntax.Expression) kind {
	for _, reference := range e.Variables() {
		c.leadsSomewhere(reference)
	}
	switch e := e.(type) {
	case *hclsyntax.TupleConsExpr:
		return texts
	case *hclsyntax.ObjectConsExpr:
		return pairs
	case *hclsyntax.FunctionCallExpr:
		c.names(e)
		return text
	case *hclsyntax.ScopeTraversalExpr:
		return ""
	}
	value, faults := e.Value(nil)
	if faults.HasErrors() {
		c.t.Fatalf("%s: %v", c.source(e), faults)
	}
	return kind(value.Type().FriendlyName())
}

func (c check) leadsSomewhere(reference hcl.Traversal) {
	var steps []string
	for _, step := range reference {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			steps = append(steps, step.Name)
		case hcl.TraverseAttr:
			steps = append(steps, step.Name)
		}
	}
	address := strings.Join(steps, ".")
	ok := address == "path.module" || address == "string" || c.declared[address]
	if last := strings.LastIndexByte(address, '.'); last >= 0 {
		ok = ok || c.declared[address[:last]] && slices.Contains([]string{"id", "client_id", "identifier"}, address[last+1:])
	}
	if !ok {
		c.t.Errorf("%s leads nowhere", address)
	}
}

// names wants a call of file() to name a file of the module.
func (c check) names(call *hclsyntax.FunctionCallExpr) {
	path := strings.Trim(string(c.source(call.Args[0])), `"`)
	if name, found := strings.CutPrefix(path, "${path.module}/"); call.Name != "file" || !found || c.files[name] == "" {
		c.t.Errorf("%s is no file of the module", c.source(call))
	}
}

// TestAnyNameIsReadAsItIs parses a name with what HCL would expand.
func TestAnyNameIsReadAsItIs(t *testing.T) {
	source := exportOf(t, "an awkward name")["native-bridge.tf"]
	parsed, faults := hclsyntax.ParseConfig([]byte(source), "native-bridge.tf", hcl.InitialPos)
	if faults.HasErrors() {
		t.Fatal(faults)
	}
	for _, block := range parsed.Body.(*hclsyntax.Body).Blocks {
		if block.Type != "resource" || block.Labels[0] != "auth0_client" {
			continue
		}
		name, faults := block.Body.Attributes["name"].Expr.Value(nil)
		if want := modules["an awkward name"].choices.Application; faults.HasErrors() || name.AsString() != want {
			t.Errorf("the name is %q (%v), want %q", name.AsString(), faults, want)
		}
		return
	}
	t.Error("there is no application")
}
