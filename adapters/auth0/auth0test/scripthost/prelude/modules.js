// require: three modules of Node, and those the host was given.
(function (host, hooks) {
  const promisify = (original) => (...args) =>
    new Promise((resolve, reject) => {
      original(...args, (error, value) => (error ? reject(error) : resolve(value)));
    });
  const callbackify = (original) => (...args) => {
    const callback = args.pop();
    original(...args).then((value) => callback(null, value), (error) => callback(error));
  };
  const inherits = (child, parent) => {
    child.super_ = parent;
    Object.setPrototypeOf(child.prototype, parent.prototype);
  };
  hooks.modules = {
    buffer: { Buffer, atob, btoa },
    crypto: hooks.crypto,
    util: {
      format: hooks.format, inspect: (value) => hooks.inspect(value), promisify, callbackify, inherits, TextEncoder, TextDecoder,
      isDeepStrictEqual: (a, b) => hooks.inspect(a, 100) === hooks.inspect(b, 100),
      types: { isDate: (v) => v instanceof Date, isRegExp: (v) => v instanceof RegExp, isPromise: (v) => v instanceof Promise },
    },
  };

  const require = (name) => {
    const builtin = String(name).replace(/^node:/, '');
    const given = host.loadModule(String(name), require);
    if (given) return given.exports;
    if (Object.hasOwn(hooks.modules, builtin)) return hooks.modules[builtin];
    return host.refuse(`the module "${name}"`);
  };
  Object.defineProperty(globalThis, 'require', { value: require, writable: true, configurable: true, enumerable: false });
});
