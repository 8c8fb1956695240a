// Streams of the SignalR hub over one WebSocket: its JSON protocol is small enough to speak directly
// (https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/HubProtocol.md).
import { key } from "./api.js";

const RECORD_END = "\u001e";
const STREAM_ITEM = 2, COMPLETION = 3, STREAM_INVOCATION = 4, CANCEL_INVOCATION = 5, PING = 6, CLOSE = 7;
const PING_EVERY = 15_000;
const streams = new Map();
let connecting = null;
let lastId = 0;

function connect() {
  return connecting ??= new Promise((resolve, reject) => {
    const url = new URL("/hubs/rollouts", location.href.replace(/^http/, "ws"));
    if (key()) url.searchParams.set("access_token", key());
    const socket = new WebSocket(url);
    const frame = message => socket.send(JSON.stringify(message) + RECORD_END);
    let ping;
    socket.onopen = () => frame({ protocol: "json", version: 1 });
    socket.onmessage = event => {
      for (const record of event.data.split(RECORD_END).filter(Boolean)) {
        const message = JSON.parse(record);
        if (message.type === undefined) {
          ping = setInterval(() => frame({ type: PING }), PING_EVERY);
          resolve(frame);
        } else if (message.type === CLOSE) socket.close();
        else receive(message);
      }
    };
    socket.onclose = () => {
      clearInterval(ping);
      connecting = null;
      reject(new Error("The connection is closed."));
      for (const stream of streams.values()) stream.done(new Error("The connection is closed."));
      streams.clear();
    };
  });
}

function receive(message) {
  const stream = streams.get(message.invocationId);
  if (message.type === STREAM_ITEM) stream?.next(message.item);
  if (message.type !== COMPLETION) return;
  streams.delete(message.invocationId);
  stream?.done(message.error ? new Error(message.error) : null);
}

/** Calls `next` with each item until the stream or the signal ends. Rejects where the server or the connection breaks it off. */
export async function stream(method, args, next, signal) {
  const frame = await connect();
  if (signal.aborted) return;
  const invocationId = String(++lastId);
  await new Promise((resolve, reject) => {
    streams.set(invocationId, { next, done: error => (error ? reject(error) : resolve()) });
    signal.addEventListener("abort", () => {
      if (streams.delete(invocationId)) frame({ type: CANCEL_INVOCATION, invocationId });
      resolve();
    }, { once: true });
    frame({ type: STREAM_INVOCATION, invocationId, target: method, arguments: args });
  });
}
