package relyingparty_test

import (
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/relyingparty"
)

func TestSettingsThatDoNotFitEachOtherAreFaults(t *testing.T) {
	const party, apple, android = "RELYING_PARTY_ID=example.com", "APPLE_APP_IDS=" + appID, "ANDROID_APPS=com.example.app/" + fingerprint
	const serve, enrol, manage = "ASSOCIATION_FILES=on", "PASSKEY_ENROLL_URL=https://example.com/passkeys", "PASSKEY_MANAGE_URL=https://example.com/account"
	for name, tt := range map[string]struct{ environ, faults []string }{
		"nothing is set":                      {nil, nil},
		"a domain alone":                      {[]string{party}, nil},
		"a domain and apps":                   {[]string{party, apple, android}, nil},
		"apps of iOS without a domain":        {[]string{apple}, []string{"RELYING_PARTY_ID"}},
		"apps of Android without a domain":    {[]string{android}, []string{"RELYING_PARTY_ID"}},
		"apps of both without a domain":       {[]string{apple, android}, []string{"RELYING_PARTY_ID"}},
		"nothing to publish":                  {[]string{party, serve}, []string{"ASSOCIATION_FILES"}},
		"an app of iOS to publish":            {[]string{party, serve, apple}, nil},
		"an app of Android to publish":        {[]string{party, serve, android}, nil},
		"a page to add passkeys to publish":   {[]string{serve, enrol}, nil},
		"a page to manage them to publish":    {[]string{serve, manage}, nil},
		"a page to add them, unpublished":     {[]string{enrol}, []string{"PASSKEY_ENROLL_URL"}},
		"a page to manage them, unpublished":  {[]string{manage}, []string{"PASSKEY_MANAGE_URL"}},
		"all faults are told at once":         {[]string{apple, enrol, manage}, []string{"RELYING_PARTY_ID", "PASSKEY_ENROLL_URL", "PASSKEY_MANAGE_URL"}},
		"several apps, and blanks after them": {[]string{party, apple + ", A1B2C3D4E5.com.example.other"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			environ := map[string]string{}
			for _, setting := range tt.environ {
				name, value, _ := strings.Cut(setting, "=")
				environ[name] = value
			}
			var config relyingparty.Config
			if err := settings.Load(environ, &config); (err == nil) != (len(tt.faults) == 0) {
				t.Errorf("the start says: %v", err)
			}
			var faults []string
			for _, fault := range config.Check() {
				faults = append(faults, fault.Name)
			}
			if !slices.Equal(faults, tt.faults) {
				t.Errorf("faults = %v, want %v", faults, tt.faults)
			}
		})
	}
}

func TestAppsAreSplitAtCommasAndBlanks(t *testing.T) {
	var apple relyingparty.AppleApps
	var android relyingparty.AndroidApps
	if err := apple.UnmarshalText([]byte(appID + ",A1B2C3D4E5.b, A1B2C3D4E5.c A1B2C3D4E5.d")); err != nil || len(apple) != 4 || apple[3] != "A1B2C3D4E5.d" {
		t.Errorf("%v, %v", apple, err)
	}
	if err := android.UnmarshalText([]byte("com.a/" + fingerprint + " com.b/" + fingerprint)); err != nil || len(android) != 2 ||
		android[1] != (relyingparty.AndroidApp{Package: "com.b", Fingerprint: fingerprint}) {
		t.Errorf("%v, %v", android, err)
	}
}

func TestAppsThatCannotBeAreFaults(t *testing.T) {
	for text, into := range map[string]interface{ UnmarshalText([]byte) error }{
		"https://example.com": new(relyingparty.Domain), "example.com/path": new(relyingparty.Domain), "jane:pw@example.com": new(relyingparty.Domain),
		"com.example.app": new(relyingparty.AppleApps), "A1B2C3D4E5": new(relyingparty.AppleApps), appID + ",app": new(relyingparty.AppleApps),
		"com.example.app/14:6D": new(relyingparty.AndroidApps), "com.example.other": new(relyingparty.AndroidApps), "app/" + fingerprint: new(relyingparty.AndroidApps),
		"com.example.app/" + fingerprint + ",com.example.other": new(relyingparty.AndroidApps),
	} {
		if err := into.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s is taken for a %T", text, into)
		}
	}
}
