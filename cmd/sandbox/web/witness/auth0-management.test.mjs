// The newest ManagementClient of Auth0's SDK for back-ends, auth0, sets an empty tenant up until a user can sign in.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ManagementClient, ManagementError } from 'auth0-management';

import { sandbox } from './sandbox.mjs';

const { domain, client_id: clientId, client_secret: clientSecret } = sandbox.empty;
const management = new ManagementClient({ domain, clientId, clientSecret, maxRetries: 0 });

const login = `function login(id, password, callback) {
  callback(password === configuration.PASSWORD ? null : new WrongUsernameOrPasswordError(id), { user_id: id, email: id });
}`;
const realm = 'passkeys';
const grantTypes = ['password', 'http://auth0.com/oauth/grant-type/password-realm', 'refresh_token'];

const refusal = (statusCode, message) => (error) => {
  assert.ok(error instanceof ManagementError, String(error));
  assert.equal(error.statusCode, statusCode);
  assert.match(error.message, message);
  return true;
};

async function signIn(app, password = 'right') {
  const response = await fetch(`https://${domain}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: grantTypes[1], realm, username: 'jane@example.com', password, scope: 'openid offline_access',
      client_id: app.client_id, client_secret: app.client_secret,
    }),
  });
  return { status: response.status, body: await response.json() };
}

// one is the only object of a page.
async function one(page) {
  const { data } = await page;
  assert.equal(data.length, 1);
  return data[0];
}

describe('ManagementClient', { concurrency: 1 }, () => {
  let app, connection;

  it('creates an application, which is OIDC conformant because it says so', async () => {
    app = await management.clients.create({
      name: 'Bridge', app_type: 'regular_web', is_first_party: true, oidc_conformant: true, grant_types: grantTypes,
      token_endpoint_auth_method: 'client_secret_post', jwt_configuration: { alg: 'RS256' },
      refresh_token: { rotation_type: 'rotating', expiration_type: 'expiring', leeway: 10 }, organization_usage: 'deny',
    });
    assert.ok(app.client_secret);
    assert.deepEqual([app.is_token_endpoint_ip_header_trusted, app.refresh_token.infinite_token_lifetime], [false, true]);
  });

  it('creates a connection, whose configuration comes back as ciphertext', async () => {
    connection = await management.connections.create({
      name: realm, strategy: 'auth0',
      options: { enabledDatabaseCustomization: true, import_mode: false, customScripts: { login }, configuration: { PASSWORD: 'right' } },
    });
    const { options } = await management.connections.get(connection.id);
    assert.equal(options.customScripts.login, login);
    assert.match(options.configuration.PASSWORD, /^CkIKI/);
  });

  it('has nobody sign in before the connection is enabled', async () => {
    const { status, body } = await signIn(app);
    assert.deepEqual([status, body.error], [403, 'access_denied']);
  });

  it('enables the connection, and a user signs in', async () => {
    await management.connections.clients.update(connection.id, [{ client_id: app.client_id, status: true }]);
    assert.equal((await one(management.connections.clients.get(connection.id))).client_id, app.client_id);
    const { status, body } = await signIn(app);
    assert.equal(status, 200);
    assert.ok(body.id_token && body.refresh_token);
    assert.deepEqual([(await signIn(app, 'wrong')).status], [403]);
  });

  it('finds what became of the sign-ins in the log', async () => {
    const { data } = await management.logs.list({ per_page: 2 }, { queryParams: { q: 'type:(sepft OR fepft)' } });
    assert.deepEqual(data.map((entry) => [entry.type, entry.description]), [['fepft', 'Wrong email or password.'], ['sepft', undefined]]);
  });

  it('loses what it does not send again', async () => {
    await management.connections.update(connection.id, { options: { enabledDatabaseCustomization: true, customScripts: { login } } });
    assert.equal((await signIn(app)).status, 403);
    const { options } = await management.connections.get(connection.id);
    assert.equal(options.configuration, undefined);
  });

  it('walks through pages of both kinds', async () => {
    for (const n of [1, 2, 3]) await management.connections.create({ name: `other-${n}`, strategy: 'auth0' });
    const names = [];
    for await (const { name } of await management.connections.list({ take: 2 })) names.push(name);
    assert.deepEqual(names, [realm, 'other-1', 'other-2', 'other-3']);
    const apps = [];
    for await (const { name } of await management.clients.list({ per_page: 1 })) apps.push(name);
    assert.deepEqual(apps, ['Manager', 'Bridge']);
  });

  it('creates an API, an Action that it deploys once built, and a token-exchange profile', async () => {
    await management.resourceServers.create({ identifier: 'https://api.example', name: 'API', allow_offline_access: true });
    const action = await management.actions.create({
      name: 'Exchange', supported_triggers: [{ id: 'custom-token-exchange', version: 'v1' }], secrets: [{ name: 'KEY', value: 'secret' }],
      code: 'exports.onExecuteCustomTokenExchange = async (event, api) => { api.authentication.setUserById(event.transaction.subject_token); };',
    });
    await assert.rejects(management.actions.deploy(action.id), refusal(400, /'built' state/));
    let status;
    while (status !== 'built') ({ status } = await management.actions.get(action.id));
    await management.actions.deploy(action.id);
    const profile = await management.tokenExchangeProfiles.create({
      name: 'Exchange', subject_token_type: 'urn:example:token', action_id: action.id, type: 'custom_authentication',
    });
    assert.equal((await one(management.tokenExchangeProfiles.list())).id, profile.id);
  });

  it('reads policies and protection', async () => {
    assert.deepEqual(await management.guardian.policies.list(), []);
    assert.equal((await management.attackProtection.bruteForceProtection.get()).max_attempts, 10);
    assert.equal((await management.attackProtection.suspiciousIpThrottling.get()).stage['pre-login'].max_attempts, 100);
    const { data } = await management.actions.triggers.bindings.list('post-login');
    assert.deepEqual(data, []);
    assert.equal((await management.tenants.settings.get()).default_directory, '');
  });

  for (const [name, call, expected] of [
    ['a name twice', () => management.connections.create({ name: realm, strategy: 'auth0' }), refusal(409, /same name/)],
    ['enabled_clients', () => management.connections.update(connection.id, { enabled_clients: [] }), refusal(400, /Additional properties not allowed: enabled_clients/)],
    ['an application that is not there', () => management.clients.get('nobody'), refusal(404, /does not exist/)],
  ]) {
    it(`is refused ${name}`, () => assert.rejects(call(), expected));
  }
});
