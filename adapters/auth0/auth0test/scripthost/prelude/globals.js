// The error classes of Auth0, the callback of a Login script, its configuration, and timers.
(function (host, hooks) {
  const { only, publish } = hooks;

  // Auth0's error classes (Auth0 docs, "Custom Database Troubleshooting").

  class WrongUsernameOrPasswordError extends Error {
    constructor(userID, message) {
      super(message || 'Wrong email or password.');
      this.user_id = userID;
    }
  }
  class UnauthorizedError extends Error {}
  class ValidationError extends Error {
    constructor(code, message) {
      super(message === undefined ? code : message);
      this.code = code;
    }
  }
  for (const errorClass of [WrongUsernameOrPasswordError, UnauthorizedError, ValidationError]) {
    Object.defineProperty(errorClass.prototype, 'name', { value: errorClass.name, writable: true, configurable: true });
    publish(errorClass.name, errorClass);
  }

  const text = (value) => (value === undefined || value === null ? '' : String(value));

  // describe turns anything thrown, or given to the callback as its error, into text.
  hooks.describe = (thrown) => {
    if (typeof thrown !== 'object' || thrown === null) return { name: '', message: text(thrown), userID: '' };
    return { name: text(thrown.name), message: text(thrown.message), userID: text(thrown.user_id) };
  };

  const kindOf = (error) => {
    if (error instanceof WrongUsernameOrPasswordError) return 'refused';
    if (error instanceof UnauthorizedError) return 'unauthorized';
    if (error instanceof ValidationError) return 'invalid';
    return 'failed';
  };

  // newCallback returns the function a script must call exactly once. Whatever the script hands over is turned into
  // text at once; if that fails, the profile is at fault, and the script is not told.
  hooks.newCallback = () => (error, profile) => {
    if (!host.calledBack()) return;
    if (error) {
      const { name, message, userID } = hooks.describe(error);
      host.settle(kindOf(error), name, message, userID, '');
      return;
    }
    if (profile === undefined || profile === null || profile === false) {
      host.settle('no_profile', '', 'the script called back without a profile', '', '');
      return;
    }
    settleProfile(profile);
  };

  const settleProfile = (profile) => {
    let json;
    try {
      json = JSON.stringify(profile);
    } catch (error) {
      const { name, message } = hooks.describe(error);
      host.settle('bad_profile', name, message, '', '');
      return;
    }
    if (json === undefined || json[0] !== '{') {
      host.settle('bad_profile', '', 'the profile is no object', '', '');
      return;
    }
    host.settle('profile', '', '', text(JSON.parse(json).user_id), json);
  };

  hooks.configure = (settings) =>
    Object.defineProperty(globalThis, 'configuration', { value: Object.freeze(settings), configurable: true });

  // Timers.

  const numbers = new WeakMap(); // of timers

  publish('setTimeout', (callback, delay, ...args) => {
    const timer = only('Timeout', {});
    numbers.set(timer, host.setTimer(() => callback(...args), Number(delay)));
    return timer;
  });
  publish('clearTimeout', (timer) => {
    if (numbers.has(timer)) host.clearTimer(numbers.get(timer));
    else if (timer !== undefined && timer !== null) host.refuse('clearTimeout of what is no Timeout');
  });
});
