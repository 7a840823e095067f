package relyingparty

import (
	"encoding/json"

	"nativebridge/adapters/internal/settings"
)

// Where the platforms look for what the domain publishes.
const (
	applePath     = "/.well-known/apple-app-site-association"
	androidPath   = "/.well-known/assetlinks.json"
	endpointsPath = "/.well-known/passkey-endpoints"
)

// Relations of an Android app with the domain: it may use the domain's passkeys ("Digital
// Asset Links", developers.google.com), and open its links, which Credential Manager wants
// beside it ("Add support for Digital Asset Links", developer.android.com).
const (
	relationPasskeys = "delegate_permission/common.get_login_creds"
	relationLinks    = "delegate_permission/common.handle_all_urls"
)

// Documents returns what the bridge publishes for the domain, as JSON, by path: nothing
// unless Serve is on, and of a platform only if there is an app for it. None of it is secret.
func (c Config) Documents() map[string][]byte {
	documents := map[string][]byte{}
	if !c.Serve {
		return documents
	}
	if len(c.Apple) > 0 {
		documents[applePath] = encode(map[string]any{"webcredentials": map[string]any{"apps": c.Apple}})
	}
	if len(c.Android) > 0 {
		documents[androidPath] = encode(c.Android.statements())
	}
	documents[endpointsPath] = encode(passkeyEndpoints{c.Enrol, c.Manage})
	return documents
}

// passkeyEndpoints is the document of "A Well-Known URL for Relying Party Passkey Endpoints"
// (W3C). Without members it says that the domain has passkeys, and not where.
type passkeyEndpoints struct {
	Enrol  settings.BaseURL `json:"enroll,omitempty"`
	Manage settings.BaseURL `json:"manage,omitempty"`
}

// statement is one of Digital Asset Links.
type statement struct {
	Relation []string `json:"relation"`
	Target   target   `json:"target"`
}

type target struct {
	Namespace    string   `json:"namespace"`
	Package      string   `json:"package_name"`
	Fingerprints []string `json:"sha256_cert_fingerprints"`
}

func (a AndroidApps) statements() (list []statement) {
	for _, app := range a {
		list = append(list, statement{
			[]string{relationPasskeys, relationLinks},
			target{"android_app", app.Package, []string{app.Fingerprint}},
		})
	}
	return list
}

func encode(document any) []byte {
	text, err := json.Marshal(document)
	if err != nil {
		panic(err) // texts and lists of them can always be marshalled
	}
	return text
}
