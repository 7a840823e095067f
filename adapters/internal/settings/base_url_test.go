package settings_test

import (
	"strings"
	"testing"

	"nativebridge/adapters/internal/settings"
)

func TestBaseURL(t *testing.T) {
	tests := map[string]struct {
		text string
		want settings.BaseURL // empty: refused
	}{
		"a host":                           {"https://api.example.com", "https://api.example.com"},
		"a host and a port":                {"https://api.example.com:8443", "https://api.example.com:8443"},
		"a path is kept":                   {"https://api.example.com/v1", "https://api.example.com/v1"},
		"a slash at the end is not":        {"https://api.example.com/v1/", "https://api.example.com/v1"},
		"nor are several":                  {"https://api.example.com///", "https://api.example.com"},
		"blanks around it are not":         {" https://api.example.com\n", "https://api.example.com"},
		"the scheme in capitals":           {"HTTPS://api.example.com", "https://api.example.com"},
		"the host in capitals":             {"https://API.Example.com/V1", "https://api.example.com/V1"},
		"https' own port is taken off":     {"https://api.example.com:443/v1", "https://api.example.com/v1"},
		"http's own port is taken off":     {"http://localhost:80/v1", "http://localhost/v1"},
		"plain http on 127.0.0.1":          {"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		"plain http on another loopback":   {"http://127.9.9.9", "http://127.9.9.9"},
		"plain http on ::1":                {"http://[::1]:8080/v1", "http://[::1]:8080/v1"},
		"plain http on localhost":          {"http://localhost:8080", "http://localhost:8080"},
		"plain http elsewhere":             {"http://api.example.com", ""},
		"plain http on a private address":  {"http://10.0.0.1", ""},
		"a host that begins like loopback": {"http://127.0.0.1.example.com", ""},
		"a host that begins as localhost":  {"http://localhost.example.com", ""},
		"loopback as the user":             {"http://127.0.0.1@example.com", ""},
		"a user and password":              {"https://jane:s3cr3t@api.example.com", ""},
		"a user":                           {"https://s3cr3t@api.example.com", ""},
		"an empty user":                    {"https://@api.example.com", ""},
		"a password that breaks the URL":   {"https://jane:s3cr3t%@api.example.com", ""},
		"a query":                          {"https://api.example.com?key=s3cr3t", ""},
		"an empty query":                   {"https://api.example.com?", ""},
		"a fragment":                       {"https://api.example.com#s3cr3t", ""},
		"another scheme":                   {"ftp://api.example.com", ""},
		"no scheme":                        {"api.example.com", ""},
		"no scheme, but a port":            {"api.example.com:443", ""},
		"no host":                          {"https://", ""},
		"no host, but a port":              {"https://:443", ""},
		"no host, but a path":              {"https:///v1", ""},
		"no slashes":                       {"https:api.example.com", ""},
		"a port that is none":              {"https://api.example.com:https", ""},
		"a blank within":                   {"https://api example.com", ""},
		"nothing":                          {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got settings.BaseURL
			err := got.UnmarshalText([]byte(tt.text))
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("err = %v, want one that does not quote the URL", err)
			}
		})
	}
}
