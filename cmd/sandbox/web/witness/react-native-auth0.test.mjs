// Auth0's SDK for React Native, version 5: its own JavaScript, which decides whether proofs of possession are asked for. In
// place of its native module there is one that sends what that sends, as testdata/sdks has it, and hands back what it does.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { before, describe, it } from 'node:test';

import { sandbox, startBridge, tokenOf } from './sandbox.mjs';

const domain = 'bridge.example.com';
const { client_id: clientId } = sandbox.auth0;
const subjectTokenType = 'urn:authsignal:params:oauth:token-type:challenge';
const scope = 'openid profile email offline_access';

// What the domain of the SDK leads to, and what was sent there.
let bridge = sandbox.bridge;
const sent = [];
const realFetch = globalThis.fetch;
globalThis.fetch = (url, init) => {
  const { origin, pathname } = new URL(url);
  if (origin !== `https://${domain}`) return realFetch(url, init); // the witness' own
  sent.push({ pathname, headers: new Headers(init.headers) });
  return realFetch(bridge + pathname, init);
};

// native stands for the module that iOS and Android have, as ios/NativeBridge.swift and A0Auth0Module.kt behave.
const native = {
  async hasValidAuth0InstanceWithConfiguration() {
    return false;
  },
  async initializeAuth0WithConfiguration(id, host, localAuthentication, useDPoP) {
    native.useDPoP = useDPoP;
  },
  async customTokenExchange(subjectToken, type, audience, asked) {
    assert.equal(type, subjectTokenType);
    const call = recorded('exchange-ios');
    if (!native.useDPoP) delete call.headers.DPoP;
    else call.headers.DPoP = proof(`https://${domain}/oauth/token`);
    const body = { ...call.body, client_id: clientId, subject_token: subjectToken, ...(asked && { scope: asked }) };
    const response = await fetch(`https://${domain}${call.path}`, { method: 'POST', headers: call.headers, body: JSON.stringify(body) });
    const answer = await response.json();
    if (!response.ok) throw Object.assign(new Error(answer.error_description), { code: answer.error });
    return {
      accessToken: answer.access_token, idToken: answer.id_token, refreshToken: answer.refresh_token, tokenType: answer.token_type,
      scope: answer.scope, expiresAt: Math.floor(Date.now() / 1000) + answer.expires_in,
    };
  },
};

const load = Module._load;
Module._load = (name, ...more) => name === 'react-native'
  ? { Platform: { OS: 'ios' }, Linking: {}, TurboModuleRegistry: { get: () => native, getEnforcing: () => native } }
  : load(name, ...more);
const { default: Auth0 } = createRequire(import.meta.url)('react-native-auth0/lib/commonjs/Auth0.js');
const byDefault = () => new Auth0({ domain, clientId });
const withoutDPoP = () => new Auth0({ domain, clientId, useDPoP: false });
const exchange = (client, subjectToken) => client.customTokenExchange({ subjectToken, subjectTokenType, scope });

function usable(credentials) {
  assert.equal(credentials.tokenType, 'Bearer');
  assert.ok(credentials.accessToken && credentials.idToken && credentials.refreshToken);
  assert.ok(!credentials.isExpired(60), 'it lives for more than a minute');
  assert.match(credentials.scope, /openid/);
}

describe('with DPOP=refuse', () => {
  it('is told how to turn its proofs off, and the token works without', async () => {
    const token = await tokenOf();
    await assert.rejects(exchange(byDefault(), token), { name: 'invalid_request', message: /react-native-auth0, auth0_flutter: useDPoP: false/ });
    assert.ok(sent.at(-1).headers.get('DPoP'), 'it sends a proof by default');
    usable(await exchange(withoutDPoP(), token));
    assert.equal(sent.at(-1).headers.get('DPoP'), null);
  });

  it('renews and revokes by its own requests, which have no proof', async () => {
    const client = byDefault();
    const { refreshToken } = await exchange(withoutDPoP(), await tokenOf());
    const renewed = await client.auth.refreshToken({ refreshToken });
    usable(renewed);
    assert.equal(renewed.scope, 'openid profile email');
    assert.notEqual(renewed.refreshToken, refreshToken);
    await client.auth.revoke({ refreshToken: renewed.refreshToken });
    assert.equal(sent.at(-1).headers.get('DPoP'), null);
    await assert.rejects(client.auth.refreshToken({ refreshToken: renewed.refreshToken }), { code: 'invalid_grant', message: 'Unknown or invalid refresh token.' });
  });

  it('takes less than it asked for', async () => {
    const { refreshToken } = await exchange(withoutDPoP(), await tokenOf());
    const renewed = await withoutDPoP().auth.refreshToken({ refreshToken, scope: 'openid profile admin' });
    assert.equal(renewed.scope, 'openid profile');
  });
});

describe('with DPOP=ignore', () => {
  before(async () => {
    const { auth0, authsignal } = sandbox;
    bridge = await startBridge({
      DPOP: 'ignore', RATE_LIMITS: 'off', MAX_CPU_WAIT: '0',
      AUTHSIGNAL_API_URL: authsignal.api_url, AUTHSIGNAL_SECRET: authsignal.secret, AUTHSIGNAL_ACTION: authsignal.action,
      AUTH0_DOMAIN: auth0.domain, AUTH0_CLIENT_ID: auth0.client_id, AUTH0_CLIENT_SECRET: auth0.client_secret,
      AUTH0_CONNECTION: auth0.connection, AUTH0_AUDIENCE: auth0.audience, AUTH0_SCOPE: 'openid profile email', AUTH0_SCOPE_ALLOWED: scope,
    });
  });

  it('gets a bearer session on its defaults', async () => {
    const credentials = await exchange(byDefault(), await tokenOf());
    assert.ok(sent.at(-1).headers.get('DPoP'), 'it sends a proof by default');
    usable(credentials);
    usable(await byDefault().auth.refreshToken({ refreshToken: credentials.refreshToken, scope }));
  });
});

// recorded reads a request of testdata/sdks.
function recorded(name) {
  const text = readFileSync(new URL(`../../testdata/sdks/react-native-auth0-5/${name}.http`, import.meta.url), 'utf8');
  const [head, body] = text.split('\n\n');
  const lines = head.split('\n').filter((line) => !line.startsWith('#'));
  const path = lines.shift().replace('POST ', '');
  return { path, headers: Object.fromEntries(lines.map((line) => line.split(/: (.*)/, 2))), body: JSON.parse(body) };
}

// proof is a proof of possession (RFC 9449, section 4.2).
function proof(htu) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const text = `${encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } })}.${encode({ htm: 'POST', htu, jti: randomUUID(), iat: Math.floor(Date.now() / 1000) })}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
