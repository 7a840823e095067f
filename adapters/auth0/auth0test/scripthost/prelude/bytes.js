// Buffer and the module crypto, as far as a signature and its base64 go.
(function (host, hooks) {
  const { only, publish } = hooks;

  const contents = new WeakMap(); // the bytes of a Buffer, by the Buffer

  const newBuffer = (bytes) => {
    const buffer = only('Buffer.prototype', {
      length: bytes.byteLength,
      toString: (encoding = 'utf8') => host.toText(bytes, encoding),
    });
    contents.set(buffer, bytes);
    return buffer;
  };
  const from = (text, encoding = 'utf8') =>
    typeof text === 'string' ? newBuffer(host.toBytes(text, encoding)) : host.refuse('Buffer.from of what is no text');
  publish('Buffer', only('Buffer', Object.assign(() => host.refuse('Buffer as a function'), { from })));

  // bytesOf reads what crypto is given.
  const bytesOf = (value) => {
    if (typeof value === 'string') return host.toBytes(value, 'utf8');
    return contents.get(value) ?? host.refuse('crypto with what is neither text nor a Buffer');
  };
  const createHmac = (algorithm, key) => {
    if (algorithm !== 'sha256') host.refuse(`crypto.createHmac with ${algorithm}`);
    const update = (data) => only('Hmac', { digest: (encoding) => host.toText(host.hmacSHA256(bytesOf(key), bytesOf(data)), encoding) });
    return only('Hmac', { update });
  };
  const timingSafeEqual = (a, b) => {
    const [left, right] = [a, b].map((buffer) => contents.get(buffer) ?? host.refuse('crypto.timingSafeEqual of what is no Buffer'));
    if (left.byteLength !== right.byteLength) throw new RangeError('Input buffers must have the same byte length');
    return host.equal(left, right);
  };
  hooks.crypto = only('crypto', { createHmac, timingSafeEqual });
});
