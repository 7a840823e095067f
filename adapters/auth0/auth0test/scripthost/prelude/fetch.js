// fetch (Fetch standard, as Node implements it) and the AbortController that ends it.
(function (host, hooks) {
  const { only, publish } = hooks;

  const endings = new WeakMap(); // what a signal ends when it aborts, by the signal

  function AbortController() {
    const ends = new Set();
    let aborted = false;
    const signal = only('AbortSignal', {
      get aborted() {
        return aborted;
      },
    });
    endings.set(signal, ends);
    return only('AbortController', {
      signal,
      abort(...reason) {
        if (reason.length > 0) host.refuse('AbortController.abort with a reason');
        if (aborted) return;
        aborted = true;
        for (const end of ends) end();
      },
    });
  }
  AbortController.prototype = only('AbortController.prototype', {});
  publish('AbortController', AbortController);

  const abortError = () => Object.assign(new Error('This operation was aborted'), { name: 'AbortError' });

  // attempt runs a host operation under a signal. When the signal aborts, the promise is rejected first and the
  // operation ended after, so that the script sees why.
  const attempt = (signal, failureText, start) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(abortError());
        return;
      }
      const end = () => {
        reject(abortError());
        operation.abort();
      };
      const operation = start((failure, result) => {
        endings.get(signal).delete(end);
        if (failure) reject(new TypeError(failureText, { cause: new Error(failure) }));
        else resolve(result);
      });
      endings.get(signal).add(end);
    });

  publish('fetch', async (url, options = {}) => {
    const { method = 'GET', headers = {}, body, redirect = 'follow', signal = new AbortController().signal, ...more } = options;
    refuseOthers(url, { method, body, redirect, signal }, Object.keys(more));
    let exchange;
    const status = await attempt(signal, 'fetch failed', (done) => {
      exchange = host.fetch(method, url, redirect, headers, body ?? '', done);
      return exchange;
    });
    const text = () =>
      attempt(signal, 'terminated', (done) => {
        exchange.read(done);
        return exchange;
      });
    return only('Response', { status, text, json: async () => JSON.parse(await text()) });
  });

  const refuseOthers = (url, { method, body, redirect, signal }, more) => {
    if (typeof url !== 'string' || !isNormal(url)) host.refuse('fetch of a URL that Node would change');
    if (!['GET', 'POST'].includes(method)) host.refuse(`fetch with the method ${method}`);
    if (body !== undefined && method === 'GET') host.refuse('fetch with GET and a body');
    if (body !== undefined && typeof body !== 'string') host.refuse('fetch with a body that is no text');
    if (!['follow', 'manual'].includes(redirect)) host.refuse(`fetch with the redirect mode ${redirect}`);
    if (!endings.has(signal)) host.refuse('fetch with a signal of no AbortController');
    if (more.length > 0) host.refuse(`fetch with the option ${more[0]}`);
  };

  // isNormal reports whether a URL is absolute and the URL standard would not change it: the host has no parser.
  const isNormal = (url) =>
    /^https?:\/\/([\w.-]+|\[[0-9a-f:]+\])(:\d+)?(\/[\w.!~*'()%:@,;=&+$-]*)*(\?[\w.!~*()%:@,;=&+$/?-]*)?$/.test(url) &&
    !/\/(\.|%2e){1,2}([/?]|$)/i.test(url);
});
