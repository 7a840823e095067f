// Auth0's guard for Express APIs, express-oauth2-jwt-bearer, in front of an API that the sessions of the bridge are for.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { AuthenticationClient } from 'auth0';

import { guardedAPI, serve } from './api.mjs';
import { claimsOf, exchange, rotateKeys, sandbox, sessionOf, tokenOf } from './sandbox.mjs';

const { issuer, audience } = sandbox.auth0;
let api;
before(async () => { api = await serve(guardedAPI(issuer, audience)); });
after(() => api.close());

async function ask(token, { method = 'GET', path = '/me', url = api.url } = {}) {
  const response = await fetch(url + path, { method, headers: token ? { authorization: `Bearer ${token}` } : {} });
  return { status: response.status, body: await response.json() };
}

async function refused(token, ...where) {
  const { status, body } = await ask(token, ...where);
  assert.deepEqual([status, body.error], [401, 'invalid_token']);
}

describe('a session of the bridge', () => {
  for (const [user, sub, name] of [
    ['jane', 'auth0|jane', 'jane@example.com'],
    ['joe', 'auth0|joe', 'joe@example.com'],
    ['auth0|JaneDoe', 'auth0|JaneDoe', 'JaneDoe@example.com'],
    ['auth0|MyConn|42', 'auth0|MyConn|42', '42@example.com'],
  ]) {
    it(`opens the API for ${sub}`, async () => {
      const { access_token: token } = await sessionOf({ user });
      assert.deepEqual(await ask(token), { status: 200, body: { sub, name } });
    });
  }

  it('stays good when the tenant signs with its next key, and so are those after it', async () => {
    const before = await sessionOf();
    await rotateKeys();
    const after = await sessionOf();
    assert.deepEqual([(await ask(before.access_token)).status, (await ask(after.access_token)).status], [200, 200]);
  });

  it('opens nothing that needs a scope nobody has', async () => {
    const { access_token: token } = await sessionOf();
    assert.deepEqual(await ask(token, { method: 'POST', path: '/admin' }), { status: 403, body: { error: 'insufficient_scope' } });
  });

  it('comes of one token once', async () => {
    const token = await tokenOf();
    const [first, second] = [await exchange(token), await exchange(token)];
    assert.deepEqual([first.status, second.status, second.body.code], [200, 409, 'token_replayed']);
    assert.equal((await ask(first.body.access_token)).status, 200);
  });
});

describe('the API refuses', () => {
  it('who brings no token', async () => assert.equal((await ask()).status, 401));
  it('an Authsignal token', async () => refused(await tokenOf()));
  it('an ID token', async () => refused((await sessionOf()).id_token));

  it('a session of another tenant, though audience and person are the same', async () => {
    const { access_token: token } = await elsewhere(await tokenOf());
    const { aud, sub } = claimsOf(token);
    assert.deepEqual([[aud].flat()[0], sub], [audience, 'auth0|jane']);
    await refused(token);
    const there = await serve(guardedAPI(sandbox.guide.issuer, audience));
    try {
      assert.deepEqual((await ask(token, there)).body, { sub: 'auth0|jane', name: 'jane@example.com' });
    } finally {
      there.close();
    }
  });

  it('a session for another API', async () => {
    const other = await serve(guardedAPI(issuer, 'https://other.example'));
    try {
      await refused((await sessionOf()).access_token, other);
    } finally {
      other.close();
    }
  });

  for (const [name, forge] of [
    ['another person written in', ([head, body, signature]) => [head, encode({ ...decode(body), sub: 'auth0|joe' }), signature]],
    ['the signature taken off', ([head, body]) => [encode({ ...decode(head), alg: 'none' }), body, '']],
    ['another signature', ([head, body, signature]) => [head, body, signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))]],
  ]) {
    it(`a token with ${name}`, async () => refused(forge((await sessionOf()).access_token.split('.')).join('.')));
  }
});

// elsewhere opens a session with another tenant of Auth0, which has the same API.
async function elsewhere(token) {
  const { domain, client_id: clientId, client_secret: clientSecret, connection: realm } = sandbox.guide;
  const { oauth } = new AuthenticationClient({ domain, clientId, clientSecret });
  return (await oauth.passwordGrant({ username: 'auth0|jane', password: token, realm, audience, scope: 'openid profile email' })).data;
}

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));
const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
