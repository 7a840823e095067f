// The page of the sandbox: an app in a phone, and beside it what happens behind the app.
import { Authsignal } from "@authsignal/browser";

import { Bridge, getJSON } from "./api.js";
import { App } from "./app.js";
import { Breakages } from "./breakages.js";
import { Doctor } from "./doctor.js";
import { byID } from "./dom.js";
import { Figures } from "./figures.js";
import { Journey } from "./journey.js";
import { Outcome } from "./outcome.js";
import { Scenarios } from "./scenarios.js";

const journey = new Journey();
const outcome = new Outcome();
let app = null;
const doctor = new Doctor();
const figures = new Figures();
const scenarios = new Scenarios(() => expect());
const breakages = new Breakages(() => {
  expect();
  doctor.run();
});

// BROKEN is what to expect of a tenant that is broken.
const BROKEN = {
  user: "Sees what a wrong setting leads to, at once or later. Some let people in who should not be.",
  app: "Gets a stable code, which says nothing of the setting.",
  operator: "Runs doctor, which names the setting and the fix.",
};

function expect() {
  outcome.expect(breakages.any ? BROKEN : scenarios.current);
  app?.scenarioChanged();
}

async function start() {
  await scenarios.load();
  await breakages.load();
  await listen();
  figures.refresh();
  const config = await getJSON("/dev/config");
  document.body.classList.toggle("real", config.real);
  if (config.real) journey.seenFromHere();
  else journey.issuedBy(config.issuer);
  byID("username").value = config.enrol ?? "";
  const authsignal = new Authsignal({ tenantId: config.tenant_id, baseUrl: config.authsignal_url });
  const bridge = new Bridge(config, (hop) => journey.add(hop));
  app = new App({ passkey: authsignal.passkey, action: config.action, bridge, enrols: config.enrols, journey, outcome, scenario: () => scenarios.current });
  document.body.dataset.ready = "";
}

// listen receives the sandbox's events: hops, lines of the bridge, and switches. It resolves when it is connected, so
// that no event is missed.
function listen() {
  const events = new EventSource("/dev/events");
  events.addEventListener("message", ({ data }) => {
    const { hop, audit, log, scenario, broken } = JSON.parse(data);
    if (hop) journey.add(hop);
    if (audit) {
      outcome.add("audit", audit);
      figures.refresh();
    }
    if (log) outcome.add("log", log);
    if (scenario) scenarios.show(scenario);
    if (broken) breakages.show(broken);
  });
  return new Promise((resolve) => events.addEventListener("open", resolve, { once: true }));
}

start().catch((failure) => {
  byID("message").textContent = `The sandbox does not answer: ${failure.message}`;
});
