package auth0

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nativebridge/adapters/internal/checks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// probeUser is the user whom trials try to sign in. It is always the same, so that
// attack protection counts their failures for nobody who exists.
const probeUser = "native-bridge-doctor"

const (
	dashboardGrants = "Auth0 dashboard, the application, Settings, Advanced Settings, Grant Types"
	runAgain        = "run it again in a minute; see the status pages of Auth0 and Authsignal"
	blocked         = "nobody can sign in while Auth0 takes the bridge for an attacker"
	makeAPI         = "set AUTH0_AUDIENCE to the identifier of an API (Auth0 dashboard, Applications, APIs), or make that API"
	unblock         = "turn Trust Token Endpoint IP Header on (Auth0 dashboard, the application, Settings, Advanced Settings, OAuth), " +
		"put the bridge's addresses on the IP AllowList (Security, Attack Protection, Suspicious IP Throttling), and unblock the address (DELETE /api/v2/anomaly/blocks/ips/{id}) " +
		"or the user " + probeUser + " (DELETE /api/v2/user-blocks)"
)

// NewTrial returns the checks that one sign-in tells which must be refused: with a
// made-up token or, if proofs are signed, with a good proof about somebody else than the
// username. Authority is whom signed proofs name. Auth0 counts one failed sign-in of the
// user native-bridge-doctor, from the bridge's address.
func (i *Issuer) NewTrial(authority, action string) checks.Probe {
	list := []domain.Check{
		{Code: "NB410", Asks: "attack protection lets the bridge's sign-ins through", Why: blocked, Remedy: unblock},
		{Code: "NB411", Asks: "the application may use the password-realm grant", Why: noSession,
			Remedy: "turn Password on: " + dashboardGrants + "; by the Management API list both password and " + grantPasswordRealm},
		{Code: "NB412", Asks: "AUTH0_AUDIENCE is the identifier of an API of the tenant", Why: noSession, Remedy: makeAPI},
		{Code: "NB413", Asks: "AUTH0_CONNECTION names a connection that is enabled for the application", Why: noSession,
			Remedy: "set AUTH0_CONNECTION to the connection's name, and enable that connection for the application: Auth0 dashboard, Authentication, Database, the connection, Applications; " +
				"if both are so, look at Auth0's logs (Monitoring, Logs)"},
		{Code: "NB901", Asks: "the connection has a Login script that calls back", Why: "every sign-in is answered 403 or 503",
			Remedy: "paste adapters/auth0/login.js as it is (docs/tenant.md, section 4), and look for failures and time-outs in Auth0's logs (Monitoring, Logs)"},
		{Code: "NB902", Asks: "the Login script has all its settings and can ask Authsignal", Why: "every sign-in is answered 503",
			Remedy: "correct that key in the connection's Configuration Parameters, or see why the script cannot reach Authsignal (docs/tenant.md, section 4)"},
		{Code: "NB903", Asks: "the Login script refuses a proof that nobody was given", Why: "whoever has the application's secret can be any user",
			Remedy: "paste adapters/auth0/login.js over the Login script at once (docs/tenant.md, section 4), and sign everybody out who came through this application"},
		{Code: "NB904", Asks: "the refusal is that of the bridge's own Login script, with the bridge's settings",
			Why: "another script may accept what is no sign-in, and one with other settings refuses everybody", Grade: domain.Warning,
			Remedy: "compare the script and its settings with the bridge's (docs/tenant.md, section 4)"},
	}
	return checks.Layers(list, func(ctx context.Context) (string, domain.Finding) {
		grant := domain.Grant{Access: i.config.Offer().Default}
		grant.Identity.Subject = i.config.Subjects.Rule().Prefix + probeUser
		proof, err := i.refusable(authority, action)
		if err != nil {
			return "NB410", domain.Finding{}.CannotTell(err.Error(), "set AUTH0_PROOF_KEY to what openssl rand -hex 32 prints")
		}
		reply, err := i.tryOnce(ctx, i.passwordRealm(grant, proof))
		if errors.Is(err, upstream.ErrNotSent) {
			return "NB410", cannotReach(err)
		}
		if err != nil {
			return "NB901", noCallback(err, "the Login script")
		}
		return i.readTrial(reply, proof)
	})
}

// refusable returns a proof that must be refused. A signed one is good in all respects
// but the person, whom the script compares last: so a refusal for that reason shows that
// key, connection, client, Authsignal tenant, action and rule of ids agree.
func (i *Issuer) refusable(authority, action string) (domain.Secret, error) {
	if i.config.Proof != ProofSigned {
		return domain.NewSecret(rand.Text()), nil
	}
	return i.proofOf(domain.Grant{Identity: domain.Identity{
		Authority: authority, Subject: i.config.Subjects.Rule().Prefix + probeUser + "-somebody-else", Action: action,
		Method: domain.MethodPasskey, ProofID: probeUser, AuthenticatedAt: i.now(),
	}})
}

func (i *Issuer) tryOnce(ctx context.Context, form url.Values) (upstream.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return (&examination{i}).post(ctx, "/oauth/token", form)
}

// readTrial is the one table of what Auth0's answer to the trial means: the code of the
// layer that it comes from.
func (i *Issuer) readTrial(reply upstream.Reply, proof domain.Secret) (code string, f domain.Finding) {
	p := problemOf(reply)
	said := i.said(reply, p, proof)
	if code, f := i.readBefore(reply, p, said, "NB410"); code != "" {
		return code, f
	}
	switch words := strings.ToLower(p.ErrorDescription); {
	case reply.Status == http.StatusOK, p.Error == "mfa_required":
		return "NB903", f.Fail("a made-up proof was accepted", "")
	case strings.Contains(p.ErrorDescription, cannotTell) && strings.Contains(words, "rate limit"):
		return "NB902", f.CannotTell(said, runAgain)
	case strings.Contains(p.ErrorDescription, cannotTell):
		return "NB902", f.Fail(said, "")
	case p.Error == "unauthorized_client", p.Error == "unsupported_grant_type":
		return "NB411", f.Fail(said, "")
	case strings.HasPrefix(p.ErrorDescription, "Service not found"):
		return "NB412", f.Fail(said, "")
	case strings.Contains(words, "script"), strings.Contains(words, "sandbox"), reply.Status >= http.StatusInternalServerError:
		return "NB901", f.Fail(said, "")
	case p.Error == "invalid_request" && strings.Contains(words, "organization"):
		return "NB413", f.Fail(said, "choose Individuals: Auth0 dashboard, the application, Organizations; the password grant does not work with organizations")
	case p.Error == "invalid_request" || p.Error == "access_denied":
		return "NB413", f.Fail(fmt.Sprintf("AUTH0_CONNECTION is %q, and %s", i.config.Connection, said), "")
	case p.Error == "invalid_grant", p.Error == "invalid_user_password":
		return i.whoRefused(p, said)
	}
	return "NB410", f.CannotTell(said, runAgain)
}

// readBefore reads what Auth0 answers before it looks at the grant. First is the code of
// the trial's first check.
func (i *Issuer) readBefore(reply upstream.Reply, p problem, said, first string) (code string, f domain.Finding) {
	switch {
	case isRateLimit(reply):
		return first, f.CannotTell(said, runAgain)
	case p.Error == "invalid_client", p.Error == "access_denied" && reply.Status == http.StatusUnauthorized:
		return first, f.CannotTell(said, "see NB403 first")
	case p.Error == "too_many_attempts":
		return first, f.Fail(said, "")
	case p.Error == "requires_verification":
		return first, f.Fail(said, "turn Bot Detection off for password flows, or put the bridge's addresses on its IP AllowList (Security, Attack Protection, Bot Detection)")
	case p.Error == "password_leaked":
		return first, f.Fail(said, "turn Block compromised user accounts off (Security, Attack Protection, Breached Password Detection): it takes tokens for passwords")
	}
	return "", f
}

// whoRefused tells our script's refusal from others', if Auth0 passes its words on.
func (i *Issuer) whoRefused(p problem, said string) (code string, f domain.Finding) {
	ours := strings.Contains(p.ErrorDescription, actionRefuses)
	signed := i.config.Proof == ProofSigned
	switch {
	case !ours:
		return "NB904", f.CannotTell(said+", which any script's refusal can be", "give doctor the right to read the connection (AUTH0_MANAGEMENT_CLIENT_ID), or compare the script and its settings by hand (docs/tenant.md, section 4)")
	case signed && !strings.Contains(p.ErrorDescription, "another person's"):
		return "NB904", f.Fail(said, "make the connection's Configuration Parameters say what the bridge's settings say: NATIVE_BRIDGE_KEY, NATIVE_BRIDGE_CLIENT_ID, NATIVE_BRIDGE_CONNECTION, AUTHSIGNAL_API_URL, AUTHSIGNAL_ACTION, AUTHSIGNAL_SUBJECTS")
	case !signed && strings.Contains(p.ErrorDescription, "not signed"):
		return "NB904", f.Fail(said, "set AUTH0_PROOF to signed, or take NATIVE_BRIDGE_KEY out of the connection's Configuration Parameters")
	}
	return "", f
}

func noCallback(err error, who string) (f domain.Finding) {
	return f.Fail(fmt.Sprintf("%s: if Auth0 answers otherwise, %s never calls back or takes longer than %s", upstream.Words(err.Error()), who, probeTimeout.Round(time.Second)), "")
}

// NewTrial returns the checks that one exchange tells whose made-up token must be
// refused. Auth0 throttles an address after some ten refused tokens ("Suspicious IP
// Throttling", pre-custom-token-exchange), so it is not for every start of a process.
func (t *TokenExchangeIssuer) NewTrial() checks.Probe {
	list := []domain.Check{
		{Code: "NB420", Asks: "attack protection lets the bridge's token exchanges through", Why: blocked, Remedy: unblock},
		{Code: "NB421", Asks: "the application may exchange tokens", Why: noSession,
			Remedy: "set token_exchange.allow_any_profile_of_type of the application to [\"custom_authentication\"] by the Management API (docs/tenant-token-exchange.md)"},
		{Code: "NB422", Asks: "AUTH0_SUBJECT_TOKEN_TYPE names a token exchange profile of the tenant", Why: noSession,
			Remedy: "make a token exchange profile of that type, with the Action's id (docs/tenant-token-exchange.md)"},
		{Code: "NB423", Asks: "AUTH0_AUDIENCE is the identifier of an API of the tenant", Why: noSession, Remedy: makeAPI},
		{Code: "NB911", Asks: "the profile has an Action that ends", Why: "every sign-in is answered 403 or 503",
			Remedy: "deploy adapters/auth0/exchange.js as it is (docs/tenant-token-exchange.md), and look at Auth0's logs (Monitoring, Logs)"},
		{Code: "NB912", Asks: "the Action has all its secrets and can ask Authsignal", Why: "every sign-in is answered 503",
			Remedy: "correct that secret of the Action, deploy it again, or see why it cannot reach Authsignal (docs/tenant-token-exchange.md)"},
		{Code: "NB913", Asks: "the Action refuses a token that nobody was given", Why: "whoever has the application's secret can be any user",
			Remedy: "deploy adapters/auth0/exchange.js at once in place of the Action (docs/tenant-token-exchange.md), and sign everybody out who came through this application"},
		{Code: "NB914", Asks: "the refusal is that of the bridge's own Action", Why: "another Action may accept what is no sign-in", Grade: domain.Warning,
			Remedy: "compare the Action with adapters/auth0/exchange.js"},
	}
	return checks.Layers(list, func(ctx context.Context) (string, domain.Finding) {
		token := domain.NewSecret(rand.Text())
		grant := domain.Grant{Token: domain.PasskeyToken{Secret: token}, Access: t.config.Offer().Default}
		reply, err := t.tryOnce(ctx, t.tokenExchange(grant))
		if errors.Is(err, upstream.ErrNotSent) {
			return "NB420", cannotReach(err)
		}
		if err != nil {
			return "NB911", noCallback(err, "the Action")
		}
		return t.readExchange(reply, token)
	})
}

// readExchange is the one table of what Auth0's answer to the trial means.
func (t *TokenExchangeIssuer) readExchange(reply upstream.Reply, token domain.Secret) (code string, f domain.Finding) {
	p := problemOf(reply)
	said := t.said(reply, p, token)
	if code, f := t.readBefore(reply, p, said, "NB420"); code != "" {
		return code, f
	}
	switch words := strings.ToLower(p.ErrorDescription); {
	case reply.Status == http.StatusOK, p.Error == "mfa_required":
		return "NB913", f.Fail("a made-up token was accepted", "")
	case strings.Contains(p.ErrorDescription, cannotTell) && strings.Contains(words, "rate limit"):
		return "NB912", f.CannotTell(said, runAgain)
	case strings.Contains(p.ErrorDescription, cannotTell):
		return "NB912", f.Fail(said, "")
	case strings.Contains(p.ErrorDescription, "NATIVE_BRIDGE_CLIENT_ID"):
		return "NB912", f.Fail(said, "set the Action's secret NATIVE_BRIDGE_CLIENT_ID to AUTH0_CLIENT_ID, and deploy it again")
	case p.Error == "unauthorized_client", p.Error == "unsupported_grant_type":
		return "NB421", f.Fail(said, "")
	case strings.HasPrefix(p.ErrorDescription, "Service not found"), p.Error == "invalid_target":
		return "NB423", f.Fail(said, "")
	case strings.Contains(p.ErrorDescription, actionRefuses):
		return "", f
	case strings.Contains(words, "subject_token_type"), strings.Contains(words, "profile"):
		return "NB422", f.Fail(said, fmt.Sprintf("make a token exchange profile for %q, with the Action's id (docs/tenant-token-exchange.md)", t.config.SubjectTokenType))
	case p.Error == "invalid_request" && strings.Contains(words, "subject token"), p.Error == "invalid_grant":
		return "NB914", f.CannotTell(said+", which any Action's refusal can be", "compare the Action with adapters/auth0/exchange.js")
	case p.Error == "invalid_request", p.Error == "access_denied", p.Error == "server_error", reply.Status >= http.StatusInternalServerError:
		return "NB911", f.Fail(said, "")
	}
	return "NB420", f.CannotTell(said, runAgain)
}
