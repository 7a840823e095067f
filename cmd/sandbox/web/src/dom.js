// byID returns the element of index.html with that id.
export const byID = (id) => document.getElementById(id);

// h makes an element. Attributes beginning with "on" are listeners; a value that is null or false is left out.
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// sentence makes a sentence of a phrase.
export function sentence(phrase) {
  return phrase && phrase[0].toUpperCase() + phrase.slice(1) + (/[.!?]$/.test(phrase) ? "" : ".");
}
