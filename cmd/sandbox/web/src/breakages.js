import { getJSON, postJSON } from "./api.js";
import { byID, h } from "./dom.js";

// Breakages are the settings of the tenant that can be got wrong, in the drawer below the scenarios. Any number at once.
export class Breakages {
  #all = [];
  #broken = [];
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
  }

  get any() {
    return this.#broken.length > 0;
  }

  async load() {
    const { breakages, broken } = await getJSON("/dev/breakages");
    this.#all = breakages;
    for (const group of new Set(breakages.map((breakage) => breakage.group))) {
      const choices = breakages.filter((breakage) => breakage.group === group).map((breakage) => this.#choice(breakage));
      byID("breakage-list").append(h("fieldset", null, h("legend", null, group), ...choices));
    }
    if (broken.length > 0) this.show(broken);
  }

  // show is called when the sandbox has broken or mended something, whoever asked it to.
  show(broken) {
    this.#broken = broken;
    for (const { id } of this.#all) byID(`breakage-${id}`).checked = broken.includes(id);
    const titles = this.#all.filter(({ id }) => broken.includes(id)).map(({ title }) => title);
    byID("broken").textContent = titles.length > 0 ? `The tenant is broken: ${titles.join(", ")}` : "";
    document.querySelector(".scenario").toggleAttribute("data-broken", titles.length > 0);
    this.#onChange();
  }

  #choice({ id, title, story }) {
    const box = h("input", { type: "checkbox", id: `breakage-${id}`, onchange: () => this.#turn(id, box) });
    return h("label", { class: "choice" }, box, h("span", null, h("b", null, title), h("small", null, story)));
  }

  async #turn(id, box) {
    byID("breakage-trouble").textContent = "";
    try {
      await postJSON("/dev/breakage", { id, broken: box.checked });
    } catch (failure) {
      box.checked = !box.checked;
      byID("breakage-trouble").textContent = `That did not work: ${failure.message}`;
    }
  }
}
