/*
 * Action of the trigger custom-token-exchange, for Native Bridge with TOKEN_ISSUER=auth0-token-exchange.
 *
 * The subject token is the token that an app holds after a passkey ceremony with Authsignal. The Action asks Authsignal
 * whether that token proves a passkey sign-in, and who signed in. It judges by the same rules as the Login script and sets
 * that person as the user. Only the bridge's own application may exchange tokens: others would get around the bridge.
 *
 * Paste it under Actions > Library > Create Action > Build from Scratch > Custom Token Exchange, add the secrets below,
 * Deploy, and make a token exchange profile with its id. It needs no dependencies.
 *
 *   AUTHSIGNAL_SECRET         API secret key of the Authsignal tenant
 *   AUTHSIGNAL_API_URL        base of its Server API, such as https://api.authsignal.com/v1
 *   AUTHSIGNAL_ACTION         the one action whose tokens are sign-ins
 *   AUTHSIGNAL_SUBJECTS       "auth0" (default): Authsignal's user ids are whole Auth0 ids, auth0|…; "plain": ids without "|"
 *   NATIVE_BRIDGE_CLIENT_ID   client id of the bridge's application
 *   CREATE_USERS_IN           name of the connection in which to make users who do not exist yet; without it, none is made
 *
 * The Action runs on Node 18 and 22. api.access.rejectInvalidSubjectToken means "no", and counts against the address that
 * asks; deny with server_error means "cannot tell", and must not count. No reason holds a token, a secret, an e-mail address
 * or a text of Authsignal's. The Action does not bound response bodies: fetch cannot, and Authsignal is trusted that far.
 */
const DEADLINE_MS = 4000; // for all calls together; the bridge waits longer
const TOKEN_REFUSALS = ["expired_token", "invalid_token", "invalid_request", "invalid_credential"];
const UNDECODED = /[\uD800-\uDFFF\uFFFD]/u; // half a character, or the sign for none: two people's ids would look alike

// Verdict is a reason that may be told. The text of any other error might hold a secret.
class Verdict extends Error {
  constructor(code, message) {
    super(message);
    this.code = code; // "" for a subject token that is invalid
  }
}

exports.onExecuteCustomTokenExchange = async (event, api) => {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), DEADLINE_MS);
  try {
    await setUser(event, api, deadline.signal);
  } catch (error) {
    const { code, message } = error instanceof Verdict ? error : cannotTell("the Action failed");
    if (code === "") api.access.rejectInvalidSubjectToken(message);
    else api.access.deny(code, message);
  } finally {
    clearTimeout(timer);
  }
};

async function setUser(event, api, signal) {
  const settings = readSettings(event.secrets);
  if (event.client.client_id !== settings.clientID) {
    throw new Verdict("unauthorized_client", "native-bridge refuses: the application is not the one in NATIVE_BRIDGE_CLIENT_ID");
  }
  const proof = await validate(settings, event.transaction.subject_token, signal);
  const userID = judge(proof, settings);
  if (settings.connection === undefined) {
    api.authentication.setUserById(`auth0|${userID}`);
    return;
  }
  const user = await getUser(settings, proof.userId, signal);
  const behavior = { creationBehavior: "create_if_not_exists", updateBehavior: "none" };
  api.authentication.setUserByConnection(settings.connection, attributesOf(userID, user), behavior);
}

function readSettings(secrets) {
  const apiURL = setting(secrets, "AUTHSIGNAL_API_URL").replace(/\/+$/, "");
  if (!/^(https:\/\/[^\s/?#@]+|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(\/[^\s?#]*)?$/.test(apiURL)) {
    throw cannotTell("the secret AUTHSIGNAL_API_URL is not an https URL");
  }
  const subjects = secrets.AUTHSIGNAL_SUBJECTS || "auth0";
  if (subjects !== "auth0" && subjects !== "plain") {
    throw cannotTell('the secret AUTHSIGNAL_SUBJECTS is neither "auth0" nor "plain"');
  }
  return {
    apiURL,
    subjects,
    secret: setting(secrets, "AUTHSIGNAL_SECRET"),
    action: setting(secrets, "AUTHSIGNAL_ACTION"),
    clientID: setting(secrets, "NATIVE_BRIDGE_CLIENT_ID"),
    connection: secrets.CREATE_USERS_IN || undefined,
  };
}

function setting(secrets, name) {
  const value = secrets[name];
  if (typeof value !== "string" || value === "") throw cannotTell(`the secret ${name} is missing`);
  return value;
}

// validate asks Authsignal about the token and returns its answer.
async function validate(settings, token, signal) {
  if (typeof token !== "string" || token === "") throw refuse("there is no token");
  const { status, body } = await call(settings, "POST", "/validate", signal, { token, action: settings.action });
  if (status === 200) {
    if (typeof body.isValid !== "boolean") throw cannotTell("Authsignal's answer is not a validation");
    if (!body.isValid) throw refuse("Authsignal does not accept the token, or no longer");
    if (body.state !== "CHALLENGE_SUCCEEDED") throw refuse("the token's challenge was not completed");
    return body;
  }
  const code = typeof body.errorCode === "string" ? body.errorCode : body.error;
  if ([400, 401, 403].includes(status) && TOKEN_REFUSALS.includes(code)) {
    throw refuse(`Authsignal does not accept the token, or no longer: ${code}`);
  }
  throw unexpected(status);
}

// judge decides whether the proof is a passkey sign-in. It returns the person's user_id.
function judge(proof, settings) {
  const actions = [proof.action, proof.actionCode].filter((action) => action !== undefined && action !== null);
  if (actions.length === 0 || actions.some((action) => action !== settings.action)) {
    throw refuse("the token is for another action");
  }
  if (proof.verificationMethod !== "PASSKEY") throw refuse("the token was not won with a passkey");
  if (typeof proof.userId !== "string" || proof.userId === "") throw refuse("the token does not say who signed in");
  if (UNDECODED.test(proof.userId)) throw cannotTell("the token's user id holds what could not be decoded");
  return userIDOf(proof.userId, settings.subjects);
}

// userIDOf takes exactly one "auth0|" off. A looser rule would let two people at Authsignal become one at Auth0.
function userIDOf(subject, subjects) {
  const prefix = subjects === "plain" ? "" : "auth0|";
  if (subjects === "plain" && subject.includes("|")) throw refuse('the token\'s user id holds a "|", which "plain" subjects do not');
  if (!subject.startsWith(prefix)) throw refuse('the token\'s user id does not begin with "auth0|"');
  const userID = subject.slice(prefix.length);
  if (["", ".", ".."].includes(userID)) throw refuse("the token's user id is empty, or a path of dots"); // dots lead elsewhere in a URL
  return userID;
}

async function getUser(settings, subject, signal) {
  const { status, body } = await call(settings, "GET", `/users/${encodeURIComponent(subject)}`, signal);
  if (status !== 200) throw unexpected(status);
  return body;
}

// attributesOf leaves the e-mail address out if Authsignal has none: an invented one would be worse. A sign-in sends no mail.
function attributesOf(userID, user) {
  if (typeof user.email !== "string" || user.email === "") return { user_id: userID };
  return { user_id: userID, email: user.email, email_verified: user.emailVerified === true, verify_email: false };
}

// call returns an answer's status and its JSON object, or {} if there is none and the status is not 200. It follows no
// redirect: that could carry secret and token elsewhere.
async function call(settings, method, path, signal, body) {
  const { status, text } = await send(settings.apiURL + path, {
    method,
    headers: {
      accept: "application/json",
      authorization: `Basic ${Buffer.from(`${settings.secret}:`).toString("base64")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(body),
    redirect: "manual",
    signal,
  });
  const object = objectOf(text);
  if (status === 200 && !object) throw cannotTell("Authsignal's answer is not a JSON object");
  return { status, body: object || {} };
}

async function send(url, options) {
  try {
    const response = await fetch(url, options);
    return { status: response.status, text: await response.text() };
  } catch (error) {
    throw cannotTell(options.signal.aborted ? `Authsignal did not answer within ${DEADLINE_MS} ms` : "Authsignal cannot be reached");
  }
}

function objectOf(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch (error) {
    return null;
  }
}

function unexpected(status) {
  if (status === 401) return cannotTell("Authsignal refuses AUTHSIGNAL_SECRET, or AUTHSIGNAL_API_URL is another region's");
  if (status === 404) return cannotTell("Authsignal answered 404: AUTHSIGNAL_API_URL must end in /v1");
  if (status === 429) return cannotTell("Authsignal's rate limit is reached");
  return cannotTell(`Authsignal answered ${status}`);
}

function cannotTell(why) {
  return new Verdict("server_error", `native-bridge cannot tell: ${why}`);
}

function refuse(why) {
  return new Verdict("", `native-bridge refuses: ${why}`);
}
