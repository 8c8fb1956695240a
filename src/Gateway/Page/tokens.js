// The token view. Runs of a few hundred tokens are plain text until they come near the sight, where each token becomes an element; both look
// and measure the same, so the scroll bar tells the truth and the browser's own search finds everything.
import { facts, h } from "./dom.js";
import { decimal, number, percent, words } from "./format.js";

const RUN = 256;
const LONGEST_RUN = 512;
const NEAR = "600px";
const COLDEST = 8; // nats at which the heat is full

/** @param texts of `/tokens`, or the error that says why there are none
 *  @param point called with the index of the message that the token in hand comes from, or null */
export function tokenView(trajectory, texts, point) {
  const reader = tokenReader(trajectory, texts);
  const view = h("div.tokens.scroller", { tabindex: 0, role: "application", "aria-label": "Tokens: arrow keys go from token to token", "aria-describedby": "token-card" });
  const card = h("div.token-card", { id: "token-card", role: "status", hidden: true });
  const runs = [];
  let current = null;

  trajectory.sequences.forEach((sequence, index) => {
    if (index > 0) view.append(h("h3", `Sequence ${index}, started because of ${words(sequence.started_because)}`));
    for (const segment of sequence.segments) {
      view.append(h(`div.segment.${segment.source}`, describeSegment(segment)));
      for (const [start, end] of cut(segment, position => reader.text(index, position))) {
        const element = h(`div.run.${segment.source}`);
        runs.push({ element, sequence: index, start, end, segment, drawn: false });
        element.textContent = reader.range(index, start, end);
        view.append(element);
      }
    }
  });

  const runOf = new Map(runs.map(run => [run.element, run]));
  const near = new IntersectionObserver(entries => {
    for (const entry of entries) entry.isIntersecting ? draw(runOf.get(entry.target)) : fold(runOf.get(entry.target));
  }, { root: view, rootMargin: NEAR });
  runs.forEach(run => near.observe(run.element));

  view.addEventListener("pointerover", event => hold(at(event.target)));
  view.addEventListener("pointerleave", () => hold(null));
  view.addEventListener("click", event => hold(at(event.target)));
  view.addEventListener("keydown", move);
  view.addEventListener("blur", () => hold(null));
  view.addEventListener("scroll", () => { card.hidden = true; });

  function draw(run) {
    if (run.drawn) return;
    run.drawn = true;
    run.element.replaceChildren(...Array.from({ length: run.end - run.start }, (_, offset) => reader.element(run.sequence, run.start + offset, run.segment)));
  }

  function fold(run) {
    if (!run.drawn || run === current?.run) return;
    run.drawn = false;
    run.element.textContent = reader.range(run.sequence, run.start, run.end);
  }

  function at(target) {
    const run = runOf.get(target.parentElement);
    return run ? { run, position: run.start + [...target.parentElement.children].indexOf(target) } : null;
  }

  /** Takes a token in hand: marks it, tells of it, and points to its message. */
  function hold(token) {
    current?.run.element.children[current.position - current.run.start]?.classList.remove("current");
    current = token;
    card.hidden = token === null;
    if (token === null) return point(null);
    draw(token.run);
    const element = token.run.element.children[token.position - token.run.start];
    element.classList.add("current");
    card.replaceChildren(reader.describe(token.run.sequence, token.position, token.run.segment));
    place(card, element);
    point(reader.message(token.run.sequence, token.position));
  }

  function move(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1, Home: 0, End: 0 };
    if (event.key === "Escape") return hold(null);
    if (!(event.key in steps) || runs.length === 0) return;
    event.preventDefault();
    const isLine = event.key === "ArrowDown" || event.key === "ArrowUp";
    const target = event.key === "Home" ? first() : event.key === "End" ? last() : !current ? first()
      : isLine ? nextSegment(steps[event.key]) : step(steps[event.key]);
    reveal(target);
  }

  const first = () => ({ run: runs[0], position: runs[0].start });
  const last = () => ({ run: runs.at(-1), position: runs.at(-1).end - 1 });

  function step(by) {
    const { run, position } = current;
    if (position + by >= run.start && position + by < run.end) return { run, position: position + by };
    const next = runs[runs.indexOf(run) + by];
    return next ? { run: next, position: by > 0 ? next.start : next.end - 1 } : current;
  }

  /** Up and down go from segment to segment. */
  function nextSegment(by) {
    const from = runs.indexOf(current.run);
    const starts = runs.filter(run => run.start === run.segment.start);
    const next = by > 0 ? starts.find(run => runs.indexOf(run) > from) : starts.findLast(run => runs.indexOf(run) < from);
    return next ? { run: next, position: next.start } : current;
  }

  function reveal(token) {
    draw(token.run);
    token.run.element.children[token.position - token.run.start].scrollIntoView({ block: "nearest" });
    requestAnimationFrame(() => hold(token));
  }

  return {
    element: h("div", { class: "token-pane" }, note(texts), toolbar(view), view, card),
    /** Shows the first token of a message. */
    goTo(message) {
      const place = reader.find(message);
      const run = place && runs.find(candidate => candidate.sequence === place.sequence && candidate.start <= place.position && place.position < candidate.end);
      if (!run) return;
      view.focus({ preventScroll: true });
      draw(run);
      run.element.children[place.position - run.start].scrollIntoView({ block: "start" });
      requestAnimationFrame(() => hold({ run, position: place.position }));
    },
    close: () => near.disconnect(),
  };
}

const note = texts => texts instanceof Error && h("p.problem", `${texts.message} Only the ids can be shown.`);

function toolbar(view) {
  const choose = mode => h("label.inline", h("input", {
    type: "radio", name: "colour", value: mode, checked: mode === "source", onchange: () => view.classList.toggle("by-probability", mode === "probability"),
  }), mode === "source" ? "who produced it" : "log-probability");
  return h("fieldset.row-of", h("legend", "Colour"), choose("source"), choose("probability"),
    ["prompt", "sampled", "observation", "scaffold"].map(source => h(`span.key.${source}`, source)), h("span.key.hot", "unlikely"));
}

/** Cuts a segment into runs, behind a line break where there is one. */
function* cut(segment, text) {
  let start = segment.start;
  for (let end = start + 1; end <= segment.end; end++) {
    const length = end - start;
    if (end < segment.end && !(length >= RUN && text(end - 1).endsWith("\n")) && length < LONGEST_RUN) continue;
    yield [start, end];
    start = end;
  }
}

function describeSegment(segment) {
  const parts = [words(segment.source), `turn ${segment.turn}`, `${number(segment.end - segment.start)} tokens`, segment.source === "sampled" ? "mask 1" : "mask 0"];
  if (segment.weight_version !== undefined) parts.push(`weights ${segment.weight_version}`);
  if (segment.finish_reason) parts.push(`ended by ${segment.finish_reason}`);
  if (segment.call_ids) parts.push(`answers ${segment.call_ids.join(", ")}`);
  return parts.join(" · ");
}

/** Everything that is known about a token of the trajectory. */
function tokenReader(trajectory, texts) {
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

function place(card, element) {
  const box = element.getClientRects()[0] ?? element.getBoundingClientRect();
  const below = box.bottom + 8 + card.offsetHeight < innerHeight;
  card.style.left = `${Math.max(4, Math.min(box.left, innerWidth - card.offsetWidth - 8))}px`;
  card.style.top = `${below ? box.bottom + 8 : Math.max(4, box.top - card.offsetHeight - 8)}px`;
}
