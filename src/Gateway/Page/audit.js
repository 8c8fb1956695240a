// What the trajectory claims about itself, and whether the record holds it when it is checked now.
import { get } from "./api.js";
import { facts, h } from "./dom.js";
import { words } from "./format.js";

export async function audit(trajectory, signal) {
  const checked = await get(`/v1/trajectories/${encodeURIComponent(trajectory.id)}/audit`, signal);
  const { token_exact: tokens, mask_exact: mask, template, first_difference: difference } = trajectory.audit;
  const yes = (holds, text) => [h(`span.chip.${holds ? "ok" : "failed"}`, holds ? "holds" : "broken"), ` ${text}`];
  return h("section.panel", { "aria-labelledby": "audit-title" },
    h("h2", { id: "audit-title" }, "Audit"),
    facts([
      ["record", yes(checked.passes, checked.problem ?? "checked just now: structure, masks, calls, rewards and digest agree")],
      ["tokens", yes(tokens, "every sampled token is the id that the engine reported, where it was sampled")],
      ["mask", yes(mask, "mask 1, a log-probability and the source sampled come together, and nowhere else")],
      ["template", [h(`span.chip.${template === "consistent" ? "ok" : "truncated"}`, words(template)), " decode(tokens) beside template(messages)"]],
      ["digest", h("code", trajectory.digest)],
    ]),
    difference && h("div",
      h("h3", `First difference: sequence ${difference.sequence}, position ${difference.position}${difference.cause ? `, ${words(difference.cause)}` : ""}`),
      facts([["tokens say", h("pre", JSON.stringify(difference.tokens))], ["template says", h("pre", JSON.stringify(difference.template))]])));
}
