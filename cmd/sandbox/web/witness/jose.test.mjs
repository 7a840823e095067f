// An independent JOSE library, jose, mints tokens good and malicious for the bridge's verifier of JWTs, as the passkey
// provider that it trusts and as everybody else.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';

import {
  base64url, CompactEncrypt, CompactSign, exportJWK, exportSPKI, FlattenedSign, GeneralSign, generateKeyPair, SignJWT, UnsecuredJWT,
} from 'jose';

import { serve } from './api.mjs';
import { judge } from './sandbox.mjs';

const audience = 'mobile-app';
const [rsa, ec, next, foreign] = await Promise.all([newKey('RS256'), newKey('ES256'), newKey('ES256'), newKey('ES256')]);
const [rs512, ps256, eddsa, enc] = await Promise.all([newKey('RS512'), newKey('PS256'), newKey('EdDSA'), newKey('RSA-OAEP-256')]);

let provider, elsewhere; // the trusted one, and the one that a malicious token names as the place of its keys
before(async () => { [provider, elsewhere] = await Promise.all([publish(rsa), publish(foreign)]); });
after(() => { provider.close(); elsewhere.close(); });
beforeEach(() => {
  provider.keys = [rsa, ec, rs512, ps256, eddsa, enc];
  return judge.trust(provider.url, audience);
});

async function newKey(alg) {
  const kid = crypto.randomUUID();
  const pair = await generateKeyPair(alg, { extractable: true });
  return { ...pair, alg, kid, jwk: { ...(await exportJWK(pair.publicKey)), kid } };
}

// publish serves the configuration and the keys of a provider.
async function publish(...keys) {
  const served = { keys, asked: 0 };
  const server = createServer((req, res) => {
    served.asked++;
    const configuration = { issuer: served.url, jwks_uri: `${served.url}/keys` };
    const body = req.url === '/keys' ? { keys: served.keys.map(({ jwk }) => jwk) } : configuration;
    res.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  return Object.assign(served, await serve(server));
}

// claims are those of jane's sign-in just now, with changes; undefined takes one out.
function claims(changes = {}) {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: provider.url, aud: audience, sub: 'auth0|jane', jti: crypto.randomUUID(),
    iat: now, auth_time: now, exp: now + 300, amr: ['user', 'hwk'], ...changes,
  };
}

const sign = (key, changes, header) =>
  new SignJWT(claims(changes)).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
const seconds = (ahead) => Math.floor(Date.now() / 1000) + ahead;
const bytes = (text) => new TextEncoder().encode(text);
const payload = () => bytes(JSON.stringify(claims()));

async function accepts(token) {
  const verdict = await judge.verify(await token);
  assert.equal(verdict.subject, 'auth0|jane', verdict.says);
  return verdict;
}

async function refuses(token, why, reason = 'token_rejected') {
  const { says, ...verdict } = await judge.verify(await token);
  assert.deepEqual(verdict, { reason }, says);
  assert.match(says, why);
}

describe('a token is accepted', () => {
  it('with RS256', () => accepts(sign(rsa)));
  it('with ES256', () => accepts(sign(ec)));
  it('of the type JWT', () => accepts(sign(ec, {}, { typ: 'JWT' })));
  it('for several audiences', () => accepts(sign(ec, { aud: ['api', audience] })));
  it('with a clock half a minute off', () => accepts(sign(ec, { iat: seconds(25), auth_time: seconds(25) })));

  it('under the id that it has, and without one under a hash of what is signed', async () => {
    assert.equal((await accepts(sign(ec, { jti: 'this-one' }))).proof, 'this-one');
    assert.match((await accepts(sign(ec, { jti: undefined }))).proof, /^sha256:[0-9a-f]{64}$/);
  });

  it('of the next key as soon as the keys may be asked for again, and of the old one no more', async () => {
    await accepts(sign(ec));
    provider.keys = [next];
    await refuses(sign(next), /fetched just now/, 'unavailable');
    await judge.advance(2);
    await accepts(sign(next));
    await judge.advance(2);
    await refuses(sign(ec), /does not publish/);
  });
});

describe('a token is refused that is signed', () => {
  const algorithm = /not a JWT signed with/, unknown = /does not publish/, wrong = /signature is wrong/;
  const hmac = (secret) => new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: rsa.kid }).sign(secret);
  const foreignly = (header) => sign(foreign, {}, header);

  for (const [name, mint, why] of [
    ['not at all (alg none)', () => new UnsecuredJWT(claims()).encode(), algorithm],
    ['not at all, with the signature of a good one', async () => new UnsecuredJWT(claims()).encode() + (await sign(ec)).split('.')[2], algorithm],
    ['with HS256 and the public key as PEM', async () => hmac(bytes(await exportSPKI(rsa.publicKey))), algorithm],
    ['with HS256 and the modulus', () => hmac(base64url.decode(rsa.jwk.n)), algorithm],
    ['with RS512, which is not allowed', () => sign(rs512), algorithm],
    ['with PS256, which is not allowed', () => sign(ps256), algorithm],
    ['with EdDSA, which is not allowed', () => sign(eddsa), algorithm],
    ['with another key under a known id', () => foreignly({ kid: ec.kid }), wrong],
    ['with RS256 under the id of an EC key', () => sign(rsa, {}, { kid: ec.kid }), wrong],
    ['with ES256 under the id of an RSA key', () => sign(ec, {}, { kid: rsa.kid }), wrong],
    ['with a key of an unknown id', () => foreignly(), unknown],
    ['with a key of no id', () => sign(ec, {}, { kid: undefined }), unknown],
    ['with a key that it brings along (jwk)', () => foreignly({ jwk: foreign.jwk }), unknown],
    ['with a key that it brings along, under a known id', () => foreignly({ kid: ec.kid, jwk: foreign.jwk }), wrong],
    ['with a key that it says where to find (jku)', () => foreignly({ jku: `${elsewhere.url}/keys` }), unknown],
    ['with a key that it says where to find, under a known id', () => foreignly({ kid: ec.kid, jku: `${elsewhere.url}/keys` }), wrong],
    ['with a certificate that it says where to find (x5u)', () => foreignly({ kid: ec.kid, x5u: `${elsewhere.url}/keys` }), wrong],
    ['for one person and tells of another', async () => {
      const [head, , signature] = (await sign(ec)).split('.');
      return [head, base64url.encode(JSON.stringify(claims({ sub: 'auth0|eve' }))), signature].join('.');
    }, wrong],
    ['with zeros', async () => `${(await sign(ec)).replace(/[^.]*$/, '')}${base64url.encode(new Uint8Array(64))}`, wrong],
  ]) {
    it(name, async () => {
      await refuses(mint(), why);
      assert.equal(elsewhere.asked, 0, 'keys were fetched from where the token says');
    });
  }
});

describe('a token is refused that is', () => {
  const header = ({ alg, kid }, more) => ({ alg, kid, ...more });
  const nested = async (more) => new CompactSign(bytes(await sign(ec))).setProtectedHeader(header(ec, more)).sign(ec.privateKey);
  const encrypted = (plain, more) => new CompactEncrypt(plain).setProtectedHeader(header(enc, { enc: 'A256GCM', ...more })).encrypt(enc.publicKey);

  for (const [name, mint, why, reason] of [
    ['one token in another', () => nested({ cty: 'JWT' }), /cty/],
    ['one token in another that does not say so', () => nested(), /not those of a JWT/],
    ['encrypted', () => encrypted(payload()), /not a JWT/],
    ['signed and then encrypted', async () => encrypted(bytes(await sign(ec)), { cty: 'JWT' }), /not a JWT/],
    ['extended in a way that must be understood (crit)', () =>
      new SignJWT(claims()).setProtectedHeader(header(ec, { crit: ['new'], new: 1 })).sign(ec.privateKey, { crit: { new: true } }), /crit/],
    ['an access token, by its type', () => sign(ec, {}, { typ: 'at+jwt' }), /typ/],
    ['a logout token, by its type', () => sign(ec, {}, { typ: 'logout+jwt' }), /typ/],
    ['a logout token, by its events', () => sign(ec, { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }), /events/],
    ['bound to a key', () => sign(ec, { cnf: { jkt: 'x' } }), /bound to a key/],
    ['signed twice', async () => JSON.stringify(await new GeneralSign(payload())
      .addSignature(ec.privateKey).setProtectedHeader(header(ec))
      .addSignature(foreign.privateKey).setProtectedHeader(header(foreign)).sign()), /character/, 'malformed'],
    ['in the JSON serialization', async () =>
      JSON.stringify(await new FlattenedSign(payload()).setProtectedHeader(header(ec)).sign(ec.privateKey)), /character/, 'malformed'],
  ]) {
    it(name, () => refuses(mint(), why, reason));
  }

  // A good token in another spelling would be another token to whoever remembers tokens.
  for (const [name, respell, why, reason] of [
    ['spelt with other spare bits', (token) => token.slice(0, -1) + nextLetter(token.at(-1)), /not base64url/],
    ['padded', (token) => `${token}==`, /not base64url/],
    ['spelt in the standard alphabet', (token) => token.replaceAll('-', '+').replaceAll('_', '/'), /not base64url/],
    ['broken by a line', (token) => token.replace('.', '.\n'), /character/, 'malformed'],
  ]) {
    it(name, async () => {
      const token = await sign(rsa, { note: '????' }); // its spelling has a _
      await accepts(token);
      assert.notEqual(respell(token), token);
      await refuses(respell(token), why, reason);
    });
  }
});

// nextLetter is the letter of base64url whose first two bits are the same and whose last is not, for a signature of 256
// bytes ends in a letter of which two bits count.
function nextLetter(letter) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return letters[letters.indexOf(letter) ^ 1];
}

describe('a token is refused whose', () => {
  for (const [name, changes, why] of [
    ['issuer is another', { iss: 'https://other.example' }, /\(iss\)/],
    ['issuer has a slash more', () => ({ iss: `${provider.url}/` }), /\(iss\)/],
    ['audience is another', { aud: 'another-app' }, /\(aud\)/],
    ['audience begins alike', { aud: `${audience}-2` }, /\(aud\)/],
    ['time is over', { exp: seconds(-60) }, /\(exp\)/],
    ['time has not come', { nbf: seconds(120) }, /\(nbf\)/],
    ['issue is yet to come', { iat: seconds(120) }, /\(iat\)/],
    ['ceremony is yet to end', { iat: seconds(25), auth_time: seconds(55) }, /in the future/],
    ['ceremony ended long ago', { auth_time: seconds(-3600) }, /too long ago/],
    ['ceremony ended after it was issued', { iat: seconds(-60) }, /before its ceremony/],
    ['method is a password', { amr: ['pwd'] }, /not a passkey/],
    ['methods are one text', { amr: 'hwk' }, /amr is no list/],
    ['subject breaks the rule', { sub: 'jane' }, /subject rule/],
    ['subject is empty', { sub: '' }, /no sub/],
    ['subject is a number', { sub: 7 }, /not those of a JWT/],
    ['issuer is missing', { iss: undefined }, /\(iss\)/],
    ['audience is missing', { aud: undefined }, /\(aud\)/],
    ['subject is missing', { sub: undefined }, /no sub/],
    ['expiry is missing', { exp: undefined }, /no exp/],
    ['issue is missing', { iat: undefined }, /no iat/],
    ['ceremony is missing', { auth_time: undefined }, /no auth_time/],
    ['method is missing', { amr: undefined }, /not a passkey/],
  ]) {
    it(name, () => refuses(sign(ec, typeof changes === 'function' ? changes() : changes), why));
  }
});
