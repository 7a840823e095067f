package witness;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.List;
import java.util.concurrent.Executors;

import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;

/** The TLS that an operator puts before the bridge: it passes each request on, and each answer back. */
public final class Front implements AutoCloseable {
	private static final List<String> ONE_HOP = List.of("host", "connection", "content-length", "transfer-encoding", "upgrade", "expect");

	private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
	private final HttpsServer server;

	public Front() throws IOException, GeneralSecurityException {
		char[] password = Sandbox.env("STORE_PASSWORD").toCharArray();
		KeyStore store = KeyStore.getInstance("PKCS12");
		try (InputStream file = Files.newInputStream(Path.of(Sandbox.env("KEY_STORE")))) {
			store.load(file, password);
		}
		KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
		keys.init(store, password);
		SSLContext tls = SSLContext.getInstance("TLS");
		tls.init(keys.getKeyManagers(), null, null);
		server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
		server.setHttpsConfigurator(new HttpsConfigurator(tls));
		server.setExecutor(Executors.newCachedThreadPool());
		server.createContext("/", this::passOn);
		server.start();
	}

	/** Returns host and port, which is what Auth0's SDKs call a domain. */
	public String domain() {
		return "localhost:" + server.getAddress().getPort();
	}

	private void passOn(HttpExchange exchange) throws IOException {
		try (exchange) {
			HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(Sandbox.BRIDGE + exchange.getRequestURI()))
					.method(exchange.getRequestMethod(), HttpRequest.BodyPublishers.ofByteArray(exchange.getRequestBody().readAllBytes()));
			exchange.getRequestHeaders().forEach((name, values) -> {
				if (!ONE_HOP.contains(name.toLowerCase())) {
					values.forEach(value -> request.header(name, value));
				}
			});
			HttpResponse<byte[]> answer = http.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
			answer.headers().map().forEach((name, values) -> {
				if (!ONE_HOP.contains(name.toLowerCase())) {
					values.forEach(value -> exchange.getResponseHeaders().add(name, value));
				}
			});
			exchange.sendResponseHeaders(answer.statusCode(), answer.body().length == 0 ? -1 : answer.body().length);
			exchange.getResponseBody().write(answer.body());
		} catch (InterruptedException e) {
			Thread.currentThread().interrupt();
		}
	}

	@Override
	public void close() {
		server.stop(0);
	}
}
