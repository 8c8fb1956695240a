// Small charts; what they show also stands beside them as text.
import { svg } from "./dom.js";

const WIDTH = 240;
const HEIGHT = 48;

/** The last values of something, newest at the right. */
export function sparkline(values, most, label) {
  const top = Math.max(most ?? 0, ...values, 1e-9);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(HEIGHT - 1 - (HEIGHT - 2) * (value / top)).toFixed(1)}`);
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("polyline", { points: points.join(" ") }));
}
