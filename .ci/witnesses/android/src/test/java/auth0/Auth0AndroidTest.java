package auth0;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.util.Date;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.ConscryptMode;

import com.auth0.android.Auth0;
import com.auth0.android.authentication.AuthenticationAPIClient;
import com.auth0.android.authentication.AuthenticationException;
import com.auth0.android.authentication.storage.CredentialsManager;
import com.auth0.android.authentication.storage.CredentialsManagerException;
import com.auth0.android.callback.Callback;
import com.auth0.android.provider.Signatures;
import com.auth0.android.provider.TokenValidationException;
import com.auth0.android.request.AuthenticationRequest;
import com.auth0.android.request.DefaultClient;
import com.auth0.android.result.Credentials;

import witness.Front;
import witness.Kind;
import witness.Sandbox;

/** The SDK as docs/mobile/android.md sets it up, by TLS. README.md says which version, and why. */
@Kind("Auth0.Android 2.10.2")
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 29, manifest = Config.NONE)
@ConscryptMode(ConscryptMode.Mode.OFF) // Java's own TLS, which trusts the test's certificate
public class Auth0AndroidTest {
	private static final String SCOPE = "openid profile email offline_access";

	private Front front;
	private AuthenticationAPIClient api;
	private Memory memory;
	private CredentialsManager manager;

	@Before
	public void pointTheSDKAtTheBridge() throws Exception {
		front = new Front();
		Auth0 bridge = new Auth0(Sandbox.CLIENT_ID, front.domain());
		bridge.setNetworkingClient(new DefaultClient(10, 15, java.util.Map.of(), false));
		api = new AuthenticationAPIClient(bridge);
		memory = new Memory();
		manager = new CredentialsManager(api, memory);
	}

	@After
	public void mendEverything() {
		Sandbox.scenario("all_well");
		front.close();
	}

	@Test
	public void exchangesThePasskeyTokenForASession() throws Exception {
		Credentials session = exchange(Sandbox.passkeyToken()).execute();
		assertEquals("Bearer", session.getType());
		assertEquals(SCOPE, session.getScope());
		assertEquals("auth0|jane", session.getUser().getId());
		assertTrue(session.getExpiresAt().after(new Date(System.currentTimeMillis() + 60_000)));
		assertTrue(session.getRefreshToken() != null && !session.getRefreshToken().isEmpty());
	}

	@Test
	public void validatesTheClaimsOfTheExchangeWhenItIsToldTheIssuer() throws Exception {
		Credentials session = exchange(Sandbox.passkeyToken()).validateClaims()
				.withIdTokenVerificationIssuer(Sandbox.ISSUER).execute();
		assertEquals("auth0|jane", session.getUser().getId());
	}

	@Test
	public void refusesTheIssuerWhenItIsNotToldAnyAndTheTokenIsSpent() throws Exception {
		String token = Sandbox.passkeyToken();
		AuthenticationException refused = assertThrows(AuthenticationException.class, () -> exchange(token).validateClaims().execute());
		assertTrue(refused.isIdTokenValidationError());
		AuthenticationException spent = assertThrows(AuthenticationException.class, () -> exchange(token).execute());
		assertEquals("invalid_request", spent.getCode());
	}

	@Test
	public void validatesTheSignatureByTheBridgesKeys() throws Exception {
		String idToken = exchange(Sandbox.passkeyToken()).execute().getIdToken();
		Signatures.verify(api, idToken, Sandbox.ISSUER, Sandbox.CLIENT_ID);
		char other = idToken.charAt(idToken.length() - 20) == 'A' ? 'B' : 'A';
		String forged = idToken.substring(0, idToken.length() - 20) + other + idToken.substring(idToken.length() - 19);
		assertThrows(TokenValidationException.class, () -> Signatures.verify(api, forged, Sandbox.ISSUER, Sandbox.CLIENT_ID));
	}

	@Test
	public void isToldThatATokenThatWasUsedNeedsANewCeremony() throws Exception {
		String token = Sandbox.passkeyToken();
		exchange(token).execute();
		AuthenticationException used = assertThrows(AuthenticationException.class, () -> exchange(token).execute());
		assertEquals(400, used.getStatusCode());
		assertEquals("invalid_request", used.getCode());
		assertFalse(used.isNetworkError());
	}

	@Test
	public void renewsByTheRefreshTokenAndGetsAnother() throws Exception {
		Credentials session = exchange(Sandbox.passkeyToken()).execute();
		Credentials renewed = api.renewAuth(session.getRefreshToken()).execute();
		assertEquals("auth0|jane", renewed.getUser().getId());
		assertNotEquals(session.getRefreshToken(), renewed.getRefreshToken());
	}

	@Test
	public void revokesAndKnowsThatTheSessionIsOver() throws Exception {
		Credentials session = exchange(Sandbox.passkeyToken()).execute();
		api.revokeToken(session.getRefreshToken()).execute();
		AuthenticationException over = assertThrows(AuthenticationException.class, () -> api.renewAuth(session.getRefreshToken()).execute());
		assertTrue(over.isInvalidRefreshToken());
	}

	@Test
	public void managerStoresASession() throws Exception {
		Credentials session = exchange(Sandbox.passkeyToken()).execute();
		manager.saveCredentials(session);
		assertTrue(manager.hasValidCredentials());
		assertEquals(session.getAccessToken(), credentials().getAccessToken());
	}

	@Test
	public void managerRenewsASessionThatHasExpiredAndStoresTheNewRefreshToken() throws Exception {
		Credentials session = expired(exchange(Sandbox.passkeyToken()).execute());
		manager.saveCredentials(session);
		Credentials renewed = credentials();
		assertNotEquals(session.getRefreshToken(), renewed.getRefreshToken());
		assertTrue(memory.values.containsValue(renewed.getRefreshToken()));
		assertTrue(manager.hasValidCredentials());
	}

	@Test
	public void managerFailsForGoodWhenTheSessionIsOverAndForgetsItWhenTheAppSaysSo() throws Exception {
		Credentials session = expired(exchange(Sandbox.passkeyToken()).execute());
		manager.saveCredentials(session);
		api.revokeToken(session.getRefreshToken()).execute();
		CredentialsManagerException over = failure();
		assertTrue(((AuthenticationException) over.getCause()).isInvalidRefreshToken());
		assertTrue("it forgets by itself: say so in docs/mobile/android.md", memory.values.containsValue(session.getRefreshToken()));
		manager.clearCredentials();
		assertFalse(manager.hasValidCredentials());
		assertTrue(memory.values.isEmpty());
	}

	@Test
	public void managerKeepsTheSessionWhileNobodyAnswersAndRenewsItAfterwards() throws Exception {
		Credentials session = expired(exchange(Sandbox.passkeyToken()).execute());
		manager.saveCredentials(session);
		Sandbox.scenario("auth0_down");
		CredentialsManagerException down = failure();
		assertEquals(503, ((AuthenticationException) down.getCause()).getStatusCode());
		assertTrue(memory.values.containsValue(session.getRefreshToken()));
		Sandbox.scenario("all_well");
		assertNotEquals(session.getRefreshToken(), credentials().getRefreshToken());
	}

	/**
	 * Asks for what customTokenExchange of 3.18 and newer does. This version builds the same request, under the name of what
	 * Auth0 used it for then.
	 */
	private AuthenticationRequest exchange(String token) {
		return api.loginWithNativeSocialToken(token, Sandbox.CHALLENGE).setScope(SCOPE);
	}

	private static Credentials expired(Credentials c) {
		Date past = new Date(System.currentTimeMillis() - 1000);
		return new Credentials(c.getIdToken(), c.getAccessToken(), c.getType(), c.getRefreshToken(), past, c.getScope());
	}

	private Credentials credentials() throws Exception {
		return asked().get(30, TimeUnit.SECONDS);
	}

	private CredentialsManagerException failure() {
		ExecutionException e = assertThrows(ExecutionException.class, () -> asked().get(30, TimeUnit.SECONDS));
		return (CredentialsManagerException) e.getCause();
	}

	private CompletableFuture<Credentials> asked() {
		CompletableFuture<Credentials> answer = new CompletableFuture<>();
		manager.getCredentials(new Callback<Credentials, CredentialsManagerException>() {
			@Override
			public void onSuccess(Credentials credentials) {
				answer.complete(credentials);
			}

			@Override
			public void onFailure(CredentialsManagerException e) {
				answer.completeExceptionally(e);
			}
		});
		return answer;
	}
}
