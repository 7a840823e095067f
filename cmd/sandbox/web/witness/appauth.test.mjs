// AppAuth-JS, of the OpenID Foundation: it is told the bridge's address. Its modules are for bundlers, so esbuild bundles them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import { claimsOf, sandbox, tokenOf } from './sandbox.mjs';

const { outputFiles: [bundle] } = await build({
  entryPoints: [fileURLToPath(import.meta.resolve('@openid/appauth'))], bundle: true, format: 'esm', platform: 'browser', write: false, logLevel: 'error',
});
const {
  AppAuthError, AuthorizationServiceConfiguration, BaseTokenRequestHandler, FetchRequestor, RevokeTokenRequest, setFlag, TokenRequest,
} = await import(`data:text/javascript;base64,${Buffer.from(bundle.contents).toString('base64')}`);
setFlag('IS_LOG', false);

const requestor = new FetchRequestor();
const client = { client_id: sandbox.auth0.client_id, redirect_uri: 'https://app.example.com' };
const bridge = await AuthorizationServiceConfiguration.fetchFromIssuer(sandbox.bridge, requestor);
const tokens = new BaseTokenRequestHandler(requestor);

async function exchange() {
  return tokens.performTokenRequest(bridge, new TokenRequest({
    ...client,
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    extras: { subject_token: await tokenOf(), subject_token_type: 'urn:authsignal:params:oauth:token-type:challenge', scope: 'openid offline_access' },
  }));
}
const renew = (refreshToken) => tokens.performTokenRequest(bridge, new TokenRequest({ ...client, grant_type: 'refresh_token', refresh_token: refreshToken }));

describe('an app on AppAuth', () => {
  it('exchanges and renews', async () => {
    const opened = await exchange();
    assert.ok(opened.isValid());
    const renewed = await renew(opened.refreshToken);
    assert.equal(claimsOf(renewed.idToken).sub, 'auth0|jane');
    assert.notEqual(renewed.refreshToken, opened.refreshToken);
  });

  it('revokes', async () => {
    const { refreshToken } = await exchange();
    assert.ok(await tokens.performRevokeTokenRequest(bridge, new RevokeTokenRequest({ ...client, token: refreshToken, token_type_hint: 'refresh_token' })));
    await assert.rejects(renew(refreshToken), AppAuthError);
  });
});
