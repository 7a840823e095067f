// The same by somebody who tuned Node: pools of undici with connections that are kept, a
// time limit for the whole exchange, and Express without what costs time.
process.env.NODE_ENV = "production";
const fs = require("node:fs");
const express = require("express");
const { Pool } = require("undici");

const { AUTHSIGNAL_SECRET, AUTHSIGNAL_URL, AUTH0_URL, DEADLINE_MS, NODE_EXTRA_CA_CERTS, PORT } = process.env;
const connect = NODE_EXTRA_CA_CERTS ? { connect: { ca: fs.readFileSync(NODE_EXTRA_CA_CERTS) } } : {};
const options = { connections: 512, pipelining: 1, keepAliveTimeout: 60_000, ...connect };
const authsignal = new Pool(AUTHSIGNAL_URL, options);
const auth0 = new Pool(AUTH0_URL, options);
const json = { "content-type": "application/json" };
const authorization = "Basic " + Buffer.from(AUTHSIGNAL_SECRET + ":").toString("base64");
const form = {
  grant_type: "http://auth0.com/oauth/grant-type/password-realm",
  realm: process.env.AUTH0_CONNECTION,
  client_id: process.env.AUTH0_CLIENT_ID,
  client_secret: process.env.AUTH0_CLIENT_SECRET,
  audience: process.env.AUTH0_AUDIENCE,
  scope: "openid profile email",
};

async function call(pool, path, headers, body, signal) {
  const reply = await pool.request({ path, method: "POST", headers, body: JSON.stringify(body), signal });
  const text = await reply.body.text();
  if (reply.statusCode !== 200) throw new Error(`upstream ${reply.statusCode}`);
  return JSON.parse(text);
}

const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.use(express.json({ limit: "16kb" }));

app.post("/", async (req, res) => {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), Number(DEADLINE_MS));
  try {
    const { token } = req.body;
    const { isValid, state, userId } = await call(authsignal, "/v1/validate", { ...json, authorization }, { token }, abort.signal);
    if (!isValid || state !== "CHALLENGE_SUCCEEDED") return res.status(401).json({ error: "challenge not succeeded" });
    const session = await call(auth0, "/oauth/token", json, { ...form, username: userId, password: token }, abort.signal);
    const { access_token, id_token, expires_in, token_type, scope } = session;
    res.json({ access_token, id_token, expires_in, token_type, scope });
  } catch {
    res.status(502).json({ error: "upstream" });
  } finally {
    clearTimeout(timer);
  }
});

app.listen(Number(PORT), "127.0.0.1").keepAliveTimeout = 75_000;
