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

// exchange is the whole of what an app has to do with the bridge: one request. It returns the answer whatever it is;
// status 0 means that there was none.
export async function exchange(token) {
  const requestID = crypto.randomUUID();
  try {
    const response = await fetch("/bridge/v1/sessions", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Request-Id": requestID },
      body: JSON.stringify({ token }),
    });
    return { requestID, status: response.status, retryAfter: response.headers.get("Retry-After"), body: await response.json() };
  } catch {
    return { requestID, status: 0, retryAfter: null, body: {} };
  }
}
