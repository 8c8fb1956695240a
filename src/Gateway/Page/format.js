// Numbers and times as people read them.
const count = new Intl.NumberFormat("en");
const real = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });

export const number = value => (value === null || value === undefined ? "–" : count.format(value));
export const decimal = value => (value === null || value === undefined ? "–" : real.format(value));
export const percent = share => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;
export const words = name => name.replaceAll("_", " ");

export function duration(ms) {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1_000) return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${(ms / 60_000).toFixed(1)} min`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

export const age = time => duration(Math.max(0, Date.now() - Date.parse(time)));

/** The end of an id tells more than its beginning, which is a time. */
export const short = id => (id.length > 14 ? `…${id.slice(-13)}` : id);

const STAGES = ["queue", "prefill", "decode", "tokenize", "tool", "reward"];

/** The parts of a time split in milliseconds (`queue_ms` … `total_ms`), and what none of them accounts for. */
export function stages(time) {
  const parts = STAGES.map(name => ({ name, value: time[`${name}_ms`] }));
  const other = time.total_ms - parts.reduce((sum, part) => sum + part.value, 0);
  return [...parts, { name: "other", value: Math.max(0, other) }].map(part => ({ ...part, text: duration(part.value) }));
}

export const describeStages = parts => parts.filter(part => part.value > 0).map(part => `${part.name} ${part.text}`).join(", ");
