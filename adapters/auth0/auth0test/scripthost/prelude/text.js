// TextEncoder, TextDecoder, atob, btoa (Encoding and HTML standards) and Node's Buffer.
(function (host, hooks) {
  const publish = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

  // exact returns the bytes of a buffer or view as an ArrayBuffer of their own.
  const exact = (source) => {
    if (source instanceof ArrayBuffer) return source.slice(0);
    return source.buffer.slice(source.byteOffset, source.byteOffset + source.byteLength);
  };
  hooks.exactBytes = exact;
  const isBytes = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);
  hooks.isBytes = isBytes;

  class TextEncoder {
    get encoding() {
      return 'utf-8';
    }
    encode(text = '') {
      return new Uint8Array(host.encode(String(text), 'utf8'));
    }
    encodeInto(text, target) {
      const bytes = this.encode(text).subarray(0, target.length);
      target.set(bytes);
      return { read: text.length, written: bytes.length };
    }
  }

  const labels = { 'utf-8': 'utf8', utf8: 'utf8', latin1: 'latin1', 'iso-8859-1': 'latin1', ascii: 'latin1', 'utf-16le': 'utf16le' };
  class TextDecoder {
    #encoding;
    #fatal;
    #ignoreBOM;
    constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
      this.#encoding = labels[String(label).trim().toLowerCase()];
      if (!this.#encoding) throw new RangeError(`The "${label}" encoding is not supported`);
      this.#fatal = fatal;
      this.#ignoreBOM = ignoreBOM;
    }
    get encoding() {
      return Object.keys(labels).find((label) => labels[label] === this.#encoding);
    }
    decode(source = new ArrayBuffer(0)) {
      const bytes = exact(source);
      const text = host.decode(bytes, this.#encoding);
      if (this.#fatal && this.#encoding === 'utf8' && !sameBytes(bytes, host.encode(text, 'utf8'))) {
        throw Object.assign(new TypeError('The encoded data was not valid for encoding utf-8'), { code: 'ERR_ENCODING_INVALID_ENCODED_DATA' });
      }
      return !this.#ignoreBOM && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
    }
  }
  const sameBytes = (a, b) => Buffer.from(a).equals(Buffer.from(b));

  const invalidCharacter = () => new DOMException('Invalid character', 'InvalidCharacterError');
  publish('btoa', (text) => {
    if (/[^\x00-\xff]/.test(text)) throw invalidCharacter();
    return host.decode(host.encode(String(text), 'latin1'), 'base64');
  });
  publish('atob', (text) => {
    let digits = String(text).replace(/[\t\n\f\r ]/g, '');
    if (digits.length % 4 === 0) digits = digits.replace(/==?$/, '');
    if (digits.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(digits)) {
      throw new DOMException('The string to be decoded is not correctly encoded.', 'InvalidCharacterError');
    }
    return host.decode(host.encode(digits, 'base64'), 'latin1');
  });

  // Buffer.

  const encodings = {
    utf8: 'utf8', 'utf-8': 'utf8', hex: 'hex', base64: 'base64', base64url: 'base64url', latin1: 'latin1', binary: 'latin1',
    ascii: 'latin1', utf16le: 'utf16le', 'utf-16le': 'utf16le', ucs2: 'utf16le', 'ucs-2': 'utf16le',
  };
  const encodingOf = (name = 'utf8') => {
    const encoding = encodings[String(name).toLowerCase()];
    if (!encoding) throw Object.assign(new TypeError(`Unknown encoding: ${name}`), { code: 'ERR_UNKNOWN_ENCODING' });
    return encoding;
  };
  const toBytes = (value, encoding) => (typeof value === 'string' ? Buffer.from(value, encoding) : value);

  class Buffer extends Uint8Array {
    static from(source, encodingOrOffset, length) {
      if (typeof source === 'string') return new Buffer(host.encode(source, encodingOf(encodingOrOffset)));
      if (source instanceof ArrayBuffer) return new Buffer(source, encodingOrOffset, length);
      if (source && source.type === 'Buffer' && Array.isArray(source.data)) return Buffer.from(source.data);
      if (typeof source !== 'object' || source === null) {
        throw Object.assign(new TypeError('The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array.'), { code: 'ERR_INVALID_ARG_TYPE' });
      }
      const buffer = new Buffer(source.length);
      buffer.set(source);
      return buffer;
    }
    static alloc(size, fill = 0, encoding) {
      return new Buffer(size).fill(fill, encoding);
    }
    static allocUnsafe(size) {
      return new Buffer(size);
    }
    static isBuffer(value) {
      return value instanceof Buffer;
    }
    static isEncoding(name) {
      return String(name).toLowerCase() in encodings;
    }
    static byteLength(value, encoding) {
      return toBytes(value, encoding).byteLength;
    }
    static compare(a, b) {
      return a.compare(b);
    }
    static concat(list, total = list.reduce((sum, part) => sum + part.length, 0)) {
      const joined = Buffer.alloc(total);
      let offset = 0;
      for (const part of list) {
        const fitting = part.subarray(0, total - offset);
        joined.set(fitting, offset);
        offset += fitting.length;
      }
      return joined;
    }
    toString(encoding, start = 0, end = this.length) {
      return host.decode(exact(this.subarray(start, end)), encodingOf(encoding));
    }
    toJSON() {
      return { type: 'Buffer', data: Array.from(this) };
    }
    equals(other) {
      return this.length === other.length && this.every((byte, index) => byte === other[index]);
    }
    compare(other) {
      for (let i = 0; i < Math.min(this.length, other.length); i++) {
        if (this[i] !== other[i]) return this[i] < other[i] ? -1 : 1;
      }
      return Math.sign(this.length - other.length);
    }
    slice(start, end) {
      return this.subarray(start, end); // shares memory, unlike a typed array's
    }
    fill(value, encoding) {
      const pattern = typeof value === 'number' ? [value] : toBytes(value, encoding);
      for (let i = 0; i < this.length && pattern.length; i++) this[i] = pattern[i % pattern.length];
      return this;
    }
    write(text, offset = 0, encoding = 'utf8') {
      const bytes = Buffer.from(text, encoding).subarray(0, this.length - offset);
      this.set(bytes, offset);
      return bytes.length;
    }
    copy(target, targetStart = 0, start = 0, end = this.length) {
      const bytes = this.subarray(start, Math.min(end, start + target.length - targetStart));
      target.set(bytes, targetStart);
      return bytes.length;
    }
    indexOf(value, from = 0, encoding = 'utf8') {
      if (typeof value === 'number') return super.indexOf(value & 255, from);
      const sought = toBytes(value, encoding);
      for (let i = from; i + sought.length <= this.length; i++) {
        if (sought.every((byte, index) => byte === this[i + index])) return i;
      }
      return -1;
    }
    includes(value, from, encoding) {
      return this.indexOf(value, from, encoding) >= 0;
    }
    readUInt8(offset = 0) {
      return this[offset];
    }
    readUInt16BE(offset = 0) {
      return this.#view().getUint16(offset);
    }
    readUInt32BE(offset = 0) {
      return this.#view().getUint32(offset);
    }
    #view() {
      return new DataView(this.buffer, this.byteOffset, this.byteLength);
    }
  }
  publish('TextEncoder', TextEncoder);
  publish('TextDecoder', TextDecoder);
  publish('Buffer', Buffer);
});
