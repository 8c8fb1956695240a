// What was said, message by message.
import { h } from "./dom.js";
import { duration, number, words } from "./format.js";

/** @param show called with a message's index where somebody asks for its tokens */
export function conversation(trajectory, show) {
  const calls = new Map(trajectory.tool_calls.map(call => [call.id, call]));
  const messages = trajectory.messages.map((message, index) => draw(message, index, calls, show));
  const element = h("div.scroller", { tabindex: 0, role: "group", "aria-label": "Messages" }, messages);
  let marked = null;
  return {
    element,
    /** Marks the message of a token, or none. */
    mark(index) {
      const message = index === null ? null : messages[index];
      if (message === marked) return;
      marked?.classList.remove("said");
      marked = message;
      message?.classList.add("said");
      message?.scrollIntoView({ block: "nearest" });
    },
  };
}

function draw(message, index, calls, show) {
  const call = message.tool_call_id && calls.get(message.tool_call_id);
  const kind = message.role === "tool" ? "tool-result" : message.role;
  return h(`article.message.${kind}`,
    h("h3", h("button", { type: "button", onclick: () => show(index), "aria-label": `Message ${index}, ${message.role}: show its tokens` }, `${index} ${message.role}`),
      message.name && ` ${message.name}`, message.tool_call_id && ` answers ${message.tool_call_id}`, call && `, ${duration(call.run_ms)}`,
      call?.result_length && `, cut from ${number(call.result_length)} characters`),
    message.reasoning_content && h("details", h("summary", "thinking"), h("pre", message.reasoning_content)),
    message.content && h("pre", message.content),
    message.tool_calls?.map(made => toolCall(made, calls.get(made.id))));
}

function toolCall(made, record) {
  return h("div.call",
    h("strong", made.function.name), h("span.muted", ` ${made.id}`),
    record && record.parse !== "ok" && [" ", h(`span.chip.${record.parse}`, words(record.parse))],
    h("pre", JSON.stringify(made.function.arguments, null, 2)),
    record?.error && h("p.problem", record.error));
}
