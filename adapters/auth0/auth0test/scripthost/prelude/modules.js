// require: Node's crypto, and the modules the host was given.
(function (host, hooks) {
  const loaded = new Map(); // what modules export, by name

  const require = (name) => {
    if (name === 'crypto') return hooks.crypto;
    if (!loaded.has(name)) loaded.set(name, load(name));
    return loaded.get(name);
  };
  const load = (name) => {
    const evaluate = host.module(name) ?? host.refuse(`the module "${name}"`);
    const module = { exports: {} };
    evaluate(module.exports, require, module);
    return module.exports;
  };
  hooks.publish('require', require);
});
