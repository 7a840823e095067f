#!/usr/bin/env bash
# Sets a realm of Keycloak up for Native Bridge, by its Admin REST API. Needs curl and jq.
#
#   keycloak.sh bridge          adds the identity provider and the client, and prints the bridge's settings
#   keycloak.sh link USER...    lets these users sign in; USER is Keycloak's own id of one, a UUID
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

bridge() {
	add_identity_provider
	add_client
	local id
	id=$(api GET "/clients?clientId=$client" | jq -r '.[0].id')
	cat <<-SETTINGS
		TOKEN_ISSUER=oidc
		OIDC_ISSUER=$KEYCLOAK/realms/$REALM
		OIDC_CLIENT_ID=$client
		OIDC_CLIENT_SECRET=$(api GET "/clients/$id/client-secret" | jq -r .value)
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

case ${1:-} in
bridge | link) "$@" ;;
*)
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
