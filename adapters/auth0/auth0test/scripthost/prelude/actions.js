// Actions: what a handler of the triggers custom-token-exchange and post-login is given, and what it asks for.
(function (host, hooks) {
  const { only } = hooks;

  hooks.evaluateAction = (wrapper) => {
    const module = { exports: {} };
    wrapper.call(module.exports, module.exports, module);
    return module;
  };

  // What the api object of each handler has, by group.
  const apis = {
    onExecuteCustomTokenExchange: {
      access: ['deny', 'rejectInvalidSubjectToken'],
      authentication: ['setUserById', 'setUserByConnection', 'setOrganization'],
    },
    onExecutePostLogin: {
      access: ['deny'],
      accessToken: ['setCustomClaim', 'addScope', 'removeScope'],
      authentication: ['challengeWith', 'challengeWithAny', 'enrollWith', 'enrollWithAny'],
      idToken: ['setCustomClaim'],
      multifactor: ['enable'],
      redirect: ['canRedirect', 'sendUserTo'],
      user: ['setAppMetadata', 'setUserMetadata'],
    },
  };

  // runAction calls the handler of that name. Its arguments are written down as they are at the time of the call.
  hooks.runAction = (module, name, event) => {
    const handler = module.exports[name];
    if (typeof handler !== 'function') throw new TypeError(`the Action exports no function ${name}`);
    const commands = [];
    const command = (name) => [name, (...args) => {
      commands.push({ name, args: JSON.parse(JSON.stringify(args)) });
      return name === 'canRedirect' ? false : api; // there is no browser to redirect
    }];
    const groups = Object.entries(apis[name]).map(([group, names]) => [group, only(`api.${group}`, Object.fromEntries(names.map(command)))]);
    const api = only('api', Object.fromEntries(groups));
    Promise.resolve(handler(JSON.parse(event), api)).then(
      () => host.settleAction(name, JSON.stringify(commands)),
      (error) => host.rejectAction(error),
    );
  };
});
