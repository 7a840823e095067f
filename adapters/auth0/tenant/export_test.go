package tenant_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/auth0/tenant"
	"nativebridge/domain"
)

// exchanges are the settings that make setup prepare token exchange.
var exchanges = map[string]string{"TOKEN_ISSUER": "auth0-token-exchange", "AUTH0_PROOF": "", "AUTH0_PROOF_KEY": ""}

// exported are the ways to set a tenant up.
var exported = map[string]map[string]string{
	"the password grant, Auth0 asks Authsignal": {"AUTH0_PROOF": "token", "AUTH0_PROOF_KEY": ""},
	"the password grant, with signed proofs":    nil,
	"token exchange":                            exchanges,
}

func (s *site) export(t *testing.T, tool string, change map[string]string) tenant.Export {
	t.Helper()
	config, err := tenant.LoadForExport(s.environ(change))
	if err != nil {
		t.Fatal(err)
	}
	export, err := tenant.NewExport(tool, config, tenant.Choices{Application: "Native Bridge"})
	if err != nil {
		t.Fatal(err)
	}
	return export
}

func TestAnExportHasNoSecretAndNeedsNone(t *testing.T) {
	s := &site{Server: emptyTenant(t, nil).Server}
	for name, change := range exported {
		for _, tool := range []string{tenant.DeployCLI, tenant.Terraform} {
			t.Run(name+", "+tool, func(t *testing.T) {
				config, err := tenant.Load(s.environ(change))
				if err != nil {
					t.Fatal(err)
				}
				export, err := tenant.NewExport(tool, config, tenant.Choices{Application: "Native Bridge"})
				if err != nil {
					t.Fatal(err)
				}
				told := fmt.Sprintf("%+v", export)
				for _, secret := range []string{"s3cr3t", proofKey, accessKey, s.Domain()} {
					if strings.Contains(told, secret) {
						t.Errorf("the export has %s", secret)
					}
				}
				without := map[string]string{"AUTHSIGNAL_SECRET": "", "AUTH0_PROOF_KEY": "", "AUTH0_PROOF_KEY_FILE": "/nowhere", "AUTH0_DOMAIN": ""}
				maps.Copy(without, map[string]string{"TOKEN_ISSUER": change["TOKEN_ISSUER"]})
				if change["AUTH0_PROOF"] == "token" {
					without["AUTH0_PROOF"] = "token"
				}
				if again := fmt.Sprintf("%+v", s.export(t, tool, without)); again != told {
					t.Error("without the secrets, the export is another one")
				}
				if len(export.Supplied) == 0 {
					t.Error("the export asks for no secret")
				}
			})
		}
	}
}

// apply makes the objects of an export for deploy-cli by hand, in the order in which
// that tool does it, with what is supplied.
func (s *site) apply(t *testing.T, export tenant.Export) {
	t.Helper()
	texts := map[string]string{}
	for _, file := range export.Files {
		texts[file.Path] = file.Content
	}
	supplied := strings.NewReplacer("##AUTHSIGNAL_SECRET##", "s3cr3t-authsignal", "##NATIVE_BRIDGE_KEY##", proofKey)
	read := func(folder string) map[string]any {
		for name, text := range texts {
			if strings.HasPrefix(name, folder+"/") && path.Ext(name) == ".json" {
				var o map[string]any
				if err := json.Unmarshal([]byte(supplied.Replace(text)), &o); err != nil {
					t.Fatal(err)
				}
				return o
			}
		}
		return nil
	}
	s.byHand(t, "POST", "/resource-servers", read("resource-servers"))
	client, _ := s.byHand(t, "POST", "/clients", read("clients"))["client_id"].(string)
	supplied = strings.NewReplacer("##AUTHSIGNAL_SECRET##", "s3cr3t-authsignal", "##NATIVE_BRIDGE_KEY##", proofKey, "##NATIVE_BRIDGE_CLIENT_ID##", client)
	if connection := read("database-connections"); connection != nil {
		delete(connection, "enabled_clients")
		options, _ := connection["options"].(map[string]any)
		options["customScripts"] = map[string]any{"login": texts["database-connections/authsignal/login.js"]}
		id, _ := s.byHand(t, "POST", "/connections", connection)["id"].(string)
		s.byHand(t, "PATCH", "/connections/"+id+"/clients", []any{map[string]any{"client_id": client, "status": true}})
		return
	}
	action, profile := read("actions"), read("token-exchange-profiles")
	delete(action, "deployed")
	action["code"] = texts["actions/Native Bridge/code.js"]
	id, _ := s.byHand(t, "POST", "/actions/actions", action)["id"].(string)
	for range 10 {
		s.byHand(t, "GET", "/actions/actions/"+id, nil) // it is built while one looks
	}
	s.byHand(t, "POST", "/actions/actions/"+id+"/deploy", map[string]any{})
	delete(profile, "action")
	profile["action_id"] = id
	s.byHand(t, "POST", "/token-exchange-profiles", profile)
}

func TestSetupAndDoctorHaveNothingToSayOfATenantMadeOfAnExport(t *testing.T) {
	for name, change := range exported {
		t.Run(name, func(t *testing.T) {
			s, like := emptyTenant(t, auth0test.ManagementScopes()), emptyTenant(t, auth0test.ManagementScopes())
			s.apply(t, s.export(t, tenant.DeployCLI, change))
			setup, err := s.connect(t, s.environ(change), tenant.Choices{})
			if err != nil {
				t.Fatal(err)
			}
			plan, err := setup.Plan(t.Context())
			if err != nil || len(plan.Pending()) > 0 || len(plan.Blockers) > 0 {
				t.Fatalf("setup wants to do %v (%v), want nothing", plan.Pending(), err)
			}
			if !slices.ContainsFunc(plan.Remarks, func(r domain.Instruction) bool { return strings.Contains(r.What, "comes from an export") }) {
				t.Errorf("the remarks are %v, want one that its secrets cannot be compared", plan.Remarks)
			}
			if got, want := failed(s.diagnose(t, s.settings(t, change))), failed(like.diagnose(t, like.managed(like.mustSetUp(t, change, tenant.Choices{})))); !slices.Equal(got, want) {
				t.Errorf("doctor names %q, want %q as after setup", got, want)
			}
		})
	}
}

// settings are the bridge's, with the right to ask the Management API.
func (s *site) settings(t *testing.T, change map[string]string) map[string]string {
	t.Helper()
	return s.managed(s.mustSetUp(t, change, tenant.Choices{}))
}

func (s *site) managed(environ map[string]string) map[string]string {
	environ["AUTH0_MANAGEMENT_CLIENT_ID"], environ["AUTH0_MANAGEMENT_CLIENT_SECRET"] = accessID, accessKey
	return environ
}

func TestAnotherSettingThanTheExportsIsSeen(t *testing.T) {
	for name, change := range exported {
		t.Run(name, func(t *testing.T) {
			s := emptyTenant(t, auth0test.ManagementScopes())
			s.apply(t, s.export(t, tenant.DeployCLI, change))
			environ := s.settings(t, change)
			environ["AUTHSIGNAL_ACTION"] = "another"
			if got := failed(s.diagnose(t, environ)); len(got) == 0 || got[0] != "NB540" {
				t.Errorf("doctor names %q, want NB540 first", got)
			}
			setup, err := s.connect(t, environ, tenant.Choices{})
			if err != nil {
				t.Fatal(err)
			}
			if plan, err := setup.Plan(t.Context()); err != nil || len(plan.Pending()) != 1 {
				t.Errorf("the plan is %v (%v), want the script to change", plan.Pending(), err)
			}
		})
	}
}

func TestAnExportRefusesWhatItCannotHave(t *testing.T) {
	for want, tt := range map[string]struct {
		tool    string
		choices tenant.Choices
	}{
		"--adopt":                  {tenant.Terraform, tenant.Choices{Adopt: "older"}},
		`deploy-cli, not "pulumi"`: {"pulumi", tenant.Choices{}},
	} {
		if _, err := tenant.NewExport(tt.tool, tenant.Config{}, tt.choices); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want it to name %s", err, want)
		}
	}
}
