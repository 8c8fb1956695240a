// The samples of one task side by side: what each is worth, and where it leaves the others.
import { ApiError, get } from "../api.js";
import { commonPrefix, commonToAll } from "../diverge.js";
import { h } from "../dom.js";
import { decimal, number, percent, words } from "../format.js";
import { tokenReader } from "../token-reader.js";

const MOST_SIDE_BY_SIDE = 32;
const BEFORE = 16;
const BEHIND = 80;

export async function showGroup(main, { id, signal }) {
  const { samples, advantages } = await get(`/v1/groups/${encodeURIComponent(id)}`, signal);
  const shown = samples.slice(0, MOST_SIDE_BY_SIDE);
  const read = await Promise.all(shown.map(sample => readSample(sample, signal)));
  const reference = h("select", { id: "reference" }, shown.map((sample, index) => h("option", { value: index }, `sample ${sample.sample_index} (reward ${decimal(sample.reward)})`)));
  reference.selectedIndex = best(shown);
  const columns = h("div.columns", { tabindex: 0, role: "region", "aria-label": "Samples side by side" });
  const agreed = commonToAll(read.map(sample => sample.ids));
  reference.addEventListener("change", draw);

  main.append(
    h("h1", `Group ${id}`),
    h("section.panel", { "aria-label": "Samples" },
      h("p", `Task ${samples[0].task_id} of ${samples[0].environment}: ${number(samples.length)} finished samples. `,
        shown.length > 1 ? `All of them begin with the same ${number(agreed)} tokens.` : "",
        shown.length < samples.length ? ` The first ${shown.length} are compared.` : ""),
      h("div.scroll", { tabindex: 0, role: "region", "aria-label": "Rewards and advantages" }, rewards(samples, advantages))),
    h("p", h("label.inline", "Compare with", reference)),
    columns);
  draw();

  function draw() {
    const base = read[reference.selectedIndex];
    columns.replaceChildren(...read.map(sample => column(sample, base)));
  }
}

/** The sample with the highest reward. */
const best = samples => samples.reduce((found, sample, index) => ((sample.reward ?? -Infinity) > (samples[found].reward ?? -Infinity) ? index : found), 0);

async function readSample(summary, signal) {
  const path = `/v1/trajectories/${encodeURIComponent(summary.id)}`;
  const [trajectory, texts] = await Promise.all([get(path, signal), get(`${path}/tokens`, signal).catch(error => {
    if (error instanceof ApiError && error.code === "other_tokenizer") return error;
    throw error;
  })]);
  return { summary, trajectory, ids: trajectory.sequences[0].token_ids, reader: tokenReader(trajectory, texts) };
}

function rewards(samples, advantages) {
  const most = Math.max(1e-9, ...samples.map(sample => Math.abs(sample.reward ?? 0)));
  const number = ["Turns", "Tokens", "Reward", "GRPO", "Dr. GRPO", "RLOO"];
  return h("table",
    h("thead", h("tr", ["Sample", "Status", "Stopped by"].map(name => h("th", { scope: "col" }, name)), number.map(name => h("th.number", { scope: "col" }, name)), h("th", { scope: "col" }, "Reward, drawn"))),
    h("tbody", samples.map((sample, index) => h("tr",
      h("td", h("a", { href: `#/trajectories/${sample.id}` }, `sample ${sample.sample_index}`)),
      h("td", h(`span.chip.${sample.status}`, sample.status)), h("td", words(sample.stop_reason)),
      [sample.turns, sample.tokens, sample.reward, advantages.grpo[index], advantages.dr_grpo[index], advantages.rloo[index]].map(value => h("td.number", decimal(value))),
      h("td", h("meter", { min: 0, max: most, value: Math.max(0, sample.reward ?? 0), "aria-label": `Reward of sample ${sample.sample_index}` }))))));
}

function column(sample, base) {
  const same = commonPrefix(sample.ids, base.ids);
  const isBase = sample === base;
  const isWhole = same === sample.ids.length && same === base.ids.length;
  const turn = segmentAt(sample, same)?.turn ?? segmentAt(sample, sample.ids.length - 1).turn;
  const told = isBase ? "The others are compared with this one."
    : isWhole ? "The same tokens to the end."
    : `Leaves it at position ${number(same)}, turn ${turn}. Probability here ${likely(sample, same)}, there ${likely(base, same)}.`;
  return h("section.column", { "aria-label": `Sample ${sample.summary.sample_index}` },
    h("h2", h("a", { href: `#/trajectories/${sample.summary.id}` }, `Sample ${sample.summary.sample_index}`), ` reward ${decimal(sample.summary.reward)}`),
    h("p.hint", told),
    h("div.tokens", excerpt(sample, isBase || isWhole ? null : same)));
}

/** What surrounds the place where the sample leaves the other; of the reference itself what was sampled first. */
function excerpt(sample, place) {
  const around = place ?? firstSampled(sample);
  const from = Math.max(0, around - BEFORE), to = Math.min(sample.ids.length, around + BEHIND);
  const runs = [];
  for (const segment of sample.trajectory.sequences[0].segments) {
    const start = Math.max(from, segment.start), end = Math.min(to, segment.end);
    if (start >= end) continue;
    const tokens = Array.from({ length: end - start }, (_, offset) => sample.reader.element(0, start + offset, segment));
    if (place !== null && start <= place && place < end) tokens[place - start].classList.add("diverged");
    runs.push(h(`div.run.${segment.source}`, tokens));
  }
  return runs;
}

const segmentAt = (sample, position) => sample.trajectory.sequences[0].segments.find(segment => segment.start <= position && position < segment.end);
const firstSampled = sample => sample.trajectory.sequences[0].segments.find(segment => segment.source === "sampled")?.start ?? 0;

/** How likely the token was; a dash where it was not sampled. */
function likely(sample, position) {
  const logprob = sample.trajectory.sequences[0].logprobs[position];
  return logprob === null || logprob === undefined ? "–" : percent(Math.exp(logprob));
}
