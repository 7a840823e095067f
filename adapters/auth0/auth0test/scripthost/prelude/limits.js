// Puts right what the engine does differently from Node, and caps what would exhaust the process's memory.
(function (host) {
  const define = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });

  // One allocation of this many characters, elements or bytes must do. A larger one would end the whole Go process
  // where Node throws a RangeError.
  const largest = 1 << 26;
  const refuse = (what) => {
    host.warn(`the script asks for ${what} of more than ${largest}, which the script host refuses`);
    throw new RangeError(`Invalid ${what} length`);
  };

  const { repeat, padStart, padEnd } = String.prototype;
  define(String.prototype, 'repeat', function (count) {
    if (String(this).length * Number(count) > largest && Number(count) !== Infinity) refuse('string');
    return repeat.call(this, count);
  });
  for (const [name, pad] of [['padStart', padStart], ['padEnd', padEnd]]) {
    define(String.prototype, name, function (length, ...filler) {
      if (Number(length) > largest) refuse('string');
      return pad.call(this, length, ...filler);
    });
  }
  for (const name of ['fill', 'join']) {
    const original = Array.prototype[name];
    define(Array.prototype, name, function (...args) {
      if (this.length > largest) refuse('array');
      return original.apply(this, args);
    });
  }

  // The constructors of buffers are replaced by ones that look at the length first. (Proxies would do, but the engine
  // does not take a proxy on the right of instanceof.)
  const TypedArray = Object.getPrototypeOf(Uint8Array);
  const elements = ['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array',
    'Uint32Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array'];
  for (const name of ['ArrayBuffer', ...elements]) {
    const original = globalThis[name];
    const width = original.BYTES_PER_ELEMENT || 1;
    const bounded = function (...args) {
      if (!new.target) throw new TypeError(`Constructor ${name} requires 'new'`);
      const length = typeof args[0] === 'object' && args[0] !== null ? args[0].length : args[0];
      if (Number(length) * width > largest) refuse(name === 'ArrayBuffer' ? 'array buffer' : 'typed array');
      return Reflect.construct(original, args, new.target === bounded ? original : new.target);
    };
    for (const key of Reflect.ownKeys(original)) Object.defineProperty(bounded, key, Object.getOwnPropertyDescriptor(original, key));
    Object.setPrototypeOf(bounded, Object.getPrototypeOf(original));
    define(original.prototype, 'constructor', bounded);
    define(globalThis, name, bounded);
  }

  // Uint8Array.from("text", map) is the usual way to decode a JWT; the engine takes a string for an object.
  const from = TypedArray.from;
  define(TypedArray, 'from', function (source, ...rest) {
    return from.call(this, typeof source === 'string' ? Array.from(source) : source, ...rest);
  });

  // A back-tracking match is stopped after a while, and the engine then reports that there is none. That must not be
  // taken for an answer: an operation that took so long ends the run.
  for (const name of ['exec', 'test', Symbol.match, Symbol.replace, Symbol.search, Symbol.split]) {
    const original = RegExp.prototype[name];
    define(RegExp.prototype, name, function (...args) {
      const started = host.now();
      const result = original.apply(this, args);
      if (host.now() - started >= host.matchLimit) {
        host.kill(`the regular expression ${this} ran for more than ${host.matchLimit} ms, which the script host does not allow`);
      }
      return result;
    });
  }

  // What Node 22 has and the engine lacks.
  const group = (items, keyOf, add) => {
    let index = 0;
    for (const item of items) add(keyOf(item, index++), item);
  };
  define(Object, 'groupBy', (items, keyOf) => {
    const groups = Object.create(null);
    group(items, keyOf, (key, item) => (groups[key] ??= []).push(item));
    return groups;
  });
  define(Map, 'groupBy', (items, keyOf) => {
    const groups = new Map();
    group(items, keyOf, (key, item) => (groups.has(key) ? groups.get(key).push(item) : groups.set(key, [item])));
    return groups;
  });
  define(Promise, 'withResolvers', function () {
    const resolvers = {};
    resolvers.promise = new this((resolve, reject) => Object.assign(resolvers, { resolve, reject }));
    return resolvers;
  });
  const lone = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
  define(String.prototype, 'isWellFormed', function () {
    return !lone.test(this);
  });
  define(String.prototype, 'toWellFormed', function () {
    return String(this).replace(new RegExp(lone.source, 'g'), '\uFFFD');
  });
  define(Error, 'captureStackTrace', (target) => define(target, 'stack', new Error().stack));
  define(Error, 'stackTraceLimit', 10);
});
