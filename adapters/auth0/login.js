/*
 * Login script of the custom database connection behind Native Bridge.
 *
 * The "password" proves who signs in. It takes one of two forms, and the connection's settings say which:
 *
 * - AUTH0_PROOF=token: the password is the token that an app holds after a passkey ceremony with Authsignal. The script asks
 *   Authsignal whether that token proves a passkey sign-in, who signed in, and what e-mail address the person has.
 * - AUTH0_PROOF=signed: the password is the bridge's word for all that, signed with a key and good for a minute. The script
 *   asks nobody, so Auth0 needs no key of Authsignal's. It accepts no token, and so nothing that did not come through the
 *   bridge.
 *
 * Either way the person comes from the password alone, and the identifier must only match. The script replaces the Login
 * script of Authsignal's guide "Auth0 Native Bridge".
 *
 * Paste it under Authentication > Database > (the connection) > Custom Database > Database Action Scripts > Login, and
 * set below it, under Database Settings, for both forms:
 *
 *   AUTHSIGNAL_API_URL    base of Authsignal's Server API, such as https://api.authsignal.com/v1
 *   AUTHSIGNAL_ACTION     the one action whose tokens are sign-ins
 *   AUTHSIGNAL_SUBJECTS   "auth0" (default): Authsignal's user ids are whole Auth0 ids, auth0|…; "plain": ids without "|"
 *
 * For AUTH0_PROOF=token also
 *
 *   AUTHSIGNAL_SECRET     API secret key of the Authsignal tenant
 *
 * and for AUTH0_PROOF=signed instead
 *
 *   NATIVE_BRIDGE_KEY             AUTH0_PROOF_KEY of the bridge; with it the script reads no AUTHSIGNAL_SECRET
 *   NATIVE_BRIDGE_KEY_PREVIOUS    while keys are changed: the other key, which is as good
 *   NATIVE_BRIDGE_CLIENT_ID       client id of the bridge's application
 *   NATIVE_BRIDGE_CONNECTION      name of this connection
 *
 * "Import Users to Auth0" must be off: Auth0 would store the first password as the user's.
 *
 * The script runs on Node 18 and 22, calls back exactly once, and needs no module but Node's own crypto.
 * WrongUsernameOrPasswordError means "no"; Error means "cannot tell", and must not count as a failed sign-in. No message
 * holds a password, a key, an e-mail address or a text of Authsignal's. The script does not bound response bodies: fetch
 * cannot, and Authsignal is trusted that far.
 */
function login(identifier, password, callback) {
  const answer = arguments[arguments.length - 1]; // with the context object turned on, the callback comes fourth
  const DEADLINE_MS = 4000; // for all calls together; the bridge waits longer
  const TOKEN_REFUSALS = ["expired_token", "invalid_token", "invalid_request", "invalid_credential"];
  const UNDECODED = /[\uD800-\uDFFF\uFFFD]/u; // half a character, or the sign for none: two people's ids would look alike
  const SIGNED_TYPE = "native-bridge-proof-v2+jwt";
  const SIGNED_HEADER = Buffer.from(`{"alg":"HS256","typ":"${SIGNED_TYPE}"}`).toString("base64url");
  const SIGNED_BY_ANY_BRIDGE = /^\{"alg":"HS256","typ":"native-bridge-proof(-v\d+)?\+jwt"\}$/;
  const SIGNED_LIFETIME_S = 60;
  const SIGNED_SKEW_S = 30;
  const CEREMONY_AGE_S = 3600; // AUTHSIGNAL_MAX_AGE and CLOCK_SKEW of the bridge at their largest
  const CEREMONY_SKEW_S = 300;

  const deadline = new AbortController();
  const timer = setTimeout(expire, DEADLINE_MS);
  const verdicts = new WeakSet(); // the errors made below; the text of any other might hold what must not be told
  let answered = false;

  readPerson().then(
    (profile) => settle(null, profile),
    (error) => settle(verdicts.has(error) ? error : cannotTell("the Login script failed")),
  );

  // readPerson returns the profile of the person whom the password proves.
  async function readPerson() {
    const settings = readSettings();
    if (settings.keys.length > 0) {
      const signed = readSigned(settings);
      return profileOf(judge(signed, settings), signed);
    }
    const proof = await validate(settings);
    const userID = judge(proof, settings);
    return profileOf(userID, await getUser(settings, proof.userId));
  }

  function readSettings() {
    const apiURL = setting("AUTHSIGNAL_API_URL").replace(/\/+$/, "");
    if (!/^(https:\/\/[^\s/?#@]+|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(\/[^\s?#]*)?$/.test(apiURL)) {
      throw cannotTell("the setting AUTHSIGNAL_API_URL is not an https URL");
    }
    const subjects = configuration.AUTHSIGNAL_SUBJECTS || "auth0";
    if (subjects !== "auth0" && subjects !== "plain") {
      throw cannotTell('the setting AUTHSIGNAL_SUBJECTS is neither "auth0" nor "plain"');
    }
    const keys = ["NATIVE_BRIDGE_KEY", "NATIVE_BRIDGE_KEY_PREVIOUS"].filter((name) => name in configuration).map(key);
    const secret = keys.length > 0 ? undefined : setting("AUTHSIGNAL_SECRET");
    return { apiURL, subjects, keys, secret, action: setting("AUTHSIGNAL_ACTION") };
  }

  // key reads a setting that is there. It must hold a whole key: an empty one, taken for none, would let tokens in.
  function key(name) {
    const digits = configuration[name];
    if (!/^([0-9a-f]{2}){32,}$/i.test(digits)) throw cannotTell(`the setting ${name} is not 64 or more hexadecimal digits`);
    return Buffer.from(digits, "hex");
  }

  function setting(name) {
    const value = configuration[name];
    if (typeof value !== "string" || value === "") throw cannotTell(`the setting ${name} is missing`);
    return value;
  }

  // validate asks Authsignal about the token and returns its answer.
  async function validate(settings) {
    if (typeof password !== "string" || password === "") throw refuse("there is no token");
    if (isFromABridge(password)) throw cannotTell("the bridge signs, but the setting NATIVE_BRIDGE_KEY is missing");
    const { status, body } = await call(settings, "POST", "/validate", { token: password, action: settings.action });
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

  // readSigned returns what the bridge vouches for, under the names that Authsignal gives it. It reads nothing before the
  // signature is right.
  function readSigned(settings) {
    const { header, payload, signature } = splitSigned();
    if (!settings.keys.some((key) => isSigned(`${header}.${payload}`, signature, key))) {
      throw refuse("the password is signed with another key than NATIVE_BRIDGE_KEY, or not whole");
    }
    const claims = objectOf(Buffer.from(payload, "base64url").toString());
    if (!claims) throw refuse("the password's payload is not a JSON object");
    if (claims.aud !== setting("NATIVE_BRIDGE_CONNECTION")) throw refuse("the password is for another connection");
    if (claims.client_id !== setting("NATIVE_BRIDGE_CLIENT_ID")) throw refuse("the password is for another application");
    if (claims.authority !== `authsignal ${settings.apiURL}`) throw refuse("the password is about another Authsignal tenant's user");
    checkTimes(claims);
    const { sub, action, method, email, email_verified: emailVerified } = claims;
    return { userId: sub, action, verificationMethod: method, email, emailVerified };
  }

  // splitSigned takes apart a JWT with the one header that this script reads. A bridge of another release may write
  // another: that is no fault of the person's.
  function splitSigned() {
    const [header, payload, signature, ...more] = typeof password === "string" ? password.split(".") : [];
    if (header !== SIGNED_HEADER && isFromABridge(password)) {
      throw cannotTell(`the bridge does not sign as this Login script reads (${SIGNED_TYPE}): use the login.js of the bridge's own release`);
    }
    if (header !== SIGNED_HEADER || signature === undefined || more.length > 0) throw refuse("the password is not signed by the bridge");
    return { header, payload, signature };
  }

  // isFromABridge tells whether a password has the header of any release of the bridge. It proves nothing.
  function isFromABridge(text) {
    if (typeof text !== "string") return false;
    return SIGNED_BY_ANY_BRIDGE.test(Buffer.from(text.split(".")[0], "base64url").toString());
  }

  // isSigned compares texts and not bytes: base64 can spell the same bytes in several ways.
  function isSigned(text, signature, key) {
    const { createHmac, timingSafeEqual } = require("crypto");
    const expected = Buffer.from(createHmac("sha256", key).update(text).digest("base64url"));
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  function checkTimes({ auth_time: ceremony, iat: signed, exp: expires }) {
    const now = Date.now() / 1000;
    if (![ceremony, signed, expires].every(Number.isInteger)) throw refuse("the password lacks a time");
    if (expires > signed + SIGNED_LIFETIME_S) throw refuse("the password is good for too long");
    if (now >= expires) throw refuse("the password has expired");
    if (signed > now + SIGNED_SKEW_S) throw refuse("the password was signed in the future: is the bridge's clock right?");
    if (ceremony > signed + CEREMONY_SKEW_S) throw refuse("the ceremony ended after its proof was signed");
    if (ceremony < signed - CEREMONY_AGE_S - CEREMONY_SKEW_S) throw refuse("the ceremony ended too long ago");
  }

  // judge decides whether the proof is a passkey sign-in of the person with the identifier. It returns the user_id for
  // Auth0.
  function judge(proof, settings) {
    const actions = [proof.action, proof.actionCode].filter((action) => action !== undefined && action !== null);
    if (actions.length === 0 || actions.some((action) => action !== settings.action)) {
      throw refuse("the token is for another action");
    }
    if (proof.verificationMethod !== "PASSKEY") throw refuse("the token was not won with a passkey");
    if (typeof proof.userId !== "string" || proof.userId === "") throw refuse("the token does not say who signed in");
    if (UNDECODED.test(proof.userId)) throw cannotTell("the token's user id holds what could not be decoded");
    const userID = userIDOf(proof.userId, settings.subjects);
    if (typeof identifier !== "string" || identifier.toLowerCase() !== proof.userId.toLowerCase()) {
      throw refuse("the token is another person's"); // Auth0 may have lower-cased the identifier, hence no regard to case
    }
    return userID;
  }

  // userIDOf takes exactly one "auth0|" off, because Auth0 puts one before whatever user_id it is given. A looser rule
  // would let two people at Authsignal become one at Auth0.
  function userIDOf(subject, subjects) {
    const prefix = subjects === "plain" ? "" : "auth0|";
    if (subjects === "plain" && subject.includes("|")) throw refuse('the token\'s user id holds a "|", which "plain" subjects do not');
    if (!subject.startsWith(prefix)) throw refuse('the token\'s user id does not begin with "auth0|"');
    const userID = subject.slice(prefix.length);
    if (["", ".", ".."].includes(userID)) throw refuse("the token's user id is empty, or a path of dots"); // dots lead elsewhere in a URL
    return userID;
  }

  async function getUser(settings, subject) {
    const { status, body } = await call(settings, "GET", `/users/${encodeURIComponent(subject)}`);
    if (status !== 200) throw unexpected(status);
    return body;
  }

  // profileOf leaves the e-mail address out if Authsignal has none: an invented one would be worse.
  function profileOf(userID, user) {
    if (typeof user.email !== "string" || user.email === "") return { user_id: userID };
    return { user_id: userID, email: user.email, email_verified: user.emailVerified === true };
  }

  // call returns an answer's status and its JSON object, or {} if there is none and the status is not 200. It follows no
  // redirect: that could carry secret and token elsewhere.
  async function call(settings, method, path, body) {
    const { status, text } = await send(settings.apiURL + path, {
      method,
      headers: {
        accept: "application/json",
        authorization: `Basic ${Buffer.from(`${settings.secret}:`).toString("base64")}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: deadline.signal,
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
      throw deadline.signal.aborted ? tooLate() : cannotTell("Authsignal cannot be reached");
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

  function expire() {
    settle(tooLate());
  }

  // settle calls back once, and ends whatever is still under way.
  function settle(error, profile) {
    if (answered) return;
    answered = true;
    clearTimeout(timer);
    deadline.abort();
    if (error) answer(error);
    else answer(null, profile);
  }

  function unexpected(status) {
    if (status === 401) return cannotTell("Authsignal refuses AUTHSIGNAL_SECRET, or AUTHSIGNAL_API_URL is another region's");
    if (status === 404) return cannotTell("Authsignal answered 404: AUTHSIGNAL_API_URL must end in /v1");
    if (status === 429) return cannotTell("Authsignal's rate limit is reached");
    return cannotTell(`Authsignal answered ${status}`);
  }

  function tooLate() {
    return cannotTell(`Authsignal did not answer within ${DEADLINE_MS} ms`);
  }

  function cannotTell(why) {
    return verdict(new Error(`native-bridge cannot tell: ${why}`));
  }

  function refuse(why) {
    return verdict(new WrongUsernameOrPasswordError(identifier, `native-bridge refuses: ${why}`));
  }

  function verdict(error) {
    verdicts.add(error);
    return error;
  }
}
