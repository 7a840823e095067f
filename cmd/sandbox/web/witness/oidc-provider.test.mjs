// A certified OpenID provider, oidc-provider, signs ID tokens after sign-ins with a passkey, which the bridge's verifier of
// JWTs judges by the configuration and the keys that the provider publishes. openid-client is the app, a fetch the browser.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';

import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';
import {
  allowInsecureRequests, authorizationCodeGrant, buildAuthorizationUrl, calculatePKCECodeChallenge, discovery, None,
  randomPKCECodeVerifier, refreshTokenGrant,
} from 'openid-client';

import { serve } from './api.mjs';
import { claimsOf, judge } from './sandbox.mjs';

const redirectUri = 'http://127.0.0.1/callback';
let op;
before(async () => { op = await start(); });
after(() => op.close());
beforeEach(() => judge.trust(op.url, 'android,ios'));

// start starts a provider with three apps. Whoever comes to sign in is signed in as the login_hint says, by the methods in
// acr_values: the passkey ceremony itself is no business of OpenID's.
async function start() {
  const app = (client_id, id_token_signed_response_alg) => ({
    client_id, id_token_signed_response_alg, application_type: 'native', token_endpoint_auth_method: 'none',
    redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'], require_auth_time: true,
  });
  const server = createServer();
  const { url, close } = await serve(server);
  const provider = new Provider(url, {
    clients: [app('android', 'RS256'), app('ios', 'ES256'), app('another-app', 'RS256')],
    jwks: { keys: await Promise.all(['RS256', 'ES256'].map(newKey)) },
    cookies: { keys: [crypto.randomUUID()] },
    claims: { openid: ['sub', 'amr'] },
    features: { devInteractions: { enabled: false } },
    findAccount: (ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: () => '/sign-in' },
    loadExistingGrant,
    issueRefreshToken: () => true,
    ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 300, IdToken: 300, Interaction: 60, RefreshToken: 300, Session: 300 },
  });
  const answer = provider.callback();
  server.on('request', async (req, res) => {
    if (req.url !== '/sign-in') return answer(req, res);
    const { params } = await provider.interactionDetails(req, res);
    const login = { accountId: params.login_hint, amr: params.acr_values.split(' ') };
    await provider.interactionFinished(req, res, { login, consent: {} });
  });
  return { url, close };
}

async function newKey(alg) {
  return { ...(await exportJWK((await generateKeyPair(alg, { extractable: true })).privateKey)), alg, kid: alg, use: 'sig' };
}

// loadExistingGrant lets every app have the scope openid: nobody must be asked.
async function loadExistingGrant({ oidc: { client, session, provider } }) {
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid');
  await grant.save();
  return grant;
}

// signIn goes through the authorization code flow with PKCE.
async function signIn({ app = 'android', methods = 'user hwk', user = 'auth0|jane' } = {}) {
  const client = await discovery(new URL(op.url), app, undefined, None(), { execute: [allowInsecureRequests] });
  const pkceCodeVerifier = randomPKCECodeVerifier();
  const code_challenge = await calculatePKCECodeChallenge(pkceCodeVerifier);
  const start = buildAuthorizationUrl(client, {
    redirect_uri: redirectUri, scope: 'openid', login_hint: user, acr_values: methods, code_challenge, code_challenge_method: 'S256',
  });
  const tokens = await authorizationCodeGrant(client, await browse(start), { pkceCodeVerifier });
  return { client, tokens };
}

// browse follows redirects with cookies until they lead to the app.
async function browse(url) {
  const cookies = new Map();
  for (let redirects = 0; !url.href.startsWith(redirectUri); redirects++) {
    assert.ok(redirects < 10, `the way does not lead to the app but to ${url}`);
    const response = await fetch(url, { redirect: 'manual', headers: { cookie: [...cookies.values()].join('; ') } });
    assert.equal(response.status, 303, await response.text());
    for (const cookie of response.headers.getSetCookie()) cookies.set(cookie.split('=')[0], cookie.split(';')[0]);
    url = new URL(response.headers.get('location'), url);
  }
  return url;
}

async function refuses(token, why) {
  const { says, ...verdict } = await judge.verify(token);
  assert.deepEqual(verdict, { reason: 'token_rejected' }, says);
  assert.match(says, why);
}

describe('an ID token', () => {
  for (const [app, alg] of [['android', 'RS256'], ['ios', 'ES256']]) {
    it(`with ${alg} proves who signed in with a passkey`, async () => {
      const { tokens } = await signIn({ app });
      assert.equal(JSON.parse(Buffer.from(tokens.id_token.split('.')[0], 'base64url')).alg, alg);
      const verdict = await judge.verify(tokens.id_token);
      assert.equal(verdict.subject, 'auth0|jane', verdict.says);
      assert.match(verdict.proof, /^sha256:/, 'the provider gives no jti');
    });
  }

  it('for another app is refused', async () => refuses((await signIn({ app: 'another-app' })).tokens.id_token, /\(aud\)/));
  it('after a password is refused', async () => refuses((await signIn({ methods: 'pwd' })).tokens.id_token, /not a passkey/));
  it('for somebody with another kind of id is refused', async () => refuses((await signIn({ user: 'jane' })).tokens.id_token, /subject rule/));

  it('of a refresh tells of the same sign-in, and is too old in the end', async () => {
    const { client, tokens } = await signIn();
    const renewed = await refreshTokenGrant(client, tokens.refresh_token);
    assert.equal(claimsOf(renewed.id_token).auth_time, claimsOf(tokens.id_token).auth_time);
    await judge.advance(299);
    assert.equal((await judge.verify(renewed.id_token)).subject, 'auth0|jane');
    await judge.advance(60);
    await refuses(renewed.id_token, /\(exp\)/);
  });
});

describe('no ID token', () => {
  it('and refused is an access token', async () => refuses((await signIn()).tokens.access_token, /not a JWT/));
});

describe('a provider', () => {
  it('that is another one is not believed', async () => {
    const other = await start();
    try {
      await judge.trust(other.url, 'android');
      await refuses((await signIn()).tokens.id_token, /signature is wrong/);
    } finally {
      other.close();
    }
  });

  it('that is away proves nothing, and refutes nothing', async () => {
    const { tokens } = await signIn();
    await judge.trust('http://127.0.0.1:1', 'android');
    assert.equal((await judge.verify(tokens.id_token)).reason, 'unavailable');
  });
});
