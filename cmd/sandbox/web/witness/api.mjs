// An API of somebody's own, guarded by express-oauth2-jwt-bearer as Auth0's quickstart for Express has it.
//
//   node api.mjs ISSUER AUDIENCE
//
// serves it on a free port of 127.0.0.1 and prints the address. GET /me, with an access token for AUDIENCE as Bearer,
// answers {"sub", "name"}; the name comes from the issuer's /userinfo. POST /admin needs a scope that nobody has.
import { pathToFileURL } from 'node:url';

import express from 'express';
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer';

export function guardedAPI(issuerBaseURL, audience) {
  const api = express();
  api.use(auth({ issuerBaseURL, audience }));
  api.get('/me', async (req, res) => {
    const response = await fetch(new URL('userinfo', issuerBaseURL), { headers: { authorization: `Bearer ${req.auth.token}` } });
    const person = await response.json();
    res.json({ sub: req.auth.payload.sub, name: person.name ?? person.email });
  });
  api.post('/admin', requiredScopes('administer'), (req, res) => res.json({}));
  api.use((error, req, res, next) => res.status(error.status ?? 500).set(error.headers ?? {}).json({ error: error.code ?? error.message }));
  return api;
}

// serve listens on a free port of loopback, and resolves to the address and a way to stop.
export const serve = (handler) =>
  new Promise((resolve, reject) => {
    const server = handler.listen(0, '127.0.0.1', (error) => {
      if (error) return reject(error);
      resolve({ url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() });
    });
  });

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [issuer, audience] = process.argv.slice(2);
  console.log((await serve(guardedAPI(issuer, audience))).url);
}
