package main

// breakage is a setting of the tenant that somebody at a dashboard gets wrong.
type breakage struct {
	ID    string `json:"id"`
	Group string `json:"group"` // whose dashboard
	Title string `json:"title"`
	Story string `json:"story"`

	object  objectName
	members map[string]any // what becomes of them
	// unset are parameters of the Login script that are taken away.
	unset []string
	// only is the TOKEN_ISSUER that it is for; "" if that does not matter.
	only string
}

// breakages lists those that there are for the sandbox's issuer.
func (s *sandbox) breakages() []breakage {
	list := []breakage{}
	if s.real != nil {
		return list
	}
	for _, group := range []struct {
		name string
		list []breakage
	}{
		{"Break the tenant at Auth0", s.auth0Breakages()},
		{"Break the tenant at Authsignal", authsignalBreakages()},
	} {
		for _, b := range group.list {
			if b.only == "" || b.only == string(s.config.Issuer) {
				b.Group = group.name
				list = append(list, b)
			}
		}
	}
	return list
}

const somebodysScript = `function login(username, password, callback) { callback(null, { user_id: username, email: username + "@example.com" }); }`

func (s *sandbox) auth0Breakages() []breakage {
	if s.hasProvider() {
		return nil
	}
	grants := []string{"password", "refresh_token"}
	secret := "AUTHSIGNAL_SECRET"
	if s.settings["AUTH0_PROOF"] == "signed" {
		secret = "NATIVE_BRIDGE_KEY"
	}
	return []breakage{{
		ID: "grant", Title: "Grant taken away", Story: "Somebody tidied the application's grants.", only: "auth0",
		object: theApplication, members: map[string]any{"grant_types": grants},
	}, {
		ID: "exchange", Title: "Token exchange taken away", Story: "The application may use no token exchange profile any more.", only: issuerExchange,
		object: theApplication, members: map[string]any{"token_exchange": map[string]any{"allow_any_profile_of_type": []string{}}},
	}, {
		ID: "auth_method", Title: "Secret in the header", Story: "The authentication method is Client Secret (Basic).",
		object: theApplication, members: map[string]any{"token_endpoint_auth_method": "client_secret_basic"},
	}, {
		ID: "hs256", Title: "ID tokens signed with a shared secret", Story: "The application's signature algorithm is HS256.",
		object: theApplication, members: map[string]any{"jwt_configuration": map[string]any{"alg": "HS256"}},
	}, {
		ID: "connection_off", Title: "Connection disabled", Story: "The connection is off for the bridge's application.", only: "auth0",
		object: theUse, members: map[string]any{"status": false},
	}, {
		ID: "import_users", Title: "Import users on", Story: "Auth0 keeps the first token as a password: the first sign-in works, and the second does not.", only: "auth0",
		object: theConnection, members: map[string]any{"import_mode": true},
	}, {
		ID: "script", Title: "Login script replaced", Story: "Somebody pasted another script, which asks nobody whom it signs in.", only: "auth0",
		object: theConnection, members: map[string]any{"customScripts": map[string]any{"login": somebodysScript}},
	}, {
		ID: "parameter", Title: "Secret missing", Story: "The parameter " + secret + " of the connection is gone.", only: "auth0",
		object: theConnection, unset: []string{secret},
	}, {
		ID: "mfa", Title: "MFA for everybody", Story: "The tenant's policy is Always, and this way in cannot show a second factor.",
		object: theMFA, members: map[string]any{"policies": []string{"all-applications"}},
	}, {
		ID: "offline", Title: "API without offline access", Story: "Sign-ins work, and sessions cannot be renewed.",
		object: theAPI, members: map[string]any{"allow_offline_access": false},
	}, {
		ID: "bots", Title: "Bot detection", Story: "Password flows must always pass a CAPTCHA, which this one cannot show.",
		object: theBots, members: map[string]any{"challenge_password_policy": "always"},
	}}
}

func authsignalBreakages() []breakage {
	return []breakage{{
		ID: "relying_party", Title: "Another relying party", Story: "Passkeys belong to another domain now, and no device finds one.",
		object: thePasskey, members: map[string]any{"relyingParty": "example.org"},
	}, {
		ID: "user_verification", Title: "No user verification", Story: "A found phone signs its owner in: no finger, face or PIN is asked for.",
		object: thePasskey, members: map[string]any{"userVerificationRequirement": "discouraged"},
	}, {
		ID: "passkeys_off", Title: "Passkeys off", Story: "The authenticator Passkey is deactivated.",
		object: thePasskey, members: map[string]any{"isActive": false},
	}, {
		ID: "action", Title: "Action without a challenge", Story: "The sign-in action allows everybody, so that its tokens prove nothing.",
		object: theAction, members: map[string]any{"defaultUserActionResult": "ALLOW"},
	}}
}
