// The token view. Runs of a few hundred tokens are plain text until they come near the sight, where each token becomes an element; both look
// and measure the same, so the scroll bar tells the truth and the browser's own search finds everything.
import { h } from "./dom.js";
import { number, words } from "./format.js";
import { tokenReader } from "./token-reader.js";

const RUN = 256;
const LONGEST_RUN = 512;
const NEAR = "600px";

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

  function goToToken(sequence, position) {
    const run = runs.find(candidate => candidate.sequence === sequence && candidate.start <= position && position < candidate.end);
    if (!run) return;
    view.focus({ preventScroll: true });
    draw(run);
    run.element.children[position - run.start].scrollIntoView({ block: "center" });
    requestAnimationFrame(() => hold({ run, position }));
  }

  return {
    element: h("div", { class: "token-pane" }, note(texts), toolbar(view), view, card),
    /** Shows the first token of a message. */
    goTo(message) {
      const place = reader.find(message);
      if (place) goToToken(place.sequence, place.position);
    },
    goToToken,
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

function place(card, element) {
  const box = element.getClientRects()[0] ?? element.getBoundingClientRect();
  const below = box.bottom + 8 + card.offsetHeight < innerHeight;
  card.style.left = `${Math.max(4, Math.min(box.left, innerWidth - card.offsetWidth - 8))}px`;
  card.style.top = `${below ? box.bottom + 8 : Math.max(4, box.top - card.offsetHeight - 8)}px`;
}
