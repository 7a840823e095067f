// A certified OpenID provider, oidc-provider: the bridge's verifier of JWTs judges the ID tokens that it signs after
// sign-ins with a passkey, and whole bridges open sessions there. openid-client is the app, a fetch its browser.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import {
  allowInsecureRequests, authorizationCodeGrant, buildAuthorizationUrl, calculatePKCECodeChallenge, Configuration, discovery,
  fetchUserInfo, None, randomNonce, randomPKCECodeVerifier, refreshTokenGrant, ResponseBodyError, tokenRevocation,
} from 'openid-client';

import { redirectUri, startProvider } from './provider.mjs';
import { claimsOf, exchange, judge, startBridge } from './sandbox.mjs';

const secret = 'a+client/secret=with%all:that';
const [clientKey, otherKey] = await Promise.all([newKey(), newKey()]);

let provider;
before(async () => {
  provider = await startProvider(
    { client_id: 'by secret', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' },
    { client_id: 'by-key', jwks: { keys: [clientKey.jwk] }, token_endpoint_auth_method: 'private_key_jwt' },
  );
});
after(() => provider.close());
beforeEach(() => judge.trust(provider.url, 'android,ios'));

// newKey is a key of a bridge's. It is published under its thumbprint (RFC 7638).
async function newKey() {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { pem: await exportPKCS8(privateKey), jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk) } };
}

// signIn goes through the authorization code flow with PKCE. By the nonce two ID tokens of one second differ.
async function signIn({ app = 'android', methods = 'user hwk', user = 'auth0|jane' } = {}) {
  const client = await discovery(new URL(provider.url), app, undefined, None(), { execute: [allowInsecureRequests] });
  const [nonce, pkceCodeVerifier] = [randomNonce(), randomPKCECodeVerifier()];
  const start = buildAuthorizationUrl(client, {
    redirect_uri: redirectUri, scope: 'openid', login_hint: user, acr_values: methods, nonce,
    code_challenge: await calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
  });
  return { client, ...(await authorizationCodeGrant(client, await browse(start), { expectedNonce: nonce, pkceCodeVerifier })) };
}

// browse follows redirects with cookies until they lead to the app.
async function browse(url) {
  const cookies = new Map();
  for (let redirects = 0; !url.href.startsWith(redirectUri); redirects++) {
    assert.ok(redirects < 10, `the redirects lead to ${url}, not to the app`);
    const response = await fetch(url, { redirect: 'manual', headers: { cookie: [...cookies.values()].join('; ') } });
    assert.equal(response.status, 303, await response.text());
    for (const cookie of response.headers.getSetCookie()) cookies.set(cookie.split('=')[0], cookie.split(';')[0]);
    url = new URL(response.headers.get('location'), url);
  }
  return url;
}

async function accepts(token) {
  const verdict = await judge.verify(token);
  assert.equal(verdict.subject, 'auth0|jane', verdict.says);
  return verdict;
}

async function refuses(token, why) {
  const { says, ...verdict } = await judge.verify(token);
  assert.deepEqual(verdict, { reason: 'token_rejected' }, says);
  assert.match(says, why);
}

describe('an ID token', () => {
  for (const [app, alg] of [['android', 'RS256'], ['ios', 'ES256']]) {
    it(`with ${alg} proves who signed in with a passkey`, async () => {
      const { id_token: token } = await signIn({ app });
      assert.equal(JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).alg, alg);
      assert.match((await accepts(token)).proof, /^sha256:/, 'the provider gives no jti');
    });
  }

  for (const [name, wish, why] of [
    ['for another app', { app: 'another-app' }, /\(aud\)/],
    ['after a password', { methods: 'pwd' }, /not a passkey/],
    ['for somebody with another kind of id', { user: 'jane' }, /subject rule/],
  ]) {
    it(`${name} is refused`, async () => refuses((await signIn(wish)).id_token, why));
  }

  it('of a refresh is about the same sign-in, and gets as old', async () => {
    const session = await signIn();
    const renewed = await refreshTokenGrant(session.client, session.refresh_token);
    assert.equal(claimsOf(renewed.id_token).auth_time, claimsOf(session.id_token).auth_time);
    await accepts(renewed.id_token);
    await judge.advance(360);
    await refuses(renewed.id_token, /\(exp\)/);
  });

  it('is not what an access token is', async () => refuses((await signIn()).access_token, /not a JWT/));

  it('of another provider that has the same key ids is refused', async () => {
    const { id_token: token } = await signIn();
    const other = await startProvider();
    try {
      await judge.trust(other.url, 'android');
      await refuses(token, /signature is wrong/);
    } finally {
      other.close();
    }
  });

  it('proves nothing while the provider is away, and is not refused', async () => {
    const { id_token: token } = await signIn();
    await judge.trust('http://127.0.0.1:1', 'android');
    assert.equal((await judge.verify(token)).reason, 'unavailable');
  });
});

describe('a bridge opens sessions', () => {
  const session = async (bridge, wish = {}) => exchange((await signIn({ user: 'jane', ...wish })).id_token, bridge);

  // bridgeOf starts a bridge with settings, and lets the provider know the keys of its assertions.
  async function bridgeOf(settings, { known = true } = {}) {
    const bridge = await startBridge({
      IDENTITY_VERIFIER: 'jwt', JWT_ISSUER: provider.url, JWT_AUDIENCE: 'android', JWT_PASSKEY_AMR: 'hwk',
      TOKEN_ISSUER: 'oidc', OIDC_ISSUER: provider.url, OIDC_ASSERTION_KEY: (await newKey()).pem, OIDC_SCOPE: 'openid offline_access',
      ...settings,
    });
    if (known) provider.trust(settings.OIDC_CLIENT_ID, `${bridge}/assertion/jwks.json`);
    return bridge;
  }

  async function fails(answer, status, code) {
    const { status: got, body } = await answer;
    assert.deepEqual([got, body.code], [status, code]);
  }

  for (const [method, settings] of [
    ['client_secret_basic', { OIDC_CLIENT_ID: 'by secret', OIDC_CLIENT_SECRET: secret }],
    ['private_key_jwt', { OIDC_CLIENT_ID: 'by-key', OIDC_CLIENT_KEY: clientKey.pem }],
  ]) {
    const clientId = settings.OIDC_CLIENT_ID;

    describe(`as a client that authenticates by ${method}`, () => {
      let bridge, client;
      before(async () => {
        bridge = await bridgeOf(settings);
        client = new Configuration(
          { issuer: provider.url, token_endpoint: `${bridge}/oauth/token`, revocation_endpoint: `${bridge}/oauth/revoke`, userinfo_endpoint: `${provider.url}/me` },
          clientId, undefined, None(),
        );
        allowInsecureRequests(client);
      });

      it('for whom an ID token proves', async () => {
        const { status, body } = await session(bridge);
        assert.equal(status, 200, JSON.stringify(body));
        const { iss, aud, sub } = claimsOf(body.id_token);
        assert.deepEqual([iss, aud, sub], [provider.url, clientId, 'jane']);
        assert.equal((await fetchUserInfo(client, body.access_token, 'jane')).sub, 'jane');
      });

      it('which are renewed, and end', async () => {
        const { body: { refresh_token: first } } = await session(bridge);
        const renewed = await refreshTokenGrant(client, first);
        assert.deepEqual([claimsOf(renewed.id_token).sub, renewed.refresh_token === first], ['jane', false]);
        await tokenRevocation(client, renewed.refresh_token);
        await assert.rejects(refreshTokenGrant(client, renewed.refresh_token), (thrown) => {
          assert.ok(thrown instanceof ResponseBodyError, String(thrown));
          assert.deepEqual([thrown.status, thrown.error], [400, 'invalid_grant']);
          return true;
        });
      });

      it('once for a token', async () => {
        const { id_token: token } = await signIn({ user: 'jane' });
        assert.equal((await exchange(token, bridge)).status, 200);
        await fails(exchange(token, bridge), 409, 'token_replayed');
      });

      it('for no token that is for another app', () => fails(session(bridge, { app: 'ios' }), 401, 'token_rejected'));
      it('for no token after a password', () => fails(session(bridge, { methods: 'pwd' }), 401, 'token_rejected'));
    });
  }

  const bySecret = { OIDC_CLIENT_ID: 'by secret', OIDC_CLIENT_SECRET: secret };

  it('but not with a key that the provider does not trust', async () => {
    await bridgeOf(bySecret);
    await fails(session(await bridgeOf(bySecret, { known: false })), 403, 'access_denied');
  });

  for (const [name, settings, ...wanted] of [
    ['under a name that the provider does not know', { ...bySecret, OIDC_ASSERTION_ISSUER: 'https://evil.example' }, 403, 'access_denied'],
    ['with a wrong secret', { ...bySecret, OIDC_CLIENT_SECRET: 'wrong' }, 500, 'internal_error'],
    ['with another key than the client has', { OIDC_CLIENT_ID: 'by-key', OIDC_CLIENT_KEY: otherKey.pem }, 500, 'internal_error'],
  ]) {
    it(`but not ${name}`, async () => fails(session(await bridgeOf(settings)), ...wanted));
  }

  it('but not for somebody whom the provider does not know', async () => {
    const { id_token: token } = await signIn({ user: 'jane' });
    provider.forget('jane');
    try {
      await fails(exchange(token, await bridgeOf(bySecret)), 403, 'access_denied');
    } finally {
      provider.remember('jane');
    }
  });
});
