// Actions: what a handler of the trigger custom-token-exchange is given, and what it asks for.
(function (host, hooks) {
  hooks.evaluateAction = (wrapper) => {
    const module = { exports: {} };
    wrapper.call(module.exports, module.exports, module);
    return module;
  };

  // runAction calls the handler. Its arguments are written down as they are at the time of the call.
  hooks.runAction = (module, event) => {
    const handler = module.exports.onExecuteCustomTokenExchange;
    if (typeof handler !== 'function') throw new TypeError('the Action exports no function onExecuteCustomTokenExchange');
    const commands = [];
    const api = { cache };
    for (const [group, names] of Object.entries(groups)) {
      api[group] = {};
      for (const name of names) {
        api[group][name] = (...args) => {
          commands.push({ name, args: JSON.parse(JSON.stringify(args)) });
          return api;
        };
      }
    }
    Promise.resolve(handler(JSON.parse(event), api)).then(
      () => host.settleAction(JSON.stringify(commands)),
      (error) => host.rejectAction(error),
    );
  };
  const groups = {
    access: ['deny', 'rejectInvalidSubjectToken'],
    authentication: ['setUserById', 'setUserByConnection', 'setOrganization', 'setActor'],
    user: ['setAppMetadata', 'setUserMetadata'],
  };

  // The codes of failures are a guess.
  const cache = {
    get: (key) => host.cacheGet(String(key)) || undefined,
    set: (key, value, options = {}) => {
      if (typeof value !== 'string') return { type: 'error', code: 'FailedToSetCacheRecord' };
      const expires = Math.min(options.ttl === undefined ? Infinity : Date.now() + options.ttl, options.expires_at ?? Infinity);
      if (!host.cacheSet(String(key), value, expires === Infinity ? Date.now() + 15 * 60 * 1000 : expires)) {
        return { type: 'error', code: 'ItemAlreadyExpired' };
      }
      return { type: 'success', record: host.cacheGet(String(key)) };
    },
    delete: (key) => (host.cacheDelete(String(key)) ? { type: 'success' } : { type: 'error', code: 'FailedToDeleteCacheRecord' }),
  };
});
