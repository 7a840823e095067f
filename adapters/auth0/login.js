/*
 * Login script of the custom database connection behind Native Bridge.
 *
 * The "password" is the token an app holds after a passkey ceremony with Authsignal. The script asks Authsignal whether
 * that token proves a passkey sign-in, and by whom; it takes the person from the token alone. The identifier it is given
 * must only match. It replaces the Login script of Authsignal's guide "Auth0 Native Bridge".
 *
 * Paste it under Authentication > Database > (the connection) > Custom Database > Database Action Scripts > Login, and
 * set below it, under Database Settings:
 *
 *   AUTHSIGNAL_SECRET     API secret key of the Authsignal tenant
 *   AUTHSIGNAL_API_URL    base of its Server API, such as https://api.authsignal.com/v1
 *   AUTHSIGNAL_ACTION     the one action whose tokens are sign-ins
 *   AUTHSIGNAL_SUBJECTS   "auth0" (default): Authsignal's user ids are whole Auth0 ids, auth0|…; "plain": ids without "|"
 *
 * "Import Users to Auth0" must be off: Auth0 would store the first token as the user's password.
 *
 * It runs on Node 18 and 22, calls back exactly once, and needs no module. WrongUsernameOrPasswordError means "no";
 * Error means "cannot tell", and must not count as a failed sign-in. No message holds a token, a secret or a text of
 * Authsignal's. Response bodies are not bounded: fetch cannot, and Authsignal is trusted that far.
 */
function login(identifier, password, callback) {
  const answer = arguments[arguments.length - 1]; // with the context object turned on, the callback comes fourth
  const DEADLINE_MS = 4000; // for all calls together; the bridge waits longer
  const TOKEN_REFUSALS = ["expired_token", "invalid_token", "invalid_request", "invalid_credential"];

  const deadline = new AbortController();
  const timer = setTimeout(expire, DEADLINE_MS);
  const verdicts = new WeakSet(); // the errors made below; the text of any other might hold what must not be told
  let answered = false;

  readPerson().then(
    (profile) => settle(null, profile),
    (error) => settle(verdicts.has(error) ? error : cannotTell("the Login script failed")),
  );

  // readPerson returns the profile of the person the token proves.
  async function readPerson() {
    const settings = readSettings();
    const proof = await validate(settings);
    const userID = judge(proof, settings);
    const user = await getUser(settings, proof.userId);
    return profileOf(userID, user);
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
    return { apiURL, subjects, secret: setting("AUTHSIGNAL_SECRET"), action: setting("AUTHSIGNAL_ACTION") };
  }

  function setting(name) {
    const value = configuration[name];
    if (typeof value !== "string" || value === "") throw cannotTell(`the setting ${name} is missing`);
    return value;
  }

  // validate asks Authsignal about the token and returns what it proves.
  async function validate(settings) {
    if (typeof password !== "string" || password === "") throw refuse("there is no token");
    const { status, body } = await call(settings, "POST", "/validate", { token: password, action: settings.action });
    if (status === 200) {
      if (typeof body.isValid !== "boolean") throw cannotTell("Authsignal's answer is not a validation");
      if (!body.isValid) throw refuse("Authsignal does not accept the token, or no longer");
      return body;
    }
    const code = typeof body.errorCode === "string" ? body.errorCode : body.error;
    if ([400, 401, 403].includes(status) && TOKEN_REFUSALS.includes(code)) {
      throw refuse(`Authsignal does not accept the token, or no longer: ${code}`);
    }
    throw unexpected(status);
  }

  // judge decides whether the proof is a passkey sign-in of the person given, and returns the user_id for Auth0.
  function judge(proof, settings) {
    if (proof.state !== "CHALLENGE_SUCCEEDED") throw refuse("the token's challenge was not completed");
    const actions = [proof.action, proof.actionCode].filter((action) => action !== undefined && action !== null);
    if (actions.length === 0 || actions.some((action) => action !== settings.action)) {
      throw refuse("the token is for another action");
    }
    if (proof.verificationMethod !== "PASSKEY") throw refuse("the token was not won with a passkey");
    if (typeof proof.userId !== "string" || proof.userId === "") throw refuse("the token names nobody");
    const userID = userIDOf(proof.userId, settings.subjects);
    if (typeof identifier !== "string" || identifier.toLowerCase() !== proof.userId.toLowerCase()) {
      throw refuse("the token is another person's"); // Auth0 may have lower-cased the identifier, hence no regard to case
    }
    return userID;
  }

  // userIDOf takes exactly one "auth0|" off, because Auth0 puts one before whatever user_id it is given. A looser rule
  // would let two people at Authsignal become one at Auth0.
  function userIDOf(subject, subjects) {
    const prefix = "auth0|";
    if (subjects === "plain") {
      if (subject.includes("|")) throw refuse('the token\'s user id holds a "|", which "plain" subjects do not');
      return subject;
    }
    if (!subject.startsWith(prefix) || subject === prefix) throw refuse('the token\'s user id does not begin with "auth0|"');
    return subject.slice(prefix.length);
  }

  async function getUser(settings, subject) {
    const { status, body } = await call(settings, "GET", `/users/${encodeURIComponent(subject)}`);
    if (status !== 200) throw unexpected(status);
    return body;
  }

  // profileOf leaves the email out where Authsignal knows none: an invented one would be worse.
  function profileOf(userID, user) {
    if (typeof user.email !== "string" || user.email === "") return { user_id: userID };
    return { user_id: userID, email: user.email, email_verified: user.emailVerified === true };
  }

  // call returns the status and the JSON object of an answer; for a status other than 200, {} may stand for the object.
  // It follows no redirect, which could carry secret and token elsewhere.
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

  // settle calls back, once, and ends what is still under way.
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
