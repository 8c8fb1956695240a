// A rollout on its way: what the list and the view of one rollout share.
import { get, remove } from "./api.js";
import { h, splitBar } from "./dom.js";
import { describeStages, number, stages, words } from "./format.js";
import { stream } from "./hub.js";

const LEAST_BETWEEN = 300;

export const isOpen = rollout => ["queued", "running", "capturing"].includes(rollout.state);
export const stateChip = state => h(`span.chip.${state}`, words(state));

export function progressOf(rollout) {
  const { total, running, completed, truncated, aborted, failed } = rollout.trajectories;
  const done = completed + truncated + aborted + failed;
  const text = [`${number(done)} of ${number(total)}`, running && `${running} in play`, truncated && `${truncated} truncated`, aborted && `${aborted} aborted`, failed && `${failed} failed`];
  return [h("progress", { max: total, value: done, "aria-label": "Finished trajectories" }), " ", h("span", text.filter(Boolean).join(", "))];
}

export function timeSplit(time) {
  const parts = stages(time);
  return time.total_ms > 0 ? splitBar(parts, describeStages(parts)) : h("span.muted", "–");
}

export function cancelButton(rollout, show) {
  if (!isOpen(rollout)) return null;
  const button = h("button", { type: "button", "aria-label": `Cancel rollout ${rollout.id}` }, "Cancel");
  button.addEventListener("click", async () => {
    button.disabled = true;
    show(await remove(`/v1/rollouts/${rollout.id}`));
  });
  return button;
}

/** Calls `show` with the rollout whenever something happened in it, until it has ended; the events themselves say only that. */
export async function follow(id, signal, show) {
  let due = null;
  const refresh = async () => {
    due = null;
    show(await get(`/v1/rollouts/${id}`, signal));
  };
  try {
    await stream("Watch", [id], () => { due ??= setTimeout(() => refresh().catch(() => {}), LEAST_BETWEEN); }, signal);
  } catch {
    // A connection that breaks leaves the views that ask by themselves from time to time.
  }
  clearTimeout(due);
  if (!signal.aborted) await refresh().catch(() => {});
}
