// oidc-client-ts: it is told the bridge's address, and keeps a session that was opened in the plain way alive.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ErrorResponse, InMemoryWebStorage, User, UserManager, WebStorageStateStore } from 'oidc-client-ts';

import { claimsOf, sandbox, sessionOf } from './sandbox.mjs';

const { issuer, client_id } = sandbox.auth0;

function manager() {
  const store = new WebStorageStateStore({ store: new InMemoryWebStorage() });
  return new UserManager({
    authority: sandbox.bridge, client_id, redirect_uri: 'https://app.example.com', userStore: store, stateStore: store, automaticSilentRenew: false,
  });
}

async function signedIn() {
  const session = await sessionOf();
  const users = manager();
  await users.storeUser(new User({ ...session, profile: claimsOf(session.id_token), expires_at: Date.now() / 1000 + session.expires_in }));
  return { users, session };
}

describe('a client that keeps sessions', () => {
  it('finds every address', async () => {
    const { metadataService } = manager();
    assert.deepEqual(
      [await metadataService.getIssuer(), await metadataService.getTokenEndpoint(), await metadataService.getRevocationEndpoint()],
      [issuer, `${sandbox.bridge}/oauth/token`, `${sandbox.bridge}/oauth/revoke`],
    );
    assert.ok((await metadataService.getSigningKeys()).length > 0);
  });

  it('renews', async () => {
    const { users, session } = await signedIn();
    const renewed = await users.signinSilent();
    assert.equal(renewed.profile.sub, 'auth0|jane');
    assert.notEqual(renewed.refresh_token, session.refresh_token);
    assert.ok((await users.signinSilent()).access_token, 'a second time, with what it stored');
  });

  it('revokes', async () => {
    const { users, session } = await signedIn();
    await users.revokeTokens(['refresh_token']);
    await users.storeUser(new User({ ...session, profile: claimsOf(session.id_token) }));
    await assert.rejects(users.signinSilent(), (thrown) => thrown instanceof ErrorResponse && thrown.error === 'invalid_grant');
  });
});
