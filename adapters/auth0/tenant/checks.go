package tenant

import "nativebridge/domain"

// checkOf is how doctor asks for one thing that setup makes, and where a person finds
// it. Codes stay for ever: docs/doctor.md lists them.
type checkOf struct {
	code, asks string
	grade      domain.Grade
	where      string // in the dashboard, below its object's page
}

// settingChecks has one for each setting that setup makes, by object and path.
var settingChecks = map[string]checkOf{
	"application.app_type":                                       {"NB511", "the application is a Regular Web Application", domain.Failure, "Settings, Application Type"},
	"application.is_first_party":                                 {"NB512", "the application is a first party's", domain.Failure, "(no dashboard: Management API, is_first_party)"},
	"application.oidc_conformant":                                {"NB513", "the application is OIDC conformant", domain.Failure, "Settings, Advanced Settings, OAuth, OIDC Conformant"},
	"application.token_endpoint_auth_method":                     {"NB514", "the application takes its secret from the body", domain.Failure, "Credentials, Authentication Methods, Client Secret (Post)"},
	"application.grant_types":                                    {"NB515", "the application has the grants that the bridge uses", domain.Failure, "Settings, Advanced Settings, Grant Types"},
	"application.jwt_configuration.alg":                          {"NB516", "ID tokens are signed with RS256", domain.Failure, "Settings, Advanced Settings, OAuth, JSON Web Token Signature Algorithm"},
	"application.organization_usage":                             {"NB517", "the application's organizations fit the issuer", domain.Failure, "Organizations"},
	"application.token_exchange.allow_any_profile_of_type":       {"NB518", "the application may use token exchange profiles", domain.Failure, "(no dashboard: Management API, token_exchange)"},
	"application.is_token_endpoint_ip_header_trusted":            {"NB519", "the application trusts the address that the bridge names", domain.Warning, "Settings, Advanced Settings, OAuth, Trust Token Endpoint IP Header"},
	"application.refresh_token.rotation_type":                    {"NB520", "refresh tokens rotate", domain.Warning, "Settings, Refresh Token Rotation"},
	"application.refresh_token.expiration_type":                  {"NB521", "refresh tokens expire", domain.Warning, "Settings, Refresh Token Expiration"},
	"application.refresh_token.leeway":                           {"NB522", "a refresh token may be used once more within a short time", domain.Warning, "Settings, Refresh Token Rotation, Rotation Overlap Period"},
	"application.refresh_token.token_lifetime":                   {"NB523", "sessions end some time after the sign-in", domain.Warning, "Settings, Refresh Token Expiration"},
	"application.refresh_token.idle_token_lifetime":              {"NB524", "sessions end some time after their last renewal", domain.Warning, "Settings, Refresh Token Expiration"},
	"connection.options.enabledDatabaseCustomization":            {"NB531", "the connection asks its own database script", domain.Failure, "Custom Database, Use my own database"},
	"connection.options.import_mode":                             {"NB532", "users are not imported to Auth0", domain.Failure, "Settings, Import Users to Auth0"},
	"connection.options.authentication_methods.password.enabled": {"NB533", "the connection takes passwords", domain.Failure, "Authentication Methods, Password"},
	"connection.options.customScripts.login":                     {"NB534", "the Login script is ours and current", domain.Failure, "Custom Database, Database Action Scripts, Login"},
	"connection.options.disable_signup":                          {"NB536", "nobody can sign up at the connection", domain.Warning, "Settings, Disable Sign Ups"},
	"connection.options.brute_force_protection":                  {"NB537", "the connection is protected from guessing", domain.Warning, "(no dashboard: Management API, options.brute_force_protection)"},
	"connection.options.enable_script_context":                   {"NB538", "the script is told which application asks", domain.Warning, "Custom Database, Context object in database scripts"},
	"connection.options.set_user_root_attributes":                {"NB539", "a sign-in overwrites nothing of the user's profile", domain.Warning, "Settings, Sync user profile attributes at each login"},
	"api.allow_offline_access":                                   {"NB551", "the API gives refresh tokens", domain.Failure, "Settings, Allow Offline Access"},
	"api.skip_consent_for_verifiable_first_party_clients":        {"NB552", "the API asks first parties' users for no consent", domain.Failure, "Settings, Allow Skipping User Consent"},
	"api.scopes":                  {"NB553", "the API has the scopes that the bridge asks for", domain.Failure, "Permissions"},
	"action.code":                 {"NB561", "the Action is ours and current", domain.Failure, "its code"},
	"action.runtime":              {"NB562", "the Action runs on Node 18 or 22", domain.Warning, "its runtime"},
	"action.secrets":              {"NB563", "the Action has the secrets that it needs", domain.Failure, "its secrets"},
	"action.all_changes_deployed": {"NB564", "the Action is deployed", domain.Failure, "Deploy"},
	"profile.type":                {"NB567", "the token exchange profile authenticates people", domain.Failure, "(no dashboard: Management API, token-exchange-profiles)"},
}

// Checks that are about more than one setting.
var (
	checkAccess      = domain.Check{Code: "NB501", Asks: "the Management API lets doctor in", Why: "without it, doctor sees only what the outside shows", Remedy: accessFix, Grade: domain.Failure}
	checkApplication = domain.Check{Code: "NB510", Asks: "the application exists", Why: "every sign-in is refused", Remedy: "native-bridge setup auth0, or AUTH0_CLIENT_ID", Grade: domain.Failure}
	checkOtherGrants = domain.Check{Code: "NB525", Asks: "the application is good for nothing else", Why: "the bridge lends its secret to whoever holds one of its refresh tokens, whichever way that was obtained", Remedy: "take its other grants and callbacks away, or give the bridge an application of its own", Grade: domain.Warning}

	checkConnection = domain.Check{Code: "NB530", Asks: "the connection exists and is a database", Why: "every sign-in is refused", Remedy: "native-bridge setup auth0, or AUTH0_CONNECTION", Grade: domain.Failure}
	checkParameters = domain.Check{Code: "NB535", Asks: "the Login script has the settings that it needs, and no others", Why: "the script refuses everybody, or Auth0 holds a key that it does not need", Remedy: "native-bridge setup auth0; by hand: Custom Database, Configuration Parameters", Grade: domain.Failure}
	checkValues     = domain.Check{Code: "NB540", Asks: "the Login script or the Action has the same settings as the bridge", Why: "the script judges by other rules than the bridge, and refuses everybody", Remedy: "native-bridge setup auth0 with the bridge's settings", Grade: domain.Failure}
	checkEnabled    = domain.Check{Code: "NB541", Asks: "the connection is enabled for the application", Why: "every sign-in is refused", Remedy: "native-bridge setup auth0; by hand: the connection, Applications", Grade: domain.Failure}
	checkOtherApps  = domain.Check{Code: "NB542", Asks: "the connection is enabled for no other application", Why: "whoever has that application's secret and a fresh token could open a session without the bridge", Remedy: "native-bridge setup auth0; by hand: the connection, Applications", Grade: domain.Warning}
	checkOtherConns = domain.Check{Code: "NB543", Asks: "the application has no other connection", Why: "with a password grant of this application, people of that connection could sign in without a passkey", Remedy: "native-bridge setup auth0; by hand: the application, Connections", Grade: domain.Warning}

	checkLeeway = domain.Check{Code: "NB527", Asks: "AUTH0_REFRESH_LEEWAY is what the application has", Why: "a renewal that got no answer is asked for again too late, which ends the session, or not at all while it would do no harm", Remedy: "AUTH0_REFRESH_LEEWAY: the application's Rotation Overlap Period", Grade: domain.Warning}

	checkBound = domain.Check{Code: "NB526", Asks: "tokens are not bound to a key of the app", Why: "the bridge cannot pass on the proofs that such tokens need: every sign-in is refused", Remedy: "the application, Settings: require no sender constraining", Grade: domain.Failure}

	checkAPI      = domain.Check{Code: "NB550", Asks: "the API of AUTH0_AUDIENCE exists", Why: "every sign-in is refused", Remedy: "native-bridge setup auth0, or AUTH0_AUDIENCE", Grade: domain.Failure}
	checkAPIAlg   = domain.Check{Code: "NB554", Asks: "access tokens are signed with RS256", Why: "your API would need a shared secret to check them", Remedy: "the API, Settings, Signing Algorithm: RS256", Grade: domain.Warning}
	checkAPIScope = domain.Check{Code: "NB555", Asks: "AUTH0_SCOPE names a scope of the API, if it has any", Why: "Auth0 grants all scopes of the API to a request that names none, and the bridge refuses such a session", Remedy: "AUTH0_SCOPE: add at least one of the API's scopes", Grade: domain.Failure}
	checkAPILife  = domain.Check{Code: "NB557", Asks: "access tokens live for more than 60 s", Why: "the credentials managers of Auth0's SDKs throw tokens away that do not, and lose the session", Remedy: "the API, Settings, Maximum Access Token Lifetime", Grade: domain.Warning}
	checkAPIBound = domain.Check{Code: "NB556", Asks: "the API takes tokens that are not bound to a key of the app", Why: "the bridge cannot pass on the proofs that such tokens need: every sign-in is refused", Remedy: "the API, Settings: require no sender constraining", Grade: domain.Failure}
	checkAction   = domain.Check{Code: "NB560", Asks: "the Action of the token exchange exists", Why: "every sign-in is refused", Remedy: "native-bridge setup auth0", Grade: domain.Failure}
	checkProfile  = domain.Check{Code: "NB565", Asks: "the token exchange profile of AUTH0_SUBJECT_TOKEN_TYPE exists", Why: "every sign-in is refused", Remedy: "native-bridge setup auth0, or AUTH0_SUBJECT_TOKEN_TYPE", Grade: domain.Failure}

	checkEnrolAPI   = domain.Check{Code: "NB571", Asks: "the API of ENROL_AUDIENCE exists", Why: "no app can get a token for it, so nobody manages passkeys", Remedy: "dashboard, Applications, APIs, Create (docs/enrol.md), or ENROL_AUDIENCE", Grade: domain.Failure}
	checkEnrolScope = domain.Check{Code: "NB572", Asks: "the API of ENROL_AUDIENCE has the scope of ENROL_SCOPE", Why: "Auth0 grants no scope that the API does not have: everybody is told insufficient_scope", Remedy: "the API, Permissions, or ENROL_SCOPE", Grade: domain.Failure}
	checkEnrolAlg   = domain.Check{Code: "NB573", Asks: "access tokens for ENROL_AUDIENCE are signed with RS256", Why: "the bridge checks them by the published keys: everybody is told access_token_invalid", Remedy: "the API, Settings, Signing Algorithm: RS256", Grade: domain.Failure}
	checkEnrolBound = domain.Check{Code: "NB574", Asks: "access tokens for ENROL_AUDIENCE are not bound to a key of the app", Why: "the bridge takes no bound tokens: everybody is told access_token_invalid", Remedy: "the API, Settings: require no sender constraining", Grade: domain.Failure}
	checkEnrolTime  = domain.Check{Code: "NB575", Asks: "an Action says in access tokens when the person signed in", Why: "without that claim everybody is told sign_in_too_old", Remedy: "the Action of docs/enrol.md, and its claim in ENROL_AUTH_TIME_CLAIM", Grade: domain.Warning}

	checkMFA        = domain.Check{Code: "NB601", Asks: "no policy asks for another factor", Why: "a password grant cannot show one: every sign-in is refused, or some are", Remedy: "dashboard, Security, Multi-factor Auth: Never, and ask for it in a post-login Action that exempts the bridge", Grade: domain.Failure}
	checkActions    = domain.Check{Code: "NB602", Asks: "no post-login Action can get in the way", Why: "an Action that redirects, denies or asks for another factor breaks this flow", Remedy: "let the Action return at once if event.client.client_id is AUTH0_CLIENT_ID", Grade: domain.Warning}
	checkBots       = domain.Check{Code: "NB603", Asks: "bot detection does not strike", Why: "a password grant cannot show a CAPTCHA: sign-ins are refused now and then", Remedy: "dashboard, Security, Attack Protection, Bot Detection: Never for password flows, or the bridge's egress addresses on the IP AllowList", Grade: domain.Warning}
	checkThrottling = domain.Check{Code: "NB604", Asks: "suspicious IP throttling knows the bridge", Why: "where the user's address is not known, everybody's failures count for the bridge's", Remedy: "dashboard, Security, Attack Protection, Suspicious IP Throttling: the bridge's egress addresses on the IP AllowList", Grade: domain.Warning}
	checkBruteForce = domain.Check{Code: "NB605", Asks: "brute-force protection is on", Why: "nothing stops who guesses at other connections, and blocks tell you of trouble", Remedy: "dashboard, Security, Attack Protection, Brute-force Protection: on", Grade: domain.Warning}
	checkBreached   = domain.Check{Code: "NB606", Asks: "breached password detection blocks nobody", Why: "it looks at the token as if it were a password", Remedy: "dashboard, Security, Attack Protection, Breached Password Detection: block no accounts", Grade: domain.Warning}
	checkRateLimits = domain.Check{Code: "NB607", Asks: "no rate-limit policy holds the application down", Why: "all users of the bridge share one application, and so one budget", Remedy: "a policy with the action allow for the bridge's application", Grade: domain.Warning}
	checkRuntime    = domain.Check{Code: "NB608", Asks: "the tenant's scripts run on Node 18 or 22", Why: "the Login script is tried with these", Remedy: "dashboard, Settings, Advanced, Extensibility: Node 22", Grade: domain.Warning}
)
