// Elements without a framework: h("td.number", { title: "…" }, "text", child). Text is always text, never markup.
export function h(name, ...rest) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  return fill(element, rest);
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, ...rest) {
  return fill(document.createElementNS(SVG, name), rest);
}

function fill(element, rest) {
  const [first, ...others] = rest;
  const hasProperties = first && typeof first === "object" && !(first instanceof Node) && !Array.isArray(first);
  for (const [key, value] of Object.entries(hasProperties ? first : {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value);
  }
  element.append(...(hasProperties ? others : rest).flat().filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

/** A bar whose parts have the given shares; the text that says the same must stand beside it. */
export function splitBar(parts, label) {
  const total = parts.reduce((sum, part) => sum + part.value, 0);
  const bar = h("div.split", { role: "img", "aria-label": label });
  for (const part of parts.filter(part => part.value > 0)) {
    const piece = h(`span.${part.name}`, { title: `${part.name}: ${part.text}` });
    piece.style.flexGrow = part.value / total;
    bar.append(piece);
  }
  return bar;
}

export function facts(pairs) {
  return h("dl.facts", pairs.filter(pair => pair && pair[1] !== null && pair[1] !== undefined).flatMap(([name, value]) => [h("dt", name), h("dd", value)]));
}

/** Runs an action again and again until the signal aborts, with a pause between; rests while nobody looks. */
export async function repeat(milliseconds, signal, action) {
  while (!signal.aborted) {
    if (!document.hidden) await action();
    await new Promise(resolve => {
      const timer = setTimeout(resolve, milliseconds);
      signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
    });
  }
}
