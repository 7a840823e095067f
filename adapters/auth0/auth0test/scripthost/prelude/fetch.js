// fetch, Headers, Request and Response (Fetch standard, as Node implements it), without streams.
(function (host, hooks) {
  const publish = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

  const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
  const headerName = (name) => {
    if (!token.test(name)) throw new TypeError(`Headers: ${name} is an invalid header name.`);
    return String(name).toLowerCase();
  };
  const headerValue = (value) => {
    const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
    if (/[\0\r\n]|[^\x00-\xff]/.test(text)) throw new TypeError('Headers: the value is an invalid header value.');
    return text;
  };

  class Headers {
    #lists = new Map(); // lower-case name → values
    constructor(init) {
      if (init === undefined || init === null) return;
      if (typeof init !== 'object') throw new TypeError('Headers: the init is no object.');
      const pairs = typeof init[Symbol.iterator] === 'function' ? [...init] : Object.entries(init);
      for (const [name, value] of pairs) this.append(name, value);
    }
    append(name, value) {
      const key = headerName(name);
      this.#lists.set(key, [...(this.#lists.get(key) ?? []), headerValue(value)]);
    }
    delete(name) {
      this.#lists.delete(headerName(name));
    }
    get(name) {
      return this.#lists.get(headerName(name))?.join(', ') ?? null;
    }
    getSetCookie() {
      return [...(this.#lists.get('set-cookie') ?? [])];
    }
    has(name) {
      return this.#lists.has(headerName(name));
    }
    set(name, value) {
      this.#lists.set(headerName(name), [headerValue(value)]);
    }
    forEach(callback, self) {
      for (const [name, value] of this) callback.call(self, value, name, this);
    }
    *entries() {
      for (const name of [...this.#lists.keys()].sort()) yield [name, this.get(name)];
    }
    *keys() {
      for (const [name] of this.entries()) yield name;
    }
    *values() {
      for (const [, value] of this.entries()) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
  }

  // Body is what Request and Response share. Its bytes come from a function that returns a promise of an ArrayBuffer.
  class Body {
    #read;
    #used = false;
    constructor(read) {
      this.#read = read;
    }
    get bodyUsed() {
      return this.#used;
    }
    async arrayBuffer() {
      if (this.#used) throw new TypeError('Body is unusable: Body has already been read');
      this.#used = this.#read !== null;
      return this.#read ? this.#read() : new ArrayBuffer(0);
    }
    async bytes() {
      return new Uint8Array(await this.arrayBuffer());
    }
    async text() {
      return new TextDecoder().decode(await this.arrayBuffer());
    }
    async json() {
      return JSON.parse(await this.text());
    }
    // source lets a clone and a sent request read the same bytes once more.
    static source(body) {
      if (body.#used) throw new TypeError('Body is unusable: Body has already been read');
      if (!body.#read) return null;
      let content;
      const read = body.#read;
      body.#read = () => (content ??= read());
      return body.#read;
    }
  }

  // extract returns the bytes of a body and the content type it implies.
  const extract = (body) => {
    if (body === undefined || body === null) return { bytes: null };
    if (hooks.isBytes(body)) return { bytes: hooks.exactBytes(body) };
    const type = body instanceof URLSearchParams ? 'application/x-www-form-urlencoded;charset=UTF-8' : 'text/plain;charset=UTF-8';
    return { bytes: host.encode(String(body), 'utf8'), type };
  };

  const methodOf = (method) => {
    const text = String(method);
    const upper = text.toUpperCase();
    if (!token.test(text)) throw new TypeError(`'${text}' is not a valid HTTP method.`);
    if (['CONNECT', 'TRACE', 'TRACK'].includes(upper)) throw new TypeError(`'${text}' HTTP method is unsupported.`);
    return ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'].includes(upper) ? upper : text;
  };
  const addressOf = (input) => {
    let url;
    try {
      url = new URL(input);
    } catch (cause) {
      throw Object.assign(new TypeError(`Failed to parse URL from ${input}`), { cause });
    }
    if (url.username || url.password) throw new TypeError(`Request cannot be constructed from a URL that includes credentials: ${input}`);
    return url.href;
  };

  class Request extends Body {
    #fields;
    constructor(input, init = {}) {
      const from = input instanceof Request ? input : null;
      const method = methodOf(init.method ?? from?.method ?? 'GET');
      const { bytes, type } = extract(init.body);
      if (bytes && ['GET', 'HEAD'].includes(method)) throw new TypeError('Request with GET/HEAD method cannot have body.');
      super(bytes ? async () => bytes : from && Body.source(from));
      const redirect = init.redirect ?? from?.redirect ?? 'follow';
      if (!['follow', 'manual', 'error'].includes(redirect)) throw new TypeError(`'${redirect}' is not a valid redirect mode.`);
      const signal = init.signal ?? from?.signal ?? new AbortController().signal;
      if (!(signal instanceof AbortSignal)) throw new TypeError('Request: the signal is no AbortSignal.');
      const headers = new Headers(init.headers ?? from?.headers);
      if (type && !headers.has('content-type')) headers.set('content-type', type);
      this.#fields = { url: from ? from.url : addressOf(input), method, redirect, signal, headers };
    }
    get url() {
      return this.#fields.url;
    }
    get method() {
      return this.#fields.method;
    }
    get redirect() {
      return this.#fields.redirect;
    }
    get signal() {
      return this.#fields.signal;
    }
    get headers() {
      return this.#fields.headers;
    }
    clone() {
      return new Request(this);
    }
  }

  class Response extends Body {
    #fields;
    constructor(body, init = {}, read) {
      const { bytes, type } = extract(body);
      super(read ?? (bytes ? async () => bytes : null));
      const headers = new Headers(init.headers);
      if (type && !headers.has('content-type')) headers.set('content-type', type);
      this.#fields = { type: 'default', url: '', redirected: false, status: 200, statusText: '', ...init, headers };
    }
    static json(data, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has('content-type')) headers.set('content-type', 'application/json');
      return new Response(JSON.stringify(data), { ...init, headers });
    }
    get type() {
      return this.#fields.type;
    }
    get url() {
      return this.#fields.url;
    }
    get redirected() {
      return this.#fields.redirected;
    }
    get status() {
      return this.#fields.status;
    }
    get statusText() {
      return this.#fields.statusText;
    }
    get ok() {
      return this.status >= 200 && this.status < 300;
    }
    get headers() {
      return this.#fields.headers;
    }
    clone() {
      return new Response(null, this.#fields, Body.source(this));
    }
  }

  const fetchFailed = ({ code, message }, text) => {
    const cause = new Error(message);
    if (code) cause.code = code;
    return Object.assign(new TypeError(text), { cause });
  };

  // attempt runs a host operation under a signal. When the signal aborts, the promise is rejected first and the
  // operation ended after, so that the script sees the signal's reason.
  const attempt = (signal, failureText, start) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const stop = () => {
        reject(signal.reason);
        handle.abort();
      };
      const handle = start((failure, result) => {
        signal.removeEventListener('abort', stop);
        if (failure) reject(fetchFailed(failure, failureText));
        else resolve(result);
      });
      signal.addEventListener('abort', stop, { once: true });
    });

  publish('fetch', async (input, init) => {
    const request = new Request(input, init);
    const { url, method, redirect, signal, headers } = request;
    signal.throwIfAborted();
    if (!/^https?:/.test(url)) throw fetchFailed({ message: 'unknown scheme' }, 'fetch failed');
    const body = Body.source(request) ? await request.arrayBuffer() : null;
    let exchange;
    const head = await attempt(signal, 'fetch failed', (done) => {
      exchange = host.fetch(method, url, redirect, [...headers].flat(), body, done);
      return exchange;
    });
    const read = () =>
      attempt(signal, 'terminated', (done) => {
        exchange.read(done);
        return exchange;
      });
    return new Response(null, { ...head, type: 'basic' }, read);
  });
  publish('Headers', Headers);
  publish('Request', Request);
  publish('Response', Response);
});
