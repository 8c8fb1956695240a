// What the server does now: the engine's batch, pages and cache, tools, sandboxes, and what every unfinished trajectory waits for.
import { get } from "../api.js";
import { sparkline } from "../charts.js";
import { facts, h, repeat, splitBar } from "../dom.js";
import { age, number, percent, short } from "../format.js";

const REFRESH = 1_000;
const REMEMBERED = 120;
const MOST_PENDING = 200;

export async function showFleet(main, { signal }) {
  const engine = h("section.panel", { "aria-label": "Engine" });
  const pending = h("section.panel", { "aria-label": "Pending trajectories" });
  const tools = h("section.panel", { "aria-label": "Tools and sandboxes" });
  const history = [];
  main.append(h("h1", "Fleet"), engine, pending, tools);
  await refresh();
  await showTools();
  repeat(REFRESH, signal, () => refresh().catch(() => {}));

  async function refresh() {
    const [state, waiting] = await Promise.all([get("/v1/engine", signal), get("/v1/pending", signal)]);
    if (state.statistics) history.push({ at: performance.now(), ...state.statistics });
    if (history.length > REMEMBERED) history.shift();
    engine.replaceChildren(...drawEngine(state, history));
    if (!pending.contains(document.activeElement)) pending.replaceChildren(...drawPending(waiting));
  }

  async function showTools() {
    const [list, sandboxes] = await Promise.all([get("/v1/tools", signal), get("/v1/sandboxes", signal)]);
    tools.replaceChildren(
      h("h2", "Sandboxes"),
      h("p", sandboxes.runtime ? `${sandboxes.runtime}: ${number(sandboxes.warm)} warm, ${number(sandboxes.leased)} with trajectories` : "None are configured."),
      h("h2", "Tools"),
      h("table", h("thead", h("tr", ["Name", "From", "Description"].map(name => h("th", { scope: "col" }, name)))),
        h("tbody", list.map(tool => h("tr", h("td.mono", tool.name), h("td", tool.source), h("td", tool.description))))));
  }
}

function drawEngine(state, history) {
  const title = h("h2", `Engine ${state.name}: ${state.model}`);
  const about = facts([["weights", `version ${state.weight_version}`], ["context", `${number(state.context_length)} tokens`], ["computes with", state.compute_path]]);
  const now = history.at(-1);
  if (!now) return [title, about, h("p.hint", "This engine reports no load.")];
  const rate = (name, from, to) => (to[name] - from[name]) / Math.max(1e-3, (to.at - from.at) / 1_000);
  const rates = name => history.slice(1).map((to, index) => rate(name, history[index], to));
  const recent = history[Math.max(0, history.length - 11)];
  const steps = now.steps - recent.steps;
  const perStep = steps ? (now.sampled_tokens + now.prefill_tokens - recent.sampled_tokens - recent.prefill_tokens) / steps : 0;
  const known = now.prefix_hit_tokens + now.prefill_tokens;
  const pages = [["decode", "in use", now.pages_in_use], ["tool", "leased", now.pages_leased], ["prefill", "cached", now.pages_cached]].map(([name, text, value]) => ({ name, value, text: `${text} ${number(value)}` }));
  const free = now.pages_total - pages.reduce((sum, part) => sum + part.value, 0);
  pages.push({ name: "other", value: free, text: `free ${number(free)}` });
  const load = (name, value, chart) => h("div.load", h("h3", name), h("p", value), chart);
  return [title, about, h("div.loads",
    load("Batch", `${now.running} of ${state.max_running_sequences} sequences, ${perStep.toFixed(1)} tokens a step`, sparkline(history.map(point => point.running), state.max_running_sequences, "Sequences in the batch")),
    load("Queue", `${now.waiting} sequences wait`, sparkline(history.map(point => point.waiting), 1, "Waiting sequences")),
    load("Sampled", `${number(Math.round(rate("sampled_tokens", recent, now)))} tokens/s, ${number(now.sampled_tokens)} since start`, sparkline(rates("sampled_tokens"), 1, "Sampled tokens per second")),
    load("Prefix cache", `${known ? percent(now.prefix_hit_tokens / known) : "–"} of the prompts' tokens were there, ${number(now.evictions)} evictions`, sparkline(rates("prefix_hit_tokens"), 1, "Tokens found in the cache per second")),
    load("KV pages", pages.map(part => part.text).join(", "), splitBar(pages, pages.map(part => part.text).join(", "))),
    load("Steps", `${number(now.steps)}, ${number(now.preemptions)} preemptions`, sparkline(rates("steps"), 1, "Steps per second")))];
}

function drawPending(list) {
  const rows = list.slice(0, MOST_PENDING).map(entry => h("tr",
    h("td.mono", { title: entry.id }, short(entry.id)), h("td", h("a.mono", { href: `#/rollouts/${entry.rollout_id}`, title: entry.rollout_id }, short(entry.rollout_id))),
    h("td.number", number(entry.turn)), h("td", entry.waits_for), h("td.number", age(entry.since))));
  return [
    h("h2", `Pending: ${number(list.length)}`),
    h("p.hint", list.length > MOST_PENDING ? `The ${MOST_PENDING} that wait longest.` : "Unfinished trajectories, the one that waits longest first."),
    rows.length > 0 && h("table", h("thead", h("tr", ["Trajectory", "Rollout"].map(name => h("th", { scope: "col" }, name)), h("th.number", { scope: "col" }, "Turn"), h("th", { scope: "col" }, "Waits for"), h("th.number", { scope: "col" }, "For"))), h("tbody", rows)),
  ].filter(Boolean);
}
