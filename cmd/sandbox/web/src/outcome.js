import { byID, h } from "./dom.js";

const KEPT = 40; // requests whose lines are remembered

// Outcome shows what the user, the app and the operator each get of an attempt.
export class Outcome {
  #lines = new Map(); // by request id: what the bridge wrote about it
  #shown = null;

  // expect says what is to come, and forgets what was.
  expect(scenario) {
    this.#shown = null;
    for (const [id, text] of Object.entries({ "for-user": scenario.user, "for-app": scenario.app, "for-operator": scenario.operator })) {
      byID(id).querySelector(".expected").textContent = text;
      fill(id);
    }
  }

  // show shows an attempt that reached the bridge.
  show(words, answer) {
    this.#shown = answer.requestID;
    fill("for-user", quote(words));
    const headers = answer.retryAfter ? [h("p", { class: "header" }, `Retry-After: ${answer.retryAfter}`)] : [];
    const body = Object.keys(answer.body).length > 0 ? [block(JSON.stringify(shortened(answer.body), null, 2))] : [];
    fill("for-app", status(answer), ...headers, ...body);
    this.#showLines();
  }

  // showCeremony shows one that did not.
  showCeremony(words, failure) {
    this.#shown = null;
    const told = { error: failure.errorCode ?? failure.name, message: failure.errorDescription ?? failure.message };
    fill("for-user", quote(words));
    fill("for-app", h("p", { class: "verdict", "data-result": "bad" }, "An error of the SDK"), block(JSON.stringify(told, null, 2)));
    fill("for-operator", h("p", { class: "nothing" }, "Nothing: the bridge was not asked."));
  }

  // add takes a line of the bridge's log or audit log.
  add(kind, line) {
    const id = line.request_id;
    if (!id) return;
    this.#lines.set(id, [...(this.#lines.get(id) ?? []), { kind, line }]);
    if (this.#lines.size > KEPT) this.#lines.delete(this.#lines.keys().next().value);
    if (id === this.#shown) this.#showLines();
  }

  #showLines() {
    const lines = this.#lines.get(this.#shown) ?? [];
    const logged = lines.filter(({ kind }) => kind === "log").map(({ line }) => logLine(line));
    const audited = lines.filter(({ kind }) => kind === "audit").map(({ line }) => auditLine(line));
    fill("for-operator", ...(logged.length > 0 ? logged : [h("p", { class: "nothing" }, "Nothing in the log.")]), ...audited);
  }
}

function fill(id, ...children) {
  byID(id).querySelector(".actual").replaceChildren(...children);
}

function quote(words) {
  return h("blockquote", null, words);
}

function status(answer) {
  const good = answer.status === 200;
  const what = good ? (answer.body.access_token ? "a session" : "the session is ended") : (answer.body.code ?? answer.body.error ?? "");
  const text = answer.status === 0 ? "No answer" : `${answer.status} ${what}`;
  return h("p", { class: "verdict", "data-result": good ? "good" : "bad" }, text);
}

function logLine({ level, msg, cause, request_id, ...rest }) {
  return h(
    "div",
    { class: "line" },
    h("p", { class: "verdict", "data-result": level === "INFO" ? "plain" : "bad" }, `${level} ${msg}`),
    cause && h("p", { class: "cause" }, cause),
    block(Object.entries({ ...rest, request_id }).map(([name, value]) => `${name}=${value}`).join("\n")),
  );
}

function auditLine(line) {
  return h("div", { class: "line" }, h("p", { class: "verdict", "data-result": "plain" }, `Audit: ${line.outcome}`), block(JSON.stringify(line, null, 2)));
}

function block(text) {
  return h("pre", { tabindex: "0" }, text);
}

// shortened cuts tokens to a part that still identifies them.
function shortened(body) {
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, name.endsWith("_token") ? `${value.slice(0, 12)}…` : value]),
  );
}
