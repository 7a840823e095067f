// Auth0's own tool for tenants kept in git, auth0-deploy-cli: it imports a tenant, on which a user can then sign in, and
// exports it again.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { sandbox } from './sandbox.mjs';

const { domain, client_id: clientId, client_secret: clientSecret } = sandbox.empty;
const { resolve } = createRequire(import.meta.url);
const cli = ['--require', resolve('./without-prompts.cjs'), resolve('auth0-deploy-cli')];

const login = `function login(id, password, context, callback) {
  callback(password === configuration.PASSWORD ? null : new WrongUsernameOrPasswordError(id), { user_id: id, email: id });
}
`;
const exchange = `exports.onExecuteCustomTokenExchange = async (event, api) => {
  api.authentication.setUserByConnection('passkeys', { user_id: event.secrets.KEY, email: 'jane@example.com' }, {});
};
`;
const tenant = {
  clients: [{
    name: 'Bridge', app_type: 'regular_web', is_first_party: true, oidc_conformant: true, token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['password', 'http://auth0.com/oauth/grant-type/password-realm', 'refresh_token'],
    jwt_configuration: { alg: 'RS256', lifetime_in_seconds: 36000, secret_encoded: false }, organization_usage: 'deny',
    token_exchange: { allow_any_profile_of_type: ['custom_authentication'] },
  }],
  databases: [{
    name: 'passkeys', strategy: 'auth0', enabled_clients: ['Bridge'],
    options: {
      enabledDatabaseCustomization: true, import_mode: false, disable_signup: true, enable_script_context: true,
      customScripts: { login: './login.js' }, configuration: { PASSWORD: '##PASSWORD##' },
    },
  }],
  resourceServers: [{ name: 'API', identifier: 'https://api.example', allow_offline_access: true, skip_consent_for_verifiable_first_party_clients: true }],
  actions: [{
    name: 'Exchange', code: './exchange.js', runtime: 'node22', deployed: true,
    supported_triggers: [{ id: 'custom-token-exchange', version: 'v1' }], secrets: [{ name: 'KEY', value: '##PASSWORD##' }],
  }],
  tokenExchangeProfiles: [{ name: 'Exchange', subject_token_type: 'urn:example:token', action: 'Exchange', type: 'custom_authentication' }],
};

describe('auth0-deploy-cli', { concurrency: 1 }, () => {
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deploy-cli-'));
    const config = {
      AUTH0_DOMAIN: domain, AUTH0_CLIENT_ID: clientId, AUTH0_CLIENT_SECRET: clientSecret, AUTH0_ALLOW_DELETE: false,
      AUTH0_KEYWORD_REPLACE_MAPPINGS: { PASSWORD: 'right' },
      AUTH0_INCLUDED_ONLY: ['tenant', 'clients', 'clientGrants', 'databases', 'resourceServers', 'actions', 'triggers', 'tokenExchangeProfiles', 'attackProtection'],
    };
    await Promise.all([
      writeFile(join(folder, 'config.json'), JSON.stringify(config)), writeFile(join(folder, 'tenant.yaml'), JSON.stringify(tenant)),
      writeFile(join(folder, 'login.js'), login), writeFile(join(folder, 'exchange.js'), exchange),
    ]);
  });
  after(() => rm(folder, { recursive: true }));

  const run = (...args) => promisify(execFile)(process.execPath, [...cli, ...args, '-c', join(folder, 'config.json')]);
  const exported = async (name) => JSON.parse(await readFile(join(folder, 'out', name), 'utf8'));

  it('imports a tenant', () => run('import', '-i', join(folder, 'tenant.yaml')));

  it('exports what it has imported, without the configuration', async () => {
    await run('export', '-f', 'directory', '-o', join(folder, 'out'));
    const database = await exported('database-connections/passkeys/database.json');
    assert.deepEqual(database.enabled_clients, ['Bridge']);
    assert.deepEqual([database.options.import_mode, database.options.enable_script_context], [false, true]);
    assert.equal(await readFile(join(folder, 'out/database-connections/passkeys/login.js'), 'utf8'), login);
    const client = await exported('clients/Bridge.json');
    assert.deepEqual([client.grant_types, client.oidc_conformant], [tenant.clients[0].grant_types, true]);
    assert.equal((await exported('token-exchange-profiles/Exchange.json')).action, 'Exchange');
    assert.equal((await exported('attack-protection/brute-force-protection.json')).max_attempts, 10);
  });

  it('has made a tenant on which a user signs in', async () => {
    const { access_token: token } = await (await post('/oauth/token', {
      grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, audience: `https://${domain}/api/v2/`,
    })).json();
    const clients = await (await fetch(`https://${domain}/api/v2/clients`, { headers: { authorization: `Bearer ${token}` } })).json();
    const { client_id: id, client_secret: secret } = clients.find(({ name }) => name === 'Bridge');
    const grants = [
      { grant_type: tenant.clients[0].grant_types[1], realm: 'passkeys', username: 'jane@example.com', password: 'right' },
      { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: 'x', subject_token_type: 'urn:example:token' },
    ];
    for (const grant of grants) {
      const answer = await post('/oauth/token', { ...grant, client_id: id, client_secret: secret, scope: 'openid', audience: 'https://api.example' });
      assert.equal(answer.status, 200, await answer.text());
    }
  });
});

const post = (path, params) => fetch(`https://${domain}${path}`, { method: 'POST', body: new URLSearchParams(params) });
