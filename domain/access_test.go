package domain_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"nativebridge/domain"
)

func TestNarrow(t *testing.T) {
	offered := domain.Access{Scope: []string{"openid", "profile", "offline_access"}, Audience: "https://api.example.com"}
	tests := map[string]struct {
		offered domain.Access
		asked   domain.Access
		want    domain.Access
		refused error
	}{
		"nothing asked: everything offered": {offered, domain.Access{}, offered, nil},
		"less scope": {
			offered, domain.Access{Scope: []string{"openid", "profile"}},
			domain.Access{Scope: []string{"openid", "profile"}, Audience: "https://api.example.com"}, nil},
		"scope without openid": {
			offered, domain.Access{Scope: []string{"profile"}},
			domain.Access{Scope: []string{"openid", "profile"}, Audience: "https://api.example.com"}, nil},
		"exactly what is offered":          {offered, domain.Access{Scope: offered.Scope, Audience: offered.Audience}, offered, nil},
		"an offer without openid":          {domain.Access{Scope: []string{"profile"}}, domain.Access{}, domain.Access{Scope: []string{"openid", "profile"}}, nil},
		"an empty offer":                   {domain.Access{}, domain.Access{}, domain.Access{Scope: []string{"openid"}}, nil},
		"openid asked, though not offered": {domain.Access{}, domain.Access{Scope: []string{"openid"}}, domain.Access{Scope: []string{"openid"}}, nil},
		"more scope: it is left out": {
			offered, domain.Access{Scope: []string{"openid", "admin", "profile", "root"}},
			domain.Access{Scope: []string{"openid", "profile"}, Audience: "https://api.example.com"}, nil},
		"only openid is left of what was asked": {
			offered, domain.Access{Scope: []string{"admin", "openid"}},
			domain.Access{Scope: []string{"openid"}, Audience: "https://api.example.com"}, nil},
		"only scope that is not offered":    {offered, domain.Access{Scope: []string{"admin"}}, domain.Access{}, domain.ErrScopeInvalid},
		"the scope in another case":         {offered, domain.Access{Scope: []string{"Profile"}}, domain.Access{}, domain.ErrScopeInvalid},
		"two scopes in one":                 {offered, domain.Access{Scope: []string{"openid profile"}}, domain.Access{}, domain.ErrScopeInvalid},
		"an empty scope":                    {offered, domain.Access{Scope: []string{""}}, domain.Access{}, domain.ErrScopeInvalid},
		"another audience":                  {offered, domain.Access{Audience: "https://other.example.com"}, domain.Access{}, domain.ErrTargetInvalid},
		"the audience with a slash":         {offered, domain.Access{Audience: "https://api.example.com/"}, domain.Access{}, domain.ErrTargetInvalid},
		"an audience where none is offered": {domain.Access{}, domain.Access{Audience: "https://api.example.com"}, domain.Access{}, domain.ErrTargetInvalid},
		"an organization":                   {offered, domain.Access{Organization: "org_1"}, domain.Access{}, domain.ErrTargetInvalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := domain.AccessPolicy{Default: tt.offered}.Narrow(tt.asked)
			if !errors.Is(err, tt.refused) || (err == nil) != (tt.refused == nil) {
				t.Fatalf("err = %v, want %v", err, tt.refused)
			}
			if !slices.Equal(got.Scope, tt.want.Scope) || got.Audience != tt.want.Audience || got.Organization != tt.want.Organization {
				t.Errorf("Narrow = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestNarrowAllowsWhatIsOfferedBesidesTheDefault(t *testing.T) {
	policy := domain.AccessPolicy{
		Default: domain.Access{Scope: []string{"openid", "profile"}, Audience: "https://api.example.com"},
		Scopes:  []string{"offline_access"}, Audiences: []string{"https://other.example.com"},
	}
	got, err := policy.Narrow(domain.Access{Scope: []string{"offline_access"}, Audience: "https://other.example.com"})
	if err != nil || !slices.Equal(got.Scope, []string{"openid", "offline_access"}) || got.Audience != "https://other.example.com" {
		t.Errorf("Narrow = %+v, %v", got, err)
	}
	if got, err := policy.Narrow(domain.Access{}); err != nil || slices.Contains(got.Scope, "offline_access") || got.Audience != "https://api.example.com" {
		t.Errorf("nothing asked: %+v, %v, want the default only", got, err)
	}
	if got, err := policy.Narrow(domain.Access{Scope: []string{"offline_access", "admin"}}); err != nil || !slices.Equal(got.Scope, []string{"openid", "offline_access"}) {
		t.Errorf("one that is not offered: %+v, %v, want it left out", got, err)
	}
	if _, err := policy.Narrow(domain.Access{Scope: []string{"admin"}}); !errors.Is(err, domain.ErrScopeInvalid) {
		t.Errorf("err = %v, want scope_invalid", err)
	}
	if _, err := policy.Narrow(domain.Access{Audience: "https://third.example.com"}); !errors.Is(err, domain.ErrTargetInvalid) {
		t.Errorf("err = %v, want target_invalid", err)
	}
}

func TestAStrictPolicyLeavesNothingOut(t *testing.T) {
	policy := domain.AccessPolicy{Default: domain.Access{Scope: []string{"openid", "profile"}}, Scopes: []string{"offline_access"}, Strict: true}
	for name, tt := range map[string]struct {
		asked   []string
		refused bool
	}{
		"nothing":                      {nil, false},
		"what is offered":              {[]string{"openid", "profile", "offline_access"}, false},
		"openid alone":                 {[]string{"openid"}, false},
		"one that is not offered":      {[]string{"openid", "profile", "admin"}, true},
		"only one that is not offered": {[]string{"admin"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, narrow := policy.Narrow(domain.Access{Scope: tt.asked})
			_, offered := policy.Offered(domain.Access{Scope: tt.asked})
			for _, err := range []error{narrow, offered} {
				if errors.Is(err, domain.ErrScopeInvalid) != tt.refused || (err != nil) != tt.refused {
					t.Errorf("err = %v, refused: want %t", err, tt.refused)
				}
				if tt.refused && !strings.Contains(err.Error(), `"admin"`) {
					t.Errorf("err = %v, want the scope in it", err)
				}
			}
		})
	}
}

// A renewal keeps what the session has, unless something is asked for.
func TestOfferedAddsNothingButOpenID(t *testing.T) {
	policy := domain.AccessPolicy{
		Default:   domain.Access{Scope: []string{"openid", "profile"}, Audience: "https://api.example.com", Organization: "org_1"},
		Scopes:    []string{"offline_access"},
		Audiences: []string{"https://other.example.com"},
		Complete:  func([]string) ([]string, error) { return nil, errors.New("a renewal is not completed") },
	}
	for name, tt := range map[string]struct {
		asked   domain.Access
		want    domain.Access
		refused error
	}{
		"nothing":                          {domain.Access{}, domain.Access{}, nil},
		"less":                             {domain.Access{Scope: []string{"openid"}}, domain.Access{Scope: []string{"openid"}}, nil},
		"a scope without openid":           {domain.Access{Scope: []string{"profile"}}, domain.Access{Scope: []string{"openid", "profile"}}, nil},
		"more: it is left out":             {domain.Access{Scope: []string{"profile", "admin", "openid"}}, domain.Access{Scope: []string{"profile", "openid"}}, nil},
		"only openid is left":              {domain.Access{Scope: []string{"admin", "openid"}}, domain.Access{Scope: []string{"openid"}}, nil},
		"nothing is left":                  {domain.Access{Scope: []string{"admin", "root"}}, domain.Access{}, domain.ErrScopeInvalid},
		"an audience that is offered":      {domain.Access{Audience: "https://other.example.com"}, domain.Access{Audience: "https://other.example.com"}, nil},
		"an audience that is not":          {domain.Access{Audience: "https://third.example.com"}, domain.Access{}, domain.ErrTargetInvalid},
		"an organization that is not":      {domain.Access{Organization: "org_2"}, domain.Access{}, domain.ErrTargetInvalid},
		"the audience beside a left scope": {domain.Access{Scope: []string{"openid", "admin"}, Audience: "https://third.example.com"}, domain.Access{}, domain.ErrTargetInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(tt.asked.Scope)
			got, err := policy.Offered(tt.asked)
			if !errors.Is(err, tt.refused) || (err == nil) != (tt.refused == nil) {
				t.Fatalf("err = %v, want %v", err, tt.refused)
			}
			if !slices.Equal(got.Scope, tt.want.Scope) || got.Audience != tt.want.Audience || got.Organization != tt.want.Organization {
				t.Errorf("Offered = %+v, want %+v", got, tt.want)
			}
			if !slices.Equal(tt.asked.Scope, before) {
				t.Errorf("what was asked became %q", tt.asked.Scope)
			}
		})
	}
}

func TestNarrowGrantsOnlyAnOrganizationThatIsOffered(t *testing.T) {
	some := domain.AccessPolicy{Organizations: []string{"org_1", "org_2"}}
	one := domain.AccessPolicy{Default: domain.Access{Organization: "org_1"}}
	tests := map[string]struct {
		policy      domain.AccessPolicy
		asked, want string // want "" with something asked: refused
	}{
		"none asked, none by default":   {some, "", ""},
		"none asked, the default":       {one, "", "org_1"},
		"one of those offered":          {some, "org_2", "org_2"},
		"the default by name":           {one, "org_1", "org_1"},
		"one that is not offered":       {some, "org_3", ""},
		"one in another case":           {some, "ORG_1", ""},
		"one that only begins like one": {some, "org_11", ""},
		"one where none is offered":     {domain.AccessPolicy{}, "org_1", ""},
		"two in one":                    {some, "org_1 org_2", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := tt.policy.Narrow(domain.Access{Organization: tt.asked})
			if refused := tt.asked != "" && tt.want == ""; refused != errors.Is(err, domain.ErrTargetInvalid) || !refused && err != nil {
				t.Fatalf("err = %v, refused: want %t", err, refused)
			}
			if got.Organization != tt.want {
				t.Errorf("organization = %q, want %q", got.Organization, tt.want)
			}
		})
	}
}

// Every exchange shares the offer: what one does with its answer must not reach
// the next one's.
func TestNarrowSharesNoMemory(t *testing.T) {
	for name, asked := range map[string][]string{
		"nothing asked":  nil,
		"less":           {"openid", "profile"},
		"without openid": {"profile"},
	} {
		t.Run(name, func(t *testing.T) {
			// Spare capacity is where an append would write.
			offered := append(make([]string, 0, 8), "openid", "profile", "email")
			before := slices.Clone(asked)
			granted, err := domain.AccessPolicy{Default: domain.Access{Scope: offered}}.Narrow(domain.Access{Scope: asked})
			if err != nil {
				t.Fatal(err)
			}
			granted.Scope[0] = "overwritten"
			_ = append(granted.Scope[:1], "overwritten")
			if !slices.Equal(offered, []string{"openid", "profile", "email"}) {
				t.Errorf("the offer became %q", offered)
			}
			if !slices.Equal(asked, before) {
				t.Errorf("what was asked became %q", asked)
			}
		})
	}
}

func TestNarrowCompletesWhatTheIssuerWouldWiden(t *testing.T) {
	policy := domain.AccessPolicy{
		Default: domain.Access{Scope: []string{"openid", "profile", "read"}},
		Scopes:  []string{"write"},
		Complete: func(scope []string) ([]string, error) {
			switch {
			case slices.Equal(scope, []string{"openid", "write"}):
				return nil, domain.ErrScopeInvalid
			case slices.Contains(scope, "profile"):
				return append(slices.Clone(scope), "admin"), nil
			}
			return append(slices.Clone(scope), "read"), nil
		},
	}
	if got, err := policy.Narrow(domain.Access{Scope: []string{"openid"}}); err != nil || !slices.Equal(got.Scope, []string{"openid", "read"}) {
		t.Errorf("Narrow = %q, %v, want the completed scope", got.Scope, err)
	}
	if _, err := policy.Narrow(domain.Access{Scope: []string{"openid", "write"}}); !errors.Is(err, domain.ErrScopeInvalid) {
		t.Errorf("err = %v, want scope_invalid", err)
	}
	// A completion that goes beyond the offer is the adapter's fault, and not the caller's.
	_, err := policy.Narrow(domain.Access{Scope: []string{"profile"}})
	if _, known := domain.ReasonOf(err); err == nil || known {
		t.Errorf("err = %v, want a fault", err)
	}
}

func TestOnlyAScopeThatIsAllowedIsDelivered(t *testing.T) {
	policy := domain.AccessPolicy{
		Default: domain.Access{Scope: []string{"profile", "read"}}, Scopes: []string{"write"}, Remedy: "set THE_SCOPE",
	}
	for name, tt := range map[string]struct {
		granted []string
		beyond  string // "" means allowed
	}{
		"nothing told":                 {nil, ""},
		"the default":                  {[]string{"openid", "profile", "read"}, ""},
		"less":                         {[]string{"read"}, ""},
		"what may be asked for":        {[]string{"openid", "write"}, ""},
		"one more":                     {[]string{"openid", "read", "admin"}, `"admin"`},
		"two more":                     {[]string{"admin", "openid", "root"}, `"admin root"`},
		"one that only begins like it": {[]string{"readers"}, `"readers"`},
		"one in another case":          {[]string{"Read"}, `"Read"`},
		"an empty one":                 {[]string{""}, `""`},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(tt.granted)
			err := policy.CheckGranted(tt.granted)
			if (err != nil) != (tt.beyond != "") {
				t.Fatalf("err = %v, beyond: want %s", err, tt.beyond)
			}
			if !slices.Equal(tt.granted, before) {
				t.Errorf("the scope became %q", tt.granted)
			}
			if err == nil {
				return
			}
			if _, known := domain.ReasonOf(err); known || !strings.Contains(err.Error(), tt.beyond) || !strings.Contains(err.Error(), "THE_SCOPE") {
				t.Errorf("err = %v, want a fault that says %s and the remedy", err, tt.beyond)
			}
		})
	}
}
