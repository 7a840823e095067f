package settings_test

import (
	"errors"
	"strings"
	"testing"

	"nativebridge/adapters/internal/settings"
)

// Made up, in the forms that keys and tokens have.
const (
	hexKey = "0123456789abcdef0123456789abcdef01234567"
	jwt    = "eyJhbGciOiJub25lIn0.e30.c2ln"
)

func TestWhatLooksLikeACredential(t *testing.T) {
	letters := strings.Repeat("abcdefghij", 4)
	for name, tt := range map[string]struct {
		value string
		want  bool
	}{
		"a private key":                     {"-----BEGIN PRIVATE KEY-----\nMIIE", true},
		"a JWT":                             {jwt, true},
		"a JWT without its signature":       {"eyJhbGciOiJub25lIn0.e30.", true},
		"forty hexadecimal digits":          {hexKey, true},
		"one digit less":                    {hexKey[1:], false},
		"base64":                            {"+/" + hexKey[:37] + "=", true},
		"forty letters":                     {letters, false},
		"thirty-nine letters and a digit":   {letters[1:] + "0", false},
		"the first and the last digit":      {letters[2:] + "09", true},
		"digits that are far apart":         {"0" + letters[2:] + "9", true},
		"behind a comma":                    {"openid," + hexKey, true},
		"before a comma":                    {hexKey + ",openid", true},
		"behind a blank":                    {"openid " + hexKey, true},
		"behind a line feed":                {"openid\n" + hexKey, true},
		"two halves":                        {hexKey[:20] + " " + hexKey[20:], false},
		"with https:// before it":           {"https://" + hexKey, true},
		"a JWT made to look like a URL":     {"https://" + jwt + "/", true},
		"a URL":                             {"https://api.authsignal.com/v1", false},
		"a URL with a long path":            {"https://api.example.com/" + hexKey, false},
		"a scope":                           {"openid profile offline_access", false},
		"an id":                             {"Yx7QmD2vHcK9sLw4TbN8ePzR1uJfGaVo", false},
		"nothing":                           {"", false},
		"what only begins like a JWT":       {"eyJhbGciOiJub25lIn0", false},
		"what begins like a JWT in a text":  {"no: " + jwt, true},
		"a JWT's parts, and one part more":  {jwt + ".more", false},
		"what is before a JWT without room": {"x" + jwt, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := settings.LooksLikeCredential(tt.value); got != tt.want {
				t.Errorf("%q looks like a credential: %t, want %t", tt.value, got, tt.want)
			}
		})
	}
}

func TestACredentialInTheWrongVariableIsNeitherTakenNorTold(t *testing.T) {
	for name, at := range map[string]string{"the first setting": "VENDOR_URL", "a later one": "LISTEN"} {
		t.Run(name, func(t *testing.T) {
			var v vendor
			var s server
			env := environ()
			env[at] = hexKey
			err := settings.Load(env, &v, &s)
			if err == nil || !strings.Contains(err.Error(), at+" looks like a key, a token or a password") || strings.Contains(err.Error(), hexKey) {
				t.Errorf("err = %v, want the name and not the value", err)
			}
			if s.Listen == hexKey || string(v.URL) == hexKey {
				t.Error("the setting has it")
			}
		})
	}
	both := environ()
	both["VENDOR_URL"], both["LISTEN"] = hexKey, jwt
	err := settings.Load(both, new(vendor), new(server))
	if faults, _ := errors.AsType[settings.Faults](err); len(faults) != 2 {
		t.Errorf("err = %v, want a fault of each", err)
	}

	var v vendor
	env := environ()
	env["VENDOR_SECRET"], env["VENDOR_SPARE_KEY"] = hexKey, jwt
	if err := settings.Load(env, &v); err != nil || v.Secret.Reveal() != hexKey || v.Spare.Reveal() != jwt {
		t.Errorf("err = %v, want secrets where they belong", err)
	}
}
