// The back end of Authsignal's guide "Auth0 Native Bridge" as its reader would write it:
// Express, Authsignal's SDK, and axios for the password-realm grant. No agents, no time
// limits, no tuning.
const express = require("express");
const axios = require("axios");
const { Authsignal } = require("@authsignal/node");

const { AUTHSIGNAL_SECRET, AUTHSIGNAL_URL, AUTH0_URL, PORT } = process.env;
const authsignal = new Authsignal({ apiSecretKey: AUTHSIGNAL_SECRET, apiUrl: `${AUTHSIGNAL_URL}/v1` });

const app = express();
app.use(express.json());

app.post("/", async (req, res) => {
  try {
    const { token } = req.body;
    const { isValid, state, userId } = await authsignal.validateChallenge({ token });
    if (!isValid || state !== "CHALLENGE_SUCCEEDED") {
      return res.status(401).json({ error: "challenge not succeeded" });
    }
    const { data } = await axios.post(
      `${AUTH0_URL}/oauth/token`,
      {
        grant_type: "http://auth0.com/oauth/grant-type/password-realm",
        realm: process.env.AUTH0_CONNECTION,
        username: userId,
        password: token,
        client_id: process.env.AUTH0_CLIENT_ID,
        client_secret: process.env.AUTH0_CLIENT_SECRET,
        audience: process.env.AUTH0_AUDIENCE,
        scope: "openid profile email",
      },
      { headers: { "content-type": "application/json" } },
    );
    const { access_token, id_token, expires_in, token_type, scope } = data;
    return res.json({ access_token, id_token, expires_in, token_type, scope });
  } catch (err) {
    return res.status(500).json({ error: err.message });
  }
});

app.listen(Number(PORT), "127.0.0.1");
