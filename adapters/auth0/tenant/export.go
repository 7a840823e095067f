package tenant

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Export is what setup makes of an empty tenant, as the files of a tool that keeps
// tenants in git. It has no secret and nothing that differs from tenant to tenant: the
// same files serve them all.
type Export struct {
	Files []ExportedFile
	// Supplied are the values that the tool must be given, since no file has them.
	Supplied []SuppliedValue
	// ByHand is what belongs into other files of the tenant, which an export cannot know.
	ByHand []domain.Instruction
}

// ExportedFile is one file. Path is relative to the folder, with slashes.
type ExportedFile struct{ Path, Content string }

// SuppliedValue is a value that is in no file. Name is the environment variable in
// which the tool looks for it.
type SuppliedValue struct{ Name, What string }

// The tools that an export can be for.
const (
	DeployCLI = "deploy-cli" // Auth0's auth0-deploy-cli, in its form of a directory
	Terraform = "terraform"  // Auth0's Terraform provider
)

// LoadForExport reads the configuration from environ for NewExport. It needs no secret
// and no domain, and reads none. The error names everything that is wrong.
func LoadForExport(environ map[string]string) (Config, error) {
	environ = maps.Clone(environ)
	for name, value := range map[string]string{
		"AUTHSIGNAL_SECRET": notInFiles["AUTHSIGNAL_SECRET"],
		"AUTH0_PROOF_KEY":   fmt.Sprintf("%x", sha256.Sum256(nil)), // any that is accepted
		"AUTH0_DOMAIN":      "tenant.invalid",
	} {
		delete(environ, name+"_FILE")
		environ[name] = value
	}
	return Load(environ)
}

// NewExport returns the files for a tool. Secrets of config are not used. The error
// says which choice cannot be exported.
func NewExport(tool string, config Config, choices Choices) (Export, error) {
	if choices.Adopt != "" {
		return Export{}, errors.New("--adopt names an application of one tenant, and an export is for any: leave it out")
	}
	made := wholeOf(config, choices)
	switch tool {
	case DeployCLI:
		return made.deployCLI(), nil
	case Terraform:
		return made.terraform(), nil
	}
	return Export{}, fmt.Errorf("--export knows %s and %s, not %q", Terraform, DeployCLI, tool)
}

// whole is everything that setup makes of an empty tenant. What it does not make is nil.
type whole struct {
	*Setup
	api, application, connection, action, profile object
}

// wholeOf returns it, with stand-ins for what belongs into no file.
func wholeOf(config Config, choices Choices) whole {
	config.AuthsignalSecret = domain.NewSecret(notInFiles["AUTHSIGNAL_SECRET"])
	config.ProofKey = settings.HMACKey{Secret: domain.NewSecret(notInFiles["NATIVE_BRIDGE_KEY"])}
	w := whole{Setup: &Setup{config: config, choices: choices}}
	now := &state{application: object{"client_id": notInFiles["NATIVE_BRIDGE_CLIENT_ID"]}}
	w.application = w.newApplication()
	if config.Audience != "" {
		w.api = w.newAPI(now)
	}
	if !config.exchanges() {
		w.connection = w.newConnection(now)
		return w
	}
	w.action = w.writtenAction(now)
	w.profile = w.newProfile(now)
	delete(w.profile, "action_id") // each tool names the Action in its own way
	return w
}

// notInFiles has a stand-in for each setting of the Login script or the Action that
// belongs into no file: secrets, and the client id, which every tenant has its own of.
// The form is deploy-cli's.
var notInFiles = map[string]string{
	"AUTHSIGNAL_SECRET":       "##AUTHSIGNAL_SECRET##",
	"NATIVE_BRIDGE_KEY":       "##NATIVE_BRIDGE_KEY##",
	"NATIVE_BRIDGE_CLIENT_ID": "##NATIVE_BRIDGE_CLIENT_ID##",
}

// inFiles returns a script's settings as an export has them.
func inFiles(values map[string]string) map[string]string {
	exported := maps.Clone(values)
	for name, instead := range notInFiles {
		if _, there := exported[name]; there {
			exported[name] = instead
		}
	}
	return exported
}

// script returns the name and the text of the script that judges.
func (w whole) script() (name, text string) {
	if w.action != nil {
		return "exchange.js", w.action.text("code")
	}
	return "login.js", w.connection.text(loginScript)
}

// supplied lists those of the values that the script needs.
func (w whole) supplied(name func(string) string) []SuppliedValue {
	what := map[string]string{
		"AUTHSIGNAL_SECRET":       "the Server API secret key of the Authsignal tenant",
		"NATIVE_BRIDGE_KEY":       "the bridge's AUTH0_PROOF_KEY",
		"NATIVE_BRIDGE_CLIENT_ID": fmt.Sprintf("the client id of the application %q. Not known yet? Import without it, which makes the application, and once more with it", w.choices.Application),
	}
	var list []SuppliedValue
	for _, setting := range slices.Sorted(maps.Keys(w.scriptSettings(""))) {
		if _, needed := notInFiles[setting]; needed {
			list = append(list, SuppliedValue{name(setting), what[setting]})
		}
	}
	return list
}

// usersByHand is what enables a connection that is there for the application.
func (w whole) usersByHand(where string) []domain.Instruction {
	if !w.config.exchanges() {
		return nil
	}
	return []domain.Instruction{{
		Where: where,
		What:  fmt.Sprintf("enable the connection whose users sign in for the application %q", w.choices.Application),
		Why:   "the Action finds people by their user id, and Auth0 lets only people of the application's connections in",
	}}
}

// apiByHand warns of an API that other files have too.
func (w whole) apiByHand(where string) []domain.Instruction {
	if w.api == nil {
		return nil
	}
	return []domain.Instruction{{
		Where: where,
		What:  fmt.Sprintf("if your files have the API %s already, move what is new into them", w.config.Audience),
		Why:   "the file here has none of its other scopes, and the tool would take them away",
	}}
}

// exportRemarks tell of a script that came from an export, whose secrets nobody can
// compare.
func (s *Setup) exportRemarks(now *state) []domain.Instruction {
	values := inFiles(s.scriptSettings(s.clientID(now)))
	for _, script := range []string{now.connection.text(loginScript), now.action.text("code")} {
		if mark, _ := unmarked(script); mark == markOf(values) {
			return []domain.Instruction{{
				Where: "native-bridge setup auth0 --export",
				What:  "the script comes from an export: whether its secrets are still right cannot be seen here",
				Why:   "Auth0 never tells them, and an export does not know them: apply it again after a change of one",
			}}
		}
	}
	return nil
}
