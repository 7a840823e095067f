import { byID, h } from "./dom.js";

const TITLES = { id_token: "ID token", access_token: "Access token", refresh_token: "Refresh token" };

const MEANINGS = {
  sub: "who signed in",
  iss: "the Auth0 tenant that vouches for it",
  aud: "whom it is for",
  azp: "the application that asked: the bridge",
  exp: "good until",
  iat: "issued at",
  scope: "what it allows",
  email: "from Authsignal, by way of the Login script",
  email_verified: "as Authsignal has it",
  updated_at: "when the profile changed last",
  gty: "the kind of grant",
};
const TIMES = ["exp", "iat", "auth_time"];

// showSession shows the tokens and their claims, or that there are none.
export function showSession(session) {
  byID("no-session").hidden = session !== null;
  byID("copied").textContent = "";
  const names = session === null ? [] : Object.keys(TITLES).filter((name) => session[name]);
  byID("session").replaceChildren(...names.map((name) => token(name, session[name])));
}

// claimsOf reads a JWT's payload, which the bridge has verified; null for what is no JWT.
export function claimsOf(jwt) {
  try {
    const payload = jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));
  } catch {
    return null;
  }
}

function token(name, value) {
  const claims = claimsOf(value);
  return h(
    "section",
    { class: "token", "data-token": name, "aria-label": TITLES[name] },
    h(
      "div",
      { class: "token-head" },
      h("h3", null, TITLES[name]),
      h("code", null, `${value.slice(0, 14)}…${value.slice(-6)}`),
      h("button", { type: "button", class: "quiet small", onclick: () => copy(name, value), "aria-label": `Copy the ${TITLES[name]}` }, "Copy"),
    ),
    claims ? table(claims) : h("p", { class: "hint" }, "Opaque: only Auth0 can read it."),
  );
}

function table(claims) {
  const order = Object.keys(MEANINGS);
  const rank = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  const names = Object.keys(claims).sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return h("dl", { class: "claims" }, ...names.map((name) => claim(name, claims[name])));
}

function claim(name, value) {
  const text = TIMES.includes(name) ? `${new Date(value * 1000).toLocaleString()} (${value})` : [value].flat().join(", ");
  return h("div", { "data-claim": name }, h("dt", null, name, MEANINGS[name] && h("span", null, MEANINGS[name])), h("dd", null, text));
}

async function copy(name, value) {
  try {
    await navigator.clipboard.writeText(value);
    byID("copied").textContent = `${TITLES[name]} copied.`;
  } catch {
    byID("copied").textContent = "The browser did not let this page copy.";
  }
}
