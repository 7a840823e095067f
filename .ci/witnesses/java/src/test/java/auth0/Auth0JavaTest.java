package auth0;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.stream.StreamSupport;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import com.auth0.client.auth.AuthAPI;
import com.auth0.client.mgmt.ManagementApi;
import com.auth0.client.mgmt.core.ManagementApiException;
import com.auth0.client.mgmt.types.ConnectionForList;
import com.auth0.client.mgmt.types.GetClientResponseContent;
import com.auth0.client.mgmt.types.UpdateClientRequestContent;
import com.auth0.exception.APIException;
import com.auth0.exception.IdTokenValidationException;
import com.auth0.exception.RateLimitException;
import com.auth0.json.auth.TokenHolder;
import com.auth0.jwk.JwkProvider;
import com.auth0.jwk.JwkException;
import com.auth0.jwk.UrlJwkProvider;
import com.auth0.exception.PublicKeyProviderException;
import com.auth0.utils.tokens.IdTokenVerifier;
import com.auth0.utils.tokens.SignatureVerifier;

import witness.Kind;
import witness.Sandbox;

/** Auth0's server SDK at the emulated tenant, and its authentication client at the bridge, which looks like Auth0. */
@Kind("com.auth0:auth0 3.2.0")
class Auth0JavaTest {
	private static final String SCOPE = "openid profile email offline_access";

	private final AuthAPI tenant = AuthAPI.newBuilder(Sandbox.env("AUTH0_DOMAIN"), Sandbox.CLIENT_ID, Sandbox.env("CLIENT_SECRET")).build();
	private final AuthAPI bridge = AuthAPI.newBuilder(Sandbox.BRIDGE, Sandbox.CLIENT_ID).build();
	private final ManagementApi management = ManagementApi.builder().domain(Sandbox.env("AUTH0_DOMAIN"))
			.clientCredentials(Sandbox.env("MANAGEMENT_ID"), Sandbox.env("MANAGEMENT_SECRET")).maxRetries(0).build();

	@AfterEach
	void mendEverything() {
		Sandbox.scenario("all_well");
	}

	@Test
	void opensASessionByThePasswordRealmGrant() throws Exception {
		TokenHolder session = login(Sandbox.passkeyToken());
		assertEquals("Bearer", session.getTokenType());
		assertTrue(session.getExpiresIn() > 60);
		verify(session.getIdToken());
	}

	@Test
	void knowsARefusalOfTheLoginScriptByItsCode() {
		APIException refused = assertThrows(APIException.class,
				() -> login("auth0|john", Sandbox.passkeyToken())); // Jane's
		assertEquals(403, refused.getStatusCode());
		assertEquals("invalid_grant", refused.getError());
	}

	@Test
	void knowsMultifactorByItsCode() {
		Sandbox.scenario("mfa_required");
		APIException refused = assertThrows(APIException.class, () -> login(Sandbox.passkeyToken()));
		assertTrue(refused.isMultifactorRequired());
	}

	@Test
	void readsTheRateLimitOfTheTenant() {
		Sandbox.scenario("rate_limit");
		RateLimitException limited = assertThrows(RateLimitException.class, () -> login(Sandbox.passkeyToken()));
		assertEquals(0, limited.getRemaining());
		assertTrue(limited.getReset() > System.currentTimeMillis() / 1000);
	}

	@Test
	void renewsAndRevokesAtTheTenant() throws Exception {
		TokenHolder session = login(Sandbox.passkeyToken());
		TokenHolder renewed = tenant.renewAuth(session.getRefreshToken()).execute().getBody();
		assertNotEquals(session.getRefreshToken(), renewed.getRefreshToken());
		tenant.revokeToken(renewed.getRefreshToken()).execute();
		APIException over = assertThrows(APIException.class, () -> tenant.renewAuth(renewed.getRefreshToken()).execute());
		assertEquals("invalid_grant", over.getError());
		assertEquals("Unknown or invalid refresh token.", over.getDescription());
	}

	@Test
	void renewsAndRevokesAtTheBridgeWithoutASecret() throws Exception {
		String opened = Sandbox.open(Sandbox.BRIDGE, Sandbox.passkeyToken()).body();
		TokenHolder renewed = bridge.renewAuth(Sandbox.member(opened, "refresh_token")).execute().getBody();
		verify(renewed.getIdToken());
		bridge.revokeToken(renewed.getRefreshToken()).execute();
		APIException over = assertThrows(APIException.class, () -> bridge.renewAuth(renewed.getRefreshToken()).execute());
		assertEquals("invalid_grant", over.getError());
	}

	@Test
	void refusesAnIdTokenOfAnotherAudience() throws Exception {
		String idToken = login(Sandbox.passkeyToken()).getIdToken();
		assertThrows(IdTokenValidationException.class, () -> verifier("another-client").verify(idToken));
	}

	@Test
	void managementReadsTheApplicationAndTheConnection() {
		GetClientResponseContent app = management.clients().get(Sandbox.CLIENT_ID);
		assertEquals(Optional.of("Native Bridge"), app.getName());
		assertTrue(app.getGrantTypes().orElseThrow().contains("http://auth0.com/oauth/grant-type/password-realm"));
		List<String> connections = StreamSupport.stream(management.connections().list().spliterator(), false)
				.map(ConnectionForList::getName).flatMap(Optional::stream).toList();
		assertTrue(connections.contains(Sandbox.env("CONNECTION")), connections::toString);
	}

	@Test
	void managementChangesTheApplication() {
		Optional<List<String>> before = management.clients().get(Sandbox.CLIENT_ID).getCallbacks();
		List<String> callbacks = List.of("https://app.example.com/callback");
		management.clients().update(Sandbox.CLIENT_ID, UpdateClientRequestContent.builder().callbacks(callbacks).build());
		assertEquals(Optional.of(callbacks), management.clients().get(Sandbox.CLIENT_ID).getCallbacks());
		management.clients().update(Sandbox.CLIENT_ID, UpdateClientRequestContent.builder().callbacks(before.orElse(List.of())).build());
	}

	@Test
	void managementListsAndEndsTheRefreshTokensOfAUser() throws Exception {
		TokenHolder session = login(Sandbox.passkeyToken());
		var tokens = management.users().refreshToken().list("auth0|jane");
		assertTrue(tokens.iterator().hasNext());
		management.users().refreshToken().delete("auth0|jane");
		APIException over = assertThrows(APIException.class, () -> tenant.renewAuth(session.getRefreshToken()).execute());
		assertEquals("invalid_grant", over.getError());
	}

	@Test
	void managementIsToldWhatIsNotThere() {
		ManagementApiException missing = assertThrows(ManagementApiException.class, () -> management.clients().get("nobody"));
		assertEquals(404, missing.statusCode());
	}

	@Test
	void managementWithAWrongSecretGetsNothing() {
		ManagementApi stranger = ManagementApi.builder().domain(Sandbox.env("AUTH0_DOMAIN"))
				.clientCredentials(Sandbox.env("MANAGEMENT_ID"), "wrong").maxRetries(0).build();
		assertThrows(RuntimeException.class, () -> stranger.clients().get(Sandbox.CLIENT_ID));
	}

	private TokenHolder login(String token) throws com.auth0.exception.Auth0Exception {
		return login("auth0|jane", token);
	}

	private TokenHolder login(String user, String token) throws com.auth0.exception.Auth0Exception {
		return tenant.login(user, token.toCharArray(), Sandbox.env("CONNECTION"))
				.setScope(SCOPE).setAudience(Sandbox.AUDIENCE).execute().getBody();
	}

	private static void verify(String idToken) throws IdTokenValidationException {
		verifier(Sandbox.CLIENT_ID).verify(idToken);
	}

	/** Takes the keys from the bridge. */
	private static IdTokenVerifier verifier(String audience) {
		JwkProvider keys = new UrlJwkProvider(url(Sandbox.BRIDGE + "/.well-known/jwks.json"));
		SignatureVerifier signature = SignatureVerifier.forRS256(id -> {
			try {
				return (java.security.interfaces.RSAPublicKey) keys.get(id).getPublicKey();
			} catch (JwkException e) {
				throw new PublicKeyProviderException("no key", e);
			}
		});
		return IdTokenVerifier.init(Sandbox.ISSUER, audience, signature).build();
	}

	private static java.net.URL url(String address) {
		try {
			return java.net.URI.create(address).toURL();
		} catch (java.net.MalformedURLException e) {
			throw new IllegalArgumentException(e);
		}
	}
}
