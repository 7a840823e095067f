// A certified OpenID provider, oidc-provider, in two parts: apps sign people in there with passkeys, and bridges open
// sessions there with the JWT bearer grant (RFC 7523), which is added as its documentation has it.
import { createServer } from 'node:http';

import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import Provider, { errors } from 'oidc-provider';

import { serve } from './api.mjs';

const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export const redirectUri = 'http://127.0.0.1/callback';

// startProvider starts a provider for the apps android, ios and another-app, and for bridges, whose clients are given as
// their registrations (OpenID Connect Dynamic Client Registration 1.0, section 2). A bridge is believed once trust was
// told where it publishes its keys.
export async function startProvider(...bridges) {
  const server = createServer();
  const { url, close } = await serve(server);
  const forgotten = new Set();
  const findAccount = (ctx, accountId) => (forgotten.has(accountId) ? undefined : { accountId, claims: () => ({ sub: accountId }) });
  const provider = new Provider(url, {
    clients: [app('android', 'RS256'), app('ios', 'ES256'), app('another-app', 'RS256'), ...bridges.map(bridge)],
    jwks: { keys: await Promise.all(['RS256', 'ES256'].map(newKey)) },
    cookies: { keys: [crypto.randomUUID()] },
    claims: { openid: ['sub', 'amr'] },
    clientAuthMethods: ['none', 'client_secret_basic', 'private_key_jwt'],
    features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
    findAccount,
    interactions: { url: () => '/sign-in' },
    loadExistingGrant: ({ oidc: { client, session } }) => grantTo(provider, client.clientId, session.accountId),
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 300, IdToken: 300, Interaction: 60, RefreshToken: 300, Session: 300 },
  });
  provider.on('server_error', (ctx, error) => console.error(error)); // the answer does not tell
  const trusted = new Map();
  provider.registerGrantType(jwtBearer, openSession(provider, trusted, findAccount), ['assertion', 'scope']);
  server.on('request', withSignIn(provider));
  return {
    url,
    close,
    trust: (clientId, keys) => trusted.set(clientId, createRemoteJWKSet(new URL(keys))),
    forget: (accountId) => forgotten.add(accountId),
    remember: (accountId) => forgotten.delete(accountId),
  };
}

const app = (client_id, id_token_signed_response_alg) => ({
  client_id, id_token_signed_response_alg, application_type: 'native', token_endpoint_auth_method: 'none',
  redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'], require_auth_time: true,
});

const bridge = (registration) => ({
  grant_types: [jwtBearer, 'refresh_token'], redirect_uris: [], response_types: [], ...registration,
});

async function newKey(alg) {
  return { ...(await exportJWK((await generateKeyPair(alg, { extractable: true })).privateKey)), alg, kid: alg, use: 'sig' };
}

// grantTo lets the client have what it wants of the person: nobody is asked.
async function grantTo(provider, clientId, accountId) {
  const grant = new provider.Grant({ clientId, accountId });
  grant.addOIDCScope('openid offline_access');
  await grant.save();
  return grant;
}

// withSignIn signs whoever comes in as login_hint says, by the methods in acr_values: the ceremony itself is no business
// of OpenID's.
function withSignIn(provider) {
  const answer = provider.callback();
  return async (req, res) => {
    if (req.url !== '/sign-in') return answer(req, res);
    const { params } = await provider.interactionDetails(req, res);
    const login = { accountId: params.login_hint, amr: params.acr_values.split(' ') };
    await provider.interactionFinished(req, res, { login, consent: {} });
  };
}

// openSession is the JWT bearer grant: the client is authenticated already, and its assertion names the person.
function openSession(provider, trusted, findAccount) {
  const used = new Set();
  const judge = async (assertion, client) => {
    const { payload } = await jwtVerify(assertion, trusted.get(client.clientId), {
      issuer: client.clientId, audience: provider.issuer, typ: 'JWT', maxTokenAge: 60, requiredClaims: ['exp', 'jti', 'sub'],
    });
    if (used.has(payload.jti)) throw new Error('it was used before');
    used.add(payload.jti);
    return payload.sub;
  };
  return async (ctx) => {
    const { client, params: { assertion, scope }, provider: { AccessToken, IdToken, RefreshToken } } = ctx.oidc;
    const accountId = await judge(assertion, client).catch(({ message }) => { throw new errors.InvalidGrant(message); });
    if (!findAccount(ctx, accountId)) throw new errors.InvalidGrant('nobody has that id');

    const { jti: grantId } = await grantTo(provider, client.clientId, accountId);
    const session = { accountId, client, grantId, scope, gty: 'jwt-bearer' };
    const accessToken = new AccessToken(session);
    const idToken = new IdToken({ sub: accountId }, { ctx });
    idToken.scope = 'openid';
    ctx.body = {
      access_token: await accessToken.save(),
      expires_in: accessToken.expiration,
      id_token: await idToken.issue({ use: 'idtoken' }),
      refresh_token: await new RefreshToken({ ...session, rotations: 0 }).save(),
      scope,
      token_type: 'Bearer',
    };
  };
}
