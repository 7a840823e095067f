package auth0test_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"nativebridge/adapters/auth0/auth0test"
)

// A tenant with one application and one connection, whose first sign-in meets
// the rate limit.
func Example() {
	tenant, err := auth0test.Start(auth0test.Options{
		Plain: true,
		Clients: []auth0test.Client{{
			ID: "app", Secret: "secret",
			GrantTypes:  []string{auth0test.GrantPasswordRealm},
			Connections: []string{"people"},
		}},
		Connections: []auth0test.Connection{{
			Name:        "people",
			LoginScript: "function login(id, password, callback) { callback(null, {user_id: id}); }",
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = tenant.Close() }()

	var faults auth0test.Faults
	if err := json.Unmarshal([]byte(`{"inject": [{"kind": "rate_limited", "form": "text", "times": 1}]}`), &faults); err != nil {
		fmt.Println(err)
		return
	}
	tenant.SetFaults(faults)

	for range 2 {
		res, err := http.PostForm(tenant.URL()+"/oauth/token", url.Values{
			"grant_type": {auth0test.GrantPasswordRealm}, "realm": {"people"},
			"username": {"alice"}, "password": {"anything"}, "scope": {"openid email"},
			"client_id": {"app"}, "client_secret": {"secret"},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		fmt.Println(res.Status)
	}
	fmt.Println(tenant.Users()[0].ID)
	// Output:
	// 429 Too Many Requests
	// 200 OK
	// auth0|alice
}
