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

// exchange is all that an app must ask the bridge to sign in: one request.
export function exchange(token) {
  return askBridge("/v1/sessions", "application/json", JSON.stringify({ token }));
}

// renew gets new tokens for a refresh token (RFC 6749, section 6) and spends it.
export function renew(refreshToken) {
  return askBridge("/oauth/token", "application/x-www-form-urlencoded", new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken }));
}

// revoke ends the session that a refresh token belongs to (RFC 7009).
export function revoke(refreshToken) {
  return askBridge("/oauth/revoke", "application/x-www-form-urlencoded", new URLSearchParams({ token: refreshToken }));
}

// askBridge returns the answer whatever it is; status 0 means that there was none.
async function askBridge(path, type, body) {
  const requestID = crypto.randomUUID();
  try {
    const response = await fetch(`/bridge${path}`, { method: "POST", headers: { "Content-Type": type, "X-Request-Id": requestID }, body });
    const text = await response.text();
    return { requestID, status: response.status, retryAfter: response.headers.get("Retry-After"), body: text ? JSON.parse(text) : {} };
  } catch {
    return { requestID, status: 0, retryAfter: null, body: {} };
  }
}
