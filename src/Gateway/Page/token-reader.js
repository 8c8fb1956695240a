// Everything that is known about the tokens of a trajectory, as text and as elements.
import { facts, h } from "./dom.js";
import { decimal, number, percent } from "./format.js";

const COLDEST = 8; // nats at which the heat is full

/** @param texts of `/tokens`, or the error that says why there are none */
export function tokenReader(trajectory, texts) {
  const hasTexts = !(texts instanceof Error);
  const special = new Set(hasTexts ? texts.special : []);
  const shown = new Map();
  const idOf = (sequence, position) => trajectory.sequences[sequence].token_ids[position];
  const text = (sequence, position) => {
    const id = idOf(sequence, position);
    if (!shown.has(id)) shown.set(id, hasTexts ? visible(texts.texts[id]) : `${id} `);
    return shown.get(id);
  };
  const runAt = (sequence, position) => hasTexts ? texts.origins[sequence].find(run => run.start <= position && position < run.end) : undefined;

  return {
    text,
    range: (sequence, start, end) => Array.from({ length: end - start }, (_, offset) => text(sequence, start + offset)).join(""),
    message: (sequence, position) => runAt(sequence, position)?.message ?? null,
    element(sequence, position, segment) {
      const { logprobs, loss_mask: mask } = trajectory.sequences[sequence];
      const element = document.createElement("span");
      element.textContent = text(sequence, position);
      const classes = [];
      if (special.has(idOf(sequence, position))) classes.push("special");
      if (position % 2 === 0) classes.push("even");
      if (segment.source === "sampled" && mask[position] === 0) classes.push("unmasked");
      if (logprobs[position] !== null) classes.push(`h${heat(logprobs[position])}`);
      element.className = classes.join(" ");
      return element;
    },
    /** The first token that the message says. */
    find(message) {
      if (!hasTexts) return null;
      for (const [sequence, runs] of texts.origins.entries()) {
        const run = runs.find(candidate => candidate.message === message);
        if (run) return { sequence, position: run.start };
      }
      return null;
    },
    describe(sequence, position, segment) {
      const { logprobs, sampling_logprobs: sampling, loss_mask: mask } = trajectory.sequences[sequence];
      const id = idOf(sequence, position);
      const origin = runAt(sequence, position);
      const likely = logprobs[position];
      return facts([
        ["token", h("code", hasTexts ? JSON.stringify(texts.texts[id]) : "?")],
        ["id", `${id}${special.has(id) ? ", a control token" : ""}`],
        ["position", `${number(position)} of sequence ${sequence}`],
        ["source", `${segment.source}, turn ${segment.turn}, mask ${mask[position]}`],
        ["log-probability", likely === null ? null : `${likely} (${percent(Math.exp(likely))})`],
        ["as sampled", sampling?.[position] === null || sampling?.[position] === undefined ? null : decimal(sampling[position])],
        ["weights", segment.weight_version === undefined ? null : String(segment.weight_version)],
        ["said by", !origin ? "unknown" : origin.message !== null ? `message ${origin.message}` : origin.is_content ? "the list of tools" : "the template"],
      ]);
    },
  };
}

/** From 0 (certain) to 8; the root spreads the likely ones, which are most. */
const heat = logprob => Math.min(8, Math.round(8 * Math.sqrt(Math.min(1, -logprob / COLDEST))));

/** Line breaks and other control characters made visible; a line still ends where the token ends it. */
function visible(text) {
  return text.replace(/[\u0000-\u001f\u007f]/g, character => {
    if (character === "\n") return "↵\n";
    if (character === "\t") return "⇥\t";
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
