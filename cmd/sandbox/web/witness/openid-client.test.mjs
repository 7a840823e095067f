// A certified OpenID client, openid-client, against the bridge: it is told where the bridge's metadata is and a client id,
// finds the rest there, and speaks OAuth.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  allowInsecureRequests, ClientError, Configuration, discovery, enableNonRepudiationChecks, genericGrantRequest, None,
  refreshTokenGrant, ResponseBodyError, tokenRevocation,
} from 'openid-client';

import { claimsOf, during, sandbox, tokenOf } from './sandbox.mjs';

const { issuer, client_id: clientId } = sandbox.auth0;
const options = { execute: [allowInsecureRequests, enableNonRepudiationChecks] }; // the bridge is on loopback; TLS is a load balancer's
const bridge = await discovery(
  new URL(`${sandbox.bridge}/.well-known/openid-configuration`), // the whole address: its issuer is another
  clientId,
  undefined,
  None(), // a public client, as an app is
  options,
);

const accessToken = 'urn:ietf:params:oauth:token-type:access_token';

async function exchange(asked = {}, wish = {}) {
  return genericGrantRequest(bridge, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: await tokenOf(wish),
    subject_token_type: 'urn:authsignal:params:oauth:token-type:challenge',
    ...asked,
  });
}

const refusal = (status, error) => (thrown) => {
  assert.ok(thrown instanceof ResponseBodyError, String(thrown));
  assert.deepEqual({ status: thrown.status, error: thrown.error }, { status, error });
  return true;
};

describe('the metadata', () => {
  it('says who vouches for people, and where everything is', () => {
    const { issuer: found, token_endpoint, revocation_endpoint, jwks_uri } = bridge.serverMetadata();
    assert.deepEqual([found, token_endpoint, revocation_endpoint, jwks_uri], [
      issuer, `${sandbox.bridge}/oauth/token`, `${sandbox.bridge}/oauth/revoke`, `${sandbox.bridge}/.well-known/jwks.json`,
    ]);
  });

  it('is not taken if the address is taken for the issuer', () =>
    assert.rejects(discovery(new URL(sandbox.bridge), clientId, undefined, None(), options), ClientError));

  it('is taken by a client that looks at no ID token, which revokes', async () => {
    const oauthOnly = await discovery(new URL(sandbox.bridge), clientId, undefined, None(), { ...options, algorithm: 'oauth2' });
    assert.equal(oauthOnly.serverMetadata().issuer, sandbox.bridge);
    const session = await exchange({ scope: 'openid offline_access' });
    await tokenRevocation(oauthOnly, session.refresh_token);
    await assert.rejects(refreshTokenGrant(bridge, session.refresh_token), refusal(400, 'invalid_grant'));
  });
});

describe('token exchange', () => {
  it('becomes a session of the person', async () => {
    const session = await exchange({ scope: 'openid profile offline_access' });
    assert.deepEqual([session.token_type, session.issued_token_type], ['bearer', accessToken]);
    assert.deepEqual([session.claims().sub, session.claims().iss, session.claims().aud], ['auth0|jane', issuer, clientId]);
    assert.ok(session.refresh_token);
    assert.ok(session.expiresIn() > 86000);
  });

  it('gives what is offered where nothing is asked', async () => {
    assert.match((await exchange()).scope, /^openid /);
  });

  for (const [name, asked, wish, expected] of [
    ['a token that proves no sign-in', {}, { flaw: 'sign_up' }, refusal(400, 'invalid_request')],
    ['a scope that is not offered', { scope: 'admin' }, {}, refusal(400, 'invalid_scope')],
    ['an audience that is not offered', { audience: 'https://no.example' }, {}, refusal(400, 'invalid_target')],
    ['an organization', { organization: 'org_1' }, {}, refusal(400, 'invalid_target')],
    ['another token type', { subject_token_type: accessToken }, {}, refusal(400, 'invalid_request')],
    ['an actor', { actor_token: 'x', actor_token_type: accessToken }, {}, refusal(400, 'invalid_request')],
  ]) {
    it(`refuses ${name}`, () => assert.rejects(exchange(asked, wish), expected));
  }

  it('refuses a proof that was used', async () => {
    const subject_token = await tokenOf();
    await exchange({ subject_token });
    await assert.rejects(exchange({ subject_token }), refusal(400, 'invalid_request'));
  });

  it('refuses another client', async () => {
    const stranger = new Configuration(bridge.serverMetadata(), 'somebody-else', undefined, None());
    allowInsecureRequests(stranger);
    await assert.rejects(refreshTokenGrant(stranger, 'x'), (thrown) => thrown.status === 401);
  });

  it('is told when somebody is away', () =>
    during('auth0', { inject: [{ kind: 'server_error', status: 503 }] }, () =>
      assert.rejects(exchange(), ({ cause }) => cause.status === 503 && Number(cause.headers.get('retry-after')) > 0)));
});

describe('refresh token', () => {
  it('renews the session and is rotated', async () => {
    const session = await exchange({ scope: 'openid offline_access' });
    const renewed = await refreshTokenGrant(bridge, session.refresh_token);
    assert.equal(claimsOf(renewed.id_token).sub, 'auth0|jane');
    assert.notEqual(renewed.refresh_token, session.refresh_token);
    await assert.rejects(refreshTokenGrant(bridge, session.refresh_token), refusal(400, 'invalid_grant'));
  });

  it('is good for nothing once it is revoked', async () => {
    const session = await exchange({ scope: 'openid offline_access' });
    await tokenRevocation(bridge, session.refresh_token);
    await assert.rejects(refreshTokenGrant(bridge, session.refresh_token), (thrown) => {
      assert.equal(thrown.error_description, 'Unknown or invalid refresh token.');
      return refusal(400, 'invalid_grant')(thrown);
    });
  });

  it('that is unknown can be revoked', () => tokenRevocation(bridge, 'nobody-knows-it'));
});
