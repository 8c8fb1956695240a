// Finished trajectories, filtered by the server, as many as somebody scrolls to.
import { get, query } from "../api.js";
import { h } from "../dom.js";
import { decimal, duration, number, words } from "../format.js";
import { grid } from "../grid.js";

const PAGE = 500;
const TYPING_PAUSE = 250;
const STATUSES = ["completed", "truncated", "aborted", "failed"];
const STOP_REASONS = ["environment_done", "max_turns", "max_tokens", "deadline", "parse_failure", "cancelled", "failure"];

const columns = [
  { name: "Trajectory", width: "minmax(9rem, 1.4fr)", show: row => h("a.mono", { href: `#/trajectories/${row.id}`, tabindex: -1, title: row.id }, `…${row.id.slice(-16)}`) },
  { name: "Environment", width: "minmax(6rem, 1fr)", show: row => row.environment },
  { name: "Task", width: "minmax(6rem, 1fr)", show: row => row.task_id },
  { name: "Status", width: "7rem", show: row => h(`span.chip.${row.status}`, row.status) },
  { name: "Stopped by", width: "9rem", show: row => words(row.stop_reason) },
  { name: "Reward", width: "4.5rem", number: true, show: row => decimal(row.reward) },
  { name: "Turns", width: "3.5rem", number: true, show: row => number(row.turns) },
  { name: "Calls", width: "6.5rem", number: true, show: row => (row.tool_errors ? `${row.tool_calls}, ${row.tool_errors} bad` : number(row.tool_calls)) },
  { name: "Tokens", width: "5rem", number: true, show: row => number(row.tokens) },
  { name: "Weights", width: "5rem", number: true, show: row => (row.oldest_weights === row.newest_weights ? number(row.newest_weights) : `${row.oldest_weights}–${row.newest_weights}`) },
  { name: "Time", width: "5rem", number: true, show: row => duration(row.total_ms) },
];

export async function showTrajectories(main, { parameters, signal }) {
  const count = h("p.muted", { role: "status" });
  const environments = await get("/v1/environments", signal);
  const form = filters(parameters, environments.map(environment => environment.name));
  const table = grid({ label: "Trajectories", columns, open: row => { location.hash = `#/trajectories/${row.id}`; }, more });
  let rows = [];
  let next = null;
  let loading = new AbortController();
  let typing;

  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(load, TYPING_PAUSE);
  });
  form.addEventListener("reset", () => setTimeout(load));
  main.classList.add("fixed");
  main.append(h("h1", "Trajectories"), form, count, table.element);
  signal.addEventListener("abort", () => { clearTimeout(typing); loading.abort(); });
  await load();

  async function load() {
    loading.abort();
    loading = new AbortController();
    const asked = loading.signal;
    const chosen = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
    history.replaceState(null, "", query("#/trajectories", chosen));
    try {
      const page = await get(query("/v1/trajectories", { ...chosen, limit: PAGE }), asked);
      if (asked.aborted) return;
      rows = page.trajectories;
      next = page.next && { chosen, before: page.next };
      count.className = "muted";
      count.textContent = page.total === 1 ? "1 trajectory" : `${number(page.total)} trajectories`;
      table.set(rows, true);
    } catch (error) {
      if (asked.aborted) return;
      count.className = "problem";
      count.textContent = error.message;
    }
  }

  async function more() {
    if (!next) return;
    const { chosen, before } = next;
    const asked = loading.signal;
    next = null;
    try {
      const page = await get(query("/v1/trajectories", { ...chosen, limit: PAGE, before }), asked);
      if (asked.aborted) return;
      rows = rows.concat(page.trajectories);
      next = page.next && { chosen, before: page.next };
      table.set(rows, false);
    } catch {
      next ??= asked.aborted ? null : { chosen, before };
    }
  }
}

function filters(parameters, environments) {
  const value = name => parameters.get(name) ?? "";
  const choice = (name, label, options) => h("label", label, h("select", { name },
    h("option", { value: "" }, "any"), options.map(([key, text]) => h("option", { value: key, selected: value(name) === key }, text))));
  const field = (name, label, attributes) => h("label", label, h("input", { name, value: value(name), ...attributes }));
  return h("form.filters", { role: "search", "aria-label": "Filters" },
    field("text", "Text (press /)", { type: "search" }),
    choice("environment", "Environment", environments.map(name => [name, name])),
    choice("status", "Status", STATUSES.map(name => [name, name])),
    choice("stop_reason", "Stopped by", STOP_REASONS.map(name => [name, words(name)])),
    field("min_reward", "Reward from", { type: "number", step: "any" }),
    field("max_reward", "to", { type: "number", step: "any" }),
    choice("tool_errors", "Tool calls", [["true", "with errors"], ["false", "without errors"]]),
    field("weight_version", "Weights", { type: "number", min: 0 }),
    field("rollout", "Rollout", { size: 12 }),
    h("button", { type: "button", onclick: event => { clear(event.target.form); } }, "Clear"));
}

function clear(form) {
  for (const control of form.elements) if (control.name) control.value = "";
  form.dispatchEvent(new Event("input"));
}
