// What Authsignal's SDKs for iOS and Android put on the wire, replayed against the emulated Client API. Neither runs on
// Node.js, so recorded/ holds their requests as text, as the sources of versions 2.13.0 (iOS) and 4.3.0 (Android) build
// them, with a passkey of its own for each. Only what depends on the answers before it is filled in: {{…}}.
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { describe, it } from 'node:test';

import { Authsignal } from '@authsignal/node';

import { decode } from './decoders.mjs';
import { claimsOf, exchange, sandbox, tokenOf } from './sandbox.mjs';

const { api_url: apiUrl, secret, action, tenant_id: tenantId } = sandbox.authsignal;
const authsignal = new Authsignal({ apiSecretKey: secret, apiUrl });

// phones sets the SDKs apart: where a ceremony comes from, how they spell base64, what they return as user handle, and
// what their JSON encoder makes of a string: Swift's escapes slashes.
const phones = {
  ios: {
    origin: 'https://localhost',
    tenantBasic: base64url(`${tenantId}:`),
    clientDataJSON: base64,
    userHandle: (userId) => userId, // the text of user.id, whatever it encodes
    escape: (text) => text.replaceAll('/', '\\/'),
  },
  android: {
    origin: sandbox.android_origin,
    tenantBasic: base64(`${tenantId}:`),
    clientDataJSON: base64url,
    userHandle: (userId) => base64url(Buffer.from(userId, 'base64url')),
    escape: (text) => text,
  },
};

// flags of an assertion (WebAuthn Level 3, section 6.1): user present, backup eligible and backed up, and verified or not.
const verified = 0x1d;
const notVerified = 0x19;

export function witness(sdk) {
  const phone = phones[sdk];
  const { credentialId, attestationObject, privateKey } = JSON.parse(recorded(sdk, 'passkey.json'));
  const username = `${sdk}@example.com`;
  const userId = `auth0|${sdk}`;
  const constant = { tenantId, tenantBasic: phone.tenantBasic, credentialId, action };
  const replay = (name, values) => send(recorded(sdk, `${name}.http`), { ...constant, ...values }, phone.escape);
  const ok = async (name, values) => {
    const { status, body } = await replay(name, values);
    assert.equal(status, 200, JSON.stringify(body));
    return decode(sdk, name, body);
  };
  const refused = async (status, errorCode, name, values) => {
    const answer = await replay(name, values);
    const body = decode(sdk, 'error', answer.body);
    assert.deepEqual([answer.status, body.errorCode], [status, errorCode], JSON.stringify(body));
  };

  // clientData is what the platform signs, in its order of members.
  const clientData = (type, challenge, more = {}) => JSON.stringify({ type: `webauthn.${type}`, challenge, origin: phone.origin, ...more });

  // assertion is a ceremony with the recorded passkey: what verify.http leaves open.
  function assertion({ challenge }, { flags = verified, ...more } = {}) {
    const data = clientData('get', challenge, more);
    const authenticatorData = Buffer.concat([sha256('localhost'), Buffer.from([flags, 0, 0, 0, 0])]);
    const signature = sign('sha256', Buffer.concat([authenticatorData, sha256(data)]), createPrivateKey({ key: privateKey, format: 'jwk' }));
    return {
      authenticatorData: base64url(authenticatorData),
      clientDataJSON: phone.clientDataJSON(data),
      signature: base64url(signature),
      userHandle,
    };
  }

  let userHandle; // of the passkey, once there is one
  let enrolled; // the answers to the one registration, which every sign-in needs
  const enrol = () => (enrolled ??= (async () => {
    const { token } = await authsignal.track({ userId, action: 'enrol', attributes: { email: username, username, scope: 'add:authenticators' } });
    const { challengeId, options } = await ok('registration-options', { token, username });
    userHandle = phone.userHandle(options.user.id);
    const registered = await ok('add-passkey', {
      token, challengeId, attestationObject, clientDataJSON: phone.clientDataJSON(clientData('create', options.challenge)),
    });
    return { options, registered };
  })());

  // prompted is a sign-in up to the moment at which somebody touches the sensor.
  async function prompted() {
    await enrol();
    const { challengeId } = await ok('challenge', {});
    return ok('authentication-options', { challengeId });
  }
  async function signedIn(change = (values) => values) {
    const { challengeId, options } = await prompted();
    return ok('verify', { challengeId, ...change(assertion(options)) });
  }

  describe('sign-up', () => {
    it('is answered with options that the SDK can decode', async () => {
      const { options } = await enrol();
      assert.deepEqual([options.rp.id, options.user.name, options.excludeCredentials], ['localhost', username, []]);
      assert.notEqual(options.challenge.length % 4, 0, 'iOS would pad it with four "="');
    });

    it('yields a token that is no sign-in', async () => {
      const { registered } = await enrol();
      assert.equal(registered.isVerified, true);
      const told = await authsignal.validateChallenge({ token: registered.accessToken });
      assert.equal(told.userId, userId);
      assert.notEqual(told.action, action);
    });

    it('lists the passkey as excluded the next time', async () => {
      await enrol();
      const { token } = await authsignal.track({ userId, action: 'enrol', attributes: { scope: 'add:authenticators' } });
      const { options } = await ok('registration-options', { token, username });
      assert.deepEqual(options.excludeCredentials.map(({ id, type }) => [id, type]), [[credentialId, 'public-key']]);
    });

    it('is refused with a token that has expired', async () =>
      refused(401, 'expired_token', 'registration-options', { token: await tokenOf({ flaw: 'expired' }), username }));
  });

  describe('sign-in', () => {
    it('is answered with options that the SDK can decode, for any passkey', async () => {
      const { options } = await prompted();
      assert.deepEqual([options.rpId, options.allowCredentials], ['localhost', []]);
      assert.notEqual(options.challenge.length % 4, 0, 'iOS would pad it with four "="');
    });

    it('yields a token for the action, which the bridge takes', async () => {
      const session = await signedIn();
      assert.deepEqual([session.isVerified, session.userId, session.username], [true, userId, username]);
      const told = await authsignal.validateChallenge({ token: session.accessToken });
      assert.deepEqual([told.isValid, told.action, told.verificationMethod], [true, action, 'PASSKEY']);

      const { status, body } = await exchange(session.accessToken);
      assert.equal(status, 200);
      assert.equal(claimsOf(body.id_token).sub, userId);
    });

    it('goes on without its action if that could not be named, and the bridge refuses the token', async () => {
      await enrol();
      const { challengeId, options } = await ok('authentication-options-without-action', {});
      const { accessToken } = await ok('verify', { challengeId, ...assertion(options) });
      const told = await authsignal.validateChallenge({ token: accessToken });
      assert.equal(told.isValid, true);
      assert.notEqual(told.action, action);
      const { status, body } = await exchange(accessToken);
      assert.deepEqual([status, body.code], [401, 'token_rejected']);
    });

    it('lets the SDK list the passkeys and find its own', async () => {
      const { accessToken: token } = await signedIn();
      const list = await ok('authenticators', { token });
      assert.deepEqual(list.map((one) => [one.verificationMethod, one.webauthnCredential.credentialId]), [['PASSKEY', credentialId]]);
      const found = await ok('find-passkey', {});
      assert.equal(found.credentialId, credentialId);
      assert.ok(Date.parse(found.verifiedAt));
    });

    for (const [name, spell] of Object.entries(base64Spellings)) {
      it(`may spell every binary member as ${name}`, () =>
        signedIn(({ userHandle: text, ...binary }) => ({
          userHandle: text,
          ...Object.fromEntries(Object.entries(binary).map(([member, value]) => [member, spell(Buffer.from(value, 'base64'))])),
        })));
    }

    it('may hold what the standard alphabet spells with + and /', async () => {
      const { challengeId, options } = await prompted();
      const ceremony = assertion(options, { other: '>>>???' });
      ceremony.clientDataJSON = base64(Buffer.from(ceremony.clientDataJSON, 'base64'));
      assert.match(ceremony.clientDataJSON, /\+.*\/|\/.*\+/);
      await ok('verify', { challengeId, ...ceremony });
    });

    for (const [name, other] of Object.entries({
      'the text of user.id': base64url(userId),
      'base64url of that text, from a passkey made on iOS': base64url(base64url(userId)),
      'no base64 at all': userId,
      'empty': '',
    })) {
      it(`may return a user handle that is ${name}`, async () =>
        assert.equal((await signedIn((values) => ({ ...values, userHandle: other }))).userId, userId));
    }
  });

  describe('sign-in is refused', () => {
    const fails = (name, errorCode, change) =>
      it(name, async () => {
        const { challengeId, options } = await prompted();
        await refused(400, errorCode, 'verify', { challengeId, ...change(options) });
      });
    fails('with a signature of something else', 'invalid_credential', (options) =>
      ({ ...assertion(options), signature: assertion(options, { other: 'x' }).signature }));
    fails('with a challenge of somebody else', 'invalid_credential', () => assertion({ challenge: base64url(Buffer.alloc(32, 7)) }));
    fails('from another origin', 'invalid_credential', (options) => assertion(options, { origin: 'https://evil.example' }));
    fails('if nobody verified the user, which Android leaves open', 'invalid_credential', (options) => assertion(options, { flags: notVerified }));
    fails('with a passkey nobody knows, which the SDK then forgets', 'unknown_credential', (options) =>
      ({ ...assertion(options), credentialId: base64url('nobody knows it') }));

    it('a second time', async () => {
      const { challengeId, options } = await prompted();
      await ok('verify', { challengeId, ...assertion(options) });
      await refused(400, 'invalid_request', 'verify', { challengeId, ...assertion(options) });
    });

    it('with the id of the challenge call in place of that of the options', async () => {
      await enrol();
      const { challengeId } = await ok('challenge', {});
      const { options } = await ok('authentication-options', { challengeId });
      await refused(400, 'invalid_request', 'verify', { challengeId, ...assertion(options) });
    });

    it('for another tenant', () =>
      refused(401, 'unauthorized', 'challenge', { tenantBasic: base64('00000000-0000-0000-0000-000000000000:') }));
    it('for what is no action', () => refused(400, 'invalid_request', 'challenge', { action: 'sign in' }));
  });

  it('a passkey nobody knows makes the SDK offer to create one', () =>
    refused(400, 'invalid_credential', 'find-passkey', { credentialId: base64url('nobody knows it') }));

  it('a base URL that is wrong is told in JSON', () =>
    refused(404, 'not_found', 'challenge', { path: '/v1/v1/client/challenge' }));
}

const base64Spellings = {
  'base64': base64,
  'base64 without padding': (bytes) => base64(bytes).replaceAll('=', ''),
  'base64url': base64url,
  'base64url with padding': (bytes) => base64(bytes).replaceAll('+', '-').replaceAll('/', '_'),
};

function base64(data) {
  return Buffer.from(data).toString('base64');
}

function base64url(data) {
  return Buffer.from(data).toString('base64url');
}

function sha256(data) {
  return createHash('sha256').update(data).digest();
}

function recorded(sdk, name) {
  return readFileSync(new URL(`recorded/${sdk}/${name}`, import.meta.url), 'utf8');
}

// send fills a recorded request in and sends it with its own headers in their order, and no others but Host,
// Content-Length and Connection.
function send(text, { path, ...values }, escape) {
  const [head, body = ''] = text.trimEnd().split('\n\n');
  const [[method, recordedPath], ...headers] = fill(head, values).split('\n').map((line, i) => line.split(i === 0 ? ' ' : /: (.*)/, 2));
  const filled = fill(body, values, escape);
  const { origin, host } = new URL(apiUrl);
  return new Promise((resolve, reject) => {
    const req = request(origin + (path ?? recordedPath), {
      method, headers: ['Host', host, ...headers.flat(), 'Content-Length', String(Buffer.byteLength(filled))],
    });
    req.on('error', reject).on('response', async (response) => {
      const chunks = await response.toArray();
      resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(chunks)) });
    });
    req.end(filled);
  });
}

function fill(text, values, escape = (value) => value) {
  return text.replace(/{{(\w+)}}/g, (_, name) => {
    if (values[name] === undefined) throw new Error(`no value for {{${name}}}`);
    return escape(values[name]);
  });
}
