// Authsignal's SDK for back-ends, @authsignal/node, against the emulated Server API.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Authsignal, AuthsignalError } from '@authsignal/node';

import { during, sandbox, tokenOf } from './sandbox.mjs';

const { api_url: apiUrl, secret, action } = sandbox.authsignal;
const authsignal = new Authsignal({ apiSecretKey: secret, apiUrl });
const jane = 'auth0|jane';

// refused checks that a call fails as AuthsignalError, with the status and code that the SDK made of the answer.
const refused = (call, statusCode, errorCode) =>
  assert.rejects(call, (error) => {
    assert.ok(error instanceof AuthsignalError, String(error));
    assert.deepEqual({ statusCode: error.statusCode, errorCode: error.errorCode }, { statusCode, errorCode });
    return true;
  });

const once = (route, fault) => ({ inject: [{ route, times: 1, ...fault }] });

describe('validateChallenge', () => {
  it('tells who signed in, how, when and for what', async () => {
    const { stateUpdatedAt, idempotencyKey, ...told } = await authsignal.validateChallenge({ token: await tokenOf() });
    assert.deepEqual(told, { isValid: true, state: 'CHALLENGE_SUCCEEDED', userId: jane, action, verificationMethod: 'PASSKEY' });
    assert.ok(Math.abs(Date.now() - Date.parse(stateUpdatedAt)) < 60_000, stateUpdatedAt);
    assert.match(idempotencyKey, /^[0-9a-f-]{36}$/);
  });

  it('answers the same a second time', async () => {
    const token = await tokenOf();
    assert.deepEqual(await authsignal.validateChallenge({ token }), await authsignal.validateChallenge({ token }));
  });

  it('accepts the right user and action', async () => {
    const { isValid } = await authsignal.validateChallenge({ token: await tokenOf(), userId: jane, action });
    assert.equal(isValid, true);
  });

  it('takes null for no user and no action, as the PHP SDK sends', async () => {
    const { isValid } = await authsignal.validateChallenge({ token: await tokenOf(), userId: null, action: null });
    assert.equal(isValid, true);
  });

  it('names the action twice: this SDK, Go, Ruby and Python take "action", Java takes "actionCode"', async () => {
    const response = await fetch(`${apiUrl}/validate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`${secret}:`)}` },
      body: JSON.stringify({ token: await tokenOf() }),
    });
    const body = await response.json();
    assert.deepEqual([response.status, body.action, body.actionCode], [200, action, action]);
  });

  for (const [name, asked] of Object.entries({ 'another user': { userId: 'auth0|joe' }, 'another action': { action: 'other' } })) {
    it(`refuses ${name}`, async () => {
      const { isValid, state } = await authsignal.validateChallenge({ token: await tokenOf(), ...asked });
      assert.deepEqual([isValid, state], [false, undefined]);
    });
  }

  for (const flaw of ['expired', 'foreign_tenant', 'alg_none']) {
    it(`refuses a token with the flaw ${flaw}`, async () => {
      const { isValid, error } = await authsignal.validateChallenge({ token: await tokenOf({ flaw }) });
      assert.equal(isValid, false);
      assert.equal(error, flaw === 'expired' ? 'expired_token' : 'invalid_token');
    });
  }

  it('says of a challenge that was not completed whose it is and for what', async () => {
    const { isValid, state, userId, idempotencyKey, ...rest } = await authsignal.validateChallenge({ token: await tokenOf({ flaw: 'unverified' }) });
    assert.deepEqual([isValid, state, userId, rest.action], [false, 'CHALLENGE_REQUIRED', jane, action]);
    assert.ok(idempotencyKey);
  });

  it('tells a sign-up from a sign-in by its action', async () => {
    const told = await authsignal.validateChallenge({ token: await tokenOf({ flaw: 'sign_up' }) });
    assert.equal(told.isValid, true);
    assert.notEqual(told.action, action);
  });

  it('throws if bad tokens are answered with 400 or 401', async () => {
    const token = await tokenOf({ flaw: 'expired' });
    await during('authsignal', { badToken: '400' }, () => refused(authsignal.validateChallenge({ token }), 400, 'invalid_request'));
    await during('authsignal', { badToken: '401' }, () => refused(authsignal.validateChallenge({ token }), 401, 'expired_token'));
  });

  it('throws if there is no token', () => refused(authsignal.validateChallenge({}), 400, 'invalid_request'));
});

describe('errors', () => {
  it('say that a secret key is wrong, in the words of the live API', () =>
    assert.rejects(new Authsignal({ apiSecretKey: `${secret}x`, apiUrl }).validateChallenge({ token: 'x' }), {
      name: 'AuthsignalError', statusCode: 401, errorCode: 'unauthorized',
      errorDescription: 'The request is unauthorized. Check that your API key and region base URL are correctly configured.',
    }));

  it('tell the rate limit', () =>
    during('authsignal', once('/v1/validate', { kind: 'error', status: 429 }), () =>
      refused(authsignal.validateChallenge({ token: 'x' }), 429, 'too_many_requests')));

  it('tell a fault of the server, and a POST is not tried again', () =>
    during('authsignal', once('/v1/validate', { kind: 'error', status: 503 }), () =>
      refused(authsignal.validateChallenge({ token: 'x' }), 503, 'internal_error')));

  it("tell a load balancer's page by its status only", () =>
    during('authsignal', once('/v1/validate', { kind: 'html', status: 502 }), () =>
      refused(authsignal.validateChallenge({ token: 'x' }), 502, undefined)));

  it('are none if a GET works when it is tried again', () =>
    during('authsignal', once('/v1/users/{userId}', { kind: 'error', status: 503 }), async () =>
      assert.equal((await authsignal.getUser({ userId: jane })).email, 'jane@example.com')));

  it('are none if a connection that broke works when it is tried again', async () => {
    const token = await tokenOf();
    await during('authsignal', once('/v1/validate', { kind: 'reset' }), async () =>
      assert.equal((await authsignal.validateChallenge({ token })).isValid, true));
  });

  it('say that a base URL is wrong', () =>
    refused(new Authsignal({ apiSecretKey: secret, apiUrl: `${apiUrl}/v1` }).getUser({ userId: jane }), 404, 'not_found'));
});

describe('getUser', () => {
  it('knows somebody with a passkey', async () => {
    await tokenOf();
    const user = await authsignal.getUser({ userId: jane });
    assert.equal(user.isEnrolled, true);
    assert.deepEqual(user.enrolledVerificationMethods, ['PASSKEY']);
    assert.deepEqual([user.email, user.emailVerified, user.displayName], ['jane@example.com', true, 'Jane']);
    assert.equal(user.userId, undefined);
  });

  it('is not an error for somebody unknown', async () => {
    const user = await authsignal.getUser({ userId: 'auth0|nobody' });
    assert.deepEqual([user.isEnrolled, user.email], [false, undefined]);
  });
});

describe('track', () => {
  it('makes a user and a token that proves nothing yet', async () => {
    const tracked = await authsignal.track({ userId: 'auth0|tracked', action: 'pay', attributes: { email: 'tracked@example.com' } });
    assert.deepEqual([tracked.state, tracked.isEnrolled], ['CHALLENGE_REQUIRED', false]);
    assert.ok(URL.canParse(tracked.url), tracked.url);
    assert.equal((await authsignal.getUser({ userId: 'auth0|tracked' })).email, 'tracked@example.com');

    const { isValid, action: of, idempotencyKey } = await authsignal.validateChallenge({ token: tracked.token });
    assert.deepEqual([isValid, of, idempotencyKey], [false, 'pay', tracked.idempotencyKey]);
  });

  it('keeps the idempotency key it is given', async () => {
    const ask = { userId: 'auth0|tracked', action: 'pay', attributes: { idempotencyKey: 'order-1' } };
    assert.equal((await authsignal.track(ask)).idempotencyKey, 'order-1');
    const { state } = await authsignal.getAction({ userId: 'auth0|tracked', action: 'pay', idempotencyKey: 'order-1' });
    assert.equal(state, 'CHALLENGE_REQUIRED');
  });

  it('says which methods somebody has', async () => {
    await tokenOf();
    const { isEnrolled, enrolledVerificationMethods } = await authsignal.track({ userId: jane, action: 'pay' });
    assert.deepEqual([isEnrolled, enrolledVerificationMethods], [true, ['PASSKEY']]);
  });

  it('refuses a name that is no action code', () =>
    refused(authsignal.track({ userId: jane, action: 'pay now' }), 400, 'invalid_request'));
});

describe('queryUsers', () => {
  const asked = { username: 'queried@example.com', email: 'queried@example.com' };
  const track = (userId) => authsignal.track({ userId, action: 'pay', attributes: asked });

  it('finds people by email and by username', async () => {
    await track('auth0|queried-1');
    for (const by of [{ email: asked.email }, { username: asked.username }]) {
      const { users } = await authsignal.queryUsers(by);
      assert.deepEqual([users[0].userId, users[0].email, users[0].emailVerified], ['auth0|queried-1', asked.email, false]);
    }
  });

  it('goes on where a page ended', async () => {
    await track('auth0|queried-1');
    await track('auth0|queried-2');
    const first = await authsignal.queryUsers({ email: asked.email, limit: 1 });
    const second = await authsignal.queryUsers({ email: asked.email, limit: 1, lastEvaluatedUserId: first.lastEvaluatedUserId });
    assert.deepEqual([first, second].map(({ users }) => users.map(({ userId }) => userId)), [['auth0|queried-1'], ['auth0|queried-2']]);
    assert.equal(second.lastEvaluatedUserId, undefined);
  });

  it('finds nobody where there is nobody', async () =>
    assert.deepEqual(await authsignal.queryUsers({ email: 'nobody@example.com' }), { users: [] }));
});

describe('webhook.constructEvent', () => {
  const { old_secret: old, new_secret: current, body, signature, stale_signature: stale } = sandbox.webhook;
  const { rotating_body: rotatingBody, rotating_signature: rotating } = sandbox.webhook; // by both secrets
  const read = (apiSecretKey, payload, header) => new Authsignal({ apiSecretKey }).webhook.constructEvent(payload, header);

  it('accepts an event', () => {
    const { version, type, source, data } = read(old, body, signature);
    assert.deepEqual({ version, type, source, data }, {
      version: 1, type: 'authenticator.deleted', source: 'https://authsignal.com', data: { userId: jane, verificationMethod: 'PASSKEY' },
    });
  });

  it('accepts an event by the old and by the new secret while both are active', () => {
    assert.equal(read(old, rotatingBody, rotating).type, 'authenticator.deleted');
    assert.equal(read(current, rotatingBody, rotating).type, 'authenticator.deleted');
  });

  for (const [name, payload, header, message] of [
    ['from six minutes ago', body, stale, /tolerance/],
    ['that was changed', body.replace('jane', 'joe'), signature, /mismatch/],
    ['signed with another secret', body, signature.replace(/v2=.{5}/, 'v2=AAAAA'), /mismatch/],
    ['without a signature', body, '', /format/],
  ]) {
    it(`refuses an event ${name}`, () =>
      assert.throws(() => read(old, payload, header), { name: 'Error', message }));
  }
});
