// The globals that belong to no other file: the error classes of Auth0, process, timers, structuredClone.
(function (host, hooks) {
  const { publish } = hooks;

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

  class Timeout {
    #id;
    #referenced = true;
    constructor(callback, delay, repeat, args) {
      if (typeof callback !== 'function') {
        throw Object.assign(new TypeError('The "callback" argument must be of type function.'), { code: 'ERR_INVALID_ARG_TYPE' });
      }
      this.#id = host.setTimer(() => callback.apply(this, args), delay, repeat, true);
    }
    ref() {
      host.refTimer(this.#id, true);
      this.#referenced = true;
      return this;
    }
    unref() {
      host.refTimer(this.#id, false);
      this.#referenced = false;
      return this;
    }
    hasRef() {
      return this.#referenced;
    }
    close() {
      host.clearTimer(this.#id);
      return this;
    }
    [Symbol.toPrimitive]() {
      return this.#id;
    }
  }
  const delayOf = (value) => {
    const delay = Number(value);
    return delay >= 1 ? delay : 1;
  };
  const clear = (timer) => {
    if (timer instanceof Timeout) timer.close();
    else if (typeof timer === 'number' || typeof timer === 'string') host.clearTimer(Number(timer));
  };
  publish('setTimeout', (callback, delay, ...args) => new Timeout(callback, delayOf(delay), false, args));
  publish('setInterval', (callback, delay, ...args) => new Timeout(callback, delayOf(delay), true, args));
  publish('setImmediate', (callback, ...args) => new Timeout(callback, -1, false, args));
  publish('clearTimeout', clear);
  publish('clearInterval', clear);
  publish('clearImmediate', clear);
});
