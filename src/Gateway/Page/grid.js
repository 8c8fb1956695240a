// A long table of equal rows of which only those in sight exist. Arrow keys move, Enter opens.
import { h } from "./dom.js";

const ROW = 34;
const SPARE = 8;

/**
 * @param label what the table is
 * @param columns of { name, width, number, show(row) }; `show` gives text or an element
 * @param open called with the row that somebody opens
 * @param more called when the last rows come into sight
 */
export function grid({ label, columns, open, more }) {
  const widths = columns.map(column => column.width).join(" ");
  const shown = new Map();
  let rows = [];
  let active = -1;

  const space = h("div");
  const body = h("div.grid-body", { tabindex: 0, role: "rowgroup", "aria-label": label, onscroll: () => requestAnimationFrame(draw), onkeydown: move, onclick: click });
  body.append(space);
  const head = h("div.grid-row.grid-head", { role: "row" }, columns.map(column => h(column.number ? "span.number" : "span", { role: "columnheader" }, column.name)));
  const element = h("div.grid", { role: "grid", "aria-label": label }, head, body);
  element.style.setProperty("--columns", widths);
  new ResizeObserver(draw).observe(body);

  function draw() {
    const first = Math.max(0, Math.floor(body.scrollTop / ROW) - SPARE);
    const last = Math.min(rows.length, Math.ceil((body.scrollTop + body.clientHeight) / ROW) + SPARE);
    for (const [index, row] of shown) {
      if (index >= first && index < last) continue;
      row.remove();
      shown.delete(index);
    }
    for (let index = first; index < last; index++) {
      if (!shown.has(index)) {
        shown.set(index, make(index));
        body.append(shown.get(index));
      }
    }
    if (last >= rows.length - SPARE) more();
  }

  function make(index) {
    const row = h("div.grid-row", { role: "row", id: `row-${index}`, "data-index": index, "aria-rowindex": index + 2 },
      columns.map(column => h(column.number ? "span.number" : "span", { role: "gridcell" }, column.show(rows[index]))));
    row.style.top = `${index * ROW}px`;
    row.classList.toggle("active", index === active);
    return row;
  }

  function click(event) {
    const row = event.target.closest(".grid-row");
    if (row && !event.target.closest("a, button")) open(rows[row.dataset.index]);
  }

  function move(event) {
    const page = Math.max(1, Math.floor(body.clientHeight / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
    if (event.key === "Enter" && rows[active] && event.target === body) return open(rows[active]);
    if (!(event.key in steps) || rows.length === 0) return;
    event.preventDefault();
    activate(Math.min(rows.length - 1, Math.max(0, active + steps[event.key])));
  }

  function activate(index) {
    shown.get(active)?.classList.remove("active");
    active = index;
    const top = index * ROW;
    if (top < body.scrollTop) body.scrollTop = top;
    if (top + ROW > body.scrollTop + body.clientHeight) body.scrollTop = top + ROW - body.clientHeight;
    draw();
    shown.get(index)?.classList.add("active");
    body.setAttribute("aria-activedescendant", `row-${index}`);
  }

  return {
    element,
    /** Shows these rows; those of before are a beginning of them unless `fresh`. */
    set(list, fresh) {
      rows = list;
      if (fresh) {
        shown.forEach(row => row.remove());
        shown.clear();
        active = -1;
        body.scrollTop = 0;
        body.removeAttribute("aria-activedescendant");
      }
      space.style.height = `${rows.length * ROW}px`;
      element.setAttribute("aria-rowcount", rows.length + 1);
      draw();
    },
  };
}
