// Event, EventTarget, AbortController and AbortSignal (DOM standard).
(function (host) {
  const publish = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

  class Event {
    #type;
    #cancelable;
    #prevented = false;
    constructor(type, { cancelable = false } = {}) {
      this.#type = String(type);
      this.#cancelable = cancelable;
    }
    get type() {
      return this.#type;
    }
    get defaultPrevented() {
      return this.#prevented;
    }
    preventDefault() {
      this.#prevented = this.#cancelable;
    }
  }

  class EventTarget {
    #listeners = [];
    addEventListener(type, listener, options = {}) {
      if (!listener) return;
      const known = this.#listeners.some((entry) => entry.type === type && entry.listener === listener);
      if (!known) this.#listeners.push({ type, listener, once: Boolean(options && options.once) });
    }
    removeEventListener(type, listener) {
      this.#listeners = this.#listeners.filter((entry) => entry.type !== type || entry.listener !== listener);
    }
    dispatchEvent(event) {
      for (const property of ['target', 'currentTarget']) Object.defineProperty(event, property, { value: this, configurable: true });
      const handler = this[`on${event.type}`];
      if (typeof handler === 'function') guard(() => handler.call(this, event));
      for (const { type, listener, once } of [...this.#listeners]) {
        if (type !== event.type) continue;
        if (once) this.removeEventListener(type, listener);
        guard(() => (typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event)));
      }
      return !event.defaultPrevented;
    }
  }
  // What a listener throws is an uncaught exception; the other listeners are called all the same.
  const guard = (call) => {
    try {
      call();
    } catch (error) {
      host.uncaught(error);
    }
  };

  let abort; // aborts a signal; only this file can
  let constructing = false;
  class AbortSignal extends EventTarget {
    #aborted = false;
    #reason;
    onabort = null;
    constructor() {
      super();
      if (!constructing) throw new TypeError('Illegal constructor');
    }
    get aborted() {
      return this.#aborted;
    }
    get reason() {
      return this.#reason;
    }
    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }
    static abort(reason) {
      const signal = newSignal();
      abort(signal, reason);
      return signal;
    }
    // A timeout does not keep the script alive, as in Node.
    static timeout(milliseconds) {
      if (!(Number(milliseconds) >= 0)) throw new RangeError('The value of "delay" is out of range.');
      const signal = newSignal();
      const expire = () => abort(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
      host.setTimer(expire, Math.max(1, Number(milliseconds)), false, false);
      return signal;
    }
    static any(signals) {
      const sources = [...signals];
      const combined = newSignal();
      const first = sources.find((signal) => signal.aborted);
      if (first) {
        abort(combined, first.reason);
        return combined;
      }
      for (const signal of sources) signal.addEventListener('abort', () => abort(combined, signal.reason), { once: true });
      return combined;
    }
    static {
      abort = (signal, reason = new DOMException('This operation was aborted', 'AbortError')) => {
        if (signal.#aborted) return;
        signal.#aborted = true;
        signal.#reason = reason;
        signal.dispatchEvent(new Event('abort'));
      };
    }
  }
  const newSignal = () => {
    constructing = true;
    try {
      return new AbortSignal();
    } finally {
      constructing = false;
    }
  };

  class AbortController {
    #signal = newSignal();
    get signal() {
      return this.#signal;
    }
    abort(reason) {
      abort(this.#signal, reason);
    }
  }
  for (const type of [Event, EventTarget, AbortSignal, AbortController]) publish(type.name, type);
});
