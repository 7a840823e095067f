// Prints what every script finds in Node, as one JSON list of {"expression", "of", "name"}: each global, its members, and
// those of its prototype. "of" is the object that has the name. Names without a value are left out, and so is what
// every function has.
process.on('unhandledRejection', () => {}); // what some getters return

const found = [];
const list = (of, name) => {
  if (['prototype', 'constructor', 'arguments', 'caller'].includes(name)) return;
  const expression = of === 'globalThis' ? name : `${of}[${JSON.stringify(name)}]`;
  try {
    if ((0, eval)(expression) !== undefined) found.push({ expression, of, name });
  } catch (error) {
    // a getter that wants an instance
  }
};
for (const name of Object.getOwnPropertyNames(globalThis)) {
  list('globalThis', name);
  const value = globalThis[name];
  if (Object(value) !== value || value === globalThis) continue;
  for (const member of Object.getOwnPropertyNames(value)) list(name, member);
  if (Object(value.prototype) !== value.prototype) continue;
  for (const member of Object.getOwnPropertyNames(value.prototype)) list(`${name}.prototype`, member);
}
console.log(JSON.stringify(found));
