package witness;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The running sandbox, whose addresses the script 'jvm' has put into the environment. */
public final class Sandbox {
	public static final String BRIDGE = env("BRIDGE");
	public static final String ISSUER = env("ISSUER");
	public static final String AUDIENCE = env("AUDIENCE");
	public static final String CLIENT_ID = env("CLIENT_ID");
	public static final String CHALLENGE = "urn:authsignal:params:oauth:token-type:challenge";

	private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private Sandbox() {
	}

	public static String env(String name) {
		String value = System.getenv(name);
		if (value == null || value.isEmpty() || value.equals("null")) {
			throw new IllegalStateException(name + " is not set: run .ci/witnesses/run");
		}
		return value;
	}

	/** Returns a fresh token of Jane's passkey sign-in. */
	public static String passkeyToken() {
		return member(post(env("PAGE") + "/dev/token", "{\"user\":\"jane\"}").body(), "token");
	}

	/** Switches a scenario of docs/sandbox.md on; "all_well" switches all off. */
	public static void scenario(String id) {
		HttpResponse<String> answer = post(env("PAGE") + "/dev/scenario", "{\"id\":\"" + id + "\"}");
		if (answer.statusCode() >= 300) {
			throw new IllegalStateException(answer.statusCode() + " " + answer.body());
		}
	}

	/** Opens a session by POST /v1/sessions of a bridge, and returns the answer. */
	public static HttpResponse<String> open(String bridge, String token) {
		return post(bridge + "/v1/sessions", "{\"token\":\"" + token + "\"}");
	}

	/** Renews at the bridge, and returns the answer. */
	public static HttpResponse<String> renew(String refreshToken) {
		return post(BRIDGE + "/oauth/token", "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"" + refreshToken + "\"}");
	}

	/** Returns a member of a flat JSON object, if it is a string. */
	public static String member(String json, String name) {
		Matcher found = Pattern.compile("\"" + name + "\":\"([^\"]*)\"").matcher(json);
		if (!found.find()) {
			throw new IllegalStateException("no " + name + " in " + json);
		}
		return found.group(1);
	}

	public static HttpResponse<String> get(String url, String bearer) {
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url));
		if (bearer != null) {
			request.header("Authorization", "Bearer " + bearer);
		}
		return send(request.build());
	}

	private static HttpResponse<String> post(String url, String json) {
		return send(HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/json")
				.POST(HttpRequest.BodyPublishers.ofString(json)).build());
	}

	private static HttpResponse<String> send(HttpRequest request) {
		try {
			return HTTP.send(request, HttpResponse.BodyHandlers.ofString());
		} catch (IOException e) {
			throw new IllegalStateException(request.uri().toString(), e);
		} catch (InterruptedException e) {
			Thread.currentThread().interrupt();
			throw new IllegalStateException(e);
		}
	}
}
