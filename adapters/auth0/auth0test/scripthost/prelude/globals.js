// The globals that belong to no other file: the error classes of Auth0, process, timers, structuredClone.
(function (host, hooks) {
  const publish = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  publish('global', globalThis);

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
  publish('queueMicrotask', (callback) => {
    if (typeof callback !== 'function') throw new TypeError('The "callback" argument must be of type function.');
    Promise.resolve().then(() => callback()).catch((error) => host.uncaught(error));
  });

  // process, performance.

  publish('process', {
    env: {},
    argv: ['node'],
    platform: 'linux',
    version: 'v22.0.0',
    versions: { node: '22.0.0' },
    nextTick: (callback, ...args) => queueMicrotask(() => callback(...args)),
    uptime: () => host.now() / 1000,
    hrtime: Object.assign(
      (since = [0, 0]) => {
        const elapsed = host.now() / 1000 - since[0] - since[1] / 1e9;
        return [Math.floor(elapsed), Math.floor((elapsed % 1) * 1e9)];
      },
      { bigint: () => BigInt(Math.floor(host.now() * 1e6)) },
    ),
    [Symbol.toStringTag]: 'process',
  });
  publish('performance', { now: () => host.now(), timeOrigin: Date.now() - host.now() });

  // DOMException, structuredClone.

  const domCodes = { AbortError: 20, TimeoutError: 23, InvalidCharacterError: 5, DataCloneError: 25, NotSupportedError: 9 };
  class DOMException extends Error {
    constructor(message = '', options = 'Error') {
      super(message);
      const name = typeof options === 'object' ? options.name ?? 'Error' : String(options);
      Object.defineProperty(this, 'name', { value: name, configurable: true });
      Object.defineProperty(this, 'code', { value: domCodes[name] ?? 0, configurable: true });
      if (typeof options === 'object' && 'cause' in options) this.cause = options.cause;
    }
  }
  publish('DOMException', DOMException);

  const clone = (value, seen) => {
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new DOMException(`${String(value)} could not be cloned.`, 'DataCloneError');
    }
    if (typeof value !== 'object' || value === null) return value;
    if (seen.has(value)) return seen.get(value);
    const keep = (copy) => (seen.set(value, copy), copy);
    if (value instanceof Date) return keep(new Date(value));
    if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
    if (value instanceof ArrayBuffer) return keep(value.slice(0));
    if (ArrayBuffer.isView(value)) return keep(value.slice ? new Uint8Array(value).constructor.from(value) : value);
    if (value instanceof Map) {
      const copy = keep(new Map());
      value.forEach((item, key) => copy.set(clone(key, seen), clone(item, seen)));
      return copy;
    }
    if (value instanceof Set) {
      const copy = keep(new Set());
      value.forEach((item) => copy.add(clone(item, seen)));
      return copy;
    }
    if (value instanceof Error) {
      const copy = keep(new (globalThis[value.name] ?? Error)(value.message));
      copy.stack = value.stack;
      return copy;
    }
    const copy = keep(Array.isArray(value) ? new Array(value.length) : {});
    for (const key of Object.keys(value)) copy[key] = clone(value[key], seen);
    return copy;
  };
  publish('structuredClone', (value) => clone(value, new Map()));
});
