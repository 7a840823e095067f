import { postJSON } from "./api.js";
import { byID } from "./dom.js";
import { claimsOf, showSession } from "./session.js";
import { afterCeremony, afterEnrolment, afterRefusal, afterRenewal, afterSwitch, canRetry, isOver, nameOf, wasCancelled } from "./words.js";

const SOMEBODY = "jane"; // who has typed no name
const SLOW_MS = 1500; // after which the app says that it is still waiting

// App is the one in the phone. All it knows of the world is Authsignal's SDK and the bridge.
export class App {
  #passkey;
  #action;
  #bridge;
  #enrols; // whether the bridge adds passkeys
  #journey;
  #outcome;
  #scenario; // returns the current one, which may make the app send another token
  #busy = false;
  #armed = false;
  #kept = null; // a token that may still become a session
  #session = null;
  #openedUnder = null; // the scenario in which it was
  #clock = null;

  constructor({ passkey, action, bridge, enrols, journey, outcome, scenario }) {
    [this.#passkey, this.#action, this.#bridge, this.#enrols] = [passkey, action, bridge, enrols];
    [this.#journey, this.#outcome, this.#scenario] = [journey, outcome, scenario];
    this.#on("signed-out", "submit", () => this.#signIn());
    this.#on("create", "click", () => this.#create(typedName()));
    this.#on("create-now", "click", () => this.#create(typedName() || SOMEBODY));
    this.#on("software", "click", () => this.#signInBySoftware());
    this.#on("retry", "click", () => this.#retry());
    this.#on("renew", "click", () => this.#renew());
    this.#on("sign-out", "click", () => this.#signOut());
    byID("username").addEventListener("focus", () => this.#arm());
    this.#arm();
  }

  // scenarioChanged says what somebody who is signed in has to do to see the scenario: it begins with a sign-in.
  scenarioChanged() {
    const unseen = this.#session !== null && this.#scenario() !== this.#openedUnder;
    byID("scenario-hint").textContent = unseen ? "You are signed in: sign out and in again to see it." : "";
  }

  // #on runs one thing at a time, and arms autofill again after it.
  #on(id, event, run) {
    byID(id).addEventListener(event, async (e) => {
      e.preventDefault();
      if (this.#busy) return;
      await this.#exclusively(run);
    });
  }

  async #exclusively(run) {
    this.#busy = true;
    document.body.classList.add("busy");
    try {
      await run();
    } catch (failure) {
      this.#say(`The sandbox did not do its part: ${failure.message}`, "bad");
    } finally {
      this.#busy = false;
      document.body.classList.remove("busy");
    }
    this.#arm();
  }

  // #arm offers this device's passkeys in the name field, until one is picked or another ceremony begins. It stays
  // silent when it fails, and is tried again when it can make a difference.
  async #arm() {
    if (this.#armed || this.#busy || byID("signed-out").hidden) return;
    this.#armed = true;
    const result = await this.#autofill();
    this.#armed = false;
    if (result) await this.#exclusively(() => this.#finish(result));
  }

  // #autofill returns what came of the passkey that was picked; null if none was.
  async #autofill() {
    let picked = false;
    try {
      if (!(await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.())) return null;
      this.#journey.expectAhead();
      const result = await this.#passkey.signIn({
        action: this.#action,
        autofill: true,
        onVerificationStarted: () => {
          picked = true;
          this.#begin("Checking your passkey…", { autofill: true });
        },
      });
      return picked ? result : null;
    } catch (failure) {
      return picked ? { error: failure.message, ...failure } : null;
    }
  }

  async #signIn() {
    this.#begin("Waiting for your passkey…");
    let result;
    try {
      result = await this.#passkey.signIn({ action: this.#action });
    } catch (failure) {
      this.#ceremonyFailed(failure);
      if (wasCancelled(failure)) this.#offerToCreate();
      return;
    }
    await this.#finish(result, typedName());
  }

  async #finish(result, typed = "") {
    if (result.error) return this.#ceremonyFailed(result);
    const { token, userId, username } = result.data;
    await this.#open({ token, userID: userId, note: typed === userId ? null : afterSwitch(typed, username) });
  }

  // #offerToCreate is for users without a passkey here: to the browser that looks like a cancelled sign-in.
  #offerToCreate() {
    byID("create-now").textContent = `Create a passkey for ${typedName() || SOMEBODY}`;
    byID("create-now").hidden = false;
  }

  async #create(name) {
    if (!/^[a-z0-9][a-z0-9._@|-]*$/i.test(name)) {
      this.#say(name ? "A name has letters, digits and . _ @ - only." : `Type a name first, such as ${SOMEBODY}.`, "bad");
      byID("username").focus();
      return;
    }
    this.#begin(this.#enrols ? "You are signed in with your password. Creating your passkey…" : "Creating your passkey…");
    const leave = await (this.#enrols ? this.#leaveOfTheBridge(name) : postJSON("/dev/enrol", { username: name }));
    if (!leave) return;
    let result;
    try {
      result = await this.#passkey.signUp({ token: leave.token, username: leave.username });
    } catch (failure) {
      return this.#ceremonyFailed(failure, name);
    }
    if (result.error) return this.#ceremonyFailed(result, name);
    this.#say(`Your passkey is ready, ${name}. Now sign in with it.`, "good");
    byID("sign-in").focus();
  }

  // #leaveOfTheBridge returns what adds a passkey for somebody who has signed in with a password; null if the bridge
  // gives none. Elsewhere the app's own back-end decides who may add a passkey, and to which account.
  async #leaveOfTheBridge(name) {
    const { access_token: accessToken, username } = await postJSON("/dev/password", { username: name });
    const answer = await this.#bridge.enrol(accessToken);
    if (answer.status === 200) return { token: answer.body.token, username };
    const words = afterEnrolment(answer);
    this.#outcome.show(words, answer);
    this.#say(words, "bad");
    return null;
  }

  async #signInBySoftware() {
    const user = typedName();
    this.#begin("The software phone signs in…");
    const { token, user_id: userID } = await postJSON("/dev/token", { user });
    await this.#open({ token, userID, note: null });
  }

  async #retry() {
    const kept = this.#kept;
    this.#begin("Trying again…");
    await this.#send(kept);
  }

  // #open turns the token into a session, or misuses it as the scenario says.
  async #open(proof) {
    const { swap } = this.#scenario();
    if (swap) proof.token = (await postJSON("/dev/token", { ...swap, user: proof.userID })).token;
    await this.#send(proof);
  }

  async #send(proof) {
    this.#say("Signing you in…");
    const slow = setTimeout(() => this.#say("This takes longer than usual. Please wait…"), SLOW_MS);
    const answer = await this.#bridge.exchange(proof.token);
    clearTimeout(slow);
    if (answer.status !== 200) return this.#refused(answer, proof);
    const words = this.#signedIn(answer, proof);
    if (this.#scenario().twice) this.#outcome.show(words, await this.#bridge.exchange(proof.token));
  }

  #refused(answer, proof) {
    const words = afterRefusal(answer);
    this.#kept = canRetry(answer) ? proof : null;
    this.#outcome.show(words, answer);
    this.#say(words, "bad");
    byID("retry").hidden = this.#kept === null;
  }

  #ceremonyFailed(failure, name) {
    const words = afterCeremony(failure, name);
    this.#outcome.showCeremony(words, failure);
    this.#say(words, "bad");
  }

  // #signedIn shows the session, and returns what it told the user.
  #signedIn(answer, { note }) {
    const claims = claimsOf(answer.body.id_token);
    const name = nameOf(claims.email ?? claims.sub.split("|").at(-1));
    const words = note ?? `You are signed in as ${name}.`;
    byID("greeting").textContent = `Hello, ${name}`;
    byID("avatar").textContent = name[0].toUpperCase();
    byID("email").textContent = claims.email ?? "";
    byID("subject").textContent = claims.sub;
    this.#hold(answer.body);
    this.#openedUnder = this.#scenario();
    this.#turn("signed-in", "greeting");
    this.#outcome.show(words, answer);
    this.#say(words, "good");
    return words;
  }

  // #hold keeps the session. It can be renewed if it has a refresh token, which takes the scope offline_access.
  #hold(session) {
    this.#session = session;
    byID("renew").hidden = !session.refresh_token;
    byID("sign-out-hint").textContent = session.refresh_token
      ? "Signing out ends the session at Auth0, too."
      : "Signing out forgets the tokens on this device.";
    this.#countDown(Date.now() + session.expires_in * 1000);
    showSession(session);
  }

  async #renew() {
    this.#begin("Renewing your session…");
    const answer = await this.#bridge.renew(this.#session.refresh_token);
    const renewed = answer.status === 200;
    const words = renewed ? "Your session is renewed." : afterRenewal(answer);
    if (renewed) this.#hold({ ...this.#session, ...answer.body }); // what the answer leaves out stays as it was
    else if (isOver(answer)) this.#leave();
    this.#outcome.show(words, answer);
    this.#say(words, renewed ? "good" : "bad");
  }

  async #signOut() {
    const { refresh_token: refreshToken } = this.#session;
    this.#leave();
    this.#say("You are signed out.");
    if (!refreshToken) return;
    this.#journey.begin();
    const answer = await this.#bridge.revoke(refreshToken);
    const words = answer.status === 200 ? "You are signed out." : "You are signed out here, but the session could not be ended.";
    this.#outcome.show(words, answer);
    this.#say(words, answer.status === 200 ? "plain" : "bad");
  }

  #leave() {
    clearInterval(this.#clock);
    this.#session = null;
    showSession(null);
    byID("username").value = "";
    this.#turn("signed-out", "welcome");
  }

  #countDown(end) {
    clearInterval(this.#clock);
    const tick = () => {
      const left = Math.max(0, Math.round((end - Date.now()) / 1000));
      const digits = (n) => String(n).padStart(2, "0");
      byID("expiry").textContent = `${Math.floor(left / 3600)}:${digits(Math.floor(left / 60) % 60)}:${digits(left % 60)}`;
    };
    tick();
    this.#clock = setInterval(tick, 1000);
  }

  // #turn shows one of the two screens and puts the focus on its heading.
  #turn(screen, heading) {
    for (const id of ["signed-out", "signed-in"]) byID(id).hidden = id !== screen;
    this.scenarioChanged();
    byID(heading).focus({ preventScroll: true });
  }

  #begin(words, how) {
    this.#kept = null;
    this.#journey.begin(how);
    this.#say(words);
  }

  #say(words, tone = "plain") {
    byID("retry").hidden = byID("create-now").hidden = true;
    byID("message").textContent = words;
    byID("message").parentElement.dataset.tone = tone;
  }
}

// typedName is a name, which has no capitals, or a whole user id, such as auth0|66F0.
const typedName = () => {
  const typed = byID("username").value.trim();
  return typed.includes("|") ? typed : typed.toLowerCase();
};
