import { postJSON } from "./api.js";
import { byID, h } from "./dom.js";

// Doctor is the card that shows what 'native-bridge doctor' says of the tenant.
export class Doctor {
  #running = false;
  #again = false;

  constructor() {
    byID("run-doctor").addEventListener("click", () => this.run());
  }

  // run asks it. Whoever asks while it runs is answered by another run.
  async run() {
    this.#again = this.#running;
    if (this.#running) return;
    this.#running = true;
    show("running", "It looks at every setting…");
    try {
      do {
        this.#again = false;
        const report = await postJSON("/dev/doctor", {});
        if (!this.#again) showReport(report);
      } while (this.#again);
    } catch (failure) {
      show("failed", `It could not run: ${failure.message}`);
    } finally {
      this.#running = false;
    }
  }
}

function showReport({ findings, counts, mend_first: first }) {
  const wrong = findings.filter(({ outcome }) => outcome === "failed");
  const notMade = counts.not_made > 0 ? ` ${number(counts.not_made, "check")} could not be made.` : "";
  if (wrong.length === 0) {
    show("well", `All well: ${number(counts.passed, "check")} passed.${notMade}`);
    return;
  }
  const sum = [counts.failed && number(counts.failed, "failure"), counts.warnings && number(counts.warnings, "warning")].filter(Boolean).join(", ");
  // What to mend first stands first; the others keep their order.
  wrong.sort((a, b) => (b.code === first) - (a.code === first));
  show("wrong", `${sum}. ${number(counts.passed, "check")} passed.${notMade}`, ...wrong.map((finding) => row(finding, finding.code === first)));
}

function show(state, words, ...rows) {
  byID("doctor").dataset.state = state;
  byID("run-doctor").textContent = state === "running" ? "Running…" : "Run doctor";
  byID("doctor-sum").textContent = words;
  if (state !== "running") byID("findings").replaceChildren(...rows);
}

function row({ code, grade, asks, problem, why, fix }, first) {
  return h(
    "li",
    { class: "finding", "data-code": code, "data-grade": grade },
    h("p", { class: "finding-head" }, h("code", null, code), h("b", null, `Not true: ${asks}`), first && h("span", { class: "badge" }, "Mend this first")),
    h("p", null, problem),
    h("p", { class: "why" }, `If not: ${why}.`),
    h("p", { class: "fix" }, h("b", null, "Fix "), fix),
  );
}

function number(n, what) {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
