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

/** A rising curve of points { x, y } with y from 0 to 1, drawn as steps. */
export function curve(points, label) {
  const right = Math.max(1e-9, ...points.map(point => point.x));
  const at = (x, y) => `${(WIDTH * x / right).toFixed(1)},${(HEIGHT - 1 - (HEIGHT - 2) * y).toFixed(1)}`;
  const steps = points.flatMap((point, index) => [at(point.x, index ? points[index - 1].y : 0), at(point.x, point.y)]);
  return svg("svg", { class: "chart tall", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("polyline", { points: [at(0, 0), ...steps].join(" ") }));
}
