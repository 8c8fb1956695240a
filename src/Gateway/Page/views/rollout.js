// One rollout: progress, where its time went, and the way to its trajectories and groups.
import { get, query } from "../api.js";
import { facts, h, repeat } from "../dom.js";
import { age, decimal, duration, number } from "../format.js";
import { cancelButton, follow, isOpen, progressOf, stateChip, timeSplit } from "../progress.js";
import { stageLegend } from "../timeline.js";

const REFRESH = 2_000;

export async function showRollout(main, { id, signal }) {
  const progress = h("span.row-of");
  const settings = h("div");
  const time = h("section.panel", { "aria-label": "Where the time went" });
  const groups = h("section.panel", { "aria-label": "Groups" });
  let rollout = await get(`/v1/rollouts/${id}`, signal);
  const cancel = cancelButton(rollout, show);
  main.append(
    h("h1", `Rollout ${id}`),
    h("section.panel", { "aria-label": "State" }, h("p.row-of", progress, cancel, h("a", { href: query("#/trajectories", { rollout: id }) }, "Its trajectories")), settings),
    time, groups);
  show(rollout);
  await showGroups();
  if (isOpen(rollout)) follow(id, signal, show);
  repeat(REFRESH, signal, async () => {
    if (!isOpen(rollout)) return;
    show(await get(`/v1/rollouts/${id}`, signal).catch(() => rollout));
    await showGroups().catch(() => {});
  });

  function show(latest) {
    const ended = isOpen(rollout) && !isOpen(latest);
    rollout = latest;
    const lasted = rollout.started_at && duration(Date.parse(rollout.ended_at ?? new Date().toISOString()) - Date.parse(rollout.started_at));
    progress.replaceChildren(stateChip(rollout.state), h("span", progressOf(rollout)));
    if (!isOpen(rollout)) cancel?.remove();
    settings.replaceChildren(
      facts([
        ["environment", rollout.environment], ["model", rollout.model], ["seed", String(rollout.seed)], ["samples per task", number(rollout.samples_per_task)],
        ["created", `${rollout.created_at} (${age(rollout.created_at)} ago)`], ["played for", lasted], ["mean reward", decimal(rollout.mean_reward)],
        ["tokens", `${number(rollout.tokens.total)}, ${number(rollout.tokens.sampled)} of them sampled`],
        ["turns and tool calls", `${number(rollout.tokens.turns)} and ${number(rollout.tokens.tool_calls)}`],
        ["delivery", Object.entries(rollout.delivery).filter(([, value]) => typeof value === "number").map(([name, value]) => `${name.replaceAll("_", " ")} ${number(value)}`).join(", ")],
        ["error", rollout.error],
      ]));
    time.replaceChildren(h("h2", "Where the time went"), h("p.hint", "Summed over the finished trajectories; concurrent ones add up."), timeSplit(rollout.time), stageLegend(rollout.time));
    if (ended) showGroups();
  }

  async function showGroups() {
    const { trajectories, total } = await get(query("/v1/trajectories", { rollout: id, limit: 1_000 }), signal);
    if (groups.contains(document.activeElement)) return;
    const byGroup = Map.groupBy(trajectories, trajectory => trajectory.group_id);
    const body = [...byGroup].map(([group, samples]) => h("tr",
      h("td", h("a.mono", { href: `#/groups/${group}` }, group.slice(id.length))),
      h("td", samples[0].task_id), h("td.number", number(samples.length)),
      h("td", samples.map(sample => decimal(sample.reward)).toReversed().join("  "))));
    groups.replaceChildren(
      h("h2", "Groups"),
      trajectories.length < total && h("p.hint", `Those of the newest ${number(trajectories.length)} of ${number(total)} trajectories.`) || "",
      h("table", h("thead", h("tr", h("th", { scope: "col" }, "Group"), h("th", { scope: "col" }, "Task"), h("th.number", { scope: "col" }, "Finished"), h("th", { scope: "col" }, "Rewards"))), h("tbody", body)));
  }
}
