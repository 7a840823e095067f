// The guide's Login script and ours, each asked by Auth0 alone, without a back-end before it: this is what an attacker
// with the client's secret meets.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Authsignal } from '@authsignal/node';
import { AuthenticationClient } from 'auth0';

import { claimsOf, during, sandbox, tokenOf } from './sandbox.mjs';

const tenants = { theirs: sandbox.guide, ours: sandbox.auth0 };

// ask has both scripts check a token. What Auth0 makes of it is the sub of a session, or an error.
async function ask(username, token) {
  const results = {};
  for (const [whose, { domain, client_id: clientId, client_secret: clientSecret, connection: realm }] of Object.entries(tenants)) {
    const { oauth } = new AuthenticationClient({ domain, clientId, clientSecret });
    results[whose] = await oauth.passwordGrant({ username, password: token, realm, scope: 'openid' }).then(
      ({ data }) => claimsOf(data.id_token).sub,
      ({ error }) => error,
    );
  }
  return results;
}

describe('both Login scripts', () => {
  it('vouch for who signed in', async () =>
    assert.deepEqual(await ask('auth0|jane', await tokenOf()), { theirs: 'auth0|jane', ours: 'auth0|jane' }));

  for (const flaw of ['expired', 'foreign_tenant', 'alg_none']) {
    it(`refuse a token with the flaw ${flaw}`, async () =>
      assert.deepEqual(await ask('auth0|jane', await tokenOf({ flaw })), { theirs: 'invalid_grant', ours: 'invalid_grant' }));
  }
});

describe("the guide's Login script accepts what ours refuses:", () => {
  const onlyTheirs = { theirs: 'auth0|jane', ours: 'invalid_grant' };

  it('a token that proves nothing, such as every client has before any ceremony', async () => {
    const { api_url: apiUrl, secret } = sandbox.authsignal;
    const { token } = await new Authsignal({ apiSecretKey: secret, apiUrl }).track({ userId: 'auth0|jane', action: 'pay' });
    assert.deepEqual(await ask('auth0|jane', token), onlyTheirs);
  });

  it('the token of somebody else than the user name says', async () =>
    assert.deepEqual(await ask('auth0|joe', await tokenOf()), onlyTheirs));

  for (const [name, wish] of Object.entries({
    'a challenge that was not completed': { flaw: 'unverified' },
    'a token for another action': { action: 'approvePayment' },
    'the token of a sign-up': { flaw: 'sign_up' },
    'a ceremony without a passkey': { flaw: 'wrong_method' },
  })) {
    it(name, async () => assert.deepEqual(await ask('auth0|jane', await tokenOf(wish)), onlyTheirs));
  }
});

describe('an outage of Authsignal', () => {
  it("looks like a wrong password to the guide's Login script, and not to ours", async () => {
    const token = await tokenOf();
    const inject = ['/get-user', '/v1/validate'].map((route) => ({ route, kind: 'error', status: 503 }));
    await during('authsignal', { inject }, async () =>
      assert.deepEqual(await ask('auth0|jane', token), { theirs: 'invalid_grant', ours: 'access_denied' }));
  });
});
