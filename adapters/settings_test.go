package adapters_test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters"
)

// pasted are credentials of the kinds that the bridge is given, by kind.
func pasted() map[string]string {
	return map[string]string{
		"a private key":               assertionKey(),
		"a hexadecimal key":           "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"a token":                     "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJlLW9mLWphbmU",
		"an Authsignal secret":        "Zx8Qk2mVt0sLr9WbYc4NfHd6JgPa1Ue3Xi5Ko7MnTqRvSwEzBy==",
		"an Auth0 client secret":      "YzK9mN-2vQ_xR7sT4uW8bC1dE5fG0hJ3kL6pM9nO2qS5tV8wX1yZ4aB7cD0eF3gH",
		"a key behind https://":       "https://9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"a key among other items":     "openid,9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"a short password":            "hunter2-hunter2",
		"a URL with a password":       "redis://bridge:hunter2@cache.internal",
		"a password for a host":       "hunter2-hunter2:6379",
		"a password in a URL's query": "https://example.com/hook?key=hunter2-hunter2",
	}
}

// secretsOf lists the parts of a pasted text that must not be told.
func secretsOf(text string) []string {
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n,:/@?=", r) })
	return slices.DeleteFunc(parts, func(part string) bool {
		return len(part) < 7 || slices.Contains([]string{"cache.internal", "example.com", "PRIVATE", "KEY-----"}, part)
	})
}

// Whatever is pasted into a setting that is no secret, no fault tells it, and what
// can be seen to be a credential stops the start.
func TestACredentialInTheWrongVariableIsNotTold(t *testing.T) {
	for kind, text := range pasted() {
		long := !strings.Contains(text, "hunter2")
		for _, setting := range adapters.Settings() {
			if setting.Secret {
				continue
			}
			for name, choice := range choices() {
				if !isRead(setting, choice.environ) {
					continue
				}
				choice.environ[setting.Name] = text
				config, err := adapters.LoadConfig(choice.environ)
				if long && err == nil {
					t.Errorf("%s: %s in %s is accepted", name, kind, setting.Name)
				}
				told := fmt.Sprint(err)
				if err == nil && long {
					told = fmt.Sprint(config.Summary(), config.Warnings())
				}
				for _, secret := range secretsOf(text) {
					if strings.Contains(told, secret) {
						t.Errorf("%s: %s in %s is told: %s", name, kind, setting.Name, told)
					}
				}
				break // one choice that reads the setting is enough
			}
		}
	}
}

// isRead reports whether environ makes the bridge read a setting.
func isRead(setting adapters.Setting, environ map[string]string) bool {
	verifiers, issuer := environ["IDENTITY_VERIFIER"], environ["TOKEN_ISSUER"]
	if verifiers == "" {
		verifiers = "authsignal"
	}
	if issuer == "" {
		issuer = "auth0"
	}
	switch variable, names, _ := strings.Cut(setting.When, " is "); variable {
	case "IDENTITY_VERIFIER":
		return slices.Contains(strings.Split(verifiers, ","), names)
	case "TOKEN_ISSUER":
		return slices.Contains(strings.Split(names, " or "), issuer)
	}
	return true
}

// What people do set must not be taken for a credential.
func TestOrdinaryValuesAreNoCredentials(t *testing.T) {
	for name, values := range map[string][]string{
		"AUTH0_CLIENT_ID":          {"AbCdEfGhIjKlMnOpQrStUvWxYz012345"},
		"AUTHSIGNAL_API_URL":       {"https://api.authsignal.com/v1", "http://localhost:8402/v1"},
		"AUTH0_DOMAIN":             {"a-very-long-name-of-a-tenant-2026.eu.auth0.com"},
		"AUTH0_AUDIENCE":           {"https://api.example.com/v1/customers/0123456789/orders-and-invoices", "urn:example:api:v2:customers-and-orders"},
		"AUTH0_SCOPE":              {"openid profile email read:customers_2026 https://api.example.com/scopes/write.orders"},
		"AUTH0_CONNECTION":         {"Username-Password-Authentication"},
		"SUBJECT_TOKEN_TYPES":      {"urn:authsignal:params:oauth:token-type:challenge"},
		"TRUSTED_PROXIES":          {"10.0.0.0/8,192.0.2.7,fd00::/8,2001:db8:1234:5678:9abc:def0:1234:5678"},
		"AUTHSIGNAL_ACTION":        {"signInWithPasskeyOnTheMobileApplicationForCustomers"},
		"AUTH0_SUBJECT_TOKEN_TYPE": {"urn:native-bridge:authsignal:challenge"},
	} {
		for _, value := range values {
			environ := minimal()
			environ[name] = value
			if _, err := adapters.LoadConfig(environ); err != nil {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		}
	}
}

func TestTrustedProxiesInIPv6FormAreIPv4(t *testing.T) {
	environ := minimal()
	environ["TRUSTED_PROXIES"] = "::ffff:10.0.0.0/104, ::ffff:192.0.2.7, fd00::/8"
	config, err := adapters.LoadConfig(environ)
	if got, want := fmt.Sprint(config.HTTP.TrustedProxies), "[10.0.0.0/8 192.0.2.7/32 fd00::/8]"; err != nil || got != want {
		t.Errorf("trusted are %s, %v, want %s", got, err, want)
	}
}

// typos are the ways to be one letter off name.
func typos(name string) []string {
	var all []string
	for i := range len(name) {
		all = append(all,
			name[:i]+name[i+1:],                 // left out
			name[:i]+name[i:i+1]+name[i:],       // doubled
			name[:i]+"Q"+name[i+1:],             // another
			name[:i]+name[i:i+1]+"_"+name[i+1:]) // an underscore too many
		if i > 0 {
			all = append(all, name[:i-1]+name[i:i+1]+name[i-1:i]+name[i+1:]) // swapped
		}
	}
	return append(all, strings.ReplaceAll(name, "_", ""), strings.ToLower(name))
}

func TestASettingOneLetterOffIsFound(t *testing.T) {
	var known []string
	for _, setting := range adapters.Settings() {
		known = append(known, setting.Name)
		if setting.Secret {
			known = append(known, setting.Name+"_FILE")
		}
	}
	for _, name := range known {
		environ := map[string]string{}
		for _, typo := range typos(name) {
			if !slices.Contains(known, typo) {
				environ[typo] = "s3cr3t"
			}
		}
		warnings := adapters.UnknownSettings(environ)
		for typo := range environ {
			if !slices.ContainsFunc(warnings, func(warning string) bool {
				return strings.HasPrefix(warning, typo+" is set, ") && strings.Contains(warning, "is it meant to be ")
			}) {
				t.Errorf("%s for %s is not warned about", typo, name)
			}
		}
	}
}

// Where a setting that must be set is misspelt, that is the fault that is told.
func TestARequiredSettingOneLetterOffIsNamed(t *testing.T) {
	for name, value := range minimal() {
		for _, typo := range typos(name) {
			environ := minimal()
			delete(environ, name)
			if environ[typo] != "" || typo == name { // a letter that is swapped with its like
				continue
			}
			environ[typo] = value
			_, err := adapters.LoadConfig(environ)
			faults, _ := errors.AsType[adapters.Faults](err)
			if len(faults) != 1 || faults[0].Name != name || faults[0].Problem != "is not set, but "+typo+" is" {
				t.Errorf("%s for %s: %v", typo, name, err)
			}
		}
	}
}

// The variables of shells, containers, orchestrators, service managers and Go.
func TestCommonVariablesAreNotTakenForTypos(t *testing.T) {
	environ := map[string]string{}
	for name := range strings.FieldsSeq(`
		PATH HOME LANG LANGUAGE LC_ALL LC_CTYPE LC_MESSAGES USER LOGNAME SHELL SHLVL TERM PWD OLDPWD HOSTNAME HOST TZ TMPDIR TMP TEMP MAIL
		EDITOR PAGER DISPLAY COLUMNS LINES PS1 IFS _ COLORTERM DEBIAN_FRONTEND XDG_RUNTIME_DIR XDG_CONFIG_HOME DBUS_SESSION_BUS_ADDRESS
		SSH_AUTH_SOCK SSH_CLIENT SSH_CONNECTION SSH_TTY SUDO_USER SUDO_COMMAND
		HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy SSL_CERT_FILE SSL_CERT_DIR
		GOMAXPROCS GOMEMLIMIT GOGC GODEBUG GOTRACEBACK GOPATH GOROOT GOFLAGS GOPROXY GOCACHE CGO_ENABLED
		LISTEN_FDS LISTEN_PID LISTEN_FDNAMES NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID INVOCATION_ID JOURNAL_STREAM MAINPID MANAGERPID
		CREDENTIALS_DIRECTORY RUNTIME_DIRECTORY STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY SYSTEMD_EXEC_PID MEMORY_PRESSURE_WATCH
		KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_PORT KUBERNETES_PORT_443_TCP_ADDR POD_NAME POD_NAMESPACE POD_IP NODE_NAME
		REDIS_HOST REDIS_PORT REDIS_URL REDIS_PASSWORD REDIS_SERVICE_HOST REDIS_PORT_6379_TCP_ADDR
		AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_EXECUTION_ENV ECS_CONTAINER_METADATA_URI
		GOOGLE_APPLICATION_CREDENTIALS GOOGLE_CLOUD_PROJECT K_SERVICE K_REVISION K_CONFIGURATION PORT DYNO FLY_APP_NAME FLY_REGION
		AZURE_CLIENT_ID AZURE_TENANT_ID WEBSITE_SITE_NAME CONTAINER_APP_NAME IDENTITY_ENDPOINT IDENTITY_HEADER
		CI GITHUB_ACTIONS GITHUB_TOKEN NODE_ENV NODE_OPTIONS NPM_CONFIG_CACHE JAVA_HOME DOCKER_HOST COMPOSE_PROJECT_NAME
		OTEL_SERVICE_NAME OTEL_EXPORTER_OTLP_ENDPOINT DD_AGENT_HOST SENTRY_DSN LOG_LEVEL DEBUG VERSION APP_ENV ENVIRONMENT
		REQUEST_METHOD REQUEST_URI TOKEN ISSUER AUDIENCE SCOPE CLIENT_ID CLIENT_SECRET LISTEN ADDR BIND_ADDR CLOCK TIMEOUT`) {
		environ[name] = "x"
	}
	if got := adapters.UnknownSettings(environ); len(got) > 0 {
		t.Errorf("warnings:\n%s", strings.Join(got, "\n"))
	}
	for _, name := range slices.Sorted(maps.Keys(minimal())) {
		environ[name] = minimal()[name]
	}
	if _, err := adapters.LoadConfig(environ); err != nil {
		t.Error(err)
	}
}

// A refusal sends the operator to settings that there are.
func TestEachRuleNamesItsSettings(t *testing.T) {
	known := map[string]bool{}
	for _, setting := range adapters.Settings() {
		known[setting.Name] = true
	}
	for name, choice := range choices() {
		config, err := adapters.LoadConfig(choice.environ)
		if err != nil {
			t.Fatal(err)
		}
		for _, policy := range adapters.NewSignInPolicies(config) {
			for _, names := range []string{policy.From.Action, policy.From.Time, policy.From.Subject} {
				found := regexp.MustCompile(`[A-Z0-9]+_[A-Z0-9_]+`).FindAllString(names, -1)
				if len(found) == 0 || slices.ContainsFunc(found, func(name string) bool { return !known[name] }) {
					t.Errorf("%s, %s: %q names no setting, or one that there is not", name, policy.Authority, names)
				}
			}
		}
	}
}
