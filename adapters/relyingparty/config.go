// Package relyingparty is about the domain that passkeys are for: what it publishes lets the
// apps use them. The bridge can publish it, and doctor looks whether it is there.
package relyingparty

import (
	"errors"
	"regexp"
	"strings"

	"nativebridge/adapters/internal/settings"
)

// Config is what is known of the domain and the apps.
type Config struct {
	Domain  Domain      `env:"RELYING_PARTY_ID" help:"the domain that passkeys are for, such as example.com, which is the Relying Party ID at Authsignal; doctor looks whether it names the apps"`
	Apple   AppleApps   `env:"APPLE_APP_IDS" help:"the ids of your iOS apps, such as A1B2C3D4E5.com.example.app, separated by commas; doctor looks for them at RELYING_PARTY_ID, and ASSOCIATION_FILES serves them"`
	Android AndroidApps `env:"ANDROID_APPS" help:"your Android apps, each with the SHA-256 fingerprint of its signing certificate, such as com.example.app/14:6D:E9:…, separated by commas; doctor and ASSOCIATION_FILES use them, too"`

	Serve  settings.Switch  `env:"ASSOCIATION_FILES" envDefault:"off" help:"on if the bridge is to serve /.well-known/apple-app-site-association (of APPLE_APP_IDS), /.well-known/assetlinks.json (of ANDROID_APPS) and /.well-known/passkey-endpoints, for a relying party whose domain has no web server of its own: lead those paths of RELYING_PARTY_ID to the bridge (docs/enrol.md)"`
	Enrol  settings.BaseURL `env:"PASSKEY_ENROLL_URL" help:"the page where a user adds a passkey, such as https://example.com/account/passkeys, for password managers that read passkey-endpoints"`
	Manage settings.BaseURL `env:"PASSKEY_MANAGE_URL" help:"the page where a user manages passkeys, likewise"`
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	var faults []settings.Fault
	apps, pages := len(c.Apple)+len(c.Android) > 0, c.Enrol != "" || c.Manage != ""
	if c.Domain == "" && apps {
		faults = append(faults, settings.Fault{Name: "RELYING_PARTY_ID", Problem: "is not set, though APPLE_APP_IDS or ANDROID_APPS is", Fix: "set it to the domain that passkeys are for, such as example.com"})
	}
	if bool(c.Serve) && !apps && !pages {
		faults = append(faults, settings.Fault{Name: "ASSOCIATION_FILES", Problem: "is on, though there is nothing to publish", Fix: "set APPLE_APP_IDS, ANDROID_APPS or PASSKEY_ENROLL_URL, or set this to off"})
	}
	if !bool(c.Serve) && c.Enrol != "" {
		faults = append(faults, unpublished("PASSKEY_ENROLL_URL"))
	}
	if !bool(c.Serve) && c.Manage != "" {
		faults = append(faults, unpublished("PASSKEY_MANAGE_URL"))
	}
	return faults
}

func unpublished(setting string) settings.Fault {
	return settings.Fault{Name: setting, Problem: "is set, though ASSOCIATION_FILES is off, so that nobody is told", Fix: "set ASSOCIATION_FILES to on, or unset this"}
}

// Domain is the base URL of a relying party's domain; "" if there is none.
type Domain string

// UnmarshalText accepts a host without scheme and path.
func (d *Domain) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	var base settings.BaseURL
	if err := base.UnmarshalText([]byte("https://" + string(text))); err != nil || strings.Count(string(base), "/") != 2 {
		return errors.New("that is no domain such as example.com")
	}
	*d = Domain(base)
	return nil
}

// AppleApps are application identifiers: the team id, a dot and the bundle id
// ("Supporting associated domains", developer.apple.com).
type AppleApps []string

var appleForm = regexp.MustCompile(`^[A-Z0-9]{10}\.[A-Za-z0-9.-]+$`)

// UnmarshalText splits at commas.
func (a *AppleApps) UnmarshalText(text []byte) error {
	for _, id := range items(text) {
		if !appleForm.MatchString(id) {
			return errors.New("one of them is no team id of ten characters, a dot and a bundle id")
		}
		*a = append(*a, id)
	}
	return nil
}

// AndroidApp is a package name and the fingerprint of a certificate that signs it, in
// upper case with colons ("Add support for Digital Asset Links", developer.android.com).
type AndroidApp struct{ Package, Fingerprint string }

// AndroidApps are several.
type AndroidApps []AndroidApp

var androidForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+/([0-9A-F]{2}:){31}[0-9A-F]{2}$`)

// UnmarshalText splits at commas.
func (a *AndroidApps) UnmarshalText(text []byte) error {
	for _, item := range items(text) {
		name, fingerprint, _ := strings.Cut(item, "/")
		if fingerprint = strings.ToUpper(fingerprint); !androidForm.MatchString(name + "/" + fingerprint) {
			return errors.New("one of them is no package name, a slash and 32 hexadecimal bytes with colons, as keytool -list -v prints them")
		}
		*a = append(*a, AndroidApp{name, fingerprint})
	}
	return nil
}

func items(text []byte) []string {
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' || r == ' ' })
}
