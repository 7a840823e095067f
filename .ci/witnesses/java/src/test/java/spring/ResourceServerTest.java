package spring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;

import com.auth0.client.mgmt.ManagementApi;
import com.auth0.client.mgmt.types.ResourceServerTokenDialectSchemaEnum;
import com.auth0.client.mgmt.types.UpdateResourceServerRequestContent;

import rfc9068.AccessTokens;
import witness.Kind;
import witness.Sandbox;

/** A back end by docs/resource-servers.md: its settings are read from that page, and its code is what stands there. */
@Kind("Spring Security 7.0.6")
class ResourceServerTest {
	private static final Path PAGE = Path.of(Sandbox.env("DOCS"), "resource-servers.md");

	private static final ManagementApi TENANT = ManagementApi.builder().domain(Sandbox.env("AUTH0_DOMAIN"))
			.clientCredentials(Sandbox.env("MANAGEMENT_ID"), Sandbox.env("MANAGEMENT_SECRET")).build();

	private static final List<ConfigurableApplicationContext> RUNNING = new ArrayList<>();
	private static String address;
	private static String addressOfRFC9068;
	private static String addressForAnotherApp;

	@BeforeAll
	static void startByTheDocuments() throws IOException {
		address = start(Sandbox.CLIENT_ID, Api.class);
		addressOfRFC9068 = start(Sandbox.CLIENT_ID, Api.class, AccessTokens.class);
		addressForAnotherApp = start("another-client", Api.class, AccessTokens.class);
	}

	private static String start(String client, Class<?>... sources) throws IOException {
		String settings = block("yaml", 0).replace("https://example.eu.auth0.com/", Sandbox.ISSUER)
				.replace("https://bridge.example.com", Sandbox.BRIDGE).replace("https://api.example.com", Sandbox.AUDIENCE);
		Path file = Files.createTempFile("application", ".yaml");
		Files.writeString(file, settings);
		ConfigurableApplicationContext api = new SpringApplicationBuilder(sources).web(WebApplicationType.SERVLET).properties(
				"spring.config.location=" + file.toUri(), "server.port=0", "spring.main.banner-mode=off", "logging.level.root=error",
				"app.client-id=" + client).run();
		RUNNING.add(api);
		Files.delete(file);
		return "http://127.0.0.1:" + ((WebServerApplicationContext) api).getWebServer().getPort();
	}

	@AfterAll
	static void stop() {
		RUNNING.forEach(ConfigurableApplicationContext::close);
	}

	@Test
	void isWhatTheDocumentsShow() throws IOException {
		for (String[] shown : new String[][] { { "spring/Api.java", block("java", 0) }, { "rfc9068/AccessTokens.java", block("java", 1) } }) {
			String source = Files.readString(Path.of("src/test/java").resolve(shown[0]));
			assertTrue(source.endsWith("\n\n" + shown[1]), "docs/resource-servers.md shows other code than " + shown[0]);
		}
	}

	@Test
	void acceptsTheAccessTokenOfASession() {
		HttpResponse<String> answer = Sandbox.get(address + "/me", session("access_token"));
		assertEquals(200, answer.statusCode(), answer.headers()::toString);
		assertEquals("auth0|jane", answer.body());
	}

	@Test
	void acceptsTheAccessTokenOfARenewal() {
		String refresh = session("refresh_token");
		HttpResponse<String> renewed = Sandbox.renew(refresh);
		assertEquals(200, Sandbox.get(address + "/me", Sandbox.member(renewed.body(), "access_token")).statusCode());
	}

	@Test
	void refusesTheIdToken() {
		HttpResponse<String> answer = Sandbox.get(address + "/me", session("id_token"));
		assertEquals(401, answer.statusCode());
		assertTrue(answer.headers().firstValue("WWW-Authenticate").orElse("").contains("aud"), answer.headers()::toString);
	}

	@Test
	void refusesATokenThatWasChanged() {
		String[] parts = session("access_token").split("\\.");
		String other = session("id_token").split("\\.")[1];
		assertEquals(401, Sandbox.get(address + "/me", parts[0] + "." + other + "." + parts[2]).statusCode());
	}

	@Test
	void refusesThePasskeyTokenItself() {
		assertEquals(401, Sandbox.get(address + "/me", Sandbox.passkeyToken()).statusCode());
	}

	@Test
	void refusesWhoHasNoToken() {
		assertEquals(401, Sandbox.get(address + "/me", null).statusCode());
	}

	@Test
	void refusesAScopeThatTheSessionDoesNotHave() {
		assertEquals(403, Sandbox.get(address + "/admin", session("access_token")).statusCode());
	}

	@Test
	void needsADecoderForAccessTokensOfRFC9068() {
		String ofAuth0 = session("access_token");
		dialect(ResourceServerTokenDialectSchemaEnum.RFC9068PROFILE);
		try {
			String ofRFC9068 = session("access_token");
			assertEquals(401, Sandbox.get(address + "/me", ofRFC9068).statusCode());
			HttpResponse<String> answer = Sandbox.get(addressOfRFC9068 + "/me", ofRFC9068);
			assertEquals(200, answer.statusCode(), answer.headers()::toString);
			assertEquals("auth0|jane", answer.body());
			assertEquals(403, Sandbox.get(addressOfRFC9068 + "/admin", ofRFC9068).statusCode());
			assertEquals(401, Sandbox.get(addressOfRFC9068 + "/me", session("id_token")).statusCode());
			assertEquals(401, Sandbox.get(addressOfRFC9068 + "/me", ofAuth0).statusCode());
			assertEquals(401, Sandbox.get(addressForAnotherApp + "/me", ofRFC9068).statusCode());
		} finally {
			dialect(ResourceServerTokenDialectSchemaEnum.ACCESS_TOKEN);
		}
	}

	/** Sets the profile of the API's access tokens, as an operator does. */
	private static void dialect(ResourceServerTokenDialectSchemaEnum dialect) {
		TENANT.resourceServers().update(Sandbox.AUDIENCE, UpdateResourceServerRequestContent.builder().tokenDialect(dialect).build());
	}

	private static String session(String member) {
		return Sandbox.member(Sandbox.open(Sandbox.BRIDGE, Sandbox.passkeyToken()).body(), member);
	}

	/** Returns a block of code of the page by its language, and how many of that come before it. */
	private static String block(String language, int before) throws IOException {
		Matcher found = Pattern.compile("(?s)```" + language + "\n(.*?)```").matcher(Files.readString(PAGE));
		List<String> blocks = found.results().map(block -> block.group(1)).toList();
		assertTrue(blocks.size() > before, "docs/resource-servers.md has too few blocks of " + language);
		return blocks.get(before);
	}
}
