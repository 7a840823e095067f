// URL and URLSearchParams (URL standard). The host parses; here the parts become live objects.
(function (host, hooks) {
  const publish = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

  const invalid = (input) => Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input });
  const parse = (input, base) => {
    const parts = host.parseURL(String(input), base === undefined ? '' : String(base));
    if (base !== undefined && String(base) === '') return null;
    return parts;
  };

  class URL {
    #parts;
    #searchParams;
    constructor(input, base) {
      this.#parts = parse(input, base);
      if (!this.#parts) throw invalid(String(input));
    }
    static canParse(input, base) {
      return parse(input, base) !== null;
    }
    static parse(input, base) {
      return URL.canParse(input, base) ? new URL(input, base) : null;
    }
    get href() {
      const { scheme, username, password, path, query, fragment, hierarchical } = this.#parts;
      const login = username || password ? `${username}${password && `:${password}`}@` : '';
      return `${scheme}:${hierarchical ? `//${login}${this.host}` : ''}${path}${query}${fragment}`;
    }
    set href(value) {
      const parts = parse(value);
      if (!parts) throw invalid(String(value));
      this.#parts = parts;
      this.#searchParams?.[reload](parts.query);
    }
    get origin() {
      const special = ['http', 'https', 'ws', 'wss', 'ftp'].includes(this.#parts.scheme);
      return special ? `${this.protocol}//${this.host}` : 'null';
    }
    get protocol() {
      return `${this.#parts.scheme}:`;
    }
    set protocol(value) {
      this.#replace({ scheme: String(value).replace(/:.*$/, '') });
    }
    get username() {
      return this.#parts.username;
    }
    set username(value) {
      this.#replace({ username: encodeURIComponent(value) });
    }
    get password() {
      return this.#parts.password;
    }
    set password(value) {
      this.#replace({ password: encodeURIComponent(value) });
    }
    get host() {
      return this.#parts.host + (this.#parts.port && `:${this.#parts.port}`);
    }
    set host(value) {
      const [, name, port] = /^([^:/?#]*|\[[^\]]*\])(?::(\d+))?/.exec(String(value));
      this.#replace({ host: name, port: port ?? this.#parts.port });
    }
    get hostname() {
      return this.#parts.host;
    }
    set hostname(value) {
      this.#replace({ host: String(value).replace(/[/?#].*$/, '') });
    }
    get port() {
      return this.#parts.port;
    }
    set port(value) {
      this.#replace({ port: String(value) });
    }
    get pathname() {
      return this.#parts.path;
    }
    set pathname(value) {
      this.#replace({ path: String(value).replace(/^(?![/\\])/, '/').replace(/\?/g, '%3F').replace(/#/g, '%23') });
    }
    get search() {
      return this.#parts.query;
    }
    set search(value) {
      this.#setQuery(String(value));
      this.#searchParams?.[reload](this.#parts.query);
    }
    get searchParams() {
      this.#searchParams ??= newLinked(this.#parts.query, (text) => this.#setQuery(text));
      return this.#searchParams;
    }
    get hash() {
      return this.#parts.fragment;
    }
    set hash(value) {
      const text = String(value).replace(/^#/, '');
      this.#replace({ fragment: text && `#${text}` });
    }
    toString() {
      return this.href;
    }
    toJSON() {
      return this.href;
    }
    #setQuery(text) {
      const query = text.replace(/^\?/, '').replace(/#/g, '%23');
      this.#replace({ query: query && `?${query}` });
    }
    // A setter with a value that makes no URL changes nothing.
    #replace(change) {
      const before = this.#parts;
      this.#parts = { ...before, ...change };
      this.#parts = parse(this.href) ?? before;
    }
  }

  // reload and link are how a URL and its searchParams keep each other up to date.
  const reload = Symbol('reload');
  const link = Symbol('link');
  const newLinked = (query, changed) => {
    const params = new URLSearchParams(query);
    params[link](changed);
    return params;
  };

  const escapeForm = (text) =>
    encodeURIComponent(text.toWellFormed()).replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`).replace(/%20/g, '+');
  const unescapeForm = (text) => {
    const bytes = host.encode(text.replace(/\+/g, ' '), 'utf8');
    const raw = host.decode(bytes, 'latin1').replace(/%([0-9a-fA-F]{2})/g, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
    return host.decode(host.encode(raw, 'latin1'), 'utf8');
  };

  class URLSearchParams {
    #list = [];
    #changed = () => {};
    constructor(init = '') {
      if (typeof init !== 'object' || init === null) {
        this[reload](String(init));
        return;
      }
      const pairs = typeof init[Symbol.iterator] === 'function' ? [...init] : Object.entries(init);
      for (const pair of pairs) {
        const [name, value, ...more] = pair;
        if (value === undefined && pair.length !== 2 || more.length) throw new TypeError('Each query pair must be an iterable [name, value] tuple');
        this.#list.push([String(name), String(value)]);
      }
    }
    [reload](query) {
      this.#list = query.replace(/^\?/, '').split('&').filter(Boolean).map((pair) => {
        const at = pair.indexOf('=');
        return (at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]).map(unescapeForm);
      });
    }
    [link](changed) {
      this.#changed = () => changed(this.toString());
    }
    get size() {
      return this.#list.length;
    }
    append(name, value) {
      this.#list.push([String(name), String(value)]);
      this.#changed();
    }
    delete(name, value) {
      this.#list = this.#list.filter(([n, v]) => n !== String(name) || (value !== undefined && v !== String(value)));
      this.#changed();
    }
    get(name) {
      return this.#list.find(([n]) => n === String(name))?.[1] ?? null;
    }
    getAll(name) {
      return this.#list.filter(([n]) => n === String(name)).map(([, v]) => v);
    }
    has(name, value) {
      return this.#list.some(([n, v]) => n === String(name) && (value === undefined || v === String(value)));
    }
    set(name, value) {
      const first = this.#list.findIndex(([n]) => n === String(name));
      if (first < 0) this.#list.push([String(name), String(value)]);
      else this.#list = this.#list.filter(([n], i) => i <= first || n !== String(name)).map((pair, i) => (i === first ? [pair[0], String(value)] : pair));
      this.#changed();
    }
    sort() {
      this.#list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      this.#changed();
    }
    forEach(callback, self) {
      for (const [name, value] of this.#list) callback.call(self, value, name, this);
    }
    *entries() {
      for (const [name, value] of this.#list) yield [name, value];
    }
    *keys() {
      for (const [name] of this.#list) yield name;
    }
    *values() {
      for (const [, value] of this.#list) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return this.#list.map((pair) => pair.map(escapeForm).join('=')).join('&');
    }
  }
  publish('URL', URL);
  publish('URLSearchParams', URLSearchParams);
});
