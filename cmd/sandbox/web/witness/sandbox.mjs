// What the witnesses share: where everything is, a way to get tokens and sessions, and the switches of both emulators.

// sandbox is what `sandbox --json` prints, and beside it the guide's own tenant, signed webhooks and a control address.
// The Go test that runs the witnesses provides it.
export const sandbox = JSON.parse(process.env.WITNESS_SANDBOX ?? '{}');
if (!sandbox.control) throw new Error('the witnesses are run by TestWitnesses in cmd/sandbox: make test');

// tokenOf goes through a passkey sign-in, or makes a token with a flaw: see POST /dev/token of the sandbox.
export async function tokenOf(wish = {}) {
  const { status, body } = await post(`${sandbox.page}/dev/token`, wish);
  if (status !== 200) throw new Error(`no token for ${JSON.stringify(wish)}: ${body.error}`);
  return body.token;
}

// exchange does what the app does: it hands the token to the bridge.
export const exchange = (token, bridge = sandbox.bridge) => post(`${bridge}/v1/sessions`, { token });

// sessionOf returns the tokens of a new session.
export async function sessionOf(wish = {}) {
  const { status, body } = await exchange(await tokenOf(wish));
  if (status !== 200) throw new Error(`no session for ${JSON.stringify(wish)}: ${body.code}`);
  return body;
}

// during switches faults of an emulator, "authsignal" or "auth0", on while what it is given runs.
export async function during(emulator, faults, what) {
  await control('PUT', `${emulator}/faults`, faults);
  try {
    return await what();
  } finally {
    await control('PUT', `${emulator}/faults`, {});
  }
}

// rotateKeys lets Auth0 sign with its next key.
export const rotateKeys = () => control('POST', 'auth0/rotate-keys');

// judge is the bridge's verifier of JWTs: it is told of a provider that makes them, and says whom a token proves, or
// why it proves nobody. Its time can be moved ahead.
export const judge = {
  trust: (issuer, audience) => control('PUT', 'jwt', { issuer, audience }),
  advance: (seconds) => control('POST', 'jwt/advance', seconds),
  verify: async (token) => (await post(`${sandbox.control}/jwt/verify`, token)).body,
};

// startBridge starts a whole bridge with the given settings, and resolves to its address.
export async function startBridge(settings) {
  return (await (await control('POST', 'bridges', settings)).json()).url;
}

// claimsOf reads a JWT without checking it.
export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));

export async function post(url, body) {
  const response = await fetch(url, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

async function control(method, path, body) {
  const response = await fetch(`${sandbox.control}/${path}`, { method, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response;
}
