// getJSON asks the sandbox's own page server.
export async function getJSON(path) {
  return read(await fetch(path));
}

// postJSON likewise, with a body.
export async function postJSON(path, body) {
  return read(await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));
}

async function read(response) {
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `the sandbox answered ${response.status}`);
  return body;
}

// Bridge asks the bridge as an app does. It tells noted of each hop, unless the sandbox passes the request on and tells of it.
export class Bridge {
  #url;
  #noted;

  constructor({ bridge_url: url, bridge_hops: meanings }, noted) {
    this.#url = url;
    const passedOn = new URL(url).origin === location.origin;
    this.#noted = passedOn ? () => {} : (hop) => noted({ ...hop, meaning: meanings[hop.path][hop.status === 200 ? 0 : 1] });
  }

  // exchange is all that an app must ask the bridge to sign in: one request.
  exchange(token) {
    return this.#ask("/v1/sessions", "application/json", JSON.stringify({ token }));
  }

  // enrol gets the token that adds a passkey, for an access token of somebody who is signed in.
  enrol(accessToken) {
    return this.#ask("/v1/passkeys", null, undefined, { Authorization: `Bearer ${accessToken}` });
  }

  // renew gets new tokens for a refresh token (RFC 6749, section 6) and spends it.
  renew(refreshToken) {
    return this.#ask("/oauth/token", "application/x-www-form-urlencoded", new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken }));
  }

  // revoke ends the session that a refresh token belongs to (RFC 7009).
  revoke(refreshToken) {
    return this.#ask("/oauth/revoke", "application/x-www-form-urlencoded", new URLSearchParams({ token: refreshToken }));
  }

  // #ask returns the answer whatever it is; status 0 means that there was none.
  async #ask(path, type, body, more = {}) {
    const requestID = crypto.randomUUID();
    const [at, start] = [new Date().toISOString(), performance.now()];
    const answer = { requestID, status: 0, retryAfter: null, body: {} };
    try {
      const response = await fetch(this.#url + path, { method: "POST", headers: { ...(type && { "Content-Type": type }), ...more, "X-Request-Id": requestID }, body });
      const text = await response.text();
      Object.assign(answer, { status: response.status, retryAfter: response.headers.get("Retry-After"), body: text ? JSON.parse(text) : {} });
    } catch {
      answer.status = 0;
    }
    this.#noted({ at, ms: performance.now() - start, from: "app", to: "bridge", what: `POST ${path}`, path, status: answer.status });
    return answer;
  }
}
