package authsignal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"nativebridge/adapters/internal/checks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// probeTimeout bounds the one request of a probe.
const probeTimeout = 5 * time.Second

// NewProbe returns the checks of what the server key can tell: the way to Authsignal,
// the address, the key, and whether passkeys are turned on. It asks for the tenant's
// authenticators, which changes nothing ("Authenticators", Authsignal Server API).
func NewProbe(client *upstream.Client, config Config, skew time.Duration) checks.Probe {
	way := upstream.Way{Party: "Authsignal", Setting: "AUTHSIGNAL_API_URL", Address: string(config.APIURL), Codes: "NB11", Skew: skew}
	return func() []checks.Step {
		e := &examination{client: client, config: config}
		return append(client.Steps(way),
			checks.Step{Check: domain.Check{
				Code: "NB201", Asks: "AUTHSIGNAL_API_URL is the base URL of Authsignal's Server API",
				Why:    "no token can be validated, and every sign-in is answered 500",
				Remedy: "set it to the API URL of your tenant's region, such as https://eu.api.authsignal.com/v1 (Authsignal Portal, Settings, API keys)",
			}, After: []string{way.Last()}, Make: e.address},
			checks.Step{Check: domain.Check{
				Code: "NB202", Asks: "Authsignal accepts AUTHSIGNAL_SECRET",
				Why: "no token can be validated, and every sign-in is answered 500",
				Remedy: "set AUTHSIGNAL_SECRET to the tenant's Server API secret key, not to its management key (Authsignal Portal, Settings, API keys); " +
					"if it is that key, AUTHSIGNAL_API_URL is of another region than the tenant, or this machine's address is not on the key's IP allow-list",
			}, After: []string{"NB201"}, Make: e.key},
			checks.Step{Check: domain.Check{
				Code: "NB203", Asks: "AUTHSIGNAL_SECRET may be used from this machine's address",
				Why: "the key is right and Authsignal refuses it all the same, so every sign-in is answered 500",
				Remedy: "add the address that this machine has on the internet, and those of Auth0's servers, to the key's IP allow-list " +
					"(Authsignal Portal, Settings, API keys), and check that AUTHSIGNAL_SECRET is the Server API's key",
			}, After: []string{"NB202"}, Make: e.origin},
			checks.Step{Check: domain.Check{
				Code: "NB204", Asks: "the Authsignal tenant has passkeys turned on",
				Why:    "nobody can create a passkey or sign in with one",
				Remedy: "turn them on, with your app's domain as the Relying Party ID: Authsignal Portal, Authenticators, Passkey",
			}, After: []string{"NB203"}, Make: e.passkeys},
		)
	}
}

// examination is one run of a probe: the question, and what came of it.
type examination struct {
	client *upstream.Client
	config Config
	reply  upstream.Reply
	err    error
}

// address asks. The other steps read the same reply.
func (e *examination) address(ctx context.Context) (f domain.Finding) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	e.reply, e.err = e.ask(ctx)
	short := ""
	if !strings.HasSuffix(string(e.config.APIURL), "/v1") {
		short = ": the address does not end in /v1"
	}
	switch status := e.reply.Status; {
	case e.err != nil:
		return f.CannotTell(upstream.Words(e.err.Error()), "run it again; see Authsignal's status page")
	case status == http.StatusOK:
		return f.Pass()
	case short != "" && e.problem().code() == "":
		return f.Fail(e.said()+short, "")
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return f.Pass()
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return f.CannotTell(e.said(), "run it again in a minute; see Authsignal's status page")
	}
	return f.Fail(e.said()+short, "")
}

func (e *examination) ask(ctx context.Context) (upstream.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, string(e.config.APIURL)+"/authenticators", nil)
	if err != nil {
		return upstream.Reply{}, errors.New("it is no address")
	}
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(e.config.Secret.Reveal(), "")
	return e.client.Do(req)
}

func (e *examination) key(context.Context) (f domain.Finding) {
	if e.reply.Status != http.StatusUnauthorized {
		return f.Pass()
	}
	return f.Fail(e.said(), "")
}

func (e *examination) origin(context.Context) (f domain.Finding) {
	if e.reply.Status != http.StatusForbidden {
		return f.Pass()
	}
	return f.Fail(e.said(), "")
}

func (e *examination) passkeys(context.Context) (f domain.Finding) {
	var list []struct {
		Method   string `json:"verificationMethod"`
		IsActive bool   `json:"isActive"`
	}
	if err := json.Unmarshal(e.reply.Body, &list); err != nil {
		return f.CannotTell("Authsignal's answer is not a list of authenticators", "look at Authsignal Portal, Authenticators")
	}
	for _, authenticator := range list {
		if authenticator.Method == "PASSKEY" && authenticator.IsActive {
			return f.Pass()
		}
	}
	return f.Fail("passkeys are not among the tenant's active authenticators", "")
}

func (e *examination) problem() (p problem) {
	_ = json.Unmarshal(e.reply.Body, &p) // an HTML page leaves it empty
	return p
}

func (e *examination) said() string {
	p := e.problem()
	words := strings.Join(slices.DeleteFunc([]string{p.code(), p.Description}, func(s string) bool { return s == "" }), ": ")
	return strings.TrimSpace(fmt.Sprintf("Authsignal answers %d %s", e.reply.Status, e.reply.Words(words, e.config.Secret.Get())))
}
