// Auth0's SDK that speaks Custom Token Exchange, @auth0/auth0-auth-js, against the emulated tenant: an Authsignal token is
// the subject token, which the Action judges.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { AuthClient, TokenExchangeError } from '@auth0/auth0-auth-js';

import { claimsOf, during, rotateKeys, sandbox, tokenOf } from './sandbox.mjs';

const { domain, issuer, client_id: clientId, client_secret: clientSecret, audience } = sandbox.auth0;
const client = new AuthClient({ domain, clientId, clientSecret });

const exchange = (subjectToken, asked = {}, by = client) =>
  by.exchangeToken({ subjectTokenType: 'urn:native-bridge:authsignal:challenge', subjectToken, audience, scope: 'openid profile offline_access', ...asked });

const refusal = (statusCode, error, message = /./) => (thrown) => {
  assert.ok(thrown instanceof TokenExchangeError, String(thrown));
  assert.deepEqual([thrown.statusCode, thrown.cause.error], [statusCode, error]);
  assert.match(thrown.cause.error_description, message);
  return true;
};

describe('exchangeToken', () => {
  it('opens a session of the person', async () => {
    const session = await exchange(await tokenOf({ user: 'joe' }));
    const { iss, aud, sub } = session.claims;
    assert.deepEqual([iss, aud, sub], [issuer, clientId, 'auth0|joe']);
    assert.deepEqual([claimsOf(session.accessToken).sub, claimsOf(session.accessToken).aud[0]], ['auth0|joe', audience]);
    assert.equal(session.issuedTokenType, 'urn:ietf:params:oauth:token-type:access_token');
    assert.ok(session.expiresAt > Date.now() / 1000);
  });

  it('gives a refresh token that renews it', async () => {
    const { refreshToken } = await exchange(await tokenOf());
    const renewed = await client.getTokenByRefreshToken({ refreshToken });
    assert.equal(claimsOf(renewed.accessToken).sub, 'auth0|jane');
  });

  it('gives no ID token without openid and no refresh token without offline_access', async () => {
    const session = await exchange(await tokenOf(), { scope: 'profile' });
    assert.deepEqual([session.idToken, session.refreshToken], [undefined, undefined]);
  });

  it('goes on when the tenant signs with its next key', async () => {
    await exchange(await tokenOf());
    await rotateKeys();
    await exchange(await tokenOf());
  });

  for (const flaw of ['sign_up', 'expired', 'unverified', 'wrong_method', 'foreign_tenant', 'alg_none']) {
    it(`refuses a token with the flaw ${flaw}`, async () =>
      assert.rejects(exchange(await tokenOf({ flaw })), refusal(400, 'invalid_request', /^native-bridge refuses/)));
  }

  for (const [name, asked, expected] of [
    ['a subject token type that no profile has', { subjectTokenType: 'urn:nobody:knows' }, refusal(400, 'invalid_request')],
    ['an API that does not exist', { audience: 'https://no.example' }, refusal(403, 'access_denied')],
    ['an organization that does not exist', { organization: 'org_nobody' }, refusal(400, 'invalid_request')],
  ]) {
    it(`refuses ${name}`, async () => assert.rejects(exchange(await tokenOf(), asked), expected));
  }

  it('refuses a client whose secret is wrong', async () =>
    assert.rejects(exchange(await tokenOf(), {}, new AuthClient({ domain, clientId, clientSecret: 'wrong' })), refusal(401, 'invalid_client')));

  it('cannot tell while Authsignal is away, which is no refusal', async () => {
    const token = await tokenOf();
    await during('authsignal', { inject: [{ kind: 'error', status: 503 }] }, () =>
      assert.rejects(exchange(token), ({ statusCode }) => statusCode === 500));
    await exchange(token);
  });

  it('is told when Auth0 is away', async () => {
    const token = await tokenOf();
    await during('auth0', { inject: [{ kind: 'server_error', status: 503 }] }, () =>
      assert.rejects(exchange(token), ({ statusCode }) => statusCode === 503));
  });

  it('is told when the limit of exchanges is reached', async () => {
    const token = await tokenOf();
    await during('auth0', { inject: [{ kind: 'rate_limited' }] }, () =>
      assert.rejects(exchange(token), refusal(429, 'too_many_requests')));
  });
});
