// What a reader of Authsignal's guide "Auth0 Native Bridge" would have built: it works on the emulators, and it accepts
// tokens that the bridge refuses.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Authsignal } from '@authsignal/node';

import { guardedAPI, serve } from './api.mjs';
import { guideBackEnd } from './guide/back-end.mjs';
import { claimsOf, during, exchange, post, sandbox, tokenOf } from './sandbox.mjs';

let guide;
before(async () => { guide = await serve(guideBackEnd({ authsignal: sandbox.authsignal, tenant: sandbox.guide })); });
after(() => guide.close());

const throughGuide = (token) => post(`${guide.url}/sign-in`, { token });

// bothWays lets the guide's back-end and the bridge each have a token of their own.
async function bothWays(wish) {
  const [theirs, ours] = [await throughGuide(await tokenOf(wish)), await exchange(await tokenOf(wish))];
  return { theirs, ours, codes: [theirs.status, ours.status, ours.body.code] };
}

describe("the guide's back-end works", () => {
  it('opens the same session as the bridge', async () => {
    const { theirs, ours } = await bothWays({ user: 'jane' });
    for (const { status, body } of [theirs, ours]) {
      assert.equal(status, 200);
      assert.deepEqual([body.token_type, body.expires_in], ['Bearer', 86400]);
      const { sub, email, email_verified: verified } = claimsOf(body.id_token);
      assert.deepEqual([sub, email, verified], ['auth0|jane', 'jane@example.com', true]);
    }
  });

  it('opens an API', async () => {
    const api = await serve(guardedAPI(sandbox.guide.issuer, sandbox.guide.audience));
    try {
      const { body } = await throughGuide(await tokenOf({ user: 'joe' }));
      const response = await fetch(`${api.url}/me`, { headers: { authorization: `Bearer ${body.access_token}` } });
      assert.deepEqual(await response.json(), { sub: 'auth0|joe', name: 'joe@example.com' });
    } finally {
      api.close();
    }
  });

  for (const flaw of ['expired', 'unverified', 'foreign_tenant', 'alg_none']) {
    it(`and so does the bridge refuse a token with the flaw ${flaw}`, async () =>
      assert.deepEqual((await bothWays({ flaw })).codes, [401, 401, 'token_rejected']));
  }
});

describe("the guide's back-end accepts what the bridge refuses:", () => {
  it('the same token again', async () => {
    const [theirs, ours] = [await tokenOf(), await tokenOf()];
    assert.deepEqual([(await throughGuide(theirs)).status, (await throughGuide(theirs)).status], [200, 200]);
    assert.deepEqual([(await exchange(ours)).status, (await exchange(ours)).status], [200, 409]);
  });

  for (const [name, wish] of Object.entries({
    'a token for another action': { action: 'approvePayment' },
    'the token of a sign-up': { flaw: 'sign_up' },
    'a ceremony of long ago': { flaw: 'stale' },
    'a ceremony at no known time': { flaw: 'no_time' },
    'a ceremony without a passkey': { flaw: 'wrong_method' },
  })) {
    it(name, async () => assert.deepEqual((await bothWays(wish)).codes, [200, 401, 'token_rejected']));
  }

  it("somebody of another namespace, under a name that is nobody's", async () => {
    const { theirs, codes } = await bothWays({ flaw: 'foreign_subject' }); // google-oauth2|auth0|jane
    assert.deepEqual(codes, [200, 401, 'token_rejected']);
    assert.equal(claimsOf(theirs.body.id_token).sub, 'auth0|auth0');
  });

  it('two people as one', async () => {
    const subs = { theirs: [], ours: [] };
    for (const user of ['auth0|MyConn|1', 'auth0|MyConn|2']) {
      const { theirs, ours } = await bothWays({ user });
      subs.theirs.push(claimsOf(theirs.body.id_token).sub);
      subs.ours.push(claimsOf(ours.body.id_token).sub);
    }
    assert.deepEqual(subs, { theirs: ['auth0|MyConn', 'auth0|MyConn'], ours: ['auth0|MyConn|1', 'auth0|MyConn|2'] });
  });

  it('an email address as verified that is not', async () => {
    const { api_url: apiUrl, secret } = sandbox.authsignal;
    await tokenOf({ user: 'unverified' });
    await new Authsignal({ apiSecretKey: secret, apiUrl }).updateUser({ userId: 'auth0|unverified', attributes: { emailVerified: false } });
    const { theirs, ours } = await bothWays({ user: 'unverified' });
    assert.deepEqual([theirs, ours].map(({ body }) => claimsOf(body.id_token).email_verified), [true, false]);
  });
});

describe('an outage of Authsignal', () => {
  it("is a fault to the guide's back-end, and to the bridge a reason to come back with the same token", () =>
    during('authsignal', { inject: [{ route: '/v1/validate', kind: 'error', status: 503 }] }, async () =>
      assert.deepEqual((await bothWays()).codes, [500, 503, 'unavailable'])));
});
