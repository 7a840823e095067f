#!/usr/bin/env bash
# Sets a realm of Keycloak up for Native Bridge, by its Admin REST API. Needs curl and jq.
#
#   keycloak.sh bridge          adds the identity provider and the client, and prints the bridge's settings
#   keycloak.sh link USER...    lets these users sign in; USER is Keycloak's own id of one, a UUID
#   keycloak.sh passkeys CLIENT has the app's client CLIENT sign in with Keycloak's passkeys and nothing else, for IDENTITY_VERIFIER=jwt
#
# It reads from the environment
#
#   KEYCLOAK     where Keycloak is, such as https://id.example.com
#   REALM        the realm of the users, which exists
#   ADMIN_TOKEN  an access token that may manage the realm's clients, identity providers and users
#   BRIDGE       where Keycloak reaches the bridge, such as https://bridge.example.com
#   AUDIENCE     the API that access tokens are for; none if it is empty
#   LIFESPAN     how long a session lasts, in seconds; 3600 if it is empty
set -euo pipefail

alias=native-bridge  # of the identity provider
client=native-bridge # the client id

# api METHOD PATH [JSON]: asks the Admin API. A refusal is shown, and ends the script.
api() {
	local header=(-H "Content-Type: application/json")
	# The token is passed by a file descriptor: whoever lists processes would see an argument.
	curl -sS --fail-with-body -X "$1" "$KEYCLOAK/admin/realms/$REALM$2" "${header[@]}" \
		-H @<(printf 'Authorization: Bearer %s' "$ADMIN_TOKEN") ${3:+--data "$3"} || {
		echo >&2
		echo "keycloak.sh: $1 $2 was refused" >&2
		exit 1
	}
}

add_identity_provider() {
	api POST /identity-provider/instances "$(jq -n --arg alias $alias --arg bridge "$BRIDGE" '{
		$alias, providerId: "jwt-authorization-grant", enabled: true, config: {
			issuer: $bridge,
			useJwksUrl: "true",
			jwksUrl: ($bridge + "/assertion/jwks.json"),
			jwtAuthorizationGrantEnabled: "true",
			jwtAuthorizationGrantAssertionReuseAllowed: "false",
			jwtAuthorizationGrantAssertionSignatureAlg: "ES256",
			jwtAuthorizationGrantMaxAllowedAssertionExpiration: "60",
			jwtAuthorizationGrantAllowedClockSkew: "15"
		}
	}')"
}

add_client() {
	api POST /clients "$(jq -n --arg client $client --arg alias $alias --arg lifespan "${LIFESPAN:-3600}" --arg audience "${AUDIENCE:-}" '{
		clientId: $client, protocol: "openid-connect", publicClient: false, clientAuthenticatorType: "client-secret",
		standardFlowEnabled: false, implicitFlowEnabled: false, directAccessGrantsEnabled: false, serviceAccountsEnabled: false,
		fullScopeAllowed: false,
		defaultClientScopes: ["basic", "profile", "email"], optionalClientScopes: [],
		attributes: {
			"oauth2.jwt.authorization.grant.enabled": "true",
			"oauth2.jwt.authorization.grant.idp": $alias,
			"access.token.lifespan": $lifespan
		},
		protocolMappers: (if $audience == "" then [] else [{
			name: "audience", protocol: "openid-connect", protocolMapper: "oidc-audience-mapper",
			config: {"included.custom.audience": $audience, "access.token.claim": "true", "id.token.claim": "false"}
		}] end)
	}')"
}

# id_of CLIENT: Keycloak's own id of a client.
id_of() { api GET "/clients?clientId=$1" | jq -re '.[0].id'; }

bridge() {
	add_identity_provider
	add_client
	local id secret
	id=$(id_of $client)
	secret=$(api GET "/clients/$id/client-secret" | jq -re .value)
	cat <<-SETTINGS
		TOKEN_ISSUER=oidc
		OIDC_ISSUER=$KEYCLOAK/realms/$REALM
		OIDC_CLIENT_ID=$client
		OIDC_CLIENT_SECRET=$secret
		OIDC_ASSERTION_ISSUER=$BRIDGE
	SETTINGS
}

# link USER...: the name of a link is for people to read.
link() {
	local user
	for user; do
		api POST "/users/$user/federated-identity/$alias" "$(jq -n --arg user "$user" '{userId: $user, userName: $user}')"
	done
}

# passkeys CLIENT: a browser flow of one step, which the client uses in place of the realm's; amr in its ID tokens, which says so; and no
# refresh tokens, by which there would be new ID tokens without a passkey.
passkeys() {
	local flow=native-bridge-passkey step id changed
	api PUT "" '{"webAuthnPolicyPasswordlessUserVerificationRequirement": "required", "webAuthnPolicyPasswordlessRequireResidentKey": "Yes"}'
	api POST /authentication/flows "$(jq -n --arg flow $flow '{alias: $flow, providerId: "basic-flow", topLevel: true, builtIn: false}')"
	api POST /authentication/flows/$flow/executions/execution '{"provider": "webauthn-authenticator-passwordless"}'
	step=$(api GET /authentication/flows/$flow/executions | jq -e '.[0]')
	api PUT /authentication/flows/$flow/executions "$(jq '.requirement = "REQUIRED"' <<<"$step")" >/dev/null
	api POST "/authentication/executions/$(jq -r .id <<<"$step")/config" \
		'{"alias": "native-bridge-passkey", "config": {"default.reference.value": "passkey", "default.reference.maxAge": "600"}}'
	flow=$(api GET /authentication/flows | jq -re --arg flow $flow '.[] | select(.alias == $flow).id')
	id=$(id_of "$1")
	api POST "/clients/$id/protocol-mappers/models" '{
		"name": "amr", "protocol": "openid-connect", "protocolMapper": "oidc-amr-mapper", "config": {"id.token.claim": "true"}
	}'
	changed=$(api GET "/clients/$id" | jq --arg flow "$flow" '.authenticationFlowBindingOverrides.browser = $flow | .attributes["use.refresh.tokens"] = "false"')
	api PUT "/clients/$id" "$changed"
	cat <<-SETTINGS
		IDENTITY_VERIFIER=jwt
		JWT_ISSUER=$KEYCLOAK/realms/$REALM
		JWT_AUDIENCE=$1
		JWT_PASSKEY_AMR=passkey
	SETTINGS
}

case ${1:-} in
bridge | link | passkeys) "$@" ;;
*)
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
