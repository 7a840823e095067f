import { getJSON } from "./api.js";
import { byID, h } from "./dom.js";

const EVERY_MS = 2000;

// Figures is the card that shows what the bridge's own metrics tell. While the page is seen it asks every two seconds,
// and at once when something has happened.
export class Figures {
  #asking = false;
  #again = false;

  constructor() {
    setInterval(() => document.visibilityState === "visible" && this.refresh(), EVERY_MS);
  }

  async refresh() {
    this.#again = this.#asking;
    if (this.#asking) return;
    this.#asking = true;
    try {
      do {
        this.#again = false;
        showFigures(await getJSON("/dev/figures"));
      } while (this.#again);
    } catch (failure) {
      byID("figures-trouble").textContent = `They cannot be had: ${failure.message}`;
    } finally {
      this.#asking = false;
    }
  }
}

function showFigures({ attempts, latency, breakers, budget }) {
  byID("figures-trouble").textContent = "";
  const total = attempts.reduce((sum, { count }) => sum + count, 0);
  tile("attempts", String(total), ...attempts.map((a) => chip(a.good, outcomeOf(a), String(a.count))));

  const [whole, ...steps] = latency[0]?.what === "exchange" ? latency : [null, ...latency];
  tile("latency", whole ? milliseconds(whole.ms) : "–", ...steps.map(({ what, ms }) => chip(null, what, milliseconds(ms))));

  const open = breakers.filter(({ state }) => state !== "closed");
  const words = breakers.length === 0 ? "none" : open.length === 0 ? "closed" : `${open.length} of ${breakers.length} open`;
  tile("breakers", words, ...breakers.map(({ upstream, call, state }) => chip(state === "closed", `${upstream} ${call}`, state)));
  byID("figure-breakers").dataset.result = open.length > 0 ? "bad" : "good";

  tile("budget", budget ? `${Math.floor(budget.left)} of ${budget.limit} left` : "not limited", budget?.waiting > 0 && chip(false, "waiting", String(budget.waiting)));
}

// tile keeps its elements where nothing changed, so that nothing flickers or is read aloud again.
function tile(id, value, ...chips) {
  const element = byID(`figure-${id}`);
  const fresh = h("ul", null, ...chips);
  if (element.querySelector("dd b").textContent !== value) element.querySelector("dd b").textContent = value;
  const old = element.querySelector("ul");
  if (!old.isEqualNode(fresh)) old.replaceWith(fresh);
}

function chip(good, name, value) {
  return h("li", { "data-result": good === null ? null : good ? "good" : "bad" }, `${name} `, h("b", null, value));
}

// An outcome such as unavailable may be that of a renewal.
function outcomeOf({ event, outcome, good }) {
  return event === "exchange" || good ? outcome : `${event}: ${outcome}`;
}

function milliseconds(ms) {
  if (ms < 0.1) return "< 0.1 ms";
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms >= 10 ? ms.toFixed(0) : ms.toFixed(1)} ms`;
}
