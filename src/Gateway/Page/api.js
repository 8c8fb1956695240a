// The server's API: JSON in, JSON out, problems as errors with the server's own sentence. The key stays in this tab.
const KEY = "agentrollout.key";

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `The server answered with status ${status}.`);
    this.status = status;
    this.code = problem.code;
  }
}

export const key = () => sessionStorage.getItem(KEY);

let asking = null;

/** Asks for a key once, however many requests need it. */
function askForKey(reason) {
  asking ??= new Promise(resolve => {
    const dialog = document.getElementById("key-dialog");
    const input = document.getElementById("key");
    document.getElementById("key-problem").textContent = reason;
    input.value = "";
    dialog.addEventListener("close", () => {
      asking = null;
      if (input.value) sessionStorage.setItem(KEY, input.value);
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

async function send(method, path, { body, signal } = {}) {
  for (;;) {
    const used = key();
    const headers = { accept: "application/json" };
    if (used) headers.authorization = `Bearer ${used}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const response = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
    if (response.status === 401) {
      if (used === key()) await askForKey(used ? "The server does not know this key." : "This server wants an API key.");
      signal?.throwIfAborted();
      continue;
    }
    const text = await response.text();
    if (!response.ok) throw new ApiError(response.status, parse(text));
    return text ? JSON.parse(text) : null;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

export const get = (path, signal) => send("GET", path, { signal });
export const post = (path, body, signal) => send("POST", path, { body, signal });
export const remove = path => send("DELETE", path);

/** A path with the parameters that have a value. */
export function query(path, parameters) {
  const filled = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  return filled.size ? `${path}?${filled}` : path;
}
