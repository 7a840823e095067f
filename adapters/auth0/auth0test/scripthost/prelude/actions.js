// Actions: what a handler of the trigger custom-token-exchange is given, and what it asks for.
(function (host, hooks) {
  const { only } = hooks;

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
    const command = (name) => [name, (...args) => {
      commands.push({ name, args: JSON.parse(JSON.stringify(args)) });
      return api;
    }];
    const groupOf = (group, names) => only(`api.${group}`, Object.fromEntries(names.map(command)));
    const api = only('api', {
      access: groupOf('access', ['deny', 'rejectInvalidSubjectToken']),
      authentication: groupOf('authentication', ['setUserById', 'setUserByConnection', 'setOrganization']),
    });
    Promise.resolve(handler(JSON.parse(event), api)).then(
      () => host.settleAction(JSON.stringify(commands)),
      (error) => host.rejectAction(error),
    );
  };
});
