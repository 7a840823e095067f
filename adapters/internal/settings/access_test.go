package settings_test

import (
	"slices"
	"testing"

	"nativebridge/adapters/internal/settings"
)

// The alphabet is RFC 6749's, section 3.3: %x21 / %x23-5B / %x5D-7E.
func TestScope(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string // nil: refused
	}{
		"openid alone":               {"openid", []string{"openid"}},
		"several, in their order":    {"profile openid email", []string{"profile", "openid", "email"}},
		"more blanks than one":       {" openid\t profile\n", []string{"openid", "profile"}},
		"the first sign there is":    {"openid !", []string{"openid", "!"}},
		"the last sign there is":     {"openid ~", []string{"openid", "~"}},
		"what APIs name theirs":      {"openid read:users https://api.example.com/x#[y]", []string{"openid", "read:users", "https://api.example.com/x#[y]"}},
		"nothing":                    {"", nil},
		"no openid":                  {"profile email", nil},
		"openid in capitals":         {"OpenID profile", nil},
		"what only begins as openid": {"openid2", nil},
		"quotes around it":           {`"openid profile"`, nil},
		"a quotation mark within":    {`openid pro"file`, nil},
		"a backslash":                {`openid pro\file`, nil},
		"a letter beyond ASCII":      {"openid profil-ä", nil},
		"the sign after the last":    {"openid \x7f", nil},
		"the sign before the first":  {"openid \x1fx", nil},
		"commas between them":        {"openid,profile", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := settings.Scope{"as", "before"}
			scope := before
			err := scope.UnmarshalText([]byte(tt.text))
			if tt.want == nil {
				if err == nil || !slices.Equal(scope, before) {
					t.Errorf("scope = %q, %v, want it refused and nothing changed", scope, err)
				}
				return
			}
			if err != nil || !slices.Equal(scope, tt.want) {
				t.Errorf("scope = %q, %v, want %q", scope, err, tt.want)
			}
		})
	}
}

func TestAudiences(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"one":                       {"https://api.example.com", []string{"https://api.example.com"}},
		"several, in their order":   {"b,a", []string{"b", "a"}},
		"blanks around them":        {" a , b\n", []string{"a", "b"}},
		"blanks within one stay":    {"my api,b", []string{"my api", "b"}},
		"nothing between commas":    {",a,,b,", []string{"a", "b"}},
		"nothing":                   {"", nil},
		"commas and blanks, if any": {" , ,", nil},
	} {
		t.Run(name, func(t *testing.T) {
			audiences := settings.Audiences{"before"}
			if err := audiences.UnmarshalText([]byte(tt.text)); err != nil || !slices.Equal(audiences, tt.want) {
				t.Errorf("audiences = %q, %v, want %q", audiences, err, tt.want)
			}
		})
	}
}
