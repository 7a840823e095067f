// Hashes and random numbers: Web Crypto as the global `crypto`, and Node's module of the same name.
(function (host, hooks) {
  const publish = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  const bytesOf = (value, encoding) => Buffer.from(typeof value === 'string' ? Buffer.from(value, encoding) : hooks.exactBytes(value));
  const encoded = (bytes, encoding) => (encoding && encoding !== 'buffer' ? bytes.toString(encoding) : bytes);

  // Hash and Hmac of the module: pieces are collected, and digested at the end.
  class Digest {
    #pieces = [];
    #finish;
    constructor(finish) {
      this.#finish = finish;
    }
    update(data, encoding) {
      this.#demandOpen();
      this.#pieces.push(bytesOf(data, encoding));
      return this;
    }
    digest(encoding) {
      this.#demandOpen();
      const bytes = Buffer.from(this.#finish(hooks.exactBytes(Buffer.concat(this.#pieces))));
      this.#pieces = null;
      return encoded(bytes, encoding);
    }
    #demandOpen() {
      if (!this.#pieces) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
    }
  }
  const known = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];
  const algorithm = (name) => {
    const found = String(name).toLowerCase().replace(/^(rsa-)?sha-?/, 'sha');
    if (!known.includes(found)) throw Object.assign(new Error(`Invalid digest: ${name}`), { code: 'ERR_CRYPTO_INVALID_DIGEST' });
    return found;
  };
  const createHash = (name) => {
    const hash = algorithm(name);
    return new Digest((data) => host.digest(hash, data));
  };
  const createHmac = (name, secret) => {
    const hash = algorithm(name);
    const key = hooks.exactBytes(bytesOf(secret));
    return new Digest((data) => host.hmac(hash, key, data));
  };
  const hash = (name, data, encoding = 'hex') => createHash(name).update(data).digest(encoding);

  const timingSafeEqual = (a, b) => {
    const [left, right] = [bytesOf(a), bytesOf(b)];
    if (left.length !== right.length) {
      throw Object.assign(new RangeError('Input buffers must have the same byte length'), { code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH' });
    }
    return left.reduce((difference, byte, i) => difference | (byte ^ right[i]), 0) === 0;
  };

  const randomBytes = (size) => Buffer.concat(Array.from({ length: Math.ceil(size / 65536) }, () => Buffer.from(host.random(65536))), size);
  const getRandomValues = (array) => {
    if (array.byteLength > 65536) throw new DOMException('The requested length exceeds 65,536 bytes', 'QuotaExceededError');
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(new Uint8Array(host.random(array.byteLength)));
    return array;
  };
  const randomInt = (min, max) => {
    const [low, high] = max === undefined ? [0, min] : [min, max];
    return low + Math.floor(((randomBytes(6).readUInt32BE(0) * 65536 + randomBytes(2).readUInt16BE(0)) / 2 ** 48) * (high - low));
  };
  const randomUUID = () => {
    const bytes = Buffer.from(host.random(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  };

  // Web Crypto: digests and HMAC.

  const nameOf = (spec) => algorithm(typeof spec === 'string' ? spec : spec.name);
  const unsupported = () => new DOMException('The script host knows digests and HMAC only', 'NotSupportedError');
  class CryptoKey {
    #key;
    #hash;
    constructor(key, hash, usages, extractable) {
      this.#key = key;
      this.#hash = hash;
      Object.assign(this, { type: 'secret', extractable, usages, algorithm: { name: 'HMAC', hash: { name: hash.replace('sha', 'SHA-') } } });
    }
    static mac(key, data) {
      return host.hmac(key.#hash, key.#key, hooks.exactBytes(data));
    }
  }
  const demandUsage = (key, usage) => {
    if (!key.usages.includes(usage)) throw new DOMException(`The key does not allow ${usage}`, 'InvalidAccessError');
  };
  const subtle = {
    async digest(spec, data) {
      return host.digest(nameOf(spec), hooks.exactBytes(data));
    },
    async importKey(format, data, spec, extractable, usages) {
      if (format !== 'raw' || spec.name !== 'HMAC') throw unsupported();
      return new CryptoKey(hooks.exactBytes(data), nameOf(spec.hash), [...usages], Boolean(extractable));
    },
    async sign(spec, key, data) {
      demandUsage(key, 'sign');
      return CryptoKey.mac(key, data);
    },
    async verify(spec, key, signature, data) {
      demandUsage(key, 'verify');
      const expected = CryptoKey.mac(key, data);
      return expected.byteLength === signature.byteLength && timingSafeEqual(expected, signature);
    },
  };
  const webcrypto = { subtle, getRandomValues, randomUUID };
  publish('crypto', webcrypto);
  publish('CryptoKey', CryptoKey);
  hooks.crypto = { createHash, createHmac, hash, timingSafeEqual, randomBytes, randomInt, randomUUID, getRandomValues, subtle, webcrypto, getHashes: () => [...known] };
});
