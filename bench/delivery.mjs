// A trainer that takes one trajectory per second over SignalR, against a server that makes hundreds: does anything pile up?
//
//   npm install @microsoft/signalr
//   node bench/delivery.mjs URL PID [SECONDS]
//
// PID is the server's process, whose resident memory is read from /proc. Prints a line every ten seconds and a summary.
import { readFileSync } from "node:fs";
import { HubConnectionBuilder, LogLevel } from "@microsoft/signalr";

const [url, pid, seconds = "60"] = process.argv.slice(2);
const unacknowledged = 32, window = 8;
const residentMiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
const call = async (method, path, body) => (await fetch(url + path, {
  method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body),
})).json();

const rollout = await call("POST", "/v1/rollouts", {
  environment: "arithmetic", task_set: { count: 10000 }, samples_per_task: 8, delivery: { max_unacknowledged: unacknowledged },
});
const hub = new HubConnectionBuilder().withUrl(`${url}/hubs/rollouts`).configureLogging(LogLevel.Error).build();
await hub.start();

const taken = [], memory = [];
let most = 0, done = 0;
const stream = hub.stream("Deliver", rollout.id, window).subscribe({ next: item => taken.push(item.lease_id), complete() {}, error: console.error });
for (let second = 1; second <= Number(seconds); second++) {
  await new Promise(resolve => setTimeout(resolve, 1000));
  if (taken.length > 0) {
    await hub.invoke("Acknowledge", taken.shift());
    done++;
  }
  const { delivery, trajectories } = await call("GET", `/v1/rollouts/${rollout.id}`);
  most = Math.max(most, delivery.available + delivery.leased + trajectories.running);
  if (second > 5) memory.push(residentMiB());
  if (second % 10 === 0) console.log(`${second} s: ${done} acknowledged, ${taken.length} in the client, ${delivery.available + delivery.leased} unacknowledged, ${memory.at(-1).toFixed(0)} MiB`);
}

stream.dispose();
await hub.stop();
await call("DELETE", `/v1/rollouts/${rollout.id}`);
console.log(JSON.stringify({
  acknowledged: done, most_in_play_or_unacknowledged: most, bound: unacknowledged,
  resident_mib_after_5_s: Math.round(memory[0]), resident_mib_at_the_end: Math.round(memory.at(-1)), resident_mib_most: Math.round(Math.max(...memory)),
}));
