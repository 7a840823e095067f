package nimbus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import com.nimbusds.jose.EncryptionMethod;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWEAlgorithm;
import com.nimbusds.jose.JWEHeader;
import com.nimbusds.jose.JWEObject;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSObject;
import com.nimbusds.jose.Payload;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSAEncrypter;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.sun.net.httpserver.HttpServer;

import witness.Kind;
import witness.Sandbox;

/** A passkey provider whose keys the bridge trusts (IDENTITY_VERIFIER=jwt), and thieves who would like to be it. */
@Kind("nimbus-jose-jwt 10.10")
class MaliciousTokensTest {
	private static final String PROVIDER = "https://passkeys.example.com";
	private static final String APP = "app";

	private static RSAKey key;
	private static RSAKey thief;
	private static HttpServer keys;
	private static Process process;
	private static String bridge;

	@BeforeAll
	static void startABridgeThatTrustsTheProvider() throws Exception {
		key = new RSAKeyGenerator(2048).keyID("provider-1").algorithm(JWSAlgorithm.RS256).generate();
		thief = new RSAKeyGenerator(2048).keyID("provider-1").generate();
		keys = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
		keys.createContext("/jwks.json", exchange -> answer(exchange, new JWKSet(key.toPublicJWK()).toString()));
		keys.createContext("/thief.json", exchange -> answer(exchange, new JWKSet(thief.toPublicJWK()).toString()));
		keys.start();
		String address = "127.0.0.1:" + freePort();
		ProcessBuilder serve = new ProcessBuilder(Sandbox.env("NATIVE_BRIDGE"), "serve");
		serve.environment().keySet().removeIf(name -> name.startsWith("AUTH") || name.startsWith("OIDC_"));
		serve.environment().putAll(Map.ofEntries(
				Map.entry("IDENTITY_VERIFIER", "jwt"), Map.entry("JWT_ISSUER", PROVIDER), Map.entry("JWT_AUDIENCE", APP),
				Map.entry("JWT_JWKS_URL", keysAt("/jwks.json")), Map.entry("JWT_PASSKEY_AMR", "hwk"),
				Map.entry("TOKEN_ISSUER", "oidc"), Map.entry("OIDC_ISSUER", Sandbox.env("OIDC_ISSUER")),
				Map.entry("OIDC_CLIENT_ID", Sandbox.env("OIDC_CLIENT_ID")),
				Map.entry("OIDC_CLIENT_SECRET", Sandbox.env("OIDC_CLIENT_SECRET")),
				Map.entry("OIDC_ASSERTION_KEY", Sandbox.env("OIDC_ASSERTION_KEY")),
				Map.entry("LISTEN_ADDR", address), Map.entry("OPS_ADDR", "127.0.0.1:" + freePort()),
				Map.entry("STARTUP_CHECK", "off"), Map.entry("DRAIN_DELAY", "0s"), Map.entry("RATE_LIMITS", "off")));
		process = serve.redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.DISCARD).start();
		bridge = "http://" + address;
		opensASessionSoon();
	}

	@AfterAll
	static void stop() throws InterruptedException {
		keys.stop(0);
		process.destroy();
		assertTrue(process.waitFor(30, TimeUnit.SECONDS));
	}

	@Test
	void whatTheProviderSignsOpensOneSession() throws Exception {
		String token = signed(claims().build(), key);
		assertEquals(200, Sandbox.open(bridge, token).statusCode());
		HttpResponse<String> again = Sandbox.open(bridge, token);
		assertEquals("token_replayed", Sandbox.member(again.body(), "code"));
	}

	@ParameterizedTest(name = "no session for a token {0}")
	@MethodSource("thefts")
	void noSession(Theft theft) throws Exception {
		HttpResponse<String> answer = Sandbox.open(bridge, theft.token.make());
		assertEquals(401, answer.statusCode(), answer::body);
		assertEquals("token_rejected", Sandbox.member(answer.body(), "code"));
	}

	record Theft(String name, Token token) {
		@Override
		public String toString() {
			return name;
		}
	}

	interface Token {
		String make() throws JOSEException;
	}

	static List<Theft> thefts() {
		return List.of(
				new Theft("that is not signed (alg none)", () -> new PlainJWT(claims().build()).serialize()),
				new Theft("whose signature was taken off", () -> {
					String token = signed(claims().build(), key);
					return token.substring(0, token.lastIndexOf('.') + 1);
				}),
				new Theft("signed with the public key as an HMAC secret (DER)", () -> hmac(publicKey())),
				new Theft("signed with the public key as an HMAC secret (PEM)", () -> hmac(pem())),
				new Theft("of another key under the provider's key id", () -> signed(claims().build(), thief)),
				new Theft("that brings its own key along (jwk)", () -> signed(header().jwk(thief.toPublicJWK()).build(), thief)),
				new Theft("that names an address of its own key (jku)",
						() -> signed(header().jwkURL(URI.create(keysAt("/thief.json"))).build(), thief)),
				new Theft("whose key id leads out of a folder", () -> signed(new JWSHeader.Builder(JWSAlgorithm.RS256)
						.keyID("../../../../dev/null").build(), thief)),
				new Theft("with a critical header that nobody knows", () -> signed(header().criticalParams(Set.of("pay"))
						.customParam("pay", true).build(), key)),
				new Theft("with an algorithm that is not allowed (PS256)",
						() -> signed(new JWSHeader.Builder(JWSAlgorithm.PS256).keyID("provider-1").build(), key)),
				new Theft("whose payload was changed after it was signed", () -> {
					String[] parts = signed(claims().build(), key).split("\\.");
					return parts[0] + "." + base64(claims().subject("root").build().toString()) + "." + parts[2];
				}),
				new Theft("that is encrypted", () -> {
					JWEObject jwe = new JWEObject(new JWEHeader(JWEAlgorithm.RSA_OAEP_256, EncryptionMethod.A256GCM),
							new Payload(signed(claims().build(), key)));
					jwe.encrypt(new RSAEncrypter(key.toRSAPublicKey()));
					return jwe.serialize();
				}),
				new Theft("of another issuer", () -> signed(claims().issuer("https://evil.example.com").build(), key)),
				new Theft("of an issuer with a slash more", () -> signed(claims().issuer(PROVIDER + "/").build(), key)),
				new Theft("for another audience", () -> signed(claims().audience("other").build(), key)),
				new Theft("for nobody", () -> signed(claims().audience((String) null).build(), key)),
				new Theft("that has expired", () -> signed(claims().expirationTime(at(-60)).build(), key)),
				new Theft("that never expires", () -> signed(claims().expirationTime(null).build(), key)),
				new Theft("that is not valid yet", () -> signed(claims().notBeforeTime(at(300)).build(), key)),
				new Theft("of a ceremony long ago", () -> signed(claims().claim("auth_time", seconds(-3600)).build(), key)),
				new Theft("of a ceremony in an hour", () -> signed(claims().claim("auth_time", seconds(3600)).build(), key)),
				new Theft("of no ceremony", () -> signed(claims().claim("auth_time", null).build(), key)),
				new Theft("of a password", () -> signed(claims().claim("amr", List.of("pwd")).build(), key)),
				new Theft("that does not say how", () -> signed(claims().claim("amr", null).build(), key)),
				new Theft("of nobody", () -> signed(claims().subject(null).build(), key)),
				new Theft("of a user without a name", () -> signed(claims().subject("").build(), key)),
				new Theft("of two users", () -> signedText(claims().build().toString().replaceFirst("\\{", "{\"sub\":\"root\",")))
		);
	}

	/**
	 * The bridge refuses proofs from before its memory, which is as old as itself: docs/sandbox.md. It reads the provider's
	 * clock from its answers to within some two seconds, now more and now less. So if it takes a ceremony of three seconds
	 * ago, it takes all of those that follow.
	 */
	private static void opensASessionSoon() throws Exception {
		String last = "";
		for (int i = 0; i < 150; i++) {
			TimeUnit.MILLISECONDS.sleep(200);
			try {
				HttpResponse<String> answer = Sandbox.open(bridge, signed(claims().claim("auth_time", seconds(-3)).build(), key));
				if (answer.statusCode() == 200) {
					return;
				}
				last = answer.body();
			} catch (IllegalStateException e) {
				last = e.toString(); // it does not listen yet
			}
		}
		throw new AssertionError("the bridge opens no session: " + last);
	}

	private static JWTClaimsSet.Builder claims() {
		return new JWTClaimsSet.Builder().issuer(PROVIDER).audience(APP).subject("jane").jwtID(UUID.randomUUID().toString())
				.issueTime(at(0)).expirationTime(at(300)).claim("auth_time", seconds(0)).claim("amr", List.of("hwk"));
	}

	private static JWSHeader.Builder header() {
		return new JWSHeader.Builder(JWSAlgorithm.RS256).keyID("provider-1");
	}

	private static String signed(JWTClaimsSet claims, RSAKey by) throws JOSEException {
		return signed(header().build(), claims.toString(), by);
	}

	private static String signed(JWSHeader header, RSAKey by) throws JOSEException {
		return signed(header, claims().build().toString(), by);
	}

	private static String signedText(String claims) throws JOSEException {
		return signed(header().build(), claims, key);
	}

	private static String signed(JWSHeader header, String claims, RSAKey by) throws JOSEException {
		JWSObject token = new JWSObject(header, new Payload(claims));
		token.sign(new RSASSASigner(by));
		return token.serialize();
	}

	private static String hmac(byte[] secret) throws JOSEException {
		JWSObject token = new JWSObject(new JWSHeader.Builder(JWSAlgorithm.HS256).keyID("provider-1").build(),
				new Payload(claims().build().toString()));
		token.sign(new MACSigner(secret));
		return token.serialize();
	}

	private static byte[] publicKey() throws JOSEException {
		return key.toRSAPublicKey().getEncoded();
	}

	private static byte[] pem() throws JOSEException {
		return ("-----BEGIN PUBLIC KEY-----\n" + Base64.getMimeEncoder(64, new byte[] { '\n' }).encodeToString(publicKey())
				+ "\n-----END PUBLIC KEY-----\n").getBytes(StandardCharsets.US_ASCII);
	}

	private static String base64(String text) {
		return Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(StandardCharsets.UTF_8));
	}

	private static Date at(long seconds) {
		return Date.from(Instant.now().plusSeconds(seconds));
	}

	private static long seconds(long from) {
		return Instant.now().getEpochSecond() + from;
	}

	private static String keysAt(String path) {
		return "http://127.0.0.1:" + keys.getAddress().getPort() + path;
	}

	private static int freePort() throws IOException {
		try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
			return free.getLocalPort();
		}
	}

	private static void answer(com.sun.net.httpserver.HttpExchange exchange, String json) throws IOException {
		try (exchange) {
			byte[] body = json.getBytes(StandardCharsets.UTF_8);
			exchange.getResponseHeaders().set("Content-Type", "application/json");
			exchange.sendResponseHeaders(200, body.length);
			exchange.getResponseBody().write(body);
		}
	}
}
