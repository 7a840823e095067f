package adapters_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters"
)

func TestTheMetadataTellsOfTheSessionsOfTheChosenIssuer(t *testing.T) {
	atAuth0 := minimal()
	maps.Copy(atAuth0, map[string]string{"AUTH0_SCOPE": "openid read:x", "AUTH0_SCOPE_ALLOWED": "openid read:x offline_access"})
	for name, tt := range map[string]struct {
		environ    map[string]string
		issuer     string
		scopes     []string
		algorithms []jose.SignatureAlgorithm
	}{
		"auth0": {atAuth0, "https://example.eu.auth0.com/", []string{"openid", "read:x", "offline_access"}, []jose.SignatureAlgorithm{jose.RS256}},
		"oidc": {
			openID("OIDC_SCOPE", "profile openid"), "https://id.example.com", []string{"openid", "profile"},
			[]jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.PS256},
		},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := adapters.LoadConfig(tt.environ)
			if err != nil {
				t.Fatal(err)
			}
			got := adapters.NewUseCases(config, nil, nil, nil, nil, nil, nil, nil, adapters.OpenedIssuer{}, nil, nil, adapters.Instruments{}).Sessions
			if got.Issuer != tt.issuer || !slices.Equal(got.Scopes, tt.scopes) || !slices.Equal(got.Algorithms, tt.algorithms) {
				t.Errorf("%+v, want %q, %q, %q", got, tt.issuer, tt.scopes, tt.algorithms)
			}
		})
	}
}
