package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

const secretText = "s3cr3t-k3y"

// vendor is a config as an adapter has one.
type vendor struct {
	URL    settings.BaseURL `env:"VENDOR_URL,required,notEmpty" help:"the vendor's URL"`
	Secret domain.Secret    `env:"VENDOR_SECRET,required,notEmpty" help:"the vendor's secret key"`
	Spare  domain.Secret    `env:"VENDOR_SPARE_KEY" help:"the secret key before, while it is rotated"`
	MaxAge time.Duration    `env:"VENDOR_MAX_AGE" envDefault:"10m" help:"how old it may be, up to 1h"`
	Other  string           // no setting
}

// Check implements settings.Checker.
func (v *vendor) Check() []settings.Fault {
	if v.MaxAge <= time.Hour {
		return nil
	}
	return []settings.Fault{
		{Name: "VENDOR_MAX_AGE", Problem: "is " + v.MaxAge.String(), Fix: "set it to at most 1h"},
		{Name: "VENDOR_URL", Problem: "is not that old", Fix: "take a newer one"},
	}
}

// server is a second config.
type server struct {
	Listen string `env:"LISTEN" envDefault:":8080" help:"the address to listen on"`
	Limit  int    `env:"LIMIT,required" help:"how many at most"`
}

func environ() map[string]string {
	return map[string]string{"VENDOR_URL": "https://api.example.com/v1", "VENDOR_SECRET": secretText, "LIMIT": "7"}
}

// file returns the path of a new file with the given text.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadFillsEveryConfig(t *testing.T) {
	var v vendor
	var s server
	env := environ()
	env["VENDOR_MAX_AGE"] = "90s"
	if err := settings.Load(env, &v, &s); err != nil {
		t.Fatal(err)
	}
	if v.URL != "https://api.example.com/v1" || v.Secret.Reveal() != secretText || !v.Spare.IsZero() || v.MaxAge != 90*time.Second {
		t.Errorf("vendor = %+v", v)
	}
	if s.Listen != ":8080" || s.Limit != 7 {
		t.Errorf("server = %+v", s)
	}
}

func TestLoadNamesEachFaultAndItsFix(t *testing.T) {
	tests := map[string]struct {
		change func(env map[string]string)
		want   settings.Fault
	}{
		"a variable that is missing": {
			func(env map[string]string) { delete(env, "VENDOR_URL") },
			settings.Fault{Name: "VENDOR_URL", Problem: "is not set", Fix: "set it to the vendor's URL"}},
		"a variable that is empty": {
			func(env map[string]string) { env["VENDOR_URL"] = "" },
			settings.Fault{Name: "VENDOR_URL", Problem: "is not set", Fix: "set it to the vendor's URL"}},
		"a secret that is missing": {
			func(env map[string]string) { delete(env, "VENDOR_SECRET") },
			settings.Fault{Name: "VENDOR_SECRET", Problem: "is not set", Fix: "set it to the vendor's secret key"}},
		"a letter left out": {
			func(env map[string]string) { env["VENDOR_URI"] = env["VENDOR_URL"]; delete(env, "VENDOR_URL") },
			settings.Fault{Name: "VENDOR_URL", Problem: "is not set, but VENDOR_URI is", Fix: "rename VENDOR_URI to VENDOR_URL"}},
		"a secret's name misspelt": {
			func(env map[string]string) {
				env["VENDOR_SERCET"] = env["VENDOR_SECRET"]
				delete(env, "VENDOR_SECRET")
			},
			settings.Fault{Name: "VENDOR_SECRET", Problem: "is not set, but VENDOR_SERCET is", Fix: "rename VENDOR_SERCET to VENDOR_SECRET"}},
		"a value of another kind": {
			func(env map[string]string) { env["LIMIT"] = "many" },
			settings.Fault{Name: "LIMIT", Problem: "is wrong: it is no number, or too large", Fix: "set it to how many at most"}},
		"a value that its type refuses": {
			func(env map[string]string) { env["VENDOR_URL"] = "ftp://example.com" },
			settings.Fault{Name: "VENDOR_URL", Problem: "is wrong: that is no https:// URL", Fix: "set it to the vendor's URL"}},
		"a URL with a password": {
			func(env map[string]string) { env["VENDOR_URL"] = "https://jane:" + secretText + "@example.com" },
			settings.Fault{Name: "VENDOR_URL", Problem: "is wrong: a user or password does not belong into it", Fix: "set it to the vendor's URL"}},
		"a URL with a password where another value belongs": {
			func(env map[string]string) { env["LIMIT"] = "https://jane:" + secretText + "@example.com" },
			settings.Fault{Name: "LIMIT", Problem: "is wrong: it is no number, or too large", Fix: "set it to how many at most"}},
		"a URL without TLS, told without its path": {
			func(env map[string]string) { env["VENDOR_URL"] = "http://example.com/" + secretText },
			settings.Fault{Name: "VENDOR_URL", Problem: `is "http://example.com": plain http is allowed on loopback only`, Fix: "set it to the vendor's URL"}},
		"a number that is too large": {
			func(env map[string]string) { env["LIMIT"] = "99999999999999999999" },
			settings.Fault{Name: "LIMIT", Problem: "is wrong: it is no number, or too large", Fix: "set it to how many at most"}},
		"a duration without a unit": {
			func(env map[string]string) { env["VENDOR_MAX_AGE"] = "600" },
			settings.Fault{Name: "VENDOR_MAX_AGE", Problem: `is "600": it is no duration such as 10s or 5m`, Fix: "set it to how old it may be, up to 1h"}},
		"a duration that is a password": {
			func(env map[string]string) { env["VENDOR_MAX_AGE"] = secretText },
			settings.Fault{Name: "VENDOR_MAX_AGE", Problem: "is wrong: it is no duration such as 10s or 5m", Fix: "set it to how old it may be, up to 1h"}},
		"a secret of blanks": {
			func(env map[string]string) { env["VENDOR_SECRET"] = " \t " },
			settings.Fault{Name: "VENDOR_SECRET", Problem: "is blank", Fix: "set it to the vendor's secret key, and to nothing else"}},
		"a secret behind a blank": {
			func(env map[string]string) { env["VENDOR_SECRET"] = " " + secretText },
			settings.Fault{Name: "VENDOR_SECRET", Problem: "begins or ends with white space", Fix: "set it to the vendor's secret key, and to nothing else"}},
		"a secret before a no-break space": {
			func(env map[string]string) { env["VENDOR_SECRET"] = secretText + "\u00a0" },
			settings.Fault{Name: "VENDOR_SECRET", Problem: "begins or ends with white space", Fix: "set it to the vendor's secret key, and to nothing else"}},
		"a secret behind a byte order mark": {
			func(env map[string]string) { env["VENDOR_SECRET"] = "\ufeff" + secretText },
			settings.Fault{Name: "VENDOR_SECRET", Problem: "begins with a byte order mark, which some editors and PowerShell write", Fix: "set it to the vendor's secret key, and to nothing else"}},
		"a file of a secret, misspelt": {
			func(env map[string]string) {
				env["VENDOR_SECRET_FIEL"] = "/run/secrets/vendor"
				delete(env, "VENDOR_SECRET")
			},
			settings.Fault{Name: "VENDOR_SECRET", Problem: "is not set, but VENDOR_SECRET_FIEL is", Fix: "rename VENDOR_SECRET_FIEL to VENDOR_SECRET_FILE"}},
		"a rule of the whole config": {
			func(env map[string]string) { env["VENDOR_MAX_AGE"] = "2h" },
			settings.Fault{Name: "VENDOR_MAX_AGE", Problem: "is 2h0m0s", Fix: "set it to at most 1h"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			env := environ()
			tt.change(env)
			faults := load(t, env)
			if len(faults) == 0 || faults[0] != tt.want {
				t.Errorf("faults = %+v, want first %+v", faults, tt.want)
			}
		})
	}
}

// load returns the faults of env and fails if one of them tells a secret.
func load(t *testing.T, env map[string]string) settings.Faults {
	t.Helper()
	err := settings.Load(env, new(vendor), new(server))
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), secretText) {
		t.Errorf("the error tells a secret:\n%s", err)
	}
	faults, ok := errors.AsType[settings.Faults](err)
	if !ok {
		t.Fatalf("err = %v, want Faults", err)
	}
	return faults
}

func TestLoadSaysEverythingAtOnce(t *testing.T) {
	err := settings.Load(map[string]string{
		"VENDOR_URL":            "http://example.com",
		"VENDOR_SECRET_FILE":    "/nowhere/secret",
		"VENDOR_SPARE_KEY":      secretText,
		"VENDOR_SPARE_KEY_FILE": "/nowhere/spare",
		"VENDOR_MAX_AGE":        "2h",
		"LIMITS":                "7",
	}, new(vendor), new(server))
	const want = `5 faults in the configuration

  VENDOR_SECRET_FILE names a file that cannot be read: no such file or directory
      mount the file there, readable for this user

  VENDOR_SPARE_KEY is set, and VENDOR_SPARE_KEY_FILE too
      unset one of them

  VENDOR_URL is "http://example.com": plain http is allowed on loopback only
      set it to the vendor's URL

  LIMIT is not set, but LIMITS is
      rename LIMITS to LIMIT

  VENDOR_MAX_AGE is 2h0m0s
      set it to at most 1h
`
	if err == nil || err.Error() != want {
		t.Errorf("err =\n%v\nwant\n%s", err, want)
	}
}

func TestOneFaultIsCalledOne(t *testing.T) {
	env := environ()
	delete(env, "LIMIT")
	const want = "1 fault in the configuration\n\n  LIMIT is not set\n      set it to how many at most\n"
	if err := settings.Load(env, new(vendor), new(server)); err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	for name, text := range map[string]string{
		"the secret alone":       secretText,
		"a line feed at the end": secretText + "\n",
		"a line of Windows":      secretText + "\r\n",
		"several empty lines":    secretText + "\n\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			env := environ()
			env["VENDOR_SECRET"] = "" // as good as unset
			env["VENDOR_SECRET_FILE"] = file(t, text)
			var v vendor
			if err := settings.Load(env, &v); err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimRight(text, "\r\n"); v.Secret.Reveal() != want {
				t.Errorf("the secret is %q, want %q", v.Secret.Reveal(), want)
			}
		})
	}
}

func TestFaultsOfSecretFiles(t *testing.T) {
	directory := t.TempDir()
	unreadable := settings.Fault{Name: "VENDOR_SECRET_FILE", Fix: "mount the file there, readable for this user"}
	because := func(problem string) settings.Fault {
		fault := unreadable
		fault.Problem = "names a file that cannot be read: " + problem
		return fault
	}
	content := func(problem string) settings.Fault {
		return settings.Fault{Name: "VENDOR_SECRET_FILE", Problem: "names a file whose content " + problem, Fix: "write into it the vendor's secret key, and nothing else"}
	}
	empty := settings.Fault{Name: "VENDOR_SECRET_FILE", Problem: "names a file that is empty", Fix: "write into it the vendor's secret key"}
	tests := map[string]struct {
		env  map[string]string
		want settings.Fault
	}{
		"no such file":       {map[string]string{"VENDOR_SECRET_FILE": filepath.Join(directory, "none")}, because("no such file or directory")},
		"a directory":        {map[string]string{"VENDOR_SECRET_FILE": directory}, because("is a directory")},
		"the secret itself":  {map[string]string{"VENDOR_SECRET_FILE": secretText}, because("no such file or directory")},
		"a blank file":       {map[string]string{"VENDOR_SECRET_FILE": file(t, " \n")}, content("is blank")},
		"a blank at the end": {map[string]string{"VENDOR_SECRET_FILE": file(t, secretText+" \n")}, content("begins or ends with white space")},
		"a byte order mark":  {map[string]string{"VENDOR_SECRET_FILE": file(t, "\ufeff"+secretText)}, content("begins with a byte order mark, which some editors and PowerShell write")},
		"UTF-16":             {map[string]string{"VENDOR_SECRET_FILE": file(t, "\xff\xfes\x003\x00")}, content("begins with a byte order mark, which some editors and PowerShell write")},
		"a file for all to write": {map[string]string{"VENDOR_SECRET_FILE": writable(t)},
			settings.Fault{Name: "VENDOR_SECRET_FILE", Problem: "names a file that every user may write to, so that anybody could choose the secret", Fix: "take that permission away: chmod o-w"}},
		"an empty file":        {map[string]string{"VENDOR_SECRET_FILE": file(t, "")}, empty},
		"a file of line feeds": {map[string]string{"VENDOR_SECRET_FILE": file(t, "\n\r\n")}, empty},
		"a file and a value": {
			map[string]string{"VENDOR_SECRET_FILE": file(t, secretText), "VENDOR_SECRET": secretText},
			settings.Fault{Name: "VENDOR_SECRET", Problem: "is set, and VENDOR_SECRET_FILE too", Fix: "unset one of them"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			env := environ()
			delete(env, "VENDOR_SECRET")
			for name, value := range tt.env {
				env[name] = value
			}
			if faults := load(t, env); !slices.Equal(faults, settings.Faults{tt.want}) {
				t.Errorf("faults = %+v, want only %+v", faults, tt.want)
			}
		})
	}
}

// writable returns the path of a secret that every user may overwrite.
func writable(t *testing.T) string {
	t.Helper()
	path := file(t, secretText)
	if err := os.Chmod(path, 0o646); err != nil { // #nosec G302 -- that is what is tried
		t.Fatal(err)
	}
	return path
}

func TestALineBreakAtTheEndOfASecretDoesNotCount(t *testing.T) {
	env := environ()
	env["VENDOR_SECRET"] = secretText + "\r\n"
	var v vendor
	if err := settings.Load(env, &v); err != nil || v.Secret.Reveal() != secretText {
		t.Errorf("the secret is %q, %v", v.Secret.Reveal(), err)
	}
}

func TestOnlySecretsComeFromFiles(t *testing.T) {
	env := environ()
	delete(env, "LIMIT")
	env["LIMIT_FILE"] = file(t, "7")
	if faults := load(t, env); len(faults) != 1 || faults[0].Name != "LIMIT" {
		t.Errorf("faults = %+v, want LIMIT alone", faults)
	}
}

func TestLoadLeavesTheEnvironmentAlone(t *testing.T) {
	env := environ()
	delete(env, "VENDOR_SECRET")
	env["VENDOR_SECRET_FILE"] = file(t, secretText)
	_ = settings.Load(env, new(vendor), new(server))
	if _, set := env["VENDOR_SECRET"]; set || len(env) != 3 {
		t.Errorf("environ has become %d variables, VENDOR_SECRET set: %t", len(env), set)
	}
}

func TestDescribe(t *testing.T) {
	got := settings.Describe(new(vendor), new(server))
	want := []settings.Setting{
		{Name: "VENDOR_URL", Help: "the vendor's URL", Required: true},
		{Name: "VENDOR_SECRET", Help: "the vendor's secret key", Required: true, Secret: true},
		{Name: "VENDOR_SPARE_KEY", Help: "the secret key before, while it is rotated", Secret: true},
		{Name: "VENDOR_MAX_AGE", Help: "how old it may be, up to 1h", Default: "10m"},
		{Name: "LISTEN", Help: "the address to listen on", Default: ":8080"},
		{Name: "LIMIT", Help: "how many at most", Required: true},
	}
	same := slices.EqualFunc(got, want, func(a, b settings.Setting) bool {
		return a.Name == b.Name && a.Help == b.Help && a.Default == b.Default && a.Required == b.Required && a.Secret == b.Secret
	})
	if !same {
		t.Errorf("Describe = %+v, want %+v", got, want)
	}
}

func TestUnknown(t *testing.T) {
	known := settings.Describe(new(vendor), new(server))
	tests := map[string]struct {
		name string
		want string // empty: no warning
	}{
		"a setting":                        {"VENDOR_URL", ""},
		"a secret's file":                  {"VENDOR_SECRET_FILE", ""},
		"a setting without the prefix":     {"LIMIT", ""},
		"somebody else's variable":         {"PATH", ""},
		"two letters swapped":              {"VENDOR_MAX_AEG", "VENDOR_MAX_AEG is set, but it is no setting of native-bridge: is it meant to be VENDOR_MAX_AGE?"},
		"a letter too many":                {"VENDOR_URLS", "VENDOR_URLS is set, but it is no setting of native-bridge: is it meant to be VENDOR_URL?"},
		"two letters too few":              {"VENDOR_MAXAG", "VENDOR_MAXAG is set, but it is no setting of native-bridge: is it meant to be VENDOR_MAX_AGE?"},
		"three letters too few":            {"VENDOR_MAA", "VENDOR_MAA is set, but it is no setting of native-bridge"},
		"the underscores left out":         {"VENDORMAXAGE", "VENDORMAXAGE is set, but it is no setting of native-bridge: is it meant to be VENDOR_MAX_AGE?"},
		"an underscore too many":           {"VENDOR_MAX_AGE_", "VENDOR_MAX_AGE_ is set, but it is no setting of native-bridge: is it meant to be VENDOR_MAX_AGE?"},
		"small letters":                    {"vendor_url", "vendor_url is set, but it is no setting of native-bridge: is it meant to be VENDOR_URL?"},
		"a name without a prefix misspelt": {"LIMTI", "LIMTI is set, but it is no setting of native-bridge: is it meant to be LIMIT?"},
		"a file's name misspelt":           {"VENDOR_SECRET_FLIE", "VENDOR_SECRET_FLIE is set, but it is no setting of native-bridge: is it meant to be VENDOR_SECRET_FILE?"},
		"a prefix misspelt":                {"VENDER_URL", "VENDER_URL is set, but it is no setting of native-bridge: is it meant to be VENDOR_URL?"},
		"two letters off, and no prefix":   {"LIMMMIT", ""},
		"a name like no other":             {"VENDOR_REGION", "VENDOR_REGION is set, but it is no setting of native-bridge"},
		"the file of what is not a secret": {"VENDOR_MAX_AGE_FILE", "VENDOR_MAX_AGE_FILE is set, but it is no setting of native-bridge"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if got := settings.Unknown(map[string]string{tt.name: secretText}, known, "VENDOR_"); !slices.Equal(got, want) {
				t.Errorf("Unknown = %q, want %q", got, want)
			}
		})
	}
}

func TestUnknownWarnsInOrder(t *testing.T) {
	names := []string{"A_1", "A_2", "A_3", "A_4", "A_5", "A_6", "A_7", "B_1"}
	env := map[string]string{"C_1": ""}
	for _, name := range names {
		env[name] = ""
	}
	got := settings.Unknown(env, nil, "B_", "A_")
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], " ")
	}
	if !slices.Equal(got, names) {
		t.Errorf("Unknown warns of %q, want %q", got, names)
	}
}

// pin is a credential with a form of its own.
type pin struct{ domain.Secret }

// UnmarshalText wants four digits.
func (p *pin) UnmarshalText(text []byte) error {
	p.Secret = domain.NewSecret(string(text))
	if len(text) != 4 {
		return errors.New("it has not four digits")
	}
	return nil
}

// safe is a config with one.
type safe struct {
	PIN pin `env:"SAFE_PIN,required,notEmpty" help:"the safe's PIN"`
}

func TestACredentialWithAFormOfItsOwnIsASecret(t *testing.T) {
	if described := settings.Describe(&safe{}); len(described) != 1 || !described[0].Secret {
		t.Errorf("described = %+v, want a secret", described)
	}
	for name, environ := range map[string]map[string]string{
		"in its variable": {"SAFE_PIN": "2468"},
		"in a file":       {"SAFE_PIN_FILE": file(t, "2468\n")},
	} {
		var s safe
		if err := settings.Load(environ, &s); err != nil || s.PIN.Reveal() != "2468" {
			t.Errorf("%s: the PIN is %q, %v", name, s.PIN.Reveal(), err)
		}
	}
	for name, wrong := range map[string]string{"a short number": "246", "a URL": "https://s3cr3t.example.com"} {
		for name, environ := range map[string]map[string]string{
			name:                 {"SAFE_PIN": wrong},
			name + ", in a file": {"SAFE_PIN_FILE": file(t, wrong)},
		} {
			err := settings.Load(environ, &safe{})
			faults, _ := errors.AsType[settings.Faults](err)
			want := settings.Fault{Name: "SAFE_PIN", Problem: "is wrong: it has not four digits", Fix: "set it to the safe's PIN"}
			if !slices.Equal(faults, settings.Faults{want}) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
}
