// The back-end of Authsignal's guide "Auth0 Native Bridge", as its reader would build it from the two steps it names: the
// official SDKs, "Authsignal Validate Challenge" and then "Auth0 Resource Owner Password Grant". The guide's own code is
// not public in full; the username is the user id, as the Login script ignores it anyway.
import { Authsignal } from '@authsignal/node';
import { AuthenticationClient } from 'auth0';
import express from 'express';

export function guideBackEnd({ authsignal: { api_url: apiUrl, secret }, tenant }) {
  const authsignal = new Authsignal({ apiSecretKey: secret, apiUrl });
  const auth0 = new AuthenticationClient({
    domain: tenant.domain, clientId: tenant.client_id, clientSecret: tenant.client_secret,
  });

  const app = express();
  app.use(express.json());
  app.post('/sign-in', async (req, res) => {
    const { token } = req.body;
    const { isValid, userId } = await authsignal.validateChallenge({ token });
    if (!isValid) return res.status(401).json({ error: 'the challenge was not completed' });
    const { data } = await auth0.oauth.passwordGrant({
      username: userId, password: token, realm: tenant.connection, audience: tenant.audience, scope: 'openid profile email',
    });
    res.json(data);
  });
  app.use((error, req, res, next) => res.status(500).json({ error: error.error ?? error.message }));
  return app;
}
