// oauth4webapi, which runs in browsers and workers too: it is told the bridge's address and the issuer, and finds the
// rest in the bridge's metadata.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as oauth from 'oauth4webapi';

import { sandbox, tokenOf } from './sandbox.mjs';

const { issuer, client_id } = sandbox.auth0;
const client = { client_id };
const http = { [oauth.allowInsecureRequests]: true }; // the bridge is on loopback; TLS is a load balancer's
const address = new URL(sandbox.bridge);

const found = (algorithm) => oauth.discoveryRequest(address, { ...http, algorithm });
const bridge = await oauth.processDiscoveryResponse(new URL(issuer), await found('oidc'));

async function exchange() {
  const parameters = {
    subject_token: await tokenOf(), subject_token_type: 'urn:authsignal:params:oauth:token-type:challenge', scope: 'openid offline_access',
  };
  return oauth.genericTokenEndpointRequest(bridge, client, oauth.None(), 'urn:ietf:params:oauth:grant-type:token-exchange', parameters, http);
}
const renewal = (refreshToken, as = bridge) => oauth.refreshTokenGrantRequest(as, client, oauth.None(), refreshToken, http);

describe('a client that takes openid-configuration', () => {
  it('exchanges, renews and validates every ID token', async () => {
    const answer = await exchange();
    const opened = await oauth.processGenericTokenEndpointResponse(bridge, client, answer);
    await oauth.validateApplicationLevelSignature(bridge, answer, http);
    assert.deepEqual([oauth.getValidatedIdTokenClaims(opened).sub, oauth.getValidatedIdTokenClaims(opened).iss], ['auth0|jane', issuer]);

    const again = await renewal(opened.refresh_token);
    const renewed = await oauth.processRefreshTokenResponse(bridge, client, again);
    await oauth.validateApplicationLevelSignature(bridge, again, http);
    assert.equal(oauth.getValidatedIdTokenClaims(renewed).sub, 'auth0|jane');
    assert.notEqual(renewed.refresh_token, opened.refresh_token);
  });

  it('revokes', async () => {
    const { refresh_token } = await oauth.processGenericTokenEndpointResponse(bridge, client, await exchange());
    await oauth.processRevocationResponse(await oauth.revocationRequest(bridge, client, oauth.None(), refresh_token, http));
    await assert.rejects(async () => oauth.processRefreshTokenResponse(bridge, client, await renewal(refresh_token)), { error: 'invalid_grant' });
  });

  it('is refused by its own check if it takes the address for the issuer', async () => {
    await assert.rejects(async () => oauth.processDiscoveryResponse(address, await found('oidc')), { code: oauth.JSON_ATTRIBUTE_COMPARISON });
  });
});

describe('a client that takes oauth-authorization-server', () => {
  it('finds the issuer to be the address, as RFC 8414 wants', async () => {
    const as = await oauth.processDiscoveryResponse(address, await found('oauth2'));
    assert.deepEqual({ ...as, issuer }, bridge);
  });

  it('must be told the issuer of the ID tokens', async () => {
    const as = await oauth.processDiscoveryResponse(address, await found('oauth2'));
    const { refresh_token } = await oauth.processGenericTokenEndpointResponse(bridge, client, await exchange());
    const answer = await renewal(refresh_token, as);
    await assert.rejects(oauth.processRefreshTokenResponse(as, client, answer.clone()), { code: oauth.JWT_CLAIM_COMPARISON });
    const renewed = await oauth.processRefreshTokenResponse({ ...as, issuer }, client, answer);
    assert.equal(oauth.getValidatedIdTokenClaims(renewed).sub, 'auth0|jane');
  });
});
