// Auth0's SDK for back-ends, auth0, against the emulated tenant: over TLS, with the SDK's own check of every ID token.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { AuthApiError, AuthenticationClient, FetchError, ManagementClient, ResponseError, UserInfoClient } from 'auth0';

import { claimsOf, during, rotateKeys, sandbox, tokenOf } from './sandbox.mjs';

const { domain, issuer, client_id: clientId, client_secret: clientSecret, connection: realm, audience } = sandbox.auth0;
const { oauth } = new AuthenticationClient({ domain, clientId, clientSecret });
const scope = 'openid profile email offline_access';

// signIn is the grant the bridge asks for: an Authsignal token as the password, which the Login script checks.
async function signIn(user = 'jane', asked = {}) {
  return oauth.passwordGrant({ username: `auth0|${user}`, password: await tokenOf({ user }), realm, audience, scope, ...asked });
}

const refusal = (statusCode, error, message) => (thrown) => {
  assert.ok(thrown instanceof AuthApiError, String(thrown));
  assert.deepEqual({ statusCode: thrown.statusCode, error: thrown.error }, { statusCode, error });
  if (message) assert.equal(thrown.message, message);
  return true;
};

describe('passwordGrant', () => {
  it('opens a session whose ID token the SDK accepts', async () => {
    const { status, data } = await signIn();
    assert.equal(status, 200);
    assert.deepEqual([data.token_type, data.expires_in, data.scope], ['Bearer', 86400, undefined]);
    const { iss, sub, aud, email, email_verified: verified } = claimsOf(data.id_token);
    assert.deepEqual([iss, sub, aud, email, verified], [issuer, 'auth0|jane', clientId, 'jane@example.com', true]);
    assert.deepEqual(claimsOf(data.access_token).aud, [audience, `${issuer}userinfo`]);
  });

  it('tells the scope only if it is not what was asked for', async () => {
    const { data } = await signIn('jane', { scope: 'openid no:such' });
    assert.equal(data.scope, 'openid');
  });

  it('gives no ID token without openid and no refresh token without offline_access', async () => {
    const { data } = await signIn('jane', { scope: 'profile' });
    assert.deepEqual([data.id_token, data.refresh_token], [undefined, undefined]);
  });

  it('goes on when the tenant signs with its next key', async () => {
    await signIn();
    await rotateKeys();
    await signIn();
  });

  for (const [name, asked, expected] of [
    ['a password that is no token', { password: 'secret' }, refusal(403, 'invalid_grant', 'Wrong email or password.')],
    ['the token of somebody else', { username: 'auth0|joe' }, refusal(403, 'invalid_grant', 'Wrong email or password.')],
    ['a realm that does not exist', { realm: 'nowhere' }, refusal(400, 'invalid_request', 'Unknown realm nowhere.')],
    ['an API that does not exist', { audience: 'https://no.example' }, refusal(403, 'access_denied', 'Service not found: https://no.example')],
  ]) {
    it(`refuses ${name}`, () => assert.rejects(signIn('jane', asked), expected));
  }

  it('refuses no realm, with no default connection', () =>
    assert.rejects(
      oauth.passwordGrant({ username: 'x', password: 'x' }),
      refusal(400, 'invalid_request', 'Authorization server not configured with default connection.'),
    ));

  it('refuses a client whose secret is wrong', () =>
    assert.rejects(
      new AuthenticationClient({ domain, clientId, clientSecret: 'wrong' }).oauth.passwordGrant({ username: 'x', password: 'x', realm }),
      refusal(401, 'invalid_client'),
    ));
});

describe('refreshTokenGrant and revokeRefreshToken', () => {
  const refresh = (token) => oauth.refreshTokenGrant({ refresh_token: token });
  const unknown = refusal(403, 'invalid_grant', 'Unknown or invalid refresh token.');

  it('renew a session for the same person', async () => {
    const { data: session } = await signIn();
    const { data: renewed } = await refresh(session.refresh_token);
    assert.equal(claimsOf(renewed.id_token).sub, 'auth0|jane');
    assert.equal(claimsOf(renewed.access_token).sub, 'auth0|jane');
    assert.notEqual(renewed.refresh_token, session.refresh_token);
  });

  it('end the family when an old token is used again', async () => {
    const { data: session } = await signIn();
    const { data: renewed } = await refresh(session.refresh_token);
    await assert.rejects(refresh(session.refresh_token), unknown);
    await assert.rejects(refresh(renewed.refresh_token), unknown);
  });

  it('end a session', async () => {
    const { data: session } = await signIn();
    assert.equal((await oauth.revokeRefreshToken({ token: session.refresh_token })).status, 200);
    await assert.rejects(refresh(session.refresh_token), unknown);
  });

  it('answer a token nobody knows alike', async () => {
    assert.equal((await oauth.revokeRefreshToken({ token: 'unknown' })).status, 200);
    await assert.rejects(refresh('unknown'), unknown);
  });
});

describe('UserInfoClient', () => {
  const userInfo = new UserInfoClient({ domain });

  it('tells who is signed in', async () => {
    const { data: session } = await signIn('joe');
    const { data } = await userInfo.getUserInfo(session.access_token);
    assert.deepEqual([data.sub, data.email, data.email_verified], ['auth0|joe', 'joe@example.com', true]);
  });

  it('refuses an unknown token', () =>
    assert.rejects(userInfo.getUserInfo('unknown'), { name: 'UserInfoError', statusCode: 401, error: 'invalid_token' }));
});

describe('ManagementClient', () => {
  const { domain: tenant, management } = sandbox.guide;
  const listClients = (secret) =>
    new ManagementClient({ domain: tenant, clientId: management.client_id, clientSecret: secret, maxRetries: 0 }).clients.list();

  it('gets a token, and lists the applications', async () => {
    const { data } = await listClients(management.client_secret);
    assert.deepEqual(data.map((client) => client.client_id), ['default-app', 'set-up']);
  });

  it('gets no token for a wrong secret', () => assert.rejects(listClients('wrong'), refusal(401, 'invalid_client')));
});

describe('refusals', () => {
  for (const [kind, status, error] of [
    ['mfa_required', 403, 'mfa_required'],
    ['access_denied', 403, 'access_denied'],
    ['user_blocked', 401, 'unauthorized'],
    ['password_leaked', 401, 'password_leaked'],
    ['requires_verification', 401, 'requires_verification'],
    ['too_many_attempts', 429, 'too_many_attempts'],
    ['suspicious_ip', 429, 'too_many_attempts'],
    ['unauthorized_client', 403, 'unauthorized_client'],
    ['invalid_client', 401, 'invalid_client'],
    ['server_error', 500, 'server_error'],
  ]) {
    it(`${kind} is ${status} ${error}`, () =>
      during('auth0', { inject: [{ kind }] }, () => assert.rejects(signIn(), refusal(status, error))));
  }

  it('mfa_required brings an mfa_token along', () =>
    during('auth0', { inject: [{ kind: 'mfa_required' }] }, () =>
      assert.rejects(signIn(), ({ body }) => typeof JSON.parse(body).mfa_token === 'string')));

  it('a rate limit says when it ends', () =>
    during('auth0', { inject: [{ kind: 'rate_limited', reset_seconds: 30 }] }, () =>
      assert.rejects(signIn(), (error) => {
        refusal(429, 'too_many_requests')(error);
        const left = Number(error.headers.get('x-ratelimit-reset')) - Date.now() / 1000;
        assert.ok(left > 0 && left <= 31, `${left} s`);
        return true;
      })));

  it('may use the names code and description', () =>
    during('auth0', { inject: [{ kind: 'invalid_grant', form: 'code' }] }, () =>
      assert.rejects(signIn(), refusal(403, 'invalid_grant', 'Wrong email or password.'))));

  for (const form of ['text', 'html']) {
    it(`may be ${form}, which the SDK does not read`, () =>
      during('auth0', { inject: [{ kind: 'server_error', status: 502, form }] }, () =>
        assert.rejects(signIn(), (error) => error instanceof ResponseError && error.statusCode === 502)));
  }

  it('a broken connection is none', () =>
    during('auth0', { inject: [{ kind: 'reset' }] }, () => assert.rejects(signIn(), (error) => error instanceof FetchError)));
});

describe('the ID token is refused', () => {
  for (const [kind, message] of [
    ['id_wrong_issuer', /\(iss\) claim mismatch/],
    ['id_no_slash_issuer', /\(iss\) claim mismatch/],
    ['id_wrong_audience', /\(aud\) claim mismatch/],
    ['id_many_audiences', /\(azp\) claim must be/],
    ['id_wrong_azp', /\(azp\) claim mismatch/],
    ['id_expired', /\(exp\) claim error/],
    ['id_nonce', /\(nonce\) claim mismatch/],
    ['id_unsigned', /"none" is not supported/],
    ['id_hs256', /./],
    ['id_hs256_with_key', /./],
    ['id_unknown_key', /no applicable key/],
    ['id_foreign_key', /signature verification failed/],
    ['id_bad_signature', /signature verification failed/],
  ]) {
    it(`with the fault ${kind}`, () => during('auth0', { inject: [{ kind }] }, () => assert.rejects(signIn(), { message })));
  }

  it('for none of this when all is well', () => signIn());
});
