package com.auth0.android.provider;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import com.auth0.android.authentication.AuthenticationAPIClient;
import com.auth0.android.callback.Callback;
import com.auth0.android.request.internal.Jwt;

import org.robolectric.shadows.ShadowLooper;

/**
 * What the SDK does with the ID token of a sign-in by browser: it fetches the keys of its domain and checks signature and
 * claims. The classes are the SDK's own and not public, hence this package.
 */
public final class Signatures {
	private Signatures() {
	}

	/** Returns if the token is good, and fails as the SDK does if it is not. */
	public static void verify(AuthenticationAPIClient api, String idToken, String issuer, String audience)
			throws TokenValidationException, InterruptedException, TimeoutException {
		CompletableFuture<SignatureVerifier> fetched = new CompletableFuture<>();
		Jwt jwt = new Jwt(idToken);
		SignatureVerifier.forAsymmetricAlgorithm(jwt.getKeyId(), api, new Callback<SignatureVerifier, TokenValidationException>() {
			@Override
			public void onSuccess(SignatureVerifier verifier) {
				fetched.complete(verifier);
			}

			@Override
			public void onFailure(TokenValidationException e) {
				fetched.completeExceptionally(e);
			}
		});
		try {
			new IdTokenVerifier().verify(jwt, new IdTokenVerificationOptions(issuer, audience, awaited(fetched)), true);
		} catch (ExecutionException e) {
			throw (TokenValidationException) e.getCause();
		}
	}

	/** The SDK answers on the main thread, which here is the test's own. */
	private static SignatureVerifier awaited(CompletableFuture<SignatureVerifier> fetched)
			throws ExecutionException, InterruptedException, TimeoutException {
		for (int i = 0; i < 300 && !fetched.isDone(); i++) {
			ShadowLooper.idleMainLooper();
			try {
				return fetched.get(100, TimeUnit.MILLISECONDS);
			} catch (TimeoutException e) {
				continue;
			}
		}
		return fetched.get(0, TimeUnit.SECONDS);
	}
}
