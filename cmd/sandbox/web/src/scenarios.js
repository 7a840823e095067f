import { getJSON, postJSON } from "./api.js";
import { byID, h } from "./dom.js";

// Scenarios is the drawer in which one is chosen.
export class Scenarios {
  #all = [];
  #current = null;
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
    byID("open-scenarios").addEventListener("click", () => byID("scenarios").showModal());
    byID("scenarios").addEventListener("click", (event) => {
      if (event.target === event.currentTarget) event.currentTarget.close(); // beside the drawer
    });
  }

  get current() {
    return this.#current;
  }

  async load() {
    const { scenarios, current } = await getJSON("/dev/scenarios");
    this.#all = scenarios;
    for (const group of new Set(scenarios.map((scenario) => scenario.group))) {
      const choices = scenarios.filter((scenario) => scenario.group === group).map((scenario) => this.#choice(scenario));
      byID("scenario-list").append(h("fieldset", null, h("legend", null, group), ...choices));
    }
    this.show(current);
  }

  // show is called when the sandbox has switched, whoever asked it to.
  show(id) {
    if (this.#current?.id === id) return;
    this.#current = this.#all.find((scenario) => scenario.id === id);
    byID(`scenario-${id}`).checked = true;
    byID("scenario-name").textContent = this.#current.title;
    byID("scenario-story").textContent = this.#current.story;
    document.querySelector(".scenario").dataset.id = id;
    this.#onChange(this.#current);
  }

  #choice({ id, title, story }) {
    const radio = h("input", { type: "radio", name: "scenario", id: `scenario-${id}`, value: id, onchange: () => this.#choose(id) });
    return h("label", { class: "choice" }, radio, h("span", null, h("b", null, title), h("small", null, story)));
  }

  async #choose(id) {
    const { current } = await postJSON("/dev/scenario", { id });
    this.show(current);
  }
}
