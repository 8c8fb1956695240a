// Where a trajectory's time went: its stages, and each of its tool calls by turn.
import { h, splitBar } from "./dom.js";
import { describeStages, duration, percent, stages, words } from "./format.js";

export function stageLegend(time) {
  const parts = stages(time);
  const total = parts.reduce((sum, part) => sum + part.value, 0) || 1;
  return h("ul.legend", parts.map(part => h("li", h(`i.${part.name}`), `${part.name} ${part.text} (${percent(part.value / total)})`)));
}

export function timeline(trajectory) {
  const parts = stages(trajectory.timings);
  const longest = Math.max(1, ...trajectory.tool_calls.map(call => call.queue_ms + call.run_ms));
  return h("section.panel", { "aria-labelledby": "timeline-title" },
    h("h2", { id: "timeline-title" }, `Time: ${duration(trajectory.timings.total_ms)}`),
    splitBar(parts, describeStages(parts)), stageLegend(trajectory.timings),
    trajectory.tool_calls.length > 0 && h("div.scroll", { tabindex: 0, role: "region", "aria-label": "Tool calls" }, calls(trajectory.tool_calls, longest)));
}

function calls(list, longest) {
  const columns = ["Turn", "Call", "Tool", "Read as", "Queue and run", "", "Sandbox"];
  return h("table", h("thead", h("tr", columns.map(name => h("th", { scope: "col" }, name)))), h("tbody", list.map(call => h("tr",
    h("td", String(call.turn)), h("td.mono", call.id), h("td", call.name ?? "?"),
    h("td", h(`span.chip.${call.parse}`, words(call.parse)), call.error && h("p.problem", call.error)),
    h("td", bar(call, longest)),
    h("td", `${duration(call.queue_ms)} + ${duration(call.run_ms)}${call.attempts > 1 ? `, ${call.attempts} attempts` : ""}`),
    h("td.mono", call.sandbox ?? "–")))));
}

function bar(call, longest) {
  const parts = [
    { name: "queue", value: call.queue_ms, text: duration(call.queue_ms) },
    { name: "tool", value: call.run_ms, text: duration(call.run_ms) },
    { name: "other", value: longest - call.queue_ms - call.run_ms, text: "not this call" },
  ];
  return splitBar(parts, `queue ${parts[0].text}, run ${parts[1].text}`);
}
