package spring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;

import witness.Kind;
import witness.Sandbox;

/** A back end by docs/resource-servers.md: its settings are read from that page, and its code is what stands there. */
@Kind("Spring Security 7.0.6")
class ResourceServerTest {
	private static final Path PAGE = Path.of(Sandbox.env("DOCS"), "resource-servers.md");

	private static ConfigurableApplicationContext api;
	private static String address;

	@BeforeAll
	static void startByTheDocuments() throws IOException {
		String settings = block("yaml").replace("https://example.eu.auth0.com/", Sandbox.ISSUER)
				.replace("https://bridge.example.com", Sandbox.BRIDGE).replace("https://api.example.com", Sandbox.AUDIENCE);
		Path file = Files.createTempFile("application", ".yaml");
		Files.writeString(file, settings);
		api = new SpringApplicationBuilder(Api.class).web(WebApplicationType.SERVLET).properties(
				"spring.config.location=" + file.toUri(), "server.port=0", "spring.main.banner-mode=off", "logging.level.root=error").run();
		Files.delete(file);
		address = "http://127.0.0.1:" + ((WebServerApplicationContext) api).getWebServer().getPort();
	}

	@AfterAll
	static void stop() {
		api.close();
	}

	@Test
	void isWhatTheDocumentsShow() throws IOException {
		String source = Files.readString(Path.of("src/test/java/spring/Api.java"));
		assertTrue(source.endsWith(block("java")), "docs/resource-servers.md shows other code than Api.java");
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

	private static String session(String member) {
		return Sandbox.member(Sandbox.open(Sandbox.BRIDGE, Sandbox.passkeyToken()).body(), member);
	}

	/** Returns the page's first block of code in a language. */
	private static String block(String language) throws IOException {
		Matcher found = Pattern.compile("(?s)```" + language + "\n(.*?)```").matcher(Files.readString(PAGE));
		assertTrue(found.find(), "docs/resource-servers.md has no block of " + language);
		return found.group(1);
	}
}
