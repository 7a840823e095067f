package nimbus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.oauth2.sdk.AuthorizationGrant;
import com.nimbusds.oauth2.sdk.ErrorObject;
import com.nimbusds.oauth2.sdk.GeneralException;
import com.nimbusds.oauth2.sdk.RefreshTokenGrant;
import com.nimbusds.oauth2.sdk.Scope;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.TokenRevocationRequest;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.token.RefreshToken;
import com.nimbusds.oauth2.sdk.token.TokenTypeURI;
import com.nimbusds.oauth2.sdk.token.TypelessAccessToken;
import com.nimbusds.oauth2.sdk.tokenexchange.TokenExchangeGrant;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponseParser;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import com.nimbusds.openid.connect.sdk.token.OIDCTokens;
import com.nimbusds.openid.connect.sdk.validators.IDTokenValidator;

import witness.Kind;
import witness.Sandbox;

/** A client that configures itself by the bridge's metadata, as docs/mobile/oauth-clients.md shows it. */
@Kind("Nimbus oauth2-oidc-sdk 11.39")
class NimbusClientTest {
	private static final ClientID CLIENT = new ClientID(Sandbox.CLIENT_ID);

	private OIDCProviderMetadata metadata;

	@BeforeEach
	void configureItself() throws Exception {
		metadata = OIDCProviderMetadata.resolve(new Issuer(Sandbox.ISSUER),
				URI.create(Sandbox.BRIDGE).toURL());
	}

	@Test
	void refusesTheMetadataIfOneAddressIsToBeBoth() {
		assertThrows(GeneralException.class, () -> OIDCProviderMetadata.resolve(new Issuer(Sandbox.BRIDGE)));
	}

	@Test
	void exchanges() throws Exception {
		OIDCTokens session = opened(Sandbox.passkeyToken());
		assertEquals(new Scope("openid", "offline_access"), session.getAccessToken().getScope());
		assertEquals("auth0|jane", session.getIDToken().getJWTClaimsSet().getSubject());
	}

	@Test
	void validatesTheIdTokenByTheBridgesKeys() throws Exception {
		OIDCTokens session = opened(Sandbox.passkeyToken());
		assertEquals("auth0|jane", validator(CLIENT).validate(session.getIDToken(), null).getSubject().getValue());
		assertThrows(BadJOSEException.class, () -> validator(new ClientID("another")).validate(session.getIDToken(), null));
	}

	@Test
	void isToldThatTheTokenIsSpent() throws Exception {
		String token = Sandbox.passkeyToken();
		opened(token);
		ErrorObject error = refused(exchange(token), null);
		assertEquals("invalid_request", error.getCode());
		assertEquals(400, error.getHTTPStatusCode());
	}

	@Test
	void isToldThatAScopeIsNotOffered() throws Exception {
		ErrorObject error = refused(exchange(Sandbox.passkeyToken()), new Scope("admin"));
		assertEquals("invalid_scope", error.getCode());
	}

	@Test
	void renews() throws Exception {
		RefreshToken first = opened(Sandbox.passkeyToken()).getRefreshToken();
		OIDCTokens renewed = tokens(send(new RefreshTokenGrant(first), null));
		assertNotEquals(first, renewed.getRefreshToken());
		validator(CLIENT).validate(renewed.getIDToken(), null);
	}

	@Test
	void revokes() throws Exception {
		RefreshToken token = opened(Sandbox.passkeyToken()).getRefreshToken();
		var answer = new TokenRevocationRequest(metadata.getRevocationEndpointURI(), CLIENT, token).toHTTPRequest().send();
		assertEquals(200, answer.getStatusCode());
		assertEquals("invalid_grant", refused(new RefreshTokenGrant(token), null).getCode());
	}

	private IDTokenValidator validator(ClientID client) throws Exception {
		return new IDTokenValidator(metadata.getIssuer(), client, JWSAlgorithm.RS256, metadata.getJWKSetURI().toURL());
	}

	private OIDCTokens opened(String token) throws Exception {
		return tokens(send(exchange(token), new Scope("openid", "offline_access")));
	}

	private static TokenExchangeGrant exchange(String token) throws Exception {
		return new TokenExchangeGrant(new TypelessAccessToken(token), TokenTypeURI.parse(Sandbox.CHALLENGE));
	}

	private TokenResponse send(AuthorizationGrant grant, Scope scope) throws Exception {
		TokenRequest request = new TokenRequest(metadata.getTokenEndpointURI(), CLIENT, grant, scope);
		return OIDCTokenResponseParser.parse(request.toHTTPRequest().send());
	}

	private ErrorObject refused(AuthorizationGrant grant, Scope scope) throws Exception {
		TokenResponse answer = send(grant, scope);
		assertFalse(answer.indicatesSuccess());
		return answer.toErrorResponse().getErrorObject();
	}

	private static OIDCTokens tokens(TokenResponse answer) {
		assertTrue(answer.indicatesSuccess(), () -> answer.toErrorResponse().getErrorObject().toString());
		return answer.toSuccessResponse().getTokens().toOIDCTokens();
	}
}
