// How the host refuses what it lacks. host.refuse ends the run: no script can catch that and take it for an answer.
(function (host, hooks) {
  // `only` wraps an object for scripts: asking it for a member that it lacks is refused.
  hooks.only = (name, object) =>
    new Proxy(object, {
      get(target, key) {
        const asked = key in target || typeof key === 'symbol' || key === 'then'; // await asks every object for then
        return asked ? target[key] : host.refuse(`${name}.${key}`);
      },
    });

  hooks.publish = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
});
