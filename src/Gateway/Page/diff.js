// Two texts as the difference between them: lines of the first alone begin with -, of the second alone with +.
import { h } from "./dom.js";

const KINDS = { "+": "span.added", "-": "span.removed" };

/** @param text what `diff` writes, line by line */
export const diff = text => h("pre.diff", text.split("\n").map(line => h(KINDS[line[0]] ?? "span", line)));
