import { byID, h, sentence } from "./dom.js";

const PARTIES = ["app", "your back-end", "authsignal", "bridge", "auth0", "login script", "provider"];
const ISSUERS = { auth0: ["auth0", "login script"], oidc: ["provider"] };
const TITLES = {
  app: "App",
  "your back-end": "Your back\u2011end", // the hyphen at which no line is broken
  authsignal: "Authsignal",
  bridge: "Bridge",
  auth0: "Auth0",
  "login script": "Login script",
  provider: "OpenID provider",
};
const SOMETIMES = "your back-end"; // has a lane only while it takes part

// What the SDK asks for ahead when autofill is armed, long before anybody picks a passkey.
const AHEAD = ["/client/challenge", "/passkey/authentication-options"];

// Journey draws the requests of one attempt, from its beginning on.
export class Journey {
  #hops = [];
  #ahead = [];
  #expected = [];
  #others = ISSUERS.oidc; // the parties of the issuer that is not chosen

  constructor() {
    this.#draw();
  }

  // issuedBy gives the parties of another issuer than Auth0 their lanes.
  issuedBy(issuer) {
    this.#others = issuer === "oidc" ? ISSUERS.auth0 : ISSUERS.oidc;
    this.#draw();
  }

  // seenFromHere leaves the lanes of whose requests the sandbox sees at a real tenant.
  seenFromHere() {
    this.#others = PARTIES.filter((party) => !["app", "bridge"].includes(party));
    this.#draw();
  }

  // expectAhead keeps the two requests that arm autofill for the attempt that will use them.
  expectAhead() {
    this.#ahead = [];
    this.#expected = [...AHEAD];
  }

  // begin clears the drawing. With autofill, the attempt began when it was armed.
  begin({ autofill = false } = {}) {
    this.#hops = autofill ? this.#ahead.map((hop) => ({ ...hop, ahead: true })) : [];
    this.#draw();
  }

  add(hop) {
    if (this.#expected.length > 0 && hop.from === "app" && hop.what.endsWith(this.#expected[0])) {
      this.#expected.shift();
      this.#ahead.push(hop);
      return;
    }
    this.#hops.push({ ...hop, fresh: true });
    this.#hops.sort((a, b) => microseconds(a.at) - microseconds(b.at)); // a hop is told when it ends
    this.#draw();
  }

  #draw() {
    const lanes = PARTIES.filter(
      (party) => !this.#others.includes(party) && (party !== SOMETIMES || this.#hops.some((hop) => hop.from === party)),
    );
    byID("no-hops").hidden = this.#hops.length > 0;
    byID("journey").style.setProperty("--lanes", lanes.length);
    byID("lanes").replaceChildren(...lanes.map((party) => h("span", { "data-party": party }, TITLES[party])));
    const start = this.#hops.find((hop) => !hop.ahead);
    byID("hops").replaceChildren(...this.#hops.map((hop) => row(hop, start, lanes)));
    byID("journey-sum").textContent = sum(this.#hops);
    for (const hop of this.#hops) hop.fresh = false;
  }
}

function row(hop, start, lanes) {
  const arrow = h("i", { class: "arrow" });
  const [from, to] = [lanes.indexOf(hop.from), lanes.indexOf(hop.to)];
  arrow.style.setProperty("--left", Math.min(from, to));
  arrow.style.setProperty("--length", Math.abs(to - from));
  if (to < from) arrow.classList.add("leftwards");
  const ran = hop.to === "login script";
  const settle = ({ currentTarget }) => currentTarget.classList.remove("fresh");
  return h(
    "li",
    { class: hop.fresh ? "hop fresh" : "hop", onanimationend: settle, "data-from": hop.from, "data-to": hop.to, "data-result": resultOf(hop) },
    h("span", { class: "when" }, hop.ahead ? "earlier" : since(start, hop)),
    h("span", { class: "lane", "aria-hidden": "true" }, ...lanes.map((party) => h("b", { "data-party": party })), arrow),
    h(
      "div",
      { class: "said" },
      h("p", { class: "between" }, h("b", { "data-party": hop.from }, TITLES[hop.from]), " to ", h("b", { "data-party": hop.to }, TITLES[hop.to])),
      h("p", { class: "meaning" }, sentence(hop.meaning)),
      h(
        "p",
        { class: "what" },
        h("code", null, hop.what),
        !ran && h("span", { class: "status" }, hop.status ? String(hop.status) : "no answer"),
        h("span", { class: "took" }, milliseconds(hop.ms)),
      ),
    ),
  );
}

function resultOf(hop) {
  if (hop.to === "login script") return "ran";
  return hop.status >= 200 && hop.status < 300 ? "good" : "bad";
}

function since(start, hop) {
  const ms = (microseconds(hop.at) - microseconds(start.at)) / 1000;
  return ms < 0.1 ? "0 ms" : `+${milliseconds(ms)}`;
}

function milliseconds(ms) {
  if (ms < 0.1) return "< 0.1 ms";
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms >= 10 ? ms.toFixed(0) : ms.toFixed(1)} ms`;
}

// sum tells how long a sign-in took once the user had touched the sensor; before, it is the user who takes their time.
function sum(hops) {
  if (hops.length === 0) return "";
  const steps = `${hops.length} ${hops.length === 1 ? "step" : "steps"}`;
  const touch = hops.findLast((hop) => hop.from === "app" && hop.what.endsWith("/verify/passkey"));
  const session = hops.findLast((hop) => hop.from === "app" && hop.to === "bridge");
  if (!touch || session?.status !== 200) return steps;
  const took = (microseconds(session.at) - microseconds(touch.at)) / 1000 + session.ms;
  return `${steps}, ${milliseconds(took)} from touch to session`;
}

// microseconds reads an RFC 3339 time, of whose fraction Date keeps only three digits.
function microseconds(at) {
  const [, fraction = ""] = /\.(\d+)/.exec(at) ?? [];
  return Date.parse(at.replace(/\.\d+/, "")) * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}
