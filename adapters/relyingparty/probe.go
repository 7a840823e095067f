package relyingparty

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"nativebridge/adapters/internal/checks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// probeTimeout bounds each of the two requests.
const probeTimeout = 5 * time.Second

// document is what a platform fetches from the domain, and how it is checked.
type document struct {
	path    string
	who     string                     // fetches it
	setting string                     // names the apps
	codes   [4]string                  // of the checks: answer, redirect, type, apps
	missing func(body []byte) []string // the apps that it does not name
	none    bool                       // no app is to be named
}

// NewProbe returns the checks of the domain that passkeys are for: whether it publishes
// what iOS ("Supporting associated domains", developer.apple.com) and Android ("Digital
// Asset Links", developers.google.com) want before they let an app use its passkeys.
func NewProbe(client *upstream.Client, config Config) checks.Probe {
	apple := document{
		path: applePath, who: "iOS", setting: "APPLE_APP_IDS", none: len(config.Apple) == 0,
		codes: [4]string{"NB301", "NB302", "NB303", "NB304"}, missing: config.Apple.missing,
	}
	android := document{
		path: androidPath, who: "Android", setting: "ANDROID_APPS", none: len(config.Android) == 0,
		codes: [4]string{"NB311", "NB312", "NB313", "NB314"}, missing: config.Android.missing,
	}
	return func() []checks.Step {
		return append(apple.probe(client, config.Domain)(), android.probe(client, config.Domain)()...)
	}
}

func (d document) probe(client *upstream.Client, base Domain) checks.Probe {
	why := "apps of " + d.who + " cannot create a passkey or sign in with one"
	list := []domain.Check{
		{Code: d.codes[0], Asks: "the domain that passkeys are for has " + d.path, Why: why,
			Remedy: "put that file on the domain of RELYING_PARTY_ID, for everybody to read (docs/mobile/README.md)"},
		{Code: d.codes[1], Asks: "the way to " + d.path + " has no redirect", Why: d.who + " follows none, so " + why,
			Remedy: "serve the file at that very address, without a redirect to www. or elsewhere"},
		{Code: d.codes[2], Asks: d.path + " is served as application/json", Why: d.who + " takes it for no statement, so " + why,
			Remedy: "have the web server send Content-Type: application/json for that path"},
		{Code: d.codes[3], Asks: d.path + " names every app of " + d.setting, Why: why,
			Remedy: "add the app to the file; " + d.who + " may take a day to see it"},
	}
	return checks.Layers(list, func(ctx context.Context) (code string, f domain.Finding) {
		switch {
		case base == "":
			return d.codes[0], f.CannotTell("RELYING_PARTY_ID is not set", "set it to the domain that passkeys are for, and "+d.setting+" to your apps")
		case d.none:
			return d.codes[0], f.CannotTell(d.setting+" is not set", "set it, if there is an app for "+d.who)
		}
		return d.try(ctx, client, base)
	})
}

func (d document) try(ctx context.Context, client *upstream.Client, base Domain) (code string, f domain.Finding) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, string(base)+d.path, nil)
	if err != nil {
		return d.codes[0], f.Fail("RELYING_PARTY_ID is no domain", "")
	}
	reply, err := client.Do(req)
	if err != nil {
		return d.codes[0], f.Fail(upstream.Words(err.Error()), "")
	}
	kind, _, _ := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	switch {
	case reply.Status >= http.StatusMultipleChoices && reply.Status < http.StatusBadRequest:
		return d.codes[1], f.Fail(fmt.Sprintf("it answers %d, to %s", reply.Status, upstream.Words(reply.Header.Get("Location"))), "")
	case reply.Status != http.StatusOK:
		return d.codes[0], f.Fail(fmt.Sprintf("it answers %d", reply.Status), "")
	case kind != "application/json":
		return d.codes[2], f.Fail(fmt.Sprintf("it is served as %q", upstream.Words(kind)), "")
	case !json.Valid(reply.Body):
		return d.codes[3], f.Fail("it is no JSON", "")
	}
	if missing := d.missing(reply.Body); len(missing) > 0 {
		return d.codes[3], f.Fail("it does not name "+strings.Join(missing, ", "), "")
	}
	return "", f
}

// missing returns the apps that a site association does not let use passkeys.
func (a AppleApps) missing(body []byte) (missing []string) {
	var association struct {
		WebCredentials struct {
			Apps []string `json:"apps"`
		} `json:"webcredentials"`
	}
	_ = json.Unmarshal(body, &association) // of another form, it names none
	for _, id := range a {
		if !slices.Contains(association.WebCredentials.Apps, id) {
			missing = append(missing, id+" in webcredentials")
		}
	}
	return missing
}

// missing returns the apps that no statement lets use passkeys.
func (a AndroidApps) missing(body []byte) (missing []string) {
	var statements []statement
	_ = json.Unmarshal(body, &statements)
	for _, app := range a {
		named := false
		for _, s := range statements {
			named = named || s.Target.Namespace == "android_app" && s.Target.Package == app.Package &&
				slices.Contains(s.Relation, relationPasskeys) && slices.Contains(s.Target.Fingerprints, app.Fingerprint)
		}
		if !named {
			missing = append(missing, app.Package+" with the fingerprint "+app.Fingerprint[:11]+"… and "+relationPasskeys)
		}
	}
	return missing
}
