// All rollouts, newest first; those that play tell of themselves while they do.
import { get, query } from "../api.js";
import { h, repeat } from "../dom.js";
import { age, decimal, number, short } from "../format.js";
import { cancelButton, follow, progressOf, stateChip, timeSplit } from "../progress.js";

const REFRESH = 3_000;
const PAGE = 50;

export async function showRollouts(main, { signal }) {
  const body = h("tbody");
  const older = h("button", { type: "button", onclick: loadOlder }, "Older rollouts");
  const empty = h("p.muted", "No rollouts yet. POST /v1/rollouts starts one; the README shows how.");
  const rows = new Map();
  const followed = new Set();
  let next = null;

  main.append(
    h("h1", "Rollouts"),
    h("div.scroll", { tabindex: 0, role: "region", "aria-label": "Rollouts" }, h("table", h("thead", h("tr",
      ["Rollout", "Environment", "State", "Progress"].map(name => h("th", { scope: "col" }, name)),
      ["Mean reward", "Sampled tokens", "Tool calls"].map(name => h("th.number", { scope: "col" }, name)),
      ["Where the time went", "Age", "Actions"].map(name => h("th", { scope: "col" }, name)))), body)),
    empty, h("p", older));

  await refresh();
  repeat(REFRESH, signal, () => refresh().catch(() => {}));

  async function refresh() {
    const page = await get(query("/v1/rollouts", { limit: PAGE }), signal);
    if (rows.size <= PAGE) next = page.next;
    for (const rollout of page.rollouts.toReversed()) show(rollout, row => body.prepend(row));
    older.hidden = next === null;
    empty.hidden = rows.size > 0;
  }

  async function loadOlder() {
    const page = await get(query("/v1/rollouts", { limit: PAGE, before: next }), signal);
    next = page.next;
    for (const rollout of page.rollouts) show(rollout, row => body.append(row));
    older.hidden = next === null;
  }

  function show(rollout, place) {
    const drawn = draw(rollout);
    const row = rows.get(rollout.id);
    if (row) {
      // A cell that has the focus stays, so that nobody loses their place.
      for (const [index, cell] of [...row.cells].entries()) if (!cell.contains(document.activeElement)) cell.replaceChildren(...drawn.cells[index].childNodes);
    } else {
      rows.set(rollout.id, drawn);
      place(drawn);
    }
    if (!["queued", "running", "capturing"].includes(rollout.state) || followed.has(rollout.id)) return;
    followed.add(rollout.id);
    follow(rollout.id, signal, changed => show(changed)).finally(() => followed.delete(rollout.id));
  }

  function draw(rollout) {
    return h("tr", { "data-id": rollout.id },
      h("td", h("a.mono", { href: `#/rollouts/${rollout.id}`, title: rollout.id }, short(rollout.id))),
      h("td", rollout.environment),
      h("td", stateChip(rollout.state)),
      h("td", progressOf(rollout)),
      h("td.number", decimal(rollout.mean_reward)),
      h("td.number", number(rollout.tokens.sampled)),
      h("td.number", number(rollout.tokens.tool_calls)),
      h("td", timeSplit(rollout.time)),
      h("td.whole", age(rollout.created_at)),
      h("td", cancelButton(rollout, show)));
  }
}
